//! Whether a network that is 80 % sure is right 80 % of the time.

use serde::{Deserialize, Serialize};

use super::{Judged, Judgement};

/// Number of bins that the calibration error is usually computed with (arXiv 1706.04599, section 5).
pub const BINS: usize = 15;

/// The images whose confidence, the probability of the guess, lies in `(lower, upper]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Confidence above which the bin begins.
    pub lower: f64,
    /// Greatest confidence of the bin.
    pub upper: f64,
    /// Number of images.
    pub images: usize,
    /// Share of them that are right; nothing for an empty bin.
    pub accuracy: Option<f64>,
    /// Mean of their confidences; nothing for an empty bin.
    pub confidence: Option<f64>,
}

/// Accuracy over confidence (Guo et al., *On Calibration of Modern Neural Networks*, arXiv 1706.04599, eq. 3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The expected calibration error: with `n` images, of which `|B|` lie in bin `B`,
    /// `sum over B of |B| / n * |accuracy(B) - confidence(B)|`. 0 for a calibrated network, at most 1.
    pub ece: f64,
    /// The bins, of equal width, from confidence 0 to 1.
    pub bins: Vec<Bin>,
}

impl Calibration {
    /// With so many bins, at least one.
    pub(super) fn of(judged: &Judged, bins: usize) -> Self {
        let mut members = vec![Vec::new(); bins];
        for of in judged.images() {
            let bin = (of.probability * bins as f64).ceil() as usize;
            members[bin.clamp(1, bins) - 1].push(*of);
        }
        let edge = |bin: usize| bin as f64 / bins as f64;
        let bins = members.iter().enumerate().map(|(i, some)| Bin::of(edge(i), edge(i + 1), some)).collect::<Vec<_>>();
        let gap = |bin: &Bin| Some(bin.images as f64 * (bin.accuracy? - bin.confidence?).abs());
        Self { ece: bins.iter().filter_map(gap).sum::<f64>() / judged.images().len() as f64, bins }
    }
}

impl Bin {
    fn of(lower: f64, upper: f64, members: &[Judgement]) -> Self {
        let images = members.len();
        let right = members.iter().filter(|of| of.is_right()).count();
        let sure = members.iter().map(|of| of.probability).sum::<f64>();
        let mean = |sum: f64| (images > 0).then(|| sum / images as f64);
        Self { lower, upper, images, accuracy: mean(right as f64), confidence: mean(sure) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images of two classes with these confidences, right or wrong.
    fn judged(images: &[(f64, bool)]) -> Judged {
        let labels = images.iter().map(|&(_, right)| u16::from(!right)).collect::<Vec<_>>();
        let scores = images.iter().flat_map(|&(p, _)| [(p / (1.0 - p)).ln() as f32, 0.0]).collect::<Vec<_>>();
        Judged::new(&labels, &scores, 2).unwrap()
    }

    #[test]
    fn the_calibration_error_by_hand() {
        // Bins of a fifth: (0.4, 0.6] holds 0.55 right; (0.8, 1] holds 0.9 right, 0.9 wrong, 0.95 right.
        let calibration = Calibration::of(&judged(&[(0.55, true), (0.9, true), (0.9, false), (0.95, true)]), 5);
        let images = calibration.bins.iter().map(|bin| bin.images).collect::<Vec<_>>();
        assert_eq!(images, [0, 0, 1, 0, 3]);
        let last = calibration.bins[4];
        assert_eq!((last.lower, last.upper, last.accuracy), (0.8, 1.0, Some(2.0 / 3.0)));
        assert!((last.confidence.unwrap() - 2.75 / 3.0).abs() < 1e-7);
        assert_eq!((calibration.bins[0].accuracy, calibration.bins[0].confidence), (None, None));
        // 1/4 * 0.45 + 3/4 * (2.75 - 2) / 3.
        assert!((calibration.ece - 0.3).abs() < 1e-7, "{}", calibration.ece);
    }

    #[test]
    fn the_greatest_confidence_of_a_bin_belongs_to_it() {
        // Equal scores of two classes are a confidence of exactly 1/2, the end of the first of two bins.
        let calibration = Calibration::of(&Judged::new(&[0], &[1.0, 1.0], 2).unwrap(), 2);
        assert_eq!((calibration.bins[0].images, calibration.bins[1].images), (1, 0));
    }

    #[test]
    fn a_network_of_one_class_is_calibrated() {
        let calibration = Calibration::of(&Judged::new(&[0, 0], &[3.0, -2.0], 1).unwrap(), BINS);
        assert_eq!((calibration.ece, calibration.bins[BINS - 1].images), (0.0, 2));
    }
}
