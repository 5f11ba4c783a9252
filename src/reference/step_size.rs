//! The step of the solver from the Lipschitz constant of its gradient.

use super::NORM_FLOOR;

/// `factor / lipschitz`, elementwise, the divisor floored at 1e-12: with `factor` below 1 and `lipschitz` the largest
/// eigenvalue of `A^T A`, or a bound of it, a step with which (F)ISTA converges.
///
/// Shapes: `lipschitz` and the result are of one length. Source: FISTA, Beck & Teboulle 2009, section 4.
pub fn step_size(factor: f64, lipschitz: &[f64]) -> Vec<f64> {
    lipschitz.iter().map(|lipschitz| factor / lipschitz.max(NORM_FLOOR)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    #[test]
    fn the_step_is_the_inverse_and_finite_for_a_dictionary_of_zeros() {
        assert_close(&step_size(0.9, &[4.5, 0.5]), &[0.2, 1.8], 1e-15);
        assert_close(&step_size(0.9, &[0.0, 1e-11]), &[9e11, 9e10], 1e-12);
    }
}
