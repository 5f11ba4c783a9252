//! What class scores say of every image.

use crate::checks::check_finite;
use crate::error::{Error, Result};

/// What the class scores say of one image. With `p` the softmax of its scores and `y` its class:
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judgement {
    /// `y`.
    pub truth: usize,
    /// The class of the highest score; of equal ones, the lowest class.
    pub guess: usize,
    /// `p(guess)`: how sure the network is.
    pub probability: f64,
    /// Number of classes that come before the truth: those of a higher score, and lower classes of the same score.
    pub rank: usize,
    /// The cross-entropy, `-log p(y)`.
    pub loss: f64,
    /// The Brier score, `sum over c of (p(c) - [c = y])^2`: 0 to 2 (Brier 1950, eq. 2, for one occasion).
    pub brier: f64,
}

impl Judgement {
    /// Whether the guess is the truth.
    pub fn is_right(&self) -> bool {
        self.guess == self.truth
    }

    /// `scores` are finite, and `truth` is below their number.
    fn new(truth: usize, scores: &[f32]) -> Self {
        let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |score: f32| (f64::from(score) - f64::from(top)).exp();
        let total = scores.iter().copied().map(weight).sum::<f64>();
        let before =
            |(class, score): (usize, &f32)| *score > scores[truth] || (*score == scores[truth] && class < truth);
        let residual = |(class, score): (usize, &f32)| weight(*score) / total - f64::from(u8::from(class == truth));
        Self {
            truth,
            guess: scores.iter().position(|score| *score == top).unwrap_or(0),
            probability: 1.0 / total,
            rank: scores.iter().enumerate().filter(|&at| before(at)).count(),
            loss: total.ln() - (f64::from(scores[truth]) - f64::from(top)),
            brier: scores.iter().enumerate().map(|at| residual(at).powi(2)).sum(),
        }
    }
}

/// What class scores say of some images: of at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    classes: usize,
    images: Vec<Judgement>,
}

impl Judged {
    /// Judges images by their `labels`, `[n]`, and class scores (logits), `[n, classes]`.
    ///
    /// # Errors
    /// [`Error::Argument`] without an image or a class, [`Error::Shape`] for another number of scores, [`Error::Label`],
    /// [`Error::NotFinite`] for a score that is not a number, or infinite.
    pub fn new(labels: &[u16], scores: &[f32], classes: usize) -> Result<Self> {
        if labels.is_empty() {
            return Err(Error::argument("images", 0, "nothing can be measured without an image"));
        }
        if classes == 0 {
            return Err(Error::argument("classes", 0, "at least one class is needed"));
        }
        let mut judged = Self { classes, images: Vec::new() };
        judged.extend(labels, scores)?;
        Ok(judged)
    }

    /// Judges more images.
    ///
    /// # Errors
    /// As [`Judged::new`]; what was judged before is then left as it was.
    pub fn extend(&mut self, labels: &[u16], scores: &[f32]) -> Result<()> {
        let classes = self.classes;
        if Some(scores.len()) != labels.len().checked_mul(classes) {
            let reason = format!("{} images of {classes} classes have other scores", labels.len());
            return Err(Error::shape("metrics", reason, &[&[scores.len()]]));
        }
        if let Some(index) = labels.iter().position(|&label| usize::from(label) >= classes) {
            return Err(Error::Label { label: labels[index].into(), index, classes });
        }
        check_finite("the class scores", scores, "the images or the weights are far outside of what was trained on")?;
        let rows = labels.iter().zip(scores.chunks_exact(classes));
        self.images.extend(rows.map(|(&label, row)| Judgement::new(label.into(), row)));
        Ok(())
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// One for every image, in the order of the labels.
    pub fn images(&self) -> &[Judgement] {
        &self.images
    }

    /// Share of images whose best class is right.
    pub fn accuracy(&self) -> f64 {
        self.mean(|of| f64::from(u8::from(of.rank == 0)))
    }

    /// Share of images whose class is among the best five.
    pub fn top5(&self) -> f64 {
        self.mean(|of| f64::from(u8::from(of.rank < 5)))
    }

    /// Mean cross-entropy.
    pub fn mean_loss(&self) -> f64 {
        self.mean(|of| of.loss)
    }

    /// The indices of the wrong images of greatest confidence, at most so many, the greatest first.
    pub fn worst_mistakes(&self, most: usize) -> Vec<usize> {
        let mut wrong = (0..self.images.len()).filter(|&i| !self.images[i].is_right()).collect::<Vec<_>>();
        wrong.sort_by(|&a, &b| self.images[b].probability.total_cmp(&self.images[a].probability));
        wrong.truncate(most);
        wrong
    }

    /// The mean of something over the images.
    pub(super) fn mean(&self, value: impl Fn(&Judgement) -> f64) -> f64 {
        self.images.iter().map(value).sum::<f64>() / self.images.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_image_by_hand() {
        // Softmax of ln 1, ln 2, ln 5: 1/8, 2/8, 5/8.
        let scores = [0.0, 2.0_f32.ln(), 5.0_f32.ln()];
        let judged = Judged::new(&[1], &scores, 3).unwrap();
        let of = judged.images()[0];
        assert_eq!((of.truth, of.guess, of.rank, of.is_right()), (1, 2, 1, false));
        assert!((of.probability - 0.625).abs() < 1e-7);
        assert!((of.loss - 4.0_f64.ln()).abs() < 1e-7);
        // (1/8)^2 + (2/8 - 1)^2 + (5/8)^2 = (1 + 36 + 25) / 64.
        assert!((of.brier - 62.0 / 64.0).abs() < 1e-7);
    }

    #[test]
    fn of_equal_scores_the_lowest_class_wins() {
        let judged = Judged::new(&[0, 1, 2], &[3.0; 9], 3).unwrap();
        let of = |i: usize| (judged.images()[i].guess, judged.images()[i].rank, judged.images()[i].is_right());
        assert_eq!([of(0), of(1), of(2)], [(0, 0, true), (0, 1, false), (0, 2, false)]);
        assert!((judged.images()[2].probability - 1.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn large_scores_do_not_overflow_and_one_class_is_certain() {
        let far = Judged::new(&[0], &[-3e38, 3e38], 2).unwrap().images()[0];
        assert!(far.loss.is_finite() && far.loss > 5e38 && far.probability == 1.0 && far.brier == 2.0, "{far:?}");
        let one = Judged::new(&[0, 0], &[5.0, -5.0], 1).unwrap();
        assert!(one.images().iter().all(|of| of.is_right() && of.probability == 1.0 && of.loss == 0.0));
    }

    #[test]
    fn the_surest_mistakes_come_first() {
        let scores = [1.0, 0.0, 3.0, 0.0, 2.0, 0.0, 9.0, 0.0, 3.0, 0.0];
        let judged = Judged::new(&[1, 1, 1, 0, 1], &scores, 2).unwrap();
        assert_eq!(judged.worst_mistakes(9), [1, 4, 2, 0]);
        assert_eq!(judged.worst_mistakes(1), [1]);
    }

    #[test]
    fn what_cannot_be_judged_is_refused() {
        let refusal = |labels: &[u16], scores: &[f32], classes| Judged::new(labels, scores, classes).unwrap_err();
        assert!(matches!(refusal(&[], &[], 2), Error::Argument { name: "images", .. }));
        assert!(matches!(refusal(&[0], &[], 0), Error::Argument { name: "classes", .. }));
        assert!(matches!(refusal(&[0], &[1.0; 3], 2), Error::Shape { .. }));
        assert!(matches!(refusal(&[0, 2], &[1.0; 4], 2), Error::Label { label: 2, index: 1, classes: 2 }));
        assert!(matches!(refusal(&[0], &[1.0, f32::NAN], 2), Error::NotFinite { index: 1, .. }));
        assert!(matches!(refusal(&[0], &[f32::INFINITY, 1.0], 2), Error::NotFinite { index: 0, .. }));
    }
}
