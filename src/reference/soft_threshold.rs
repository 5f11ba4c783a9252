//! The proximal step of the sparsity penalty.

use super::zip;

/// The parts of the penalty `lambda |z|_1 + mu/2 |z|^2` (and `z >= 0`) that all samples share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProxTwin {
    /// Weight of the quadratic penalty, at least 0.
    pub mu: f64,
    /// Whether codes must not be negative.
    pub non_negative: bool,
}

/// The prox of `step * (lambda |z|_1 + mu/2 |z|^2)`, restricted to `z >= 0` if `prox.non_negative`:
///
/// `z = sign(u) max(|u| - step*lambda, 0) / (1 + step*mu)`, then `max(z, 0)` for non-negative codes.
///
/// Shapes: `u` and the result are flat with samples outermost; `lambda` holds one value per sample, so that sample
/// `i / (u.len() / lambda.len())` owns element `i`. Source: FISTA, Beck & Teboulle 2009, equation 1.5; SDNet,
/// arXiv 2210.12945.
pub fn soft_threshold(u: &[f64], step: f64, lambda: &[f64], prox: ProxTwin) -> Vec<f64> {
    debug_assert_eq!(u.len() % lambda.len(), 0);
    let per_sample = u.len() / lambda.len();
    let threshold = |(i, &u): (usize, &f64)| threshold_one(u, step, lambda[i / per_sample], prox);
    u.iter().enumerate().map(threshold).collect()
}

fn threshold_one(u: f64, step: f64, lambda: f64, prox: ProxTwin) -> f64 {
    let shrunk = if u > step * lambda {
        u - step * lambda
    } else if u < -step * lambda && !prox.non_negative {
        u + step * lambda
    } else {
        0.0
    };
    shrunk / (1.0 + step * prox.mu)
}

/// The gradient of [`soft_threshold`] with respect to `u`, from its result `z` and the upstream gradient `g`:
/// `g * [z != 0] / (1 + step*mu)`.
///
/// Shapes: `z`, `g` and the result have equal lengths. Source: the derivative of Beck & Teboulle 2009, equation 1.5.
pub fn soft_threshold_gradient(z: &[f64], g: &[f64], step: f64, prox: ProxTwin) -> Vec<f64> {
    zip(z, g, |z, g| if z != 0.0 { g / (1.0 + step * prox.mu) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};

    const SIGNED: ProxTwin = ProxTwin { mu: 0.5, non_negative: false };
    const NON_NEGATIVE: ProxTwin = ProxTwin { mu: 0.5, non_negative: true };

    #[test]
    fn both_sides_of_the_threshold_and_zero_come_out_as_on_paper() {
        let u = [3.0, 1.0, 0.5, 0.0, -0.5, -1.0, -3.0];
        assert_eq!(soft_threshold(&u, 2.0, &[0.5], SIGNED), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, -1.0]);
        assert_eq!(soft_threshold(&u, 2.0, &[0.5], NON_NEGATIVE), [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn every_sample_has_its_own_lambda() {
        let prox = ProxTwin { mu: 0.0, non_negative: false };
        assert_eq!(soft_threshold(&[2.0, -2.0, 2.0, -2.0], 1.0, &[0.5, 1.5], prox), [1.5, -1.5, 0.5, -0.5]);
    }

    #[test]
    fn it_minimises_the_objective_that_it_is_the_prox_of() {
        let (step, lambda) = (0.4, 0.6);
        for prox in [SIGNED, NON_NEGATIVE] {
            for u in sequence(40, 1, 1.0) {
                let objective = |z: f64| step * (lambda * z.abs() + prox.mu / 2.0 * z * z) + 0.5 * (z - u) * (z - u);
                let z = soft_threshold(&[u], step, &[lambda], prox)[0];
                let allowed = |z: &f64| !prox.non_negative || *z >= 0.0;
                let others = (-200..=200).map(|i| f64::from(i) / 100.0).filter(allowed);
                assert!(allowed(&z));
                assert!(others.into_iter().all(|other| objective(z) <= objective(other) + 1e-12));
            }
        }
    }

    #[test]
    fn the_gradient_matches_central_differences_off_the_kinks() {
        let (step, lambda) = (0.7, [0.3, 0.8]);
        let (u, g) = (sequence(60, 1, 1.0), sequence(60, 2, 1.0));
        let kinks = |i: usize| step * lambda[i / 30];
        assert!(u.iter().enumerate().all(|(i, u)| (u.abs() - kinks(i)).abs() > 1e-4));
        for prox in [SIGNED, NON_NEGATIVE] {
            let z = soft_threshold(&u, step, &lambda, prox);
            assert!(z.contains(&0.0) && z.iter().any(|&z| z != 0.0));
            let numeric = central_difference(|u| dot(&soft_threshold(u, step, &lambda, prox), &g), &u, 1e-5);
            assert_close(&soft_threshold_gradient(&z, &g, step, prox), &numeric, 1e-9);
        }
    }
}
