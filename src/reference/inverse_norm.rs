//! The inverse of norms that are known by their squares.

use super::NORM_FLOOR;

/// `factor / sqrt(square)`, elementwise, the root floored at 1e-12. Not differentiated: norms are held constant.
///
/// Shapes: `square` and the result are `[n]`, say of [`sum_samples`](super::sum_samples::sum_samples) with power 2.
/// Source: SDNet, arXiv 2210.12945, its variant with the data term not squared; von Mises' iteration.
pub fn inverse_norm(factor: f64, square: &[f64]) -> Vec<f64> {
    square.iter().map(|square| factor / square.sqrt().max(NORM_FLOOR)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    #[test]
    fn the_root_is_taken_and_floored() {
        assert_close(&inverse_norm(0.5, &[25.0, 0.25]), &[0.1, 1.0], 1e-15);
        // A root of 1e-13 and one of 0 are floored, one of 1e-11 is not.
        assert_close(&inverse_norm(2.0, &[1e-26, 0.0, 1e-22]), &[2e12, 2e12, 2e11], 1e-12);
    }
}
