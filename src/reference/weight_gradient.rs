//! The gradient of analysis and of synthesis with respect to the dictionary.

use super::correlation::{for_each_tap, weight_index};
use crate::shape::ConvShape;

/// `corr(u, x)`, the gradient with respect to `w` of `<u, A^T x> = <A u, x>`:
///
/// `result[c,ky,kx,m] = sum over n, oy, ox of
/// u[n,oy,ox,c] * x[n, oy*sy + ky - py, ox*sx + kx - px, m]`,
/// with strides `sy`, `sx` and paddings `py`, `px`, and with zeros outside the signal.
///
/// For analysis `u` is the upstream gradient and `x` the input; for synthesis `u` is the code and `x` the upstream
/// gradient. Shapes: `u` is `[n, code_height, code_width, atoms]`, `x` is `[n, height, width, channels]`, the result is
/// `[atoms, kh, kw, channels]`. Source: SDNet, arXiv 2210.12945, differentiated.
pub fn weight_gradient(s: &ConvShape, u: &[f64], x: &[f64]) -> Vec<f64> {
    debug_assert_eq!(u.len(), s.codes().iter().product::<usize>());
    debug_assert_eq!(x.len(), s.signal().iter().product::<usize>());
    let mut result = vec![0.0; s.weight().iter().product()];
    for_each_tap(s, |code, tap, signal| {
        for c in 0..s.atoms {
            for m in 0..s.channels {
                result[weight_index(s, c, tap, m)] += u[code * s.atoms + c] * x[signal * s.channels + m];
            }
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{
        assert_close, central_difference, correlation::correlation, dot, nasty_shapes, sequence::sequence,
        smooth_shapes, synthesis::synthesis,
    };
    use crate::shape::Geometry;

    #[test]
    fn it_is_the_gradient_of_correlation_and_of_synthesis() {
        let square = |(stride, padding)| {
            ConvShape::new("test", &[2, 5, 4, 2], &[3, 3, 3, 2], Geometry::square(stride, padding)).unwrap()
        };
        for s in [(1, 1), (2, 0), (3, 2)].map(square).into_iter().chain(smooth_shapes()) {
            let w = sequence(s.weight().iter().product(), 1, 1.0);
            let u = sequence(s.codes().iter().product(), 2, 1.0);
            let x = sequence(s.signal().iter().product(), 3, 1.0);
            let twin = weight_gradient(&s, &u, &x);
            assert_close(&twin, &central_difference(|w| dot(&correlation(&s, &x, w), &u), &w, 1e-3), 1e-9);
            assert_close(&twin, &central_difference(|w| dot(&synthesis(&s, &u, w), &x), &w, 1e-3), 1e-9);
        }
    }

    #[test]
    fn its_inner_product_with_the_weights_is_that_of_correlation_for_every_nasty_shape() {
        for s in nasty_shapes() {
            let x = sequence(s.signal().iter().product(), 1, 1.0);
            let u = sequence(s.codes().iter().product(), 2, 1.0);
            let w = sequence(s.weight().iter().product(), 3, 1.0);
            let (left, right) = (dot(&weight_gradient(&s, &u, &x), &w), dot(&u, &correlation(&s, &x, &w)));
            assert!((left - right).abs() <= 1e-11 * (1.0 + left.abs()), "{s:?}: {left} is not {right}");
        }
    }
}
