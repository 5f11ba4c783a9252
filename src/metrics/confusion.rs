//! Which class is taken for which.

use serde::{Deserialize, Serialize};

use super::{Judged, share};

/// Counts of images, `[truth][guess]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<usize>>", into = "Vec<Vec<usize>>")]
pub struct Confusion {
    counts: Vec<Vec<usize>>,
}

impl TryFrom<Vec<Vec<usize>>> for Confusion {
    type Error = String;

    /// The rows must be as many as the columns.
    fn try_from(counts: Vec<Vec<usize>>) -> Result<Self, String> {
        match counts.iter().find(|row| row.len() != counts.len()) {
            Some(row) => Err(format!("a confusion of {} rows has a row of {}", counts.len(), row.len())),
            None => Ok(Self { counts }),
        }
    }
}

impl From<Confusion> for Vec<Vec<usize>> {
    fn from(confusion: Confusion) -> Self {
        confusion.counts
    }
}

/// One class among the others. With `TP` the images of the class that are recognised:
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassFigures {
    /// Images of the class.
    pub images: usize,
    /// Images that are taken for the class.
    pub guesses: usize,
    /// `TP / guesses`; nothing where no image is taken for the class.
    pub precision: Option<f64>,
    /// `TP / images`; nothing where the class has no image.
    pub recall: Option<f64>,
    /// `2 TP / (images + guesses)`, the harmonic mean of precision and recall; nothing where both are nothing.
    pub f1: Option<f64>,
}

/// Images of one class that are taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mistaken {
    /// The class of the images.
    pub truth: usize,
    /// What they are taken for.
    pub guess: usize,
    /// Number of images.
    pub count: usize,
}

impl Confusion {
    pub(super) fn of(judged: &Judged) -> Self {
        let mut counts = vec![vec![0; judged.classes()]; judged.classes()];
        for of in judged.images() {
            counts[of.truth][of.guess] += 1;
        }
        Self { counts }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.counts.len()
    }

    /// Counts of every guess, a row for each truth.
    pub fn rows(&self) -> &[Vec<usize>] {
        &self.counts
    }

    /// Images of class `truth` that are taken for class `guess`; 0 for classes that there are not.
    pub fn count(&self, truth: usize, guess: usize) -> usize {
        self.counts.get(truth).and_then(|row| row.get(guess)).copied().unwrap_or(0)
    }

    /// Images of this class.
    pub fn images(&self, truth: usize) -> usize {
        self.counts.get(truth).map_or(0, |row| row.iter().sum())
    }

    /// Images that are taken for this class.
    pub fn guesses(&self, guess: usize) -> usize {
        (0..self.classes()).map(|truth| self.count(truth, guess)).sum()
    }

    /// One for each class.
    pub fn by_class(&self) -> Vec<ClassFigures> {
        (0..self.classes()).map(|class| self.class(class)).collect()
    }

    fn class(&self, class: usize) -> ClassFigures {
        let (right, images, guesses) = (self.count(class, class), self.images(class), self.guesses(class));
        let (precision, recall) = (share(right, guesses), share(right, images));
        ClassFigures { images, guesses, precision, recall, f1: share(2 * right, images + guesses) }
    }

    /// The pairs of classes that are confused most often, at most so many, the most frequent first.
    pub fn most_frequent(&self, most: usize) -> Vec<Mistaken> {
        let of = |(truth, row): (usize, &Vec<usize>)| {
            let mistaken = move |(guess, &count): (usize, &usize)| Mistaken { truth, guess, count };
            row.iter().enumerate().map(mistaken).collect::<Vec<_>>()
        };
        let mut all = self.counts.iter().enumerate().flat_map(of).collect::<Vec<_>>();
        all.retain(|pair| pair.truth != pair.guess && pair.count > 0);
        all.sort_by_key(|pair| std::cmp::Reverse(pair.count));
        all.truncate(most);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Truths 0 0 0 1 1 3, guesses 0 0 1 0 1 2: class 2 has no image, class 3 is never guessed.
    fn confusion() -> Confusion {
        let guesses = [0, 0, 1, 0, 1, 2];
        let scores = guesses.iter().flat_map(|&guess| (0..4).map(move |c| f32::from(c == guess))).collect::<Vec<_>>();
        Confusion::of(&Judged::new(&[0, 0, 0, 1, 1, 3], &scores, 4).unwrap())
    }

    #[test]
    fn images_are_counted_by_truth_and_guess() {
        assert_eq!(confusion().rows(), [[2, 1, 0, 0], [1, 1, 0, 0], [0; 4], [0, 0, 1, 0]]);
        assert_eq!((confusion().images(0), confusion().guesses(0), confusion().count(9, 9)), (3, 3, 0));
    }

    #[test]
    fn precision_and_recall_by_hand() {
        let figures = |images, guesses, precision, recall, f1| ClassFigures { images, guesses, precision, recall, f1 };
        let expected = [
            figures(3, 3, Some(2.0 / 3.0), Some(2.0 / 3.0), Some(4.0 / 6.0)),
            figures(2, 2, Some(0.5), Some(0.5), Some(0.5)),
            figures(0, 1, Some(0.0), None, Some(0.0)),
            figures(1, 0, None, Some(0.0), Some(0.0)),
        ];
        assert_eq!(confusion().by_class(), expected);
    }

    #[test]
    fn a_class_that_is_neither_there_nor_guessed_has_no_figures() {
        let one = Confusion::of(&Judged::new(&[0], &[1.0, 0.0], 2).unwrap());
        let nothing = ClassFigures { images: 0, guesses: 0, precision: None, recall: None, f1: None };
        assert_eq!(one.by_class()[1], nothing);
        assert!(one.most_frequent(3).is_empty());
    }

    #[test]
    fn the_most_frequent_confusions_come_first() {
        let more = Confusion::try_from(vec![vec![5, 1, 3], vec![4, 9, 0], vec![3, 0, 1]]).unwrap();
        let found = more.most_frequent(3).iter().map(|m| (m.truth, m.guess, m.count)).collect::<Vec<_>>();
        assert_eq!(found, [(1, 0, 4), (0, 2, 3), (2, 0, 3)]);
    }

    #[test]
    fn json_holds_the_counts_and_must_be_square() {
        let json = serde_json::to_string(&confusion()).unwrap();
        assert_eq!(json, "[[2,1,0,0],[1,1,0,0],[0,0,0,0],[0,0,1,0]]");
        assert_eq!(serde_json::from_str::<Confusion>(&json).unwrap(), confusion());
        let error = serde_json::from_str::<Confusion>("[[1,2],[3]]").unwrap_err().to_string();
        assert!(error.contains("2 rows has a row of 1"), "{error}");
    }
}
