//! What a code leaves unexplained of a signal.

use super::{dot, floored_norm, synthesis::synthesis, zip};
use crate::shape::ConvShape;

/// `x - A y`.
///
/// Shapes: `x` and the result are `[n, height, width, channels]`, `y` is `[n, code_height, code_width, atoms]`, `w` is
/// `[atoms, k, k, channels]`. Source: SDNet, arXiv 2210.12945.
pub fn residual(s: &ConvShape, x: &[f64], y: &[f64], w: &[f64]) -> Vec<f64> {
    zip(x, &synthesis(s, y, w), |x, a| x - a)
}

/// `|r|^2` of each of the `n` samples of `r`: `n` values. Source: SDNet, arXiv 2210.12945 (robust inference).
pub fn residual_norms(r: &[f64], n: usize) -> Vec<f64> {
    debug_assert_eq!(r.len() % n, 0);
    r.chunks_exact(r.len() / n).map(|sample| dot(sample, sample)).collect()
}

/// `0.5 * r / |r|_2`, sample by sample, the norm floored at 1e-12: the residual of the data term `|x - A z|`
/// (not squared) in the place of the plain one.
///
/// Shapes: `r` and the result are `[n, ..]`. Source: SDNet, arXiv 2210.12945, its variant
/// with the data term not squared.
pub fn scale_by_norm(r: &[f64], n: usize) -> Vec<f64> {
    scale_by_norm_gradient(r, r, n)
}

/// The gradient of [`scale_by_norm`] at `r` for the upstream gradient `g`, with the norm held constant:
/// `0.5 * g / |r|_2`, sample by sample.
///
/// Shapes: `r`, `g` and the result are `[n, ..]`. Source: SDNet, arXiv 2210.12945, its variant
/// with the data term not squared.
pub fn scale_by_norm_gradient(r: &[f64], g: &[f64], n: usize) -> Vec<f64> {
    debug_assert_eq!(r.len(), g.len());
    debug_assert_eq!(r.len() % n, 0);
    let per_sample = r.len() / n;
    let mut result = Vec::with_capacity(g.len());
    for (r, g) in r.chunks_exact(per_sample).zip(g.chunks_exact(per_sample)) {
        let norm = floored_norm(r);
        result.extend(g.iter().map(|g| 0.5 * g / norm));
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, correlation::correlation, fill::fill};

    #[test]
    fn the_residual_of_a_synthesised_signal_is_zero() {
        let s = ConvShape::new("test", &[2, 5, 3, 2], &[3, 3, 3, 2], 2, 1).unwrap();
        let (z, w) = (fill(s.codes().iter().product(), 1, 1.0), fill(54, 2, 1.0));
        assert_eq!(residual(&s, &synthesis(&s, &z, &w), &z, &w), vec![0.0; 60]);
    }

    #[test]
    fn the_gradient_with_respect_to_the_codes_is_minus_correlation() {
        let s = ConvShape::new("test", &[2, 5, 3, 2], &[3, 3, 3, 2], 2, 1).unwrap();
        let (x, w, g) = (fill(60, 1, 1.0), fill(54, 2, 1.0), fill(60, 3, 1.0));
        let y = fill(s.codes().iter().product(), 4, 1.0);
        let twin: Vec<f64> = correlation(&s, &g, &w).iter().map(|v| -v).collect();
        assert_close(&twin, &central_difference(|y| dot(&residual(&s, &x, y, &w), &g), &y, 1e-3), 1e-9);
    }

    #[test]
    fn norms_are_squared_and_per_sample() {
        assert_eq!(residual_norms(&[3.0, 4.0, 0.0, -2.0], 2), [25.0, 4.0]);
    }

    #[test]
    fn scaled_samples_have_norm_one_half_and_a_zero_sample_stays_zero() {
        assert_close(&scale_by_norm(&[3.0, 4.0, 0.0, 0.0], 2), &[0.3, 0.4, 0.0, 0.0], 1e-15);
    }

    #[test]
    fn the_gradient_of_scaling_matches_central_differences_with_the_norm_frozen() {
        let (r, g) = (fill(20, 1, 1.0), fill(20, 2, 1.0));
        let norms: Vec<f64> = residual_norms(&r, 2).iter().map(|n| n.sqrt()).collect();
        let frozen = |r: &[f64]| (0..20).map(|i| 0.5 * r[i] / norms[i / 10] * g[i]).sum();
        assert_close(&scale_by_norm_gradient(&r, &g, 2), &central_difference(frozen, &r, 1e-3), 1e-10);
    }
}
