//! The signal that patches add up to, the exact adjoint of the way from a signal to its patches.

use super::correlation::for_each_tap;
use crate::shape::ConvShape;

/// The adjoint of [`unfold`](super::unfold::unfold): every pixel sums up its places in the patches that contain it,
///
/// `result[n,y,x,m] = sum over oy, ox, ky, kx with y = oy*sy + ky - py, x = ox*sx + kx - px
/// of patches[n,oy,ox, (ky*kw + kx)*channels + m]`
///
/// with strides `sy`, `sx` and paddings `py`, `px`. Synthesis folds the product of codes and atoms; the shader scales
/// the sum, as [`scale`](super::scale::scale) does, or takes it off a signal.
///
/// Shapes: `patches` is `[n, code_height, code_width, kh*kw*channels]`, the result is `[n, height, width, channels]`.
/// Source: PyTorch's `torch.nn.Fold`, with the channels innermost.
pub fn fold(s: &ConvShape, patches: &[f64]) -> Vec<f64> {
    debug_assert_eq!(patches.len(), s.n * s.code_height() * s.code_width() * s.taps() * s.channels);
    let mut result = vec![0.0; s.signal().iter().product()];
    for_each_tap(s, |code, tap, signal| {
        for m in 0..s.channels {
            result[signal * s.channels + m] += patches[(code * s.taps() + tap) * s.channels + m];
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{dot, nasty_shapes, sequence::sequence, unfold::unfold};
    use crate::shape::Geometry;

    #[test]
    fn a_worked_example_comes_out_as_on_paper() {
        // Patches 1 2 3 and 4 5 6, two apart, the first of which begins one pixel to the left of the signal.
        let geometry = Geometry { stride: [1, 2], padding: [0, 1] };
        let s = ConvShape::new("test", &[1, 1, 4, 1], &[1, 1, 3, 1], geometry).unwrap();
        assert_eq!(fold(&s, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), [2.0, 3.0 + 4.0, 5.0, 6.0]);
    }

    #[test]
    fn it_is_the_adjoint_of_unfold_for_every_nasty_shape() {
        for s in nasty_shapes() {
            let x = sequence(s.signal().iter().product(), 1, 1.0);
            let patches = unfold(&s, &x);
            let p = sequence(patches.len(), 2, 1.0);
            let (left, right) = (dot(&fold(&s, &p), &x), dot(&p, &patches));
            assert!((left - right).abs() <= 1e-11 * (1.0 + left.abs()), "{s:?}: {left} is not {right}");
        }
    }
}
