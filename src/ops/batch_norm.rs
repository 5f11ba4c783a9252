//! Batch normalisation (arXiv 1502.03167) over `[n, height, width, channels]`, by channel.

use super::activation::relu_gradient;
use super::flag;
use super::sum_samples::sum_groups;
use crate::error::{Error, Result};
use crate::gpu::Constant;
use crate::shaders;
use crate::tape::{Saved, Tape, Var};
use crate::tensor::{Call, Tensor};

/// Minimum pixels summed by one thread.
const PIXELS_A_CHUNK: usize = 64;

/// Maximum chunks, merged by one thread per channel.
const CHUNKS: usize = 512;

/// The parameters of a batch norm, each `[channels]`.
#[derive(Clone, Copy, Debug)]
pub struct BatchNormInputs<'a> {
    /// Factor (gamma).
    pub weight: &'a Var,
    /// Offset (beta).
    pub bias: &'a Var,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether `max(., 0)` follows.
    pub relu: bool,
    /// Whether the mean is taken away. Without, `y = x / sqrt(m / 2 + epsilon) * weight + bias`, with the mean square
    /// `m = variance + mean^2`: for moduli, which must not become negative (arXiv 2212.00394).
    pub centred: bool,
}

/// Statistics estimated in training, each `[channels]`; in evaluation every sample may have its own, each
/// `[n, channels]`.
#[derive(Clone, Debug)]
pub struct RunningStatistics {
    /// Mean.
    pub mean: Tensor,
    /// Unbiased variance.
    pub variance: Tensor,
}

/// The sizes shared by all kernels of this file.
#[derive(Clone, Copy)]
struct Sizes {
    pixels: usize,
    channels: usize,
    /// Rows of statistics: one, or one per sample.
    rows: usize,
    chunk: usize,
}

impl Sizes {
    fn new(x: &Tensor, inputs: BatchNormInputs, running: &RunningStatistics, train: bool) -> Result<Self> {
        let &[n, height, width, channels] = x.shape() else {
            return Err(Error::shape("batch_norm", "a map is [n, height, width, channels]", &[x.shape()]));
        };
        let by_sample = !train && running.mean.shape() == [n, channels];
        let row = if by_sample { vec![n, channels] } else { vec![channels] };
        for (tensor, wanted) in [
            (inputs.weight.value(), &[channels][..]),
            (inputs.bias.value(), &[channels]),
            (&running.mean, &row),
            (&running.variance, &row),
        ] {
            if tensor.shape() != wanted {
                let reason = format!("{channels} channels need parameters and statistics of shape {wanted:?}");
                return Err(Error::shape("batch_norm", reason, &[x.shape(), tensor.shape()]));
            }
        }
        let (pixels, rows) = (n * height * width, if by_sample { n } else { 1 });
        // Chunks do not straddle rows.
        let chunk = (pixels / rows).div_ceil((CHUNKS / rows).max(1)).max(PIXELS_A_CHUNK);
        Ok(Self { pixels, channels, rows, chunk })
    }

    fn row_pixels(&self) -> usize {
        self.pixels / self.rows
    }

    fn chunks(&self) -> usize {
        self.rows * self.row_pixels().div_ceil(self.chunk)
    }

    fn statistics_constants(&self) -> [Constant; 3] {
        [("CHANNELS", self.channels as f64), ("PIXELS", self.pixels as f64), ("PIXELS_A_CHUNK", self.chunk as f64)]
    }

    /// What `common/rows.wgsl` needs.
    fn constants(&self) -> [Constant; 3] {
        [
            ("CHANNELS", self.channels as f64),
            ("ROW_PIXELS", self.row_pixels() as f64),
            ("PIXELS_A_CHUNK", self.chunk as f64),
        ]
    }
}

/// Mean and biased variance over pixels; updates the running statistics by `momentum`, in place.
fn statistics(x: &Tensor, sizes: Sizes, running: &RunningStatistics, momentum: f32) -> Result<(Tensor, Tensor)> {
    let gpu = x.gpu();
    let new = |shape: &[usize]| Tensor::uninitialized(gpu, "batch_norm", shape);
    let parts = [sizes.chunks(), sizes.channels];
    let (part_mean, part_square) = (new(&parts)?, new(&parts)?);
    let (tensors, constants) = ([x, &part_mean, &part_square], sizes.statistics_constants());
    Call::on(&tensors).constants(&constants).each(&shaders::BATCH_NORM_STATISTICS, parts[0] * parts[1])?;
    let (mean, variance) = (new(&[sizes.channels])?, new(&[sizes.channels])?);
    let tensors = [&part_mean, &part_square, &mean, &variance, &running.mean, &running.variance];
    Call::on(&tensors)
        .constants(&constants[1..])
        .numbers(std::slice::from_ref(&momentum))
        .each(&shaders::BATCH_NORM_MERGE, sizes.channels)?;
    Ok((mean, variance))
}

/// The normalised map; `parameters` are mean, variance, weight and bias.
fn forward(sizes: Sizes, x: &Tensor, parameters: &[Tensor; 4], epsilon: f32, relu: bool) -> Result<Tensor> {
    let y = Tensor::uninitialized(x.gpu(), "batch_norm", x.shape())?;
    let constants = [&sizes.constants()[..], &[("RELU", flag(relu))]].concat();
    let [mean, variance, weight, bias] = parameters;
    let tensors = [x, mean, variance, weight, bias, &y];
    Call::on(&tensors)
        .constants(&constants)
        .numbers(std::slice::from_ref(&epsilon))
        .each(&shaders::BATCH_NORM, sizes.chunks() * sizes.channels)?;
    Ok(y)
}

/// The gradients for x (if needed), weight and bias.
fn gradients(
    sizes: Sizes,
    [x, mean, variance, weight, g]: [&Tensor; 5],
    (epsilon, centred): (f32, bool),
    train: bool,
    wants_x: bool,
) -> Result<Vec<Option<Tensor>>> {
    let gpu = x.gpu();
    let parts = [sizes.chunks(), sizes.channels];
    let part_weight = Tensor::uninitialized(gpu, "batch_norm_gradient", &parts)?;
    let part_bias = Tensor::uninitialized(gpu, "batch_norm_gradient", &parts)?;
    let constants = sizes.constants();
    let tensors = [x, mean, variance, g, &part_weight, &part_bias];
    let numbers = [epsilon];
    Call::on(&tensors)
        .constants(&constants)
        .numbers(&numbers)
        .each(&shaders::BATCH_NORM_GRADIENT_SUMS, parts[0] * parts[1])?;
    let sum_weight = sum_groups(&part_weight, &[sizes.channels])?;
    let sum_bias = sum_groups(&part_bias, &[sizes.channels])?;
    let x_bar = wants_x.then(|| {
        let out = Tensor::uninitialized(gpu, "batch_norm_gradient", x.shape())?;
        let constants =
            [&constants[..], &[("PIXELS", sizes.pixels as f64), ("TRAIN", flag(train)), ("CENTRED", flag(centred))]]
                .concat();
        let tensors = [x, mean, variance, weight, g, &sum_weight, &sum_bias, &out];
        Call::on(&tensors)
            .constants(&constants)
            .numbers(&numbers)
            .each(&shaders::BATCH_NORM_GRADIENT, parts[0] * parts[1])?;
        Ok(out)
    });
    Ok(vec![x_bar.transpose()?, Some(sum_weight), Some(sum_bias)])
}

/// What stands for mean and variance where the mean is not taken away: 0, and half the mean square.
fn without_mean(mean: &Tensor, variance: &Tensor) -> Result<(Tensor, Tensor)> {
    let out = Tensor::uninitialized(mean.gpu(), "half_mean_square", mean.shape())?;
    Call::on(&[mean, variance, &out]).each(&shaders::HALF_MEAN_SQUARE, out.len())?;
    Ok((Tensor::full(mean.gpu(), mean.shape(), 0.0)?, out))
}

impl Tape {
    /// `(x - mean) / sqrt(variance + epsilon) * weight + bias`, or `max(., 0)` of it, with the mean and the biased variance of this batch.
    /// The running statistics move towards the batch's mean and unbiased variance by `momentum`, in place.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn batch_norm_train(
        &self,
        x: &Var,
        inputs: BatchNormInputs,
        running: &RunningStatistics,
        momentum: f32,
    ) -> Result<Var> {
        let sizes = Sizes::new(x.value(), inputs, running, true)?;
        let (mean, variance) = statistics(x.value(), sizes, running, momentum)?;
        self.normalise(x, inputs, sizes, mean, variance, true)
    }

    /// The same with running statistics in place of the batch's, as in evaluation; samples may have their own.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn batch_norm_eval(&self, x: &Var, inputs: BatchNormInputs, running: &RunningStatistics) -> Result<Var> {
        let sizes = Sizes::new(x.value(), inputs, running, false)?;
        self.normalise(x, inputs, sizes, running.mean.clone(), running.variance.clone(), false)
    }

    /// Neither the result nor its sign is kept: both are recomputed from x.
    fn normalise(
        &self,
        x: &Var,
        BatchNormInputs { weight, bias, epsilon, relu, centred }: BatchNormInputs,
        sizes: Sizes,
        mean: Tensor,
        variance: Tensor,
        train: bool,
    ) -> Result<Var> {
        let (mean, variance) = if centred { (mean, variance) } else { without_mean(&mean, &variance)? };
        let [saved, kept] = [x.saved(), x.saved()];
        let factor = weight.value().clone();
        let parameters = [mean.clone(), variance.clone(), factor.clone(), bias.value().clone()];
        let y = forward(sizes, x.value(), &parameters, epsilon, relu)?;
        let recomputed = Saved::recomputed(move || forward(sizes, &saved.get()?, &parameters, epsilon, relu));
        let (sign, x_tracked) = (recomputed.clone(), x.tracked());
        let y = self.record(y, &[x, weight, bias], move |g| {
            let g = if relu { relu_gradient(&sign.get()?, g)? } else { g.clone() };
            drop(sign);
            gradients(sizes, [&kept.get()?, &mean, &variance, &factor, &g], (epsilon, centred), train, x_tracked)
        })?;
        Ok(y.saved_as(recomputed))
    }
}
