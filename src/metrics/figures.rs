//! All figures at once.

use serde::{Deserialize, Serialize};

use super::{BINS, Calibration, ClassFigures, Confusion, Judged};

/// What there is to say about the class scores of a set of images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Number of images.
    pub images: usize,
    /// Share of images whose best class is right.
    pub accuracy: f64,
    /// Share of images whose class is among the best five.
    pub top5: f64,
    /// Mean cross-entropy.
    pub loss: f64,
    /// Mean Brier score, 0 to 2.
    pub brier: f64,
    /// Every class among the others.
    pub classes: Vec<ClassFigures>,
    /// Which class is taken for which.
    pub confusion: Confusion,
    /// Accuracy over confidence, in [`BINS`] bins.
    pub calibration: Calibration,
}

impl Judged {
    /// All figures.
    pub fn figures(&self) -> Figures {
        let confusion = Confusion::of(self);
        Figures {
            images: self.images().len(),
            accuracy: self.accuracy(),
            top5: self.top5(),
            loss: self.mean_loss(),
            brier: self.mean(|of| of.brier),
            classes: confusion.by_class(),
            confusion,
            calibration: Calibration::of(self, BINS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_three_images_by_hand() {
        // Scores 6 5 4 3 2 1 0: class c has rank c.
        let row = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0];
        let figures = Judged::new(&[0, 4, 5], &row.repeat(3), 7).unwrap().figures();
        assert_eq!((figures.images, figures.accuracy, figures.top5), (3, 1.0 / 3.0, 2.0 / 3.0));
        // -log p(c) = c + log(1 + 1/e + .. + 1/e^6), and c is 3 on average.
        let log = (0..7).map(|c| (-f64::from(c)).exp()).sum::<f64>().ln();
        assert!((figures.loss - 3.0 - log).abs() < 1e-12);
        assert_eq!(figures.calibration.bins.len(), 15);
        assert_eq!(figures.confusion.rows()[4], [1, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn figures_come_back_from_json() {
        let figures = Judged::new(&[0, 1], &[1.0, 0.3, 0.2, 0.7, 0.1, 0.2], 3).unwrap().figures();
        let json = serde_json::to_string(&figures).unwrap();
        assert!(json.contains("\"recall\":null") && !json.contains("NaN"), "{json}");
        assert_eq!(serde_json::from_str::<Figures>(&json).unwrap(), figures);
    }
}
