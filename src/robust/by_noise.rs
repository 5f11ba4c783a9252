//! By how much lambda should grow with the noise of an image: tried on training images with noise.

use super::corrupt::{Corruption, Kind};
use super::sweep::{Run, SweepConfig, sweep};
use super::{Adapted, LambdaRule, Line, Measure};
use crate::data::{Dataset, Normalization};
use crate::error::Result;
use crate::models::{Model, best_class};
use crate::train::filled_batch;

/// What is tried, from no growth on. Atoms have unit norm, so that white noise of deviation sigma has that deviation in every value
/// of `A^T x` too, where lambda is the threshold: four sigma removes all of it.
const FACTORS: [f64; 4] = [0.0, 1.0, 2.0, 4.0];
/// The standard deviations of the normal noise that is added, where white is 1.
const LEVELS: [f32; 4] = [0.03, 0.06, 0.12, 0.24];
/// The share of the images that noise is added to: one in so many.
const ONE_IN: usize = 4;
/// The share of the images whose class a factor may lose at a level, beyond those that it keeps: one in so many.
const SPARED: usize = 200;

/// How often `watch` is called.
pub(super) fn passes(images: usize, batch: usize) -> usize {
    let images = images.div_ceil(ONE_IN);
    LEVELS.len() * images.div_ceil(batch.clamp(1, images.max(1)))
}

/// The factor of the noise by which lambda grows so that most images keep the class that they have without noise, among those factors
/// with which hardly fewer do than with the lambda of the training, at any level of noise: a larger lambda also removes fine
/// structures, which some images consist of.
pub(super) fn lambda_by_noise<M: Model>(
    network: &Adapted<M>,
    data: &Dataset,
    normalization: &Normalization,
    batch: usize,
    watch: &mut dyn FnMut(),
) -> Result<f64> {
    let Some(trained) = network.trained_lambda() else { return Ok(0.0) };
    let mut data = data.subset(data.len().div_ceil(ONE_IN));
    data.labels = classes(network.model(), &data, normalization, batch)?;
    let rule = |slope| LambdaRule::Auto(Measure::Noise, Line { slope, intercept: trained.into() });
    let runs = FACTORS.map(|factor| Run::from(rule(factor))).to_vec();
    let config = SweepConfig { runs, layer: 0, batch, measure: None };
    let mut kept = Vec::new();
    for level in LEVELS {
        let noisy = Corruption::new(Kind::Gaussian, level)?.dataset(&data, 0)?;
        let outcomes = sweep(network, &noisy, normalization, &config, watch)?.outcomes;
        kept.push(outcomes.iter().map(|o| o.correct.iter().filter(|kept| **kept).count()).collect());
    }
    Ok(FACTORS[best(&kept, data.len() / SPARED)])
}

/// The number of the factor that keeps most, by level and factor, of those that lose no more than spared at any level against the first;
/// of equal ones the smallest.
fn best(kept: &[Vec<usize>], spared: usize) -> usize {
    let harmless = |&factor: &usize| kept.iter().all(|level| level[factor] + spared >= level[0]);
    let total = |factor: &usize| kept.iter().map(|level| level[*factor]).sum::<usize>();
    (0..FACTORS.len()).filter(harmless).rev().max_by_key(total).unwrap_or_default()
}

/// The classes that a network gives to images.
fn classes<M: Model>(model: &M, data: &Dataset, normalization: &Normalization, batch: usize) -> Result<Vec<u16>> {
    let order = (0..data.len() as u32).collect::<Vec<_>>();
    let batch = batch.min(data.len());
    let mut classes = Vec::new();
    for indices in order.chunks(batch) {
        let (images, _) = filled_batch(data, indices, normalization, batch)?;
        let scores = model.predict(&images.upload(model.gpu())?)?.to_vec()?;
        let of = scores.chunks_exact(model.classes()).map(|scores| best_class(scores) as u16);
        classes.extend(of.take(indices.len()));
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_factor_keeps_most_and_loses_nowhere() {
        // More in all, but fewer at one level.
        assert_eq!(best(&[vec![90, 91, 92, 95], vec![50, 55, 60, 70]], 0), 3);
        assert_eq!(best(&[vec![90, 90, 89, 88], vec![50, 55, 60, 70]], 0), 1);
        assert_eq!(best(&[vec![90, 90, 89, 88], vec![50, 55, 60, 70]], 1), 2);
        assert_eq!(best(&[vec![90, 89, 89, 89], vec![50, 70, 70, 70]], 0), 0);
        // Of equal ones, the one that changes least.
        assert_eq!(best(&[vec![90, 90, 90, 90]], 0), 0);
        assert_eq!(best(&[], 0), 0);
    }
}
