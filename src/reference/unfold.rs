//! The patches of a signal that its codes see.

use super::correlation::for_each_tap;
use crate::shape::ConvShape;

/// The patch under every code, one after the other, with zeros outside the signal:
///
/// `result[n,oy,ox, (ky*kw + kx)*channels + m] = x[n, oy*sy + ky - py, ox*sx + kx - px, m]`
///
/// with strides `sy`, `sx` and paddings `py`, `px`. Analysis is the product of these rows with the dictionary as a
/// matrix `[atoms, kh*kw*channels]`.
///
/// Shapes: `x` is `[n, height, width, channels]`, the result is `[n, code_height, code_width, kh*kw*channels]`. Source:
/// PyTorch's `torch.nn.Unfold`, with the channels innermost.
pub fn unfold(s: &ConvShape, x: &[f64]) -> Vec<f64> {
    debug_assert_eq!(x.len(), s.signal().iter().product::<usize>());
    let codes = s.n * s.code_height() * s.code_width();
    let mut patches = vec![0.0; codes * s.taps() * s.channels];
    for_each_tap(s, |code, tap, signal| {
        for m in 0..s.channels {
            patches[(code * s.taps() + tap) * s.channels + m] = x[signal * s.channels + m];
        }
    });
    patches
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, correlation::correlation, dot, nasty_shapes, sequence::sequence};
    use crate::shape::Geometry;

    #[test]
    fn a_worked_example_comes_out_as_on_paper() {
        let geometry = Geometry { stride: [1, 2], padding: [0, 1] };
        let s = ConvShape::new("test", &[1, 2, 3, 1], &[1, 2, 2, 1], geometry).unwrap();
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(unfold(&s, &x), [[0.0, 1.0, 0.0, 4.0], [2.0, 3.0, 5.0, 6.0]].concat());
    }

    #[test]
    fn analysis_is_the_product_of_patches_and_atoms_for_every_nasty_shape() {
        for s in nasty_shapes() {
            let x = sequence(s.signal().iter().product(), 1, 1.0);
            let w = sequence(s.weight().iter().product(), 2, 1.0);
            let (size, patches) = (s.taps() * s.channels, unfold(&s, &x));
            let product = patches.chunks_exact(size).flat_map(|p| w.chunks_exact(size).map(|w| dot(p, w)));
            assert_close(&product.collect::<Vec<_>>(), &correlation(&s, &x, &w), 1e-13);
        }
    }
}
