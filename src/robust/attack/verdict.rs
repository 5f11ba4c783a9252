//! What a classifier makes of an image.

use serde::Serialize;

use super::Images;
use crate::error::{Error, Result};
use crate::ops::check_labels;

/// What a classifier makes of an image whose class is known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The best score of any other class, less that of the label.
    pub margin: f32,
    /// Whether another class is best (of equal scores the lower class counts as better).
    pub fooled: bool,
}

/// The verdict on each sample of scores `[n, classes]`.
///
/// # Errors
/// [`Error::Shape`] where the scores are not as many for each label, [`Error::Label`].
pub fn verdicts(scores: &[f32], labels: &[u32]) -> Result<Vec<Verdict>> {
    if labels.is_empty() || scores.is_empty() || !scores.len().is_multiple_of(labels.len()) {
        let reason = format!("{} labels need as many rows of scores", labels.len());
        return Err(Error::shape("verdicts", reason, &[&[scores.len()]]));
    }
    let classes = scores.len() / labels.len();
    check_labels(labels, classes)?;
    Ok(scores.chunks_exact(classes).zip(labels).map(|(scores, &label)| verdict(scores, label as usize)).collect())
}

fn verdict(scores: &[f32], label: usize) -> Verdict {
    let others = || scores.iter().enumerate().filter(|(class, _)| *class != label);
    let best = others().map(|(_, score)| *score).fold(f32::NEG_INFINITY, f32::max);
    let better = |(class, score): (usize, &f32)| *score > scores[label] || (*score == scores[label] && class < label);
    Verdict { margin: best - scores[label], fooled: others().any(better) }
}

/// Share of the samples that are classified correctly.
pub fn accuracy(verdicts: &[Verdict]) -> f64 {
    verdicts.iter().filter(|v| !v.fooled).count() as f64 / verdicts.len() as f64
}

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
    fn margins_are_those_to_the_best_other_class() {
        let all = verdicts(&[1.0, 4.0, 2.0, 1.0, 4.0, 2.0], &[1, 2]).unwrap();
        assert_eq!(all, [Verdict { margin: -2.0, fooled: false }, Verdict { margin: 2.0, fooled: true }]);
        assert_eq!(accuracy(&all), 0.5);
    }

    #[test]
    fn of_equal_scores_the_lower_class_wins() {
        let fooled = |label| verdicts(&[3.0, 3.0], &[label]).unwrap()[0].fooled;
        assert!(!fooled(0) && fooled(1));
    }

    #[test]
    fn scores_without_labels_and_labels_without_class_are_refused() {
        assert!(matches!(verdicts(&[1.0, 2.0, 3.0], &[0, 0]), Err(Error::Shape { .. })));
        assert!(matches!(verdicts(&[1.0, 2.0], &[]), Err(Error::Shape { .. })));
        assert!(matches!(verdicts(&[1.0, 2.0], &[2]), Err(Error::Label { label: 2, .. })));
    }

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
