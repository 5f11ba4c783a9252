//! The part of a signal that its code does not explain.

use super::{synthesis::synthesis, zip};
use crate::shape::ConvShape;

/// `x - A y`.
///
/// Shapes: `x` and the result are `[n, height, width, channels]`, `y` is `[n, code_height, code_width, atoms]`, `w` is
/// `[atoms, kh, kw, channels]`. Source: SDNet, arXiv 2210.12945.
pub fn residual(s: &ConvShape, x: &[f64], y: &[f64], w: &[f64]) -> Vec<f64> {
    zip(x, &synthesis(s, y, w), |x, a| x - a)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{
        assert_close, central_difference, correlation::correlation, dot, sequence::sequence, smooth_shapes,
    };

    #[test]
    fn the_residual_of_a_synthesised_signal_is_zero() {
        for s in smooth_shapes() {
            let z = sequence(s.codes().iter().product(), 1, 1.0);
            let w = sequence(s.weight().iter().product(), 2, 1.0);
            let zero = vec![0.0; s.signal().iter().product()];
            assert_eq!(residual(&s, &synthesis(&s, &z, &w), &z, &w), zero);
        }
    }

    #[test]
    fn the_gradient_with_respect_to_the_codes_is_minus_correlation() {
        for s in smooth_shapes() {
            let (x, g) = (sequence(s.signal().iter().product(), 1, 1.0), sequence(s.signal().iter().product(), 3, 1.0));
            let w = sequence(s.weight().iter().product(), 2, 1.0);
            let y = sequence(s.codes().iter().product(), 4, 1.0);
            let twin: Vec<f64> = correlation(&s, &g, &w).iter().map(|v| -v).collect();
            assert_close(&twin, &central_difference(|y| dot(&residual(&s, &x, y, &w), &g), &y, 1e-3), 1e-9);
        }
    }
}
