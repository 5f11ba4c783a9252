//! The batches of an epoch, as a training step takes them.

use crate::data::{Augment, Dataset, Mixing, Normalization, add_noise, erase, fill_batch};
use crate::error::Result;
use crate::ops::Target;

/// How a batch is made of the images.
pub(super) struct Preparation<'a> {
    pub(super) data: &'a Dataset,
    pub(super) normalization: Normalization,
    pub(super) augment: Option<Augment>,
    pub(super) noise: f32,
    pub(super) erase: f32,
    pub(super) mixing: Mixing,
    pub(super) seed: u64,
    pub(super) epoch: u64,
}

/// A batch on the host.
pub(super) struct Batch {
    /// `[n, height, width, channels]`, normalised.
    pub(super) pixels: Vec<f32>,
    pub(super) targets: Vec<Target>,
}

impl Preparation<'_> {
    /// Batch `number` of the epoch: its samples are changed one by one, then normalised, made noisy, erased, and mixed with each other.
    ///
    /// # Errors
    /// Those of [`fill_batch`].
    pub(super) fn batch(&self, number: usize, indices: &[u32]) -> Result<Batch> {
        let Self { data, ref normalization, augment, seed, epoch, .. } = *self;
        let image = [data.height, data.width, data.channels];
        let (mut pixels, labels) = fill_batch(data, indices, normalization, augment, seed, epoch)?;
        if self.noise > 0.0 {
            add_noise(&mut pixels, data.image_len(), indices, self.noise, normalization, seed, epoch);
        }
        if self.erase > 0.0 {
            erase(&mut pixels, image, indices, self.erase, seed, epoch);
        }
        let weight = self.mixing.mix(&mut pixels, image, seed, epoch, number as u64);
        let others = labels.iter().cycle().skip(labels.len().saturating_sub(1));
        let targets = labels.iter().zip(others).map(|(own, other)| Target { labels: [*own, *other], weight });
        Ok(Batch { targets: targets.collect(), pixels })
    }
}
