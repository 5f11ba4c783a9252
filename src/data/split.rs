//! The two parts of a data set, and how one is held out of the other.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The part of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// For training.
    Train,
    /// For evaluation.
    Test,
}

impl Split {
    /// The other one.
    #[cfg(feature = "files")]
    pub(super) fn other(self) -> Self {
        match self {
            Self::Train => Self::Test,
            Self::Test => Self::Train,
        }
    }
}

/// Images held out of those for training, to test on: a share of each class, chosen at random. As text: `0.1`, or `0.1:7` for
/// seed 7.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldOut {
    /// The share of each class, between 0 and 1; of every class, at least one image is held out and one is left.
    pub share: f64,
    /// Which images they are depends on this, and on the names of all classes and files.
    pub seed: u64,
}

impl fmt::Display for HoldOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seed {
            0 => write!(f, "{}", self.share),
            seed => write!(f, "{}:{seed}", self.share),
        }
    }
}

impl FromStr for HoldOut {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refusal = || Error::argument("hold-out", text, "must be a share between 0 and 1, such as 0.1, or 0.1:SEED");
        let (share, seed) = text.split_once(':').unwrap_or((text, "0"));
        let share = share.parse::<f64>().ok().filter(|share| *share > 0.0 && *share < 1.0).ok_or_else(refusal)?;
        Ok(Self { share, seed: seed.parse().map_err(|_| refusal())? })
    }
}

#[cfg(feature = "files")]
impl HoldOut {
    /// The images of a class, in order, that belong to a split. `class` is its number.
    ///
    /// # Errors
    /// [`Error::Argument`] for a class of one image.
    pub(super) fn part<T>(self, split: Split, class: usize, name: &str, images: Vec<T>) -> Result<Vec<T>> {
        use super::random::{Purpose, stream};
        use rand::seq::SliceRandom;
        let count = images.len();
        if count < 2 {
            let reason =
                format!("class {name} has {count} image(s), and so none to hold out; add images, or a folder test");
            return Err(Error::argument("hold-out", self, reason));
        }
        let held = ((count as f64 * self.share).round() as usize).clamp(1, count - 1);
        let mut order = (0..count).collect::<Vec<_>>();
        order.shuffle(&mut stream(Purpose::HoldOut, self.seed, class as u64, 0));
        let mut is_held = vec![false; count];
        order[..held].iter().for_each(|&i| is_held[i] = true);
        let wanted = split == Split::Test;
        Ok(images.into_iter().zip(is_held).filter(|(_, held)| *held == wanted).map(|(image, _)| image).collect())
    }
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_each_class_is_held_out() {
        let part = |text: &str, split, count: usize| {
            text.parse::<HoldOut>().unwrap().part(split, 3, "cat", (0..count).collect()).unwrap()
        };
        for (text, count, held) in [("0.1", 50, 5), ("0.1:7", 50, 5), ("0.01", 20, 1), ("0.99", 5, 4), ("0.5", 2, 1)] {
            let (test, train) = (part(text, Split::Test, count), part(text, Split::Train, count));
            assert_eq!(test.len(), held, "{text} of {count}");
            let mut all = [test, train].concat();
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>(), "no image is in both or in neither");
        }
        assert_eq!(part("0.2", Split::Test, 50), part("0.2:0", Split::Test, 50));
        assert_ne!(part("0.2", Split::Test, 50), part("0.2:1", Split::Test, 50));
        let alone = "0.5".parse::<HoldOut>().unwrap().part(Split::Train, 0, "cat", vec![()]).unwrap_err().to_string();
        assert!(alone.contains("class cat"), "{alone}");
    }

    #[test]
    fn text_is_a_share_and_perhaps_a_seed() {
        for text in ["0.1", "0.25:3"] {
            assert_eq!(text.parse::<HoldOut>().unwrap().to_string(), text);
        }
        for text in ["0", "1", "-0.1", "NaN", "ten", "0.1:", "0.1:x", ""] {
            assert!(text.parse::<HoldOut>().is_err(), "{text}");
        }
    }
}
