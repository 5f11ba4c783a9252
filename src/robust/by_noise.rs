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

/// The share of the noisy images that a factor must gain: one in so many. Less is as well chance.
const GAINED: usize = 50;

/// How often `watch` is called.
pub(super) fn passes(images: usize, batch: usize) -> usize {
    let images = images.div_ceil(ONE_IN);
    LEVELS.len() * images.div_ceil(batch.clamp(1, images.max(1)))
}

/// The factor of the noise by which lambda grows so that most images keep the class that they have without noise, among those factors
/// with which hardly fewer do than with the lambda of the training, at any level of noise, and clearly more do in all: a larger lambda
/// also removes fine structures, which some images consist of.
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
    Ok(FACTORS[best(&kept, data.len())])
}

/// The number of the factor that keeps most images, by level and factor, of those that lose no more than are spared at any level against
/// the first and gain enough in all; of equal ones the smallest, and the first where there is none.
fn best(kept: &[Vec<usize>], images: usize) -> usize {
    let harmless = |&factor: &usize| kept.iter().all(|level| level[factor] + images / SPARED >= level[0]);
    let total = |factor: &usize| kept.iter().map(|level| level[*factor]).sum::<usize>();
    let wanted = total(&0) + (kept.len() * images).div_ceil(GAINED).max(1);
    let gains = |factor: &usize| total(factor) >= wanted;
    (1..FACTORS.len()).filter(harmless).filter(gains).rev().max_by_key(total).unwrap_or_default()
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
        assert_eq!(best(&[vec![90, 91, 92, 95], vec![50, 55, 60, 70]], 100), 3);
        // More in all, but fewer at one level, which is spared if there are enough images.
        assert_eq!(best(&[vec![90, 90, 89, 88], vec![50, 55, 60, 70]], 100), 1);
        assert_eq!(best(&[vec![180, 180, 179, 176], vec![100, 110, 120, 140]], 200), 2);
        assert_eq!(best(&[vec![90, 89, 89, 89], vec![50, 70, 70, 70]], 100), 0);
        // Of equal ones, the one that changes least; and none for less than one image in fifty.
        assert_eq!(best(&[vec![90, 92, 92, 92]], 100), 1);
        assert_eq!(best(&[vec![90, 91, 91, 91]], 100), 0);
        assert_eq!(best(&[], 0), 0);
    }
}
