//! Batch normalisation over samples and pixels, channel by channel.

use super::zip;

/// Batch normalisation with the statistics of the batch: `(y, mean, var)`.
///
/// `y = gamma[c] * (x - mean[c]) / sqrt(var[c] + eps) + beta[c]`, where `mean` and `var` are those of channel `c` over
/// samples and pixels; `var` is the biased one (divided by the count).
///
/// Shapes: `x` and `y` are `[.., channels]`, all else `[channels]`. Source: arXiv 1502.03167, algorithm 1.
pub fn batch_norm(x: &[f64], channels: usize, gamma: &[f64], beta: &[f64], eps: f64) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let mean = channel_mean(x, channels);
    let deviation: Vec<f64> = x.iter().enumerate().map(|(i, x)| (x - mean[i % channels]).powi(2)).collect();
    let var = channel_mean(&deviation, channels);
    let y = batch_norm_eval(x, channels, gamma, beta, &mean, &var, eps);
    (y, mean, var)
}

/// The next running statistic: `(1 - momentum) * running + momentum * batch`.
///
/// Shapes: all `[channels]`. For the variance, `batch` is the [`unbiased`] one. Source: PyTorch's
/// `torch.nn.BatchNorm2d` (whose momentum weighs the new value).
pub fn running_update(running: &[f64], batch: &[f64], momentum: f64) -> Vec<f64> {
    zip(running, batch, |running, batch| (1.0 - momentum) * running + momentum * batch)
}

/// The unbiased variance `var * count / (count - 1)` of a biased one over `count` values (samples times pixels); for
/// one value the biased one.
///
/// Shapes: `var` and the result are `[channels]`. Source: PyTorch's `torch.nn.BatchNorm2d`, arXiv 1502.03167,
/// algorithm 2.
pub fn unbiased(var: &[f64], count: usize) -> Vec<f64> {
    let factor = if count > 1 { count as f64 / (count - 1) as f64 } else { 1.0 };
    var.iter().map(|v| v * factor).collect()
}

/// Batch normalisation with given statistics:
/// `y = gamma[c] * (x - running_mean[c]) / sqrt(running_var[c] + eps) + beta[c]`.
///
/// Shapes: `x` and the result are `[n, .., channels]`, all else `[channels]`; the statistics may also be `[n, channels]`,
/// those of each sample. Source: arXiv 1502.03167, algorithm 2.
pub fn batch_norm_eval(
    x: &[f64],
    channels: usize,
    gamma: &[f64],
    beta: &[f64],
    running_mean: &[f64],
    running_var: &[f64],
    eps: f64,
) -> Vec<f64> {
    let unit = standardise(x, channels, running_mean, running_var, eps);
    unit.iter().enumerate().map(|(i, unit)| gamma[i % channels] * unit + beta[i % channels]).collect()
}

/// The gradients `(gx, ggamma, gbeta)` of [`batch_norm`] for the upstream gradient `g`, the statistics differentiated
/// too. With `u = (x - mean) / sqrt(var + eps)` and means over samples and pixels:
///
/// `gbeta = sum g`, `ggamma = sum g u`, `gx = gamma / sqrt(var + eps) * (g - mean(g) - u * mean(g u))`.
///
/// Shapes: `x`, `g` and `gx` are `[.., channels]`, all else `[channels]`; `mean` and `var` are those that
/// [`batch_norm`] returned. Source: arXiv 1502.03167, section 3.
pub fn batch_norm_gradient(
    x: &[f64],
    g: &[f64],
    channels: usize,
    gamma: &[f64],
    mean: &[f64],
    var: &[f64],
    eps: f64,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let unit = standardise(x, channels, mean, var, eps);
    let weighted = zip(g, &unit, |g, unit| g * unit);
    let (mean_g, mean_weighted) = (channel_mean(g, channels), channel_mean(&weighted, channels));
    let mut gx = vec![0.0; x.len()];
    for (i, gx) in gx.iter_mut().enumerate() {
        let c = i % channels;
        *gx = gamma[c] / (var[c] + eps).sqrt() * (g[i] - mean_g[c] - unit[i] * mean_weighted[c]);
    }
    (gx, channel_sum(&weighted, channels), channel_sum(g, channels))
}

/// The gradients `(gx, ggamma, gbeta)` of [`batch_norm_eval`] for the upstream gradient `g`, the statistics constant:
///
/// `gbeta = sum g`, `ggamma = sum g (x - running_mean) / sqrt(running_var + eps)`,
/// `gx = g * gamma / sqrt(running_var + eps)`.
///
/// Shapes: `x`, `g` and `gx` are `[n, .., channels]`, all else `[channels]`; the statistics may also be `[n, channels]`.
/// Source: arXiv 1502.03167, algorithm 2, differentiated.
pub fn batch_norm_eval_gradient(
    x: &[f64],
    g: &[f64],
    channels: usize,
    gamma: &[f64],
    running_mean: &[f64],
    running_var: &[f64],
    eps: f64,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let unit = standardise(x, channels, running_mean, running_var, eps);
    let weighted = zip(g, &unit, |g, unit| g * unit);
    let var_of = |i: usize| running_var[statistic(i, x.len(), channels, running_var)];
    let gx = g.iter().enumerate().map(|(i, g)| g * gamma[i % channels] / (var_of(i) + eps).sqrt()).collect();
    (gx, channel_sum(&weighted, channels), channel_sum(g, channels))
}

/// `(x - mean[c]) / sqrt(var[c] + eps)`
fn standardise(x: &[f64], channels: usize, mean: &[f64], var: &[f64], eps: f64) -> Vec<f64> {
    debug_assert_eq!(mean.len(), var.len());
    let of = |i: usize| statistic(i, x.len(), channels, mean);
    x.iter().enumerate().map(|(i, x)| (x - mean[of(i)]) / (var[of(i)] + eps).sqrt()).collect()
}

/// Where the statistic of value `i` of `len` is among those of `[channels]` or `[n, channels]`.
fn statistic(i: usize, len: usize, channels: usize, statistics: &[f64]) -> usize {
    debug_assert_eq!(statistics.len() % channels, 0);
    let row = len / (statistics.len() / channels);
    i / row * channels + i % channels
}

fn channel_sum(x: &[f64], channels: usize) -> Vec<f64> {
    debug_assert_eq!(x.len() % channels, 0);
    let mut sum = vec![0.0; channels];
    for (i, x) in x.iter().enumerate() {
        sum[i % channels] += x;
    }
    sum
}

fn channel_mean(x: &[f64], channels: usize) -> Vec<f64> {
    let count = (x.len() / channels) as f64;
    channel_sum(x, channels).iter().map(|sum| sum / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, fill::fill};

    const EPS: f64 = 1e-5;

    #[test]
    fn without_scale_and_shift_every_channel_has_mean_zero_and_variance_one() {
        let x: Vec<f64> = fill(60, 1, 1.0).iter().enumerate().map(|(i, x)| x * (1 + i % 3) as f64 + 5.0).collect();
        let (y, mean, var) = batch_norm(&x, 3, &[1.0; 3], &[0.0; 3], 0.0);
        let (_, mean_y, var_y) = batch_norm(&y, 3, &[1.0; 3], &[0.0; 3], 0.0);
        assert_close(&mean_y, &[0.0; 3], 1e-12);
        assert_close(&var_y, &[1.0; 3], 1e-12);
        assert!(mean.iter().all(|m| *m > 4.0) && var[2] > var[0]);
    }

    #[test]
    fn the_statistics_come_out_as_on_paper() {
        let (y, mean, var) = batch_norm(&[1.0, 10.0, 3.0, 10.0], 2, &[2.0, 2.0], &[0.5, 0.5], 3.0);
        assert_eq!((mean, var), (vec![2.0, 10.0], vec![1.0, 0.0]));
        assert_eq!(y, [-0.5, 0.5, 1.5, 0.5]);
    }

    #[test]
    fn the_running_variance_moves_by_momentum_towards_the_unbiased_one() {
        let (_, mean, var) = batch_norm(&[1.0, 2.0, 3.0, 6.0], 1, &[1.0], &[0.0], EPS);
        assert_close(&running_update(&[1.0], &mean, 0.1), &[0.9 + 0.3], 1e-15);
        assert_close(&unbiased(&var, 4), &[14.0 / 3.0], 1e-14);
        assert_close(&running_update(&[1.0], &unbiased(&var, 4), 0.1), &[0.9 + 1.4 / 3.0], 1e-15);
        assert_eq!(unbiased(&[0.0], 1), [0.0]);
    }

    #[test]
    fn the_training_gradients_match_central_differences() {
        let (x, g) = (fill(2 * 6 * 3, 1, 1.0), fill(36, 2, 1.0));
        let (gamma, beta) = (fill(3, 3, 1.0), fill(3, 4, 1.0));
        let f = |x: &[f64], gamma: &[f64], beta: &[f64]| dot(&batch_norm(x, 3, gamma, beta, EPS).0, &g);
        let (_, mean, var) = batch_norm(&x, 3, &gamma, &beta, EPS);
        let (gx, ggamma, gbeta) = batch_norm_gradient(&x, &g, 3, &gamma, &mean, &var, EPS);
        assert_close(&gx, &central_difference(|x| f(x, &gamma, &beta), &x, 1e-5), 1e-8);
        assert_close(&ggamma, &central_difference(|gamma| f(&x, gamma, &beta), &gamma, 1e-5), 1e-8);
        assert_close(&gbeta, &central_difference(|beta| f(&x, &gamma, beta), &beta, 1e-5), 1e-8);
    }

    #[test]
    fn statistics_of_each_sample_are_those_of_the_sample_alone() {
        let (x, gamma, beta) = (fill(2 * 6 * 3, 1, 1.0), fill(3, 3, 1.0), fill(3, 4, 1.0));
        let (mean, var) = (fill(6, 5, 1.0), [0.3, 1.0, 2.0, 0.1, 3.0, 0.7]);
        let both = batch_norm_eval(&x, 3, &gamma, &beta, &mean, &var, EPS);
        let alone = |n: usize| {
            batch_norm_eval(&x[18 * n..][..18], 3, &gamma, &beta, &mean[3 * n..][..3], &var[3 * n..][..3], EPS)
        };
        assert_eq!(both, [alone(0), alone(1)].concat());
    }

    #[test]
    fn the_evaluation_gradients_match_central_differences() {
        evaluation_gradients_match(&fill(3, 5, 1.0), &[0.3, 1.0, 2.0]);
        evaluation_gradients_match(&fill(6, 5, 1.0), &[0.3, 1.0, 2.0, 0.1, 3.0, 0.7]);
    }

    fn evaluation_gradients_match(mean: &[f64], var: &[f64]) {
        let (x, g) = (fill(2 * 6 * 3, 1, 1.0), fill(36, 2, 1.0));
        let (gamma, beta) = (fill(3, 3, 1.0), fill(3, 4, 1.0));
        let f = |x: &[f64], gamma: &[f64], beta: &[f64]| dot(&batch_norm_eval(x, 3, gamma, beta, mean, var, EPS), &g);
        let (gx, ggamma, gbeta) = batch_norm_eval_gradient(&x, &g, 3, &gamma, mean, var, EPS);
        assert_close(&gx, &central_difference(|x| f(x, &gamma, &beta), &x, 1e-4), 1e-8);
        assert_close(&ggamma, &central_difference(|gamma| f(&x, gamma, &beta), &gamma, 1e-4), 1e-8);
        assert_close(&gbeta, &central_difference(|beta| f(&x, &gamma, beta), &beta, 1e-4), 1e-8);
    }
}
