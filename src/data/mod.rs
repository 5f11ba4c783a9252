//! Labelled images: readers, normalisation, and the seeded order and augmentation of training. All on the host.
//!
//! Images are bytes in NHWC order. They are held in memory, but for folders of images that would take more than 2 GiB: those are
//! streamed, that is, decoded whenever they are wanted. [`fill_batch`] turns either into what a network takes.

#[cfg(feature = "files")]
mod arrays;
mod augment;
mod batch;
mod batches;
#[cfg(feature = "files")]
mod bundled;
#[cfg(feature = "files")]
mod cifar;
mod classes;
#[cfg(feature = "files")]
mod corrupted;
mod crop;
#[cfg(feature = "files")]
mod decode;
#[cfg(feature = "train")]
mod erase;
mod fingerprint;
#[cfg(feature = "files")]
mod folder;
#[cfg(feature = "files")]
mod idx;
#[cfg(feature = "files")]
mod layout;
#[cfg(feature = "train")]
mod mix;
#[cfg(feature = "train")]
mod noisy;
mod normalization;
#[cfg(feature = "files")]
pub(crate) mod parallel;
mod picture;
#[cfg(feature = "files")]
mod policy;
pub(crate) mod random;
#[cfg(feature = "files")]
mod source;
mod split;
#[cfg(feature = "files")]
mod streamed;

pub use augment::Augment;
pub use batch::Batch;
pub use batches::{epoch_order, fill_batch};
#[cfg(feature = "files")]
pub use bundled::bundled;
#[cfg(feature = "files")]
pub use corrupted::{Corrupted, SEVERITIES};
#[cfg(feature = "train")]
pub use erase::erase;
#[cfg(feature = "cli")]
pub(crate) use folder::TESTED_ON;
#[cfg(feature = "files")]
pub use layout::Layout;
#[cfg(feature = "train")]
pub use mix::Mixing;
#[cfg(feature = "train")]
pub use noisy::add_noise;
pub use normalization::Normalization;
pub use picture::Picture;
#[cfg(feature = "files")]
pub use picture::{pictures_below, read_pictures};
#[cfg(feature = "files")]
pub use source::{DataSource, Pixels, load};
pub use split::{HoldOut, Split};
#[cfg(feature = "files")]
pub use streamed::Streamed;

use std::borrow::Cow;
use std::num::NonZero;

use crate::error::{Error, Result};

/// Labelled images of one size.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// What was read: `fashion-mnist`, `fashion-mnist-small`, `cifar10`, `cifar100`, or the folder.
    pub name: String,
    /// Pixels, [n, height, width, channels], 0 to 255; none where the images are [`streamed`](Dataset::streamed).
    /// [`Dataset::image`] has them in either case.
    pub images: Vec<u8>,
    /// The class of every image, below `classes`.
    pub labels: Vec<u16>,
    /// Height of every image, in pixels.
    pub height: usize,
    /// Width of every image, in pixels.
    pub width: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Number of classes, the same for both splits of a data set.
    pub classes: usize,
    /// A name for every class.
    pub class_names: Vec<String>,
    /// What was left out or changed on reading, a sentence each, for the user to see.
    pub notes: Vec<String>,
    /// The pictures that the images were made from, of any size, for random resized crops: one for each image, with as many
    /// channels, or none at all.
    pub originals: Vec<Picture>,
    /// The files of images that are not held in memory.
    #[cfg(feature = "files")]
    pub streamed: Option<Streamed>,
    /// Threads that prepare batches of the images; by default, as many as there are processors. No result depends on it.
    pub workers: Option<NonZero<usize>>,
}

impl Dataset {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes of one image: height * width * channels.
    pub fn image_len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The pixels of image `i`, [height, width, channels].
    ///
    /// # Errors
    /// Of a streamed image, [`Error::Io`] and [`Error::File`] naming a file that is gone, damaged, or has changed.
    ///
    /// # Panics
    /// Where `i` is not below [`Dataset::len`], as indexing a slice does.
    pub fn image(&self, i: usize) -> Result<Cow<'_, [u8]>> {
        #[cfg(feature = "files")]
        if let Some(streamed) = &self.streamed {
            return streamed.image(i).map(Cow::Owned);
        }
        let size = self.image_len();
        Ok(Cow::Borrowed(&self.images[i * size..][..size]))
    }

    /// What random resized crops of image `i` are cut from, and its height and width: its original, or else the image.
    fn to_crop(&self, i: usize) -> Result<(Cow<'_, [u8]>, [usize; 2])> {
        #[cfg(feature = "files")]
        if let Some(streamed) = &self.streamed {
            let original = streamed.original(i)?;
            return Ok((Cow::Owned(original.pixels), [original.height, original.width]));
        }
        match self.originals.get(i) {
            Some(original) => Ok((Cow::Borrowed(&original.pixels[..]), [original.height, original.width])),
            None => Ok((self.image(i)?, [self.height, self.width])),
        }
    }

    /// Whether there are originals for random resized crops.
    fn has_originals(&self) -> bool {
        !self.originals.is_empty() || self.streams_originals()
    }

    #[cfg(feature = "files")]
    fn streams_originals(&self) -> bool {
        self.streamed.as_ref().is_some_and(|streamed| streamed.framing.crops)
    }

    #[cfg(not(feature = "files"))]
    fn streams_originals(&self) -> bool {
        false
    }

    /// Demands that all images can be in memory at once, for what needs that.
    ///
    /// # Errors
    /// [`Error::Argument`] for streamed images of more than 2 GiB.
    #[cfg(feature = "train")]
    pub(crate) fn check_for_memory(&self, what: &str) -> Result<()> {
        let bytes = self.len() as u64 * self.image_len() as u64;
        if self.streamed.is_none() || bytes <= streamed::HELD_MOST {
            return Ok(());
        }
        let reason = format!(
            "{what} needs all {} images in memory, which would take {} MiB; take fewer of them",
            self.len(),
            bytes >> 20
        );
        Err(Error::argument("data", &self.name, reason))
    }

    /// `n` images spread evenly over the set (image `floor(i * len / n)` for i = 0..n), so that a set sorted by class
    /// keeps its proportions; all of them if there are at most `n`.
    pub fn subset(&self, n: usize) -> Self {
        let n = n.min(self.len());
        self.select(&(0..n).map(|i| i * self.len() / n).collect::<Vec<_>>())
    }

    /// The images of these indices, in this order.
    pub(crate) fn select(&self, chosen: &[usize]) -> Self {
        let size = self.image_len();
        let pixels = |&i: &usize| self.images.get(i * size..).unwrap_or_default().iter().take(size);
        Self {
            name: self.name.clone(),
            images: chosen.iter().flat_map(pixels).copied().collect(),
            labels: chosen.iter().map(|&i| self.labels[i]).collect(),
            class_names: self.class_names.clone(),
            notes: self.notes.clone(),
            originals: chosen.iter().filter_map(|&i| self.originals.get(i)).cloned().collect(),
            #[cfg(feature = "files")]
            streamed: self.streamed.as_ref().map(|streamed| streamed.select(chosen)),
            ..*self
        }
    }

    /// Checks that there is something to learn: images of at least two classes.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the data, where all images are of one class, of which a network is always right.
    pub fn check_for_training(&self) -> Result<()> {
        let Some(&first) = self.labels.first() else {
            return Err(Error::argument("data", &self.name, "holds no images for training"));
        };
        if self.labels.iter().all(|&label| label == first) {
            let class = self.class_names.get(usize::from(first)).cloned().unwrap_or_else(|| first.to_string());
            let reason = format!(
                "all its {} images for training are of one class, {class}; of one class only, a network is always right: \
                 training needs at least two",
                self.len()
            );
            return Err(Error::argument("data", &self.name, reason));
        }
        Ok(())
    }
}

/// Names for classes that have none: their numbers.
#[cfg(any(test, feature = "files"))]
fn numbered(classes: usize) -> Vec<String> {
    (0..classes).map(|c| c.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Image i is filled with (i * 7 + position) mod 256; its label is i mod 3.
    pub(super) fn counting(n: usize, height: usize, width: usize, channels: usize) -> Dataset {
        let size = height * width * channels;
        Dataset {
            name: "counting".into(),
            images: (0..n).flat_map(|i| (0..size).map(move |p| (i * 7 + p) as u8)).collect(),
            labels: (0..n).map(|i| (i % 3) as u16).collect(),
            height,
            width,
            channels,
            classes: 3,
            class_names: numbered(3),
            ..Dataset::default()
        }
    }

    #[test]
    fn one_class_is_nothing_to_learn() {
        let all = counting(10, 2, 3, 1);
        all.check_for_training().unwrap();
        let error = all.select(&[1, 4]).check_for_training().unwrap_err().to_string();
        assert!(error.contains("counting") && error.contains("one class, 1;"), "{error}");
        assert!(all.select(&[]).check_for_training().is_err());
    }

    #[test]
    fn subset_is_spread_evenly() {
        let all = counting(10, 2, 3, 1);
        let some = all.subset(4);
        assert_eq!(some.labels, [0, 2, 2, 1], "images 0, 2, 5 and 7");
        assert_eq!(some.image(2).unwrap(), all.image(5).unwrap());
        assert_eq!(some.len(), 4);
        assert_eq!(some.classes, 3);
        assert_eq!(all.subset(99), all);
        assert!(all.subset(0).is_empty());
    }
}
