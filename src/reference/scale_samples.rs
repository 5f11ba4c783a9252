//! The product of every sample with a number of its own.

use super::{inverse_norm::inverse_norm, sum_samples::sum_samples};

/// `result[n,..] = factor[n] * a[n,..]`. The factors are constant in the backward pass: the gradient with respect to
/// `a` is the upstream one, scaled by the same factors.
///
/// Shapes: `factor` is `[n]`, `a` and the result are `[n, ..]`. Source: PyTorch's `torch.mul`, broadcast.
pub fn scale_samples(factor: &[f64], a: &[f64]) -> Vec<f64> {
    debug_assert_eq!(a.len() % factor.len(), 0);
    let per_sample = a.len() / factor.len();
    a.iter().enumerate().map(|(i, a)| factor[i / per_sample] * a).collect()
}

/// `0.5 * r / |r|_2`, sample by sample, the norm floored at 1e-12: the residual of the data term `|x - A z|`
/// (not squared) in the place of the plain one.
///
/// Shapes: `r` and the result are `[n, ..]`. Source: SDNet, arXiv 2210.12945, its variant with the data term not
/// squared.
pub fn scale_by_norm(r: &[f64], n: usize) -> Vec<f64> {
    scale_by_norm_gradient(r, r, n)
}

/// The gradient of [`scale_by_norm`] at `r` for the upstream gradient `g`, with the norm held constant:
/// `0.5 * g / |r|_2`, sample by sample.
///
/// Shapes: `r`, `g` and the result are `[n, ..]`. Source: SDNet, arXiv 2210.12945, its variant with the data term not
/// squared.
pub fn scale_by_norm_gradient(r: &[f64], g: &[f64], n: usize) -> Vec<f64> {
    debug_assert_eq!(r.len(), g.len());
    scale_samples(&inverse_norm(0.5, &sum_samples(r, n, 2)), g)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, sequence::sequence};

    #[test]
    fn every_sample_has_its_own_factor() {
        assert_eq!(scale_samples(&[2.0, -1.0], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), [2.0, 4.0, 6.0, -4.0, -5.0, -6.0]);
    }

    #[test]
    fn scaled_samples_have_norm_one_half_and_a_zero_sample_stays_zero() {
        assert_close(&scale_by_norm(&[3.0, 4.0, 0.0, 0.0], 2), &[0.3, 0.4, 0.0, 0.0], 1e-15);
    }

    #[test]
    fn the_gradient_of_scaling_matches_central_differences_with_the_norm_frozen() {
        let (r, g) = (sequence(20, 1, 1.0), sequence(20, 2, 1.0));
        let norms: Vec<f64> = r.chunks_exact(10).map(|r| r.iter().map(|r| r * r).sum::<f64>().sqrt()).collect();
        let frozen = |r: &[f64]| (0..20).map(|i| 0.5 * r[i] / norms[i / 10] * g[i]).sum();
        assert_close(&scale_by_norm_gradient(&r, &g, 2), &central_difference(frozen, &r, 1e-3), 1e-10);
    }
}
