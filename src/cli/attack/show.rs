//! Adversarial images as a picture.

use std::path::Path;

use crate::cli::pictures::{self, Pair, Tile, write_png};
use crate::data::Dataset;
use crate::error::Result;
use crate::robust::attack::{Images, Target, judge};

/// Rows of the picture.
const ROWS: usize = 6;

/// The factor by which differences are enlarged: 8/255 is a quarter of the way from grey to white.
const FACTOR: f32 = 8.0;

/// What the picture is made from.
pub struct Gallery<'a> {
    /// The title.
    pub title: String,
    pub data: &'a Dataset,
    pub images: &'a Images,
    /// The adversarial pixels of all images.
    pub adversarial: &'a [f32],
    /// Images per pass.
    pub batch: usize,
}

impl Gallery<'_> {
    /// Writes `adversarial.png`. It shows images that the target gets right when they are clean and wrong when they are
    /// adversarial; if those are too few, others as well.
    ///
    /// # Errors
    /// Those of the model; [`crate::error::Error::Io`] if the file cannot be written.
    pub fn write(&self, out: &Path, target: &Target) -> Result<()> {
        let chosen = self.choose(target)?;
        let (clean, changed) = (self.part(self.images.pixels(), &chosen)?, self.part(self.adversarial, &chosen)?);
        let clean_scores = target.scores(&clean, clean.pixels())?;
        let changed_scores = target.scores(&changed, changed.pixels())?;
        let change = changed.pixels().iter().zip(clean.pixels()).map(|(a, c)| a - c).collect::<Vec<_>>();
        let bytes = |images: &Images| images.pixels().iter().map(|p| (255.0 * p).round() as u8).collect::<Vec<_>>();
        let (clean_bytes, changed_bytes) = (bytes(&clean), bytes(&changed));
        let (len, classes) = (clean.image_len(), clean_scores.len() / clean.len());
        let pairs = chosen.iter().enumerate().map(|(i, &sample)| {
            let (pixels, scores) = (i * len..(i + 1) * len, i * classes..(i + 1) * classes);
            Pair {
                clean: self.tile(&clean_bytes[pixels.clone()], &clean_scores[scores.clone()], sample),
                adversarial: self.tile(&changed_bytes[pixels.clone()], &changed_scores[scores], sample),
                change: &change[pixels],
            }
        });
        let picture = pictures::adversarial(&self.title, &pairs.collect::<Vec<_>>(), FACTOR);
        write_png(&out.join("adversarial.png"), &picture)
    }

    /// The numbers of the samples to show.
    fn choose(&self, target: &Target) -> Result<Vec<usize>> {
        let before = judge(target, self.images, self.images.pixels(), self.batch)?;
        let after = judge(target, self.images, self.adversarial, self.batch)?;
        let mut order = (0..self.images.len()).collect::<Vec<_>>();
        order.sort_by_key(|&i| before[i].fooled || !after[i].fooled);
        order.truncate(ROWS);
        Ok(order)
    }

    fn part(&self, pixels: &[f32], chosen: &[usize]) -> Result<Images> {
        let len = self.images.image_len();
        let pixels = chosen.iter().flat_map(|&i| &pixels[i * len..(i + 1) * len]).copied().collect();
        let labels = chosen.iter().map(|&i| self.images.labels()[i]).collect();
        Images::new([chosen.len(), self.data.height, self.data.width, self.data.channels], pixels, labels)
    }

    fn tile<'a>(&self, pixels: &'a [u8], scores: &[f32], sample: usize) -> Tile<'a> {
        let Dataset { height, width, channels, labels, class_names, .. } = self.data;
        Tile::judged(pixels, [*height, *width, *channels], usize::from(labels[sample]), scores, class_names)
    }
}
