//! How well a dictionary explains a signal, as a loss.

use super::dot;

/// The weights of a dictionary loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossTwin {
    /// The weight of the whole.
    pub factor: f64,
    /// Copies of the signal along its channels.
    pub dictionaries: usize,
    /// The weight of the elastic-net term.
    pub mu: f64,
}

/// `factor * sum over samples of (|r|^2 / dictionaries + lambda |z|_1 + mu/2 |z|^2)`.
///
/// Shapes: the residual `r` is `[n, height, width, channels]`, `z` is `[n, code_height, code_width, atoms]`, `lambda` is `[n]`.
/// Source: the authors' code of SDNet (`RCLOSS_FACTOR`), arXiv 2210.12945.
pub fn dictionary_loss(r: &[f64], z: &[f64], lambda: &[f64], weights: LossTwin) -> f64 {
    let codes = z.chunks_exact(z.len() / lambda.len()).zip(lambda);
    let magnitudes: f64 = codes.map(|(z, lambda)| lambda * z.iter().map(|z| z.abs()).sum::<f64>()).sum();
    weights.factor * (dot(r, r) / weights.dictionaries as f64 + magnitudes + 0.5 * weights.mu * dot(z, z))
}

/// The gradient of [`dictionary_loss`] with respect to the codes with the residual held constant, times `g`:
/// `g factor (lambda sign(z) + mu z)`, with `sign(0) = 0`.
///
/// Shapes: as there. Source: [`dictionary_loss`], differentiated; PyTorch's gradient of `abs`.
pub fn dictionary_loss_gradient(z: &[f64], lambda: &[f64], weights: LossTwin, g: f64) -> Vec<f64> {
    let sample = z.len() / lambda.len();
    let sign = |z: f64| if z == 0.0 { 0.0 } else { z.signum() };
    let one = |(i, z): (usize, &f64)| g * weights.factor * (lambda[i / sample] * sign(*z) + weights.mu * z);
    z.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, sequence::sequence};

    const WEIGHTS: LossTwin = LossTwin { factor: 0.5, dictionaries: 2, mu: 4.0 };

    #[test]
    fn a_worked_example_comes_out_as_on_paper() {
        let loss = dictionary_loss(&[2.0, 0.0, 0.0, 4.0], &[1.0, -3.0], &[0.25, 0.5], WEIGHTS);
        assert_eq!(loss, 0.5 * (20.0 / 2.0 + 0.25 + 1.5 + 2.0 * 10.0));
        assert_eq!(dictionary_loss_gradient(&[1.0, 0.0], &[0.25, 0.5], WEIGHTS, 2.0), [4.25, 0.0]);
    }

    #[test]
    fn the_gradient_matches_central_differences() {
        let (r, z, lambda) = (sequence(8, 1, 1.0), sequence(12, 2, 1.0), [0.3, 0.7]);
        let numeric = central_difference(|z| 1.5 * dictionary_loss(&r, z, &lambda, WEIGHTS), &z, 1e-6);
        assert_close(&dictionary_loss_gradient(&z, &lambda, WEIGHTS, 1.5), &numeric, 1e-8);
    }
}
