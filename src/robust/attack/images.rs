//! The images to attack.

use crate::data::Dataset;
use crate::error::{Error, Result};

/// Labelled images with pixels in `[0, 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    /// `[n, height, width, channels]`
    pub(super) shape: [usize; 4],
    pub(super) pixels: Vec<f32>,
    pub(super) labels: Vec<u32>,
    /// The key of each sample's random numbers: its index in the whole set.
    pub(super) ids: Vec<u64>,
}

impl Images {
    /// Images `[n, height, width, channels]` and one label each.
    ///
    /// # Errors
    /// [`Error::Shape`] if the numbers do not match or there are no images, [`Error::Argument`] for a pixel outside
    /// `[0, 1]`.
    pub fn new(shape: [usize; 4], pixels: Vec<f32>, labels: Vec<u32>) -> Result<Self> {
        if shape.contains(&0) || pixels.len() != shape.iter().product::<usize>() || labels.len() != shape[0] {
            let reason = format!("{} pixels and {} labels do not fill the shape", pixels.len(), labels.len());
            return Err(Error::shape("attack", reason, &[&shape]));
        }
        if let Some(outside) = pixels.iter().find(|p| !(0.0..=1.0).contains(*p)) {
            return Err(Error::argument("pixel", outside, "images under attack have pixels in [0, 1]"));
        }
        let ids = (0..shape[0] as u64).collect();
        Ok(Self { shape, pixels, labels, ids })
    }

    /// All images of a data set.
    ///
    /// # Errors
    /// [`Error::Shape`] if it is empty; those of [`Dataset::image`]; [`Error::Argument`] for streamed images of more than 2 GiB.
    pub fn from_dataset(data: &Dataset) -> Result<Self> {
        data.check_for_memory("an attack")?;
        let mut pixels = Vec::with_capacity(data.len() * data.image_len());
        for i in 0..data.len() {
            pixels.extend(data.image(i)?.iter().map(|&byte| f32::from(byte) / 255.0));
        }
        let labels = data.labels.iter().map(|&label| label.into()).collect();
        Self::new([data.len(), data.height, data.width, data.channels], pixels, labels)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.shape[0]
    }

    /// Whether there are none: always false.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pixels, `[n, height, width, channels]`.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// The labels.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Values of one image.
    pub fn image_len(&self) -> usize {
        self.shape[1..].iter().product()
    }

    /// The same samples with other pixels.
    pub(super) fn with_pixels(&self, pixels: Vec<f32>) -> Result<Self> {
        Ok(Self { ids: self.ids.clone(), ..Self::new(self.shape, pixels, self.labels.clone())? })
    }

    /// Some of the samples, by number, at least one.
    pub(super) fn only(&self, chosen: &[usize]) -> Self {
        let [_, height, width, channels] = self.shape;
        let image = |i: &usize| &self.pixels[i * self.image_len()..][..self.image_len()];
        Self {
            shape: [chosen.len(), height, width, channels],
            pixels: chosen.iter().flat_map(image).copied().collect(),
            labels: chosen.iter().map(|i| self.labels[*i]).collect(),
            ids: chosen.iter().map(|i| self.ids[*i]).collect(),
        }
    }

    /// Batches of one size, and how many samples of each count: the last is padded with its first image, so that
    /// kernels are compiled for one shape.
    pub(super) fn batches(&self, size: usize) -> Result<Vec<(Self, usize)>> {
        if size == 0 {
            return Err(Error::argument("batch", 0, "at least one image a pass is needed"));
        }
        let size = size.min(self.len());
        let batch = |first: usize| {
            let count = size.min(self.len() - first);
            let chosen = (first..first + count).chain(std::iter::repeat_n(first, size - count));
            (self.only(&chosen.collect::<Vec<_>>()), count)
        };
        Ok((0..self.len()).step_by(size).map(batch).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_have_one_size_and_every_sample_once() {
        let pixels = (0..5).flat_map(|i| [i as f32 / 8.0; 2]).collect();
        let images = Images::new([5, 1, 2, 1], pixels, (0..5).collect()).unwrap();
        let batches = images.batches(2).unwrap();
        assert_eq!(batches.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 2, 1]);
        let (last, _) = &batches[2];
        assert_eq!((last.shape, &last.labels[..], &last.ids[..]), ([2, 1, 2, 1], &[4, 4][..], &[4, 4][..]));
        assert_eq!(last.pixels, [0.5; 4]);
        assert_eq!(images.batches(99).unwrap(), [(images.clone(), 5)]);
        assert!(matches!(images.batches(0), Err(Error::Argument { name: "batch", .. })));
    }

    #[test]
    fn images_that_are_none_are_refused() {
        assert!(Images::new([0, 2, 2, 1], vec![], vec![]).is_err());
        assert!(Images::new([1, 2, 2, 1], vec![0.5; 3], vec![0]).is_err());
        assert!(Images::new([1, 1, 1, 1], vec![0.5], vec![]).is_err());
        for pixel in [-0.01, 1.01, f32::NAN] {
            assert!(matches!(Images::new([1, 1, 1, 1], vec![pixel], vec![0]), Err(Error::Argument { .. })), "{pixel}");
        }
    }
}
