//! What a classifier makes of an image.

use serde::Serialize;

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
}
