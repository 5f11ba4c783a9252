//! The gradient of analysis and of synthesis with respect to the dictionary.

use super::correlation::{for_each_tap, weight_index};
use crate::shape::ConvShape;

/// `corr(u, x)`, the gradient with respect to `w` of `<u, A^T x> = <A u, x>`:
///
/// `result[c,ky,kx,m] = sum over n, oy, ox of
/// u[n,oy,ox,c] * x[n, oy*stride + ky - padding, ox*stride + kx - padding, m]`,
/// with zeros outside the signal.
///
/// For analysis `u` is the upstream gradient and `x` the input; for synthesis `u` is the code and `x` the upstream
/// gradient. Shapes: `u` is `[n, code_height, code_width, atoms]`, `x` is `[n, height, width, channels]`, the result is
/// `[atoms, k, k, channels]`. Source: SDNet, arXiv 2210.12945, differentiated.
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
        assert_close, central_difference, correlation::correlation, dot, fill::fill, nasty_shapes, synthesis::synthesis,
    };

    #[test]
    fn it_is_the_gradient_of_correlation_and_of_synthesis() {
        for (stride, padding) in [(1, 1), (2, 0), (3, 2)] {
            let s = ConvShape::new("test", &[2, 5, 4, 2], &[3, 3, 3, 2], stride, padding).unwrap();
            let w = fill(s.weight().iter().product(), 1, 1.0);
            let u = fill(s.codes().iter().product(), 2, 1.0);
            let x = fill(s.signal().iter().product(), 3, 1.0);
            let twin = weight_gradient(&s, &u, &x);
            assert_close(&twin, &central_difference(|w| dot(&correlation(&s, &x, w), &u), &w, 1e-3), 1e-9);
            assert_close(&twin, &central_difference(|w| dot(&synthesis(&s, &u, w), &x), &w, 1e-3), 1e-9);
        }
    }

    #[test]
    fn its_inner_product_with_the_weights_is_that_of_correlation_for_every_nasty_shape() {
        for s in nasty_shapes() {
            let x = fill(s.signal().iter().product(), 1, 1.0);
            let u = fill(s.codes().iter().product(), 2, 1.0);
            let w = fill(s.weight().iter().product(), 3, 1.0);
            let (left, right) = (dot(&weight_gradient(&s, &u, &x), &w), dot(&u, &correlation(&s, &x, &w)));
            assert!((left - right).abs() <= 1e-11 * (1.0 + left.abs()), "{s:?}: {left} is not {right}");
        }
    }
}
