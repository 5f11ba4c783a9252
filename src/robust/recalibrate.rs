//! What clean images are like, and how a network sees them at other lambdas: batch-norm statistics.
//!
//! Changing lambda changes the codes, and with them what every batch norm sees; the published code keeps statistics as
//! trained. Here they are adjusted for each lambda of a grid, by how they change on clean training images. Then noise is added
//! to these images, to see whether a larger lambda does any good. No labels are used, and no weights change.

use std::rc::Rc;

use super::by_noise::{self, lambda_by_noise};
use super::scratch::Scratch;
use super::{Adapted, Classifier, CleanImages, Recalibration, Table, Tables};
use crate::data::{Augment, Dataset, Normalization, fill_batch};
use crate::error::{Error, Result};
use crate::layers::{BATCH_NORM_EPSILON, BatchNorm, Pass, batch_norms};
use crate::models::Model;
use crate::ops::RunningStatistics;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::train::check_fit;

/// How to recalibrate.
#[derive(Clone, Debug, PartialEq)]
pub struct RecalibrateConfig {
    /// The grid, ascending.
    pub lambdas: Vec<f32>,
    /// Number of images, spread evenly over the data.
    pub images: usize,
    /// Batch size.
    pub batch: usize,
    /// The augmentation used in training.
    pub augment: Option<Augment>,
    /// Seed of the augmentation.
    pub seed: u64,
}

impl Default for RecalibrateConfig {
    /// Lambda 0.1, 0.2 .. 1.0; 2,000 images as they are.
    fn default() -> Self {
        Self { lambdas: usual_lambdas(), images: 2000, batch: 100, augment: None, seed: 0 }
    }
}

impl RecalibrateConfig {
    /// How often `watch` will be called for `available` images, for a network with this lambda.
    pub fn passes(&self, available: usize, trained: f32) -> usize {
        let images = self.images.min(available);
        let batches = images / self.batch.min(images).max(1);
        let statistics = batches * (1 + self.lambdas.iter().filter(|l| **l != trained).count());
        statistics + by_noise::passes(images, self.batch)
    }
}

/// The default grid of lambdas: 0.1, 0.2 .. 1.0. What lies beyond costs clean images too much.
pub fn usual_lambdas() -> Vec<f32> {
    (1..=10).map(|i| i as f32 / 10.0).collect()
}

/// Finds a network's batch-norm statistics for each lambda of a grid in the layers that take one
/// ([`Adapted::set_lambda_layers`]), what clean images are like ([`CleanImages`]), and by how much lambda should grow with the noise
/// of an image ([`Recalibration::lambda_by_noise`]); from then on the network uses them.
///
/// What clean images are like is learned from plain images, statistics from augmented ones as in training. What a batch norm sees is the mean over
/// batches of the batch's mean or unbiased variance, where every later batch norm gets its input normalised by the
/// batch as in training: what running statistics tend to. Images of an incomplete batch are left out. The change
/// from the trained lambda to another one is applied to the running statistics, so that they stay unchanged at
/// the trained lambda:
///
/// `mean(lambda) = running mean + seen mean(lambda) - seen mean(trained)`, and
/// `variance(lambda) + epsilon = (running variance + epsilon) (seen variance(lambda) + epsilon) / (seen variance(trained) + epsilon)`
///
/// `watch` is called [`RecalibrateConfig::passes`] times.
///
/// # Errors
/// [`Error::Argument`] for a grid that is not ascending or does not span the trained lambda, or without images or sparse coding
/// layers;
/// [`Error::Shape`] if the data do not fit the network, [`Error::OutOfMemory`].
pub fn recalibrate<M: Model>(
    network: &mut Adapted<M>,
    data: &Dataset,
    normalization: &Normalization,
    config: &RecalibrateConfig,
    watch: &mut dyn FnMut(),
) -> Result<Recalibration> {
    network.check_one_lambda()?;
    if data.is_empty() || config.images == 0 || config.batch == 0 {
        return Err(Error::argument("images", data.len().min(config.images), "at least one image is needed"));
    }
    check_fit(network.model(), data)?;
    normalization.check(data.channels)?;
    let data = data.subset(config.images);
    let batch = config.batch.min(data.len());
    let mut recalibration = Recalibration {
        lambdas: config.lambdas.clone(),
        layers: network.lambda_layers().to_vec(),
        images: data.len() / batch * batch,
        clean: CleanImages::default(),
        lambda_by_noise: 0.0,
    };
    recalibration.check()?;
    let (first, last) = (config.lambdas[0], config.lambdas[config.lambdas.len() - 1]);
    if let Some(trained) = network.trained_lambda().filter(|trained| !(first..=last).contains(trained)) {
        let reason = format!("must begin at or below the lambda of the training, {trained}, and end at or above it");
        return Err(Error::argument("lambdas", format!("{:?}", config.lambdas), reason));
    }
    let gpu = network.gpu().clone();
    let all = (0..recalibration.images as u32).collect::<Vec<_>>();
    let pixels = |indices: &[u32], augment| {
        Ok::<_, Error>(fill_batch(&data, indices, normalization, augment, config.seed, 0)?.0)
    };
    let size = [data.height, data.width, data.channels];
    let plain = pixels(&all, None)?;
    recalibration.clean = CleanImages::of(&plain, size);
    let batches = all.chunks_exact(batch).zip(plain.chunks_exact(batch * data.image_len())).map(|(indices, plain)| {
        let augmented = config.augment.map(|augment| pixels(indices, Some(augment))).transpose()?;
        Tensor::from_slice(&gpu, &[batch, size[0], size[1], size[2]], augmented.as_deref().unwrap_or(plain))
    });
    let batches = batches.collect::<Result<Vec<_>>>()?;
    let tables = tables(network, &batches, &config.lambdas, watch)?;
    network.set_recalibration(recalibration.clone(), &tables)?;
    recalibration.lambda_by_noise = lambda_by_noise(network, &data, normalization, batch, watch)?;
    network.set_recalibration(recalibration.clone(), &tables)?;
    Ok(recalibration)
}

/// The statistics of every batch norm for every lambda.
fn tables<M: Model>(
    network: &Adapted<M>,
    batches: &[Tensor],
    lambdas: &[f32],
    watch: &mut dyn FnMut(),
) -> Result<Tables> {
    let norms = batch_norms(network.model());
    let running = norms.iter().map(|(_, bn)| seen_of(&bn.running)).collect::<Result<Vec<_>>>()?;
    let trained = network.trained_lambda().unwrap_or_default();
    let before = seen(network, batches, trained, watch)?;
    let mut tables = vec![Table::default(); norms.len()];
    for lambda in lambdas {
        let after = if *lambda == trained { before.clone() } else { seen(network, batches, *lambda, watch)? };
        for ((table, running), (before, after)) in tables.iter_mut().zip(&running).zip(before.iter().zip(&after)) {
            let Table { mean, variance } = changed(running, before, after);
            table.mean.extend(mean);
            table.variance.extend(variance);
        }
    }
    Ok(norms.into_iter().map(|(name, _)| name).zip(tables).collect())
}

/// Statistics of one batch norm at one lambda, by channel.
fn seen_of(statistics: &RunningStatistics) -> Result<Table> {
    Ok(Table { mean: statistics.mean.to_vec()?, variance: statistics.variance.to_vec()? })
}

/// The running statistics, adjusted by the change from `before` to `after`.
fn changed(running: &Table, before: &Table, after: &Table) -> Table {
    let change = |of: fn(&Table) -> &Vec<f32>, to: fn(f64, f64, f64) -> f64| {
        let values = of(running).iter().zip(of(before).iter().zip(of(after)));
        values.map(|(r, (b, a))| to((*r).into(), (*b).into(), (*a).into()) as f32).collect()
    };
    Table {
        mean: change(|table| &table.mean, |running, before, after| running + after - before),
        variance: change(|table| &table.variance, scaled),
    }
}

/// A variance times the ratio of two others; channels with hardly any variance stay unchanged.
fn scaled(running: f64, before: f64, after: f64) -> f64 {
    const EPSILON: f64 = BATCH_NORM_EPSILON as f64;
    ((running + EPSILON) * (after + EPSILON) / (before + EPSILON) - EPSILON).max(0.0)
}

/// What every batch norm sees at a lambda: means over batches of mean and variance.
fn seen<M: Model>(
    network: &Adapted<M>,
    batches: &[Tensor],
    lambda: f32,
    watch: &mut dyn FnMut(),
) -> Result<Vec<Table>> {
    let norms = batch_norms(network.model());
    let zeros = |like: &Tensor| Tensor::full(like.gpu(), like.shape(), 0.0);
    let both = |bn: &BatchNorm| Ok(RunningStatistics { mean: zeros(&bn.bias)?, variance: zeros(&bn.bias)? });
    let mut sums = norms.iter().map(|(_, bn)| both(bn)).collect::<Result<Vec<_>>>()?;
    for images in batches {
        let tape = Tape::idle();
        // With all of the way to the batch's statistics, those that are moved are the batch's.
        let pass = Pass::eval(&tape).with_batch_statistics(1.0);
        let watching = Rc::new(Scratch::default());
        let passes = network.at(pass.with_hook(watching.clone()), &vec![lambda; images.shape()[0]])?;
        network.model().forward(&passes[0], &tape.constant(images))?;
        for (sum, (name, bn)) in sums.iter_mut().zip(&norms) {
            let found = watching.of(name, bn)?;
            sum.mean = sum.mean.add(&found.mean)?;
            sum.variance = sum.variance.add(&found.variance)?;
        }
        network.gpu().submit()?;
        watch();
    }
    let mean = |mut table: Table| {
        table.mean.iter_mut().chain(&mut table.variance).for_each(|v| *v /= batches.len() as f32);
        table
    };
    sums.iter().map(|sum| seen_of(sum).map(mean)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(mean: &[f32], variance: &[f32]) -> Table {
        Table { mean: mean.into(), variance: variance.into() }
    }

    #[test]
    fn running_statistics_change_as_what_is_seen() {
        let running = table(&[1.0, 2.0], &[0.5, 0.0]);
        let before = table(&[0.5, 2.0], &[0.25, 0.0]);
        assert_eq!(changed(&running, &before, &before), running);
        let Table { mean, variance } = changed(&running, &before, &table(&[0.75, 1.0], &[0.125, 0.0]));
        assert_eq!((mean, variance[1]), (vec![1.25, 1.0], 0.0));
        assert!((variance[0] - 0.25).abs() < 1e-4, "half the variance: {}", variance[0]);
        assert_eq!(scaled(1e-6, 1.0, 0.0), 0.0, "a variance is never negative");
    }
}
