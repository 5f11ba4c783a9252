//! The two parts of a data set, and how one is held out of the other.

use std::fmt;
#[cfg(feature = "files")]
use std::path::{Path, PathBuf};
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
    /// The share of each class, more than 0; of every class, at least one image is held out and one is left. With 1, all images are
    /// for tests.
    pub share: f64,
    /// Which images they are depends on this, and on the names of classes and files.
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
        let refusal = || {
            Error::argument("hold-out", text, "must be a share of more than 0 and at most 1, such as 0.1, or 0.1:SEED")
        };
        let (share, seed) = text.split_once(':').unwrap_or((text, "0"));
        let share = share.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0).ok_or_else(refusal)?;
        Ok(Self { share, seed: seed.parse().map_err(|_| refusal())? })
    }
}

#[cfg(feature = "files")]
impl HoldOut {
    /// The images of a class that belong to a split, in their order.
    ///
    /// # Errors
    /// [`Error::Argument`] for a class of which nothing would be left.
    pub(super) fn part(self, split: Split, class: &str, images: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
        let count = images.len();
        if self.share >= 1.0 {
            let reason = "holds all images out, and leaves none to train on";
            return if split == Split::Test { Ok(images) } else { Err(Error::argument("hold-out", self, reason)) };
        }
        if count < 2 {
            let reason =
                format!("class {class} has {count} image(s), and so none to hold out; add images, or a folder test");
            return Err(Error::argument("hold-out", self, reason));
        }
        let held = ((count as f64 * self.share).round() as usize).clamp(1, count - 1);
        let mut order = (0..count).collect::<Vec<_>>();
        order.sort_by_cached_key(|&i| self.rank(class, &images[i]));
        let mut is_held = vec![false; count];
        order[..held].iter().for_each(|&i| is_held[i] = true);
        let wanted = split == Split::Test;
        Ok(images.into_iter().zip(is_held).filter(|(_, held)| *held == wanted).map(|(image, _)| image).collect())
    }

    /// A number that depends on the names of an image and its class alone, so that few images change sides where others are added
    /// or removed (FNV-1a, with the last step of SplitMix64).
    fn rank(self, class: &str, image: &Path) -> u64 {
        let name = image.file_name().unwrap_or_default().as_encoded_bytes();
        let bytes = self.seed.to_le_bytes().into_iter().chain(class.bytes()).chain([0]).chain(name.iter().copied());
        let hash = bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use super::*;

    fn part(text: &str, split: Split, names: &[usize]) -> Result<Vec<usize>> {
        let images = names.iter().map(|n| PathBuf::from(format!("pets/cat/{n:03}.png"))).collect();
        let part = text.parse::<HoldOut>()?.part(split, "cat", images)?;
        Ok(part.iter().map(|path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap()).collect())
    }

    #[test]
    fn a_share_of_each_class_is_held_out() {
        for (text, count, held) in [("0.1", 50, 5), ("0.1:7", 50, 5), ("0.01", 20, 1), ("0.99", 5, 4), ("0.5", 2, 1)] {
            let names = (0..count).collect::<Vec<_>>();
            let (test, train) = (part(text, Split::Test, &names).unwrap(), part(text, Split::Train, &names).unwrap());
            assert_eq!(test.len(), held, "{text} of {count}");
            assert!(test.is_sorted() && train.is_sorted());
            let mut all = [test, train].concat();
            all.sort_unstable();
            assert_eq!(all, names, "no image is in both or in neither");
        }
        let fifty = (0..50).collect::<Vec<_>>();
        let test = |text| part(text, Split::Test, &fifty).unwrap();
        assert_eq!(test("0.2"), test("0.2:0"));
        assert_ne!(test("0.2"), test("0.2:1"));
        assert_eq!(test("1"), fifty);
        assert!(part("1", Split::Train, &fifty).unwrap_err().to_string().contains("none to train on"));
        let alone = part("0.5", Split::Train, &[3]).unwrap_err().to_string();
        assert!(alone.contains("class cat"), "{alone}");
    }

    #[test]
    fn few_images_change_sides_where_one_is_removed_or_added() {
        let all = (0..60).collect::<Vec<_>>();
        let before = part("0.2", Split::Test, &all).unwrap();
        for removed in all.iter().copied() {
            let rest = all.iter().copied().filter(|n| *n != removed).collect::<Vec<_>>();
            let after = part("0.2", Split::Test, &rest).unwrap();
            let moved = after.iter().filter(|n| !before.contains(n)).count();
            assert!(moved <= 1, "{moved} images changed sides without {removed}");
        }
    }

    #[test]
    fn text_is_a_share_and_perhaps_a_seed() {
        for text in ["0.1", "0.25:3"] {
            assert_eq!(text.parse::<HoldOut>().unwrap().to_string(), text);
        }
        for text in ["0", "1.1", "-0.1", "NaN", "ten", "0.1:", "0.1:x", ""] {
            assert!(text.parse::<HoldOut>().is_err(), "{text}");
        }
    }
}
