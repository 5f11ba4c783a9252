//! What a network sees of clean images at other lambdas: batch-norm statistics, and what the first layer leaves.
//!
//! Changing lambda changes the codes, and with them what every batch norm sees; the published code leaves its statistics as
//! they were trained. Here they are changed for each lambda of a grid, by what changes on clean training images. No noise is
//! seen, no label, and no weight changes.

use super::Look;
use super::look::clean_residual;
use crate::data::{Augment, Dataset, Normalization, fill_batch};
use crate::error::{Error, Result};
use crate::layers::{BATCH_NORM_EPSILON, Csc, Pass};
use crate::models::{CleanResidual, Network, Recalibration};
use crate::ops::RunningStatistics;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::train::check_fit;

/// Share of the pixels of clean images that would be clipped.
const CLIPPED: f64 = 0.01;

/// How to recalibrate.
#[derive(Clone, Debug, PartialEq)]
pub struct RecalibrateConfig {
    /// The grid, ascending.
    pub lambdas: Vec<f32>,
    /// Images that are looked at, spread evenly over the data.
    pub images: usize,
    /// Images a pass.
    pub batch: usize,
    /// What training did to its images.
    pub augment: Option<Augment>,
    /// Seed of the augmentation.
    pub seed: u64,
}

impl Default for RecalibrateConfig {
    /// Lambda 0.1, 0.2 .. 1.4; 2,000 images as they are.
    fn default() -> Self {
        Self { lambdas: usual_lambdas(), images: 2000, batch: 100, augment: None, seed: 0 }
    }
}

impl RecalibrateConfig {
    /// How often `watch` will be told of a pass over `available` images, for a network of this lambda.
    pub fn passes(&self, available: usize, trained: f32) -> usize {
        let images = self.images.min(available);
        let batches = images / self.batch.min(images).max(1);
        batches * (1 + self.lambdas.iter().filter(|l| **l != trained).count())
    }
}

/// The lambdas that are looked at where none are named: 0.1, 0.2 .. 1.4.
pub fn usual_lambdas() -> Vec<f32> {
    (1..=14).map(|i| i as f32 / 10.0).collect()
}

/// Finds all batch-norm statistics of a network for each lambda of a grid in the layers that take one
/// ([`Network::set_lambda_layers`]), and what its first layer leaves of clean images at its own lambda; from then on the
/// network uses them.
///
/// The first look sees images as they are, batch norms see them as in training. What a batch norm sees is the mean over
/// batches of the batch's mean or unbiased variance, every batch norm further on having seen its input normalised by the
/// batch as in training: what running statistics move towards. Images that fill no batch are left out. What changes
/// between the lambda of the training and another one is applied to the running statistics, so that at the lambda of the
/// training they stay as they are:
///
/// `mean(lambda) = running mean + seen mean(lambda) - seen mean(trained)`, and
/// `variance(lambda) + epsilon = (running variance + epsilon) (seen variance(lambda) + epsilon) / (seen variance(trained) + epsilon)`
///
/// `watch` is told of each pass: one a batch for each lambda of the grid, and for that of the training.
///
/// # Errors
/// [`Error::Argument`] for a grid that does not ascend, or where there are no images or no sparse coding layers;
/// [`Error::Shape`] where the data do not fit the network, [`Error::OutOfMemory`].
pub fn recalibrate(
    network: &mut Network,
    data: &Dataset,
    normalization: &Normalization,
    config: &RecalibrateConfig,
    watch: &mut dyn FnMut(),
) -> Result<Recalibration> {
    if data.is_empty() || config.images == 0 || config.batch == 0 {
        return Err(Error::argument("images", data.len().min(config.images), "at least one image is needed"));
    }
    check_fit(network.config(), data)?;
    normalization.check(data.channels)?;
    let data = data.subset(config.images);
    let batch = config.batch.min(data.len());
    let mut recalibration = Recalibration {
        lambdas: config.lambdas.clone(),
        layers: network.lambda_layers(),
        images: data.len() / batch * batch,
        clean: CleanResidual::default(),
    };
    recalibration.check()?;
    let gpu = network.gpu().clone();
    let batches = |augment| {
        let all = (0..data.len() as u32).collect::<Vec<_>>();
        let one = |indices: &[u32]| {
            let (pixels, _) = fill_batch(&data, indices, normalization, augment, config.seed, 0);
            Tensor::from_slice(&gpu, &[batch, data.height, data.width, data.channels], &pixels)
        };
        all.chunks_exact(batch).map(one).collect::<Result<Vec<_>>>()
    };
    let plain = batches(None)?;
    recalibration.clean = clean_looks(network, &plain)?;
    let as_in_training = if config.augment.is_some() { batches(config.augment)? } else { plain };
    let trained = network.batch_norms().iter().map(|(_, bn)| bn.running.clone()).collect::<Vec<_>>();
    let tables = tables(network, &trained, &as_in_training, &config.lambdas, watch);
    for (bn, running) in network.batch_norms_mut().into_iter().zip(trained) {
        bn.running = running;
    }
    network.set_recalibration(recalibration.clone(), &tables?)?;
    Ok(recalibration)
}

/// What the first layer leaves of images that are clipped as they will be.
fn clean_looks(network: &mut Network, batches: &[Tensor]) -> Result<CleanResidual> {
    let csc = network.first_sparse_layer()?;
    let limit = clean_limit(csc, batches)?;
    let (tape, mut looks) = (Tape::idle(), Vec::new());
    for images in batches {
        let clipped = csc.clip(&tape, &tape.constant(images), limit)?;
        let (measures, left) = csc.look(clipped.value())?;
        looks.extend(Look::all(&measures, &left)?);
    }
    Ok(CleanResidual { limit, ..clean_residual(&looks) })
}

/// The distance from their scaled reconstruction that all but [`CLIPPED`] of the pixels keep.
fn clean_limit(csc: &mut Csc, batches: &[Tensor]) -> Result<f32> {
    let (tape, mut distances) = (Tape::idle(), Vec::new());
    for images in batches {
        let kept = csc.clip_rounds(&tape, &tape.constant(images), 0.0, 1)?.value().to_vec()?;
        distances.extend(images.to_vec()?.iter().zip(kept).map(|(x, kept)| (x - kept).abs()));
    }
    let place = ((1.0 - CLIPPED) * (distances.len() - 1) as f64) as usize;
    Ok(*distances.select_nth_unstable_by(place, f32::total_cmp).1)
}

/// Mean and variance of one batch norm, by channel.
type Seen = [Vec<f32>; 2];

/// Mean and variance of every batch norm for every lambda. The running statistics are overwritten on the way.
fn tables(
    network: &mut Network,
    running: &[RunningStatistics],
    batches: &[Tensor],
    lambdas: &[f32],
    watch: &mut dyn FnMut(),
) -> Result<Vec<Seen>> {
    let running = running.iter().map(|r| Ok([r.mean.to_vec()?, r.variance.to_vec()?]));
    let running = running.collect::<Result<Vec<Seen>>>()?;
    let trained = network.config().lambda;
    let before = seen(network, batches, trained, watch)?;
    let mut tables = vec![Seen::default(); running.len()];
    for lambda in lambdas {
        let after = if *lambda == trained { before.clone() } else { seen(network, batches, *lambda, watch)? };
        for ((table, running), (before, after)) in tables.iter_mut().zip(&running).zip(before.iter().zip(&after)) {
            let [mean, variance] = changed(running, before, after);
            table[0].extend(mean);
            table[1].extend(variance);
        }
    }
    Ok(tables)
}

/// The running statistics, changed as what is seen changes from `before` to `after`.
fn changed(running: &Seen, before: &Seen, after: &Seen) -> Seen {
    let change = |what: usize, to: fn(f64, f64, f64) -> f64| {
        let values = running[what].iter().zip(before[what].iter().zip(&after[what]));
        values.map(|(r, (b, a))| to((*r).into(), (*b).into(), (*a).into()) as f32).collect()
    };
    [change(0, |running, before, after| running + after - before), change(1, scaled)]
}

/// A variance times the change of another; channels that see next to nothing stay as they are.
fn scaled(running: f64, before: f64, after: f64) -> f64 {
    const EPSILON: f64 = BATCH_NORM_EPSILON as f64;
    ((running + EPSILON) * (after + EPSILON) / (before + EPSILON) - EPSILON).max(0.0)
}

/// What every batch norm sees at a lambda: means over batches of mean and variance.
fn seen(network: &mut Network, batches: &[Tensor], lambda: f32, watch: &mut dyn FnMut()) -> Result<Vec<Seen>> {
    let mean = |sum: Tensor| Ok(sum.to_vec()?.into_iter().map(|v| v / batches.len() as f32).collect());
    let sums = sums(network, batches, lambda, watch)?;
    sums.into_iter().map(|[m, v]| Ok([mean(m)?, mean(v)?])).collect()
}

/// The sums over batches of mean and variance of every batch norm.
fn sums(network: &mut Network, batches: &[Tensor], lambda: f32, watch: &mut dyn FnMut()) -> Result<Vec<[Tensor; 2]>> {
    let gpu = network.gpu().clone();
    let zeros = |like: &Tensor| Tensor::full(&gpu, like.shape(), 0.0);
    let mut sums = Vec::new();
    for bn in network.batch_norms_mut() {
        let RunningStatistics { mean, variance } = &bn.running;
        sums.push([zeros(mean)?, zeros(variance)?]);
        bn.running = RunningStatistics { mean: zeros(mean)?, variance: zeros(variance)? };
    }
    for images in batches {
        let tape = Tape::idle();
        let mut pass = Pass::eval(&tape);
        pass.lambda = Some(Tensor::full(&gpu, &images.shape()[..1], lambda)?);
        // With all of the way to the batch's statistics, the running ones are the batch's.
        pass.batch_statistics = Some(1.0);
        network.forward(&pass, &tape.constant(images))?;
        for ([mean, variance], (_, bn)) in sums.iter_mut().zip(network.batch_norms()) {
            *mean = mean.add(&bn.running.mean)?;
            *variance = variance.add(&bn.running.variance)?;
        }
        gpu.submit()?;
        watch();
    }
    Ok(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn running_statistics_change_as_what_is_seen() {
        let running: Seen = [vec![1.0, 2.0], vec![0.5, 0.0]];
        let before: Seen = [vec![0.5, 2.0], vec![0.25, 0.0]];
        assert_eq!(changed(&running, &before, &before), running);
        let [mean, variance] = changed(&running, &before, &[vec![0.75, 1.0], vec![0.125, 0.0]]);
        assert_eq!((mean, variance[1]), (vec![1.25, 1.0], 0.0));
        assert!((variance[0] - 0.25).abs() < 1e-4, "half of what it was: {}", variance[0]);
        let none = scaled(1e-6, 1.0, 0.0);
        assert_eq!(none, 0.0, "less than none there is not");
    }
}
