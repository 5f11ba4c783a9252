//! The strongest of several attacks on each image.

use super::Images;
use crate::error::Result;
use crate::robust::{Verdict, verdicts};

/// Of all pixels tried for each sample, those with the largest margin.
pub(super) struct Worst<'a> {
    images: &'a Images,
    pub(super) pixels: Vec<f32>,
    pub(super) verdicts: Vec<Verdict>,
}

impl<'a> Worst<'a> {
    /// The clean images, with the scores of these.
    pub(super) fn new(images: &'a Images, scores: &[f32]) -> Result<Self> {
        Ok(Self { images, pixels: images.pixels.clone(), verdicts: verdicts(scores, &images.labels)? })
    }

    /// Keeps each sample of `pixels` that is worse than what there is.
    pub(super) fn offer(&mut self, pixels: &[f32], scores: &[f32]) -> Result<()> {
        let len = self.images.image_len();
        let offered = pixels.chunks_exact(len).zip(verdicts(scores, &self.images.labels)?);
        for ((kept, verdict), (sample, new)) in self.pixels.chunks_exact_mut(len).zip(&mut self.verdicts).zip(offered) {
            if new.margin > verdict.margin {
                kept.copy_from_slice(sample);
                *verdict = new;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_worse_is_kept() {
        let images = Images::new([2, 1, 1, 1], vec![0.5, 0.5], vec![0, 0]).unwrap();
        let mut worst = Worst::new(&images, &[2.0, 1.0, 2.0, 1.0]).unwrap();
        worst.offer(&[0.6, 0.6], &[2.0, 0.0, 2.0, 3.0]).unwrap();
        worst.offer(&[0.7, 0.7], &[2.0, 1.0, 2.0, 2.5]).unwrap();
        assert_eq!(worst.pixels, [0.5, 0.6]);
        assert_eq!(worst.verdicts.iter().map(|v| v.fooled).collect::<Vec<_>>(), [false, true]);
    }
}
