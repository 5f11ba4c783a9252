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
    let var = channel_mean(&squared_deviations(x, &mean), channels);
    let y = batch_norm_eval(x, channels, gamma, beta, &mean, &var, eps);
    (y, mean, var)
}

/// Mean and sum of squared deviations of parts of the pixels, by channel: `(part_mean, part_square)` with
///
/// `part_mean[p,c] = mean of x[pixel,c]`, `part_square[p,c] = sum of (x[pixel,c] - part_mean[p,c])^2`,
///
/// over the `pixels_a_part` pixels from `p * pixels_a_part` on (fewer in the last part).
///
/// Shapes: `x` is `[pixels, channels]` with samples, rows and columns for pixels, the results are `[parts, channels]`.
/// Source: Chan, Golub & LeVeque 1979.
pub fn batch_norm_statistics(x: &[f64], channels: usize, pixels_a_part: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut means, mut squares) = (Vec::new(), Vec::new());
    for part in x.chunks(pixels_a_part * channels) {
        let mean = channel_mean(part, channels);
        squares.extend(channel_sum(&squared_deviations(part, &mean), channels));
        means.extend(mean);
    }
    (means, squares)
}

/// `(mean, var, running_mean, running_var)` from the parts that [`batch_norm_statistics`] returns for `pixels` pixels:
/// the mean and the biased variance of all pixels, and the next running statistics, by [`running_update`] and with the
/// [`unbiased`] variance.
///
/// Two sets of `n` and `m` pixels are joined by `d = mean_m - mean_n`, `mean = mean_n + d m / (n + m)`,
/// `square = square_n + square_m + d^2 n m / (n + m)`.
///
/// Shapes: the parts are `[parts, channels]`, all else `[channels]`. Source: Chan, Golub & LeVeque 1979 (the joining);
/// PyTorch's `torch.nn.BatchNorm2d`.
pub fn batch_norm_merge(
    (part_mean, part_square): (&[f64], &[f64]),
    pixels: usize,
    pixels_a_part: usize,
    (running_mean, running_var): (&[f64], &[f64]),
    momentum: f64,
) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<f64>) {
    let channels = running_mean.len();
    debug_assert_eq!(part_mean.len(), pixels.div_ceil(pixels_a_part) * channels);
    debug_assert_eq!(part_mean.len(), part_square.len());
    let (mut mean, mut square) = (vec![0.0; channels], vec![0.0; channels]);
    for (i, (part_mean, part_square)) in part_mean.iter().zip(part_square).enumerate() {
        let (c, before) = (i % channels, i / channels * pixels_a_part);
        let (n, m) = (before as f64, pixels_a_part.min(pixels - before) as f64);
        let d = part_mean - mean[c];
        mean[c] += d * m / (n + m);
        square[c] += part_square + d * d * n * m / (n + m);
    }
    let var: Vec<f64> = square.iter().map(|s| s / pixels as f64).collect();
    let next_mean = running_update(running_mean, &mean, momentum);
    let next_var = running_update(running_var, &unbiased(&var, pixels), momentum);
    (mean, var, next_mean, next_var)
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
    let (ggamma, gbeta) = batch_norm_gradient_sums(x, g, channels, mean, var, eps);
    let count = (x.len() / channels) as f64;
    let mut gx = vec![0.0; x.len()];
    for (i, gx) in gx.iter_mut().enumerate() {
        let c = i % channels;
        *gx = gamma[c] / (var[c] + eps).sqrt() * (g[i] - gbeta[c] / count - unit[i] * ggamma[c] / count);
    }
    (gx, ggamma, gbeta)
}

/// The two sums over samples and pixels that are the gradients of scale and shift, `(ggamma, gbeta)`:
///
/// `ggamma = sum g (x - mean) / sqrt(var + eps)`, `gbeta = sum g`.
///
/// The shader leaves both in parts that [`sum_groups`](super::sum_groups::sum_groups) adds up.
///
/// Shapes: `x` and `g` are `[n, .., channels]`, the sums are `[channels]`; the statistics are `[channels]` or, those of
/// each sample, `[n, channels]`. Source: arXiv 1502.03167, section 3.
pub fn batch_norm_gradient_sums(
    x: &[f64],
    g: &[f64],
    channels: usize,
    mean: &[f64],
    var: &[f64],
    eps: f64,
) -> (Vec<f64>, Vec<f64>) {
    let weighted = zip(g, &standardise(x, channels, mean, var, eps), |g, unit| g * unit);
    (channel_sum(&weighted, channels), channel_sum(g, channels))
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
    let (ggamma, gbeta) = batch_norm_gradient_sums(x, g, channels, running_mean, running_var, eps);
    let var_of = |i: usize| running_var[statistic(i, x.len(), channels, running_var)];
    let gx = g.iter().enumerate().map(|(i, g)| g * gamma[i % channels] / (var_of(i) + eps).sqrt()).collect();
    (gx, ggamma, gbeta)
}

/// Half the mean square of values with this mean and biased variance: `(var + mean^2) / 2`.
///
/// Shapes: all `[channels]` or `[n, channels]`. Source: arXiv 2212.00394 (the norm of moduli).
pub fn half_mean_square(mean: &[f64], var: &[f64]) -> Vec<f64> {
    zip(mean, var, |mean, var| (var + mean * mean) / 2.0)
}

/// Batch normalisation that does not take the mean away, with the mean square of the batch:
/// `y = gamma[c] x / sqrt(half[c] + eps) + beta[c]`, `half = mean(x^2) / 2`; returns `(y, half)`.
///
/// In evaluation it is [`batch_norm_eval`] with the mean 0 and [`half_mean_square`] of the running statistics as the variance.
///
/// Shapes: `x` and `y` are `[.., channels]`, all else `[channels]`. Source: arXiv 2212.00394 (the norm of moduli).
pub fn batch_norm_without_mean(
    x: &[f64],
    channels: usize,
    gamma: &[f64],
    beta: &[f64],
    eps: f64,
) -> (Vec<f64>, Vec<f64>) {
    let half = channel_mean(&zip(x, x, |a, b| a * b / 2.0), channels);
    (batch_norm_eval(x, channels, gamma, beta, &vec![0.0; channels], &half, eps), half)
}

/// The gradients `(gx, ggamma, gbeta)` of [`batch_norm_without_mean`] for the upstream gradient `g`, the mean square
/// differentiated too. With `u = x / sqrt(half + eps)`:
///
/// `gbeta = sum g`, `ggamma = sum g u`, `gx = gamma / sqrt(half + eps) * (g - u * mean(g u) / 2)`.
///
/// Shapes: as [`batch_norm_gradient`]. Source: [`batch_norm_without_mean`], differentiated.
pub fn batch_norm_without_mean_gradient(
    x: &[f64],
    g: &[f64],
    channels: usize,
    gamma: &[f64],
    half: &[f64],
    eps: f64,
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let none = vec![0.0; channels];
    let unit = standardise(x, channels, &none, half, eps);
    let (ggamma, gbeta) = batch_norm_gradient_sums(x, g, channels, &none, half, eps);
    let count = (x.len() / channels) as f64;
    let at = |(i, g): (usize, &f64)| {
        let c = i % channels;
        gamma[c] / (half[c] + eps).sqrt() * (g - unit[i] * ggamma[c] / (2.0 * count))
    };
    (g.iter().enumerate().map(at).collect(), ggamma, gbeta)
}

/// `(x - mean[c]) / sqrt(var[c] + eps)`
fn standardise(x: &[f64], channels: usize, mean: &[f64], var: &[f64], eps: f64) -> Vec<f64> {
    debug_assert_eq!(mean.len(), var.len());
    let of = |i: usize| statistic(i, x.len(), channels, mean);
    x.iter().enumerate().map(|(i, x)| (x - mean[of(i)]) / (var[of(i)] + eps).sqrt()).collect()
}

/// The index of the statistic for value `i` of `len`, among `[channels]` or `[n, channels]`.
fn statistic(i: usize, len: usize, channels: usize, statistics: &[f64]) -> usize {
    debug_assert_eq!(statistics.len() % channels, 0);
    let row = len / (statistics.len() / channels);
    i / row * channels + i % channels
}

/// `(x - mean[c])^2`
fn squared_deviations(x: &[f64], mean: &[f64]) -> Vec<f64> {
    x.iter().enumerate().map(|(i, x)| (x - mean[i % mean.len()]).powi(2)).collect()
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
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};

    const EPS: f64 = 1e-5;

    #[test]
    fn without_scale_and_shift_every_channel_has_mean_zero_and_variance_one() {
        let x: Vec<f64> = sequence(60, 1, 1.0).iter().enumerate().map(|(i, x)| x * (1 + i % 3) as f64 + 5.0).collect();
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
    fn statistics_in_parts_of_any_size_merge_into_those_of_the_whole() {
        let x: Vec<f64> = sequence(3 * 17, 1, 1.0).iter().enumerate().map(|(i, x)| x + (i / 9) as f64).collect();
        let (_, mean, var) = batch_norm(&x, 3, &[1.0; 3], &[0.0; 3], EPS);
        let (running_mean, running_var) = (sequence(3, 2, 1.0), [1.0, 2.0, 3.0]);
        for size in [1, 4, 16, 17, 40] {
            let (part_mean, part_square) = batch_norm_statistics(&x, 3, size);
            assert_eq!(part_mean.len(), 17_usize.div_ceil(size) * 3);
            let merged = batch_norm_merge((&part_mean, &part_square), 17, size, (&running_mean, &running_var), 0.1);
            assert_close(&merged.0, &mean, 1e-13);
            assert_close(&merged.1, &var, 1e-13);
            assert_close(&merged.2, &running_update(&running_mean, &mean, 0.1), 1e-13);
            assert_close(&merged.3, &running_update(&running_var, &unbiased(&var, 17), 0.1), 1e-13);
        }
    }

    #[test]
    fn the_statistics_of_parts_come_out_as_on_paper() {
        let (mean, square) = batch_norm_statistics(&[1.0, 10.0, 3.0, 10.0, 7.0, 40.0], 2, 2);
        assert_eq!((mean, square), (vec![2.0, 10.0, 7.0, 40.0], vec![2.0, 0.0, 0.0, 0.0]));
    }

    #[test]
    fn the_sums_of_the_gradient_come_out_as_on_paper() {
        let sums = |mean: &[f64], var: &[f64]| {
            batch_norm_gradient_sums(&[1.0, 10.0, 3.0, 20.0], &[1.0, 2.0, 3.0, 4.0], 2, mean, var, 1.0)
        };
        assert_eq!(sums(&[0.0, 10.0], &[3.0, 0.0]), (vec![5.0, 40.0], vec![4.0, 6.0]));
        // Of two samples, each with statistics of its own.
        assert_eq!(sums(&[0.0, 10.0, 2.0, 10.0], &[3.0, 0.0, 0.0, 24.0]), (vec![3.5, 8.0], vec![4.0, 6.0]));
    }

    #[test]
    fn the_training_gradients_match_central_differences() {
        let (x, g) = (sequence(2 * 6 * 3, 1, 1.0), sequence(36, 2, 1.0));
        let (gamma, beta) = (sequence(3, 3, 1.0), sequence(3, 4, 1.0));
        let f = |x: &[f64], gamma: &[f64], beta: &[f64]| dot(&batch_norm(x, 3, gamma, beta, EPS).0, &g);
        let (_, mean, var) = batch_norm(&x, 3, &gamma, &beta, EPS);
        let (gx, ggamma, gbeta) = batch_norm_gradient(&x, &g, 3, &gamma, &mean, &var, EPS);
        assert_close(&gx, &central_difference(|x| f(x, &gamma, &beta), &x, 1e-5), 1e-8);
        assert_close(&ggamma, &central_difference(|gamma| f(&x, gamma, &beta), &gamma, 1e-5), 1e-8);
        assert_close(&gbeta, &central_difference(|beta| f(&x, &gamma, beta), &beta, 1e-5), 1e-8);
    }

    #[test]
    fn without_the_mean_the_mean_square_is_two_and_the_gradients_match_central_differences() {
        let x: Vec<f64> = sequence(36, 1, 1.0).iter().map(|x| x + 1.0).collect();
        let (g, gamma, beta) = (sequence(36, 2, 1.0), sequence(3, 3, 1.0), sequence(3, 4, 1.0));
        let (y, half) = batch_norm_without_mean(&x, 3, &[1.0; 3], &[0.0; 3], 0.0);
        assert_close(&channel_mean(&zip(&y, &y, |a, b| a * b), 3), &[2.0; 3], 1e-12);
        let (_, mean, var) = batch_norm(&x, 3, &gamma, &beta, EPS);
        assert_close(&half_mean_square(&mean, &var), &half, 1e-14);
        let f = |x: &[f64], gamma: &[f64], beta: &[f64]| dot(&batch_norm_without_mean(x, 3, gamma, beta, EPS).0, &g);
        let (gx, ggamma, gbeta) = batch_norm_without_mean_gradient(&x, &g, 3, &gamma, &half, EPS);
        assert_close(&gx, &central_difference(|x| f(x, &gamma, &beta), &x, 1e-5), 1e-8);
        assert_close(&ggamma, &central_difference(|gamma| f(&x, gamma, &beta), &gamma, 1e-5), 1e-8);
        assert_close(&gbeta, &central_difference(|beta| f(&x, &gamma, beta), &beta, 1e-5), 1e-8);
    }

    #[test]
    fn statistics_of_each_sample_are_those_of_the_sample_alone() {
        let (x, gamma, beta) = (sequence(2 * 6 * 3, 1, 1.0), sequence(3, 3, 1.0), sequence(3, 4, 1.0));
        let (mean, var) = (sequence(6, 5, 1.0), [0.3, 1.0, 2.0, 0.1, 3.0, 0.7]);
        let both = batch_norm_eval(&x, 3, &gamma, &beta, &mean, &var, EPS);
        let alone = |n: usize| {
            batch_norm_eval(&x[18 * n..][..18], 3, &gamma, &beta, &mean[3 * n..][..3], &var[3 * n..][..3], EPS)
        };
        assert_eq!(both, [alone(0), alone(1)].concat());
    }

    #[test]
    fn the_evaluation_gradients_match_central_differences() {
        evaluation_gradients_match(&sequence(3, 5, 1.0), &[0.3, 1.0, 2.0]);
        evaluation_gradients_match(&sequence(6, 5, 1.0), &[0.3, 1.0, 2.0, 0.1, 3.0, 0.7]);
    }

    fn evaluation_gradients_match(mean: &[f64], var: &[f64]) {
        let (x, g) = (sequence(2 * 6 * 3, 1, 1.0), sequence(36, 2, 1.0));
        let (gamma, beta) = (sequence(3, 3, 1.0), sequence(3, 4, 1.0));
        let f = |x: &[f64], gamma: &[f64], beta: &[f64]| dot(&batch_norm_eval(x, 3, gamma, beta, mean, var, EPS), &g);
        let (gx, ggamma, gbeta) = batch_norm_eval_gradient(&x, &g, 3, &gamma, mean, var, EPS);
        assert_close(&gx, &central_difference(|x| f(x, &gamma, &beta), &x, 1e-4), 1e-8);
        assert_close(&ggamma, &central_difference(|gamma| f(&x, gamma, &beta), &gamma, 1e-4), 1e-8);
        assert_close(&gbeta, &central_difference(|beta| f(&x, &gamma, beta), &beta, 1e-4), 1e-8);
    }
}
