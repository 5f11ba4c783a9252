//! Images that are decoded whenever they are wanted.

use std::path::{Path, PathBuf};

use super::Picture;
use super::decode::{Decoded, decode};
use crate::error::{Error, Result};

/// The most bytes of decoded pixels that a split of a folder may take and be held in memory where nothing else is said: 2 GiB.
pub(super) const HELD_MOST: u64 = 2 << 30;

/// How files become images of one size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Framing {
    /// Height and width of every image.
    pub size: [usize; 2],
    /// 1 or 3.
    pub channels: usize,
    /// The share of the sides of an image that is seen; see [`Picture::framed`].
    pub center: f32,
    /// Whether pictures of another size are resized and cropped.
    pub resizes: bool,
    /// Whether there are originals, for random resized crops.
    pub crops: bool,
    /// What transparent pixels show.
    pub background: [u8; 3],
}

impl Framing {
    /// The picture in a file, of any size, with as many channels as the file has.
    pub fn decode(&self, path: &Path) -> Result<Decoded> {
        let decoded = decode(path, self.background)?;
        let Picture { height, width, channels, .. } = decoded.picture;
        if channels > self.channels {
            return Err(Error::file(path, "has colours now, unlike when its header was read; it has changed"));
        }
        if !self.resizes && [height, width] != self.size {
            let reason = format!("is {width}x{height} pixels, unlike when its header was read; it has changed");
            return Err(Error::file(path, reason));
        }
        Ok(decoded)
    }

    /// The image that a picture becomes.
    pub fn image(&self, picture: &Picture) -> Result<Picture> {
        picture.framed(self.size, self.center)?.with_channels(self.channels)
    }

    /// What random resized crops are cut from.
    pub fn original(&self, picture: &Picture) -> Result<Picture> {
        picture.reduced(self.size)?.with_channels(self.channels)
    }
}

/// The files of images that are not held in memory; each is decoded anew whenever its pixels are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Streamed {
    pub(super) files: Vec<ImageFile>,
    pub(super) framing: Framing,
}

/// The file of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageFile {
    pub path: PathBuf,
    /// Its length when its header was read.
    pub bytes: u64,
}

impl Streamed {
    /// The pixels of image `i`.
    pub(super) fn image(&self, i: usize) -> Result<Vec<u8>> {
        let decoded = self.framing.decode(&self.files[i].path)?;
        Ok(self.framing.image(&decoded.picture)?.pixels)
    }

    /// What a random resized crop of image `i` is cut from.
    pub(super) fn original(&self, i: usize) -> Result<Picture> {
        let Decoded { picture, .. } = self.framing.decode(&self.files[i].path)?;
        if self.framing.crops { self.framing.original(&picture) } else { self.framing.image(&picture) }
    }

    pub(super) fn select(&self, chosen: &[usize]) -> Self {
        Self { files: chosen.iter().map(|&i| self.files[i].clone()).collect(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::num::NonZero;

    use image::{GrayImage, Luma, Rgb, RgbImage};

    use super::super::{Augment, DataSource, Dataset, Normalization, Pixels, Split, fill_batch, load};

    /// Nine pictures of three sizes, or of one; the third is grey.
    fn pictures(one_size: bool) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (split, i) in ["train", "val"].into_iter().flat_map(|split| (0..9_u32).map(move |i| (split, i))) {
            let class = dir.path().join(split).join(["a", "b"][usize::from(i > 4)]);
            fs::create_dir_all(&class).unwrap();
            let (width, height) = if one_size { (12, 9) } else { [(12, 9), (70, 40), (20, 33)][i as usize % 3] };
            let value = |x: u32, y: u32| (x * 7 + y * 11 + i * 23) as u8;
            let path = class.join(format!("{i}.png"));
            if i == 2 {
                GrayImage::from_fn(width, height, |x, y| Luma([value(x, y)])).save(path).unwrap();
            } else {
                RgbImage::from_fn(width, height, |x, y| Rgb([value(x, y), value(y, x), 9])).save(path).unwrap();
            }
        }
        dir
    }

    fn read(dir: &tempfile::TempDir, split: Split, size: Option<[usize; 2]>, pixels: Pixels) -> Dataset {
        let name = dir.path().display().to_string();
        load(&DataSource { name, size, pixels: Some(pixels), ..DataSource::default() }, split).unwrap()
    }

    #[test]
    fn the_network_sees_the_same_of_streamed_images_by_any_number_of_threads() {
        let normalization = Normalization { mean: vec![0.1, 0.2, 0.3], std: vec![0.5; 3] };
        let cut = Some(Augment { pad: 0, flip: true, least_area: Some(0.25) });
        let padded = Some(Augment { pad: 2, flip: true, least_area: None });
        let order = [4, 0, 8, 2, 6, 1, 1, 3];
        for (one_size, size) in [(true, None), (false, Some([8, 10]))] {
            let dir = pictures(one_size);
            for (split, augment) in [(Split::Train, cut), (Split::Train, padded), (Split::Test, None)] {
                let held = read(&dir, split, size, Pixels::Held);
                let mut streamed = read(&dir, split, size, Pixels::Streamed);
                assert!(streamed.images.is_empty() && streamed.originals.is_empty() && held.streamed.is_none());
                assert_eq!(Augment::usual_for(&held), Augment::usual_for(&streamed));
                assert_eq!((&held.labels, held.image(2).unwrap()), (&streamed.labels, streamed.image(2).unwrap()));
                let want = fill_batch(&held, &order, &normalization, augment, 3, 1).unwrap();
                assert_eq!(want.1, [0, 0, 1, 0, 1, 0, 0, 0]);
                for workers in [1, 2, 5] {
                    streamed.workers = NonZero::new(workers);
                    assert_eq!(fill_batch(&streamed, &order, &normalization, augment, 3, 1).unwrap(), want);
                }
                let (some, few) = (held.subset(4), streamed.subset(4));
                assert_eq!(some.image(3).unwrap(), few.image(3).unwrap());
            }
        }
    }

    #[test]
    fn a_file_that_is_gone_or_has_changed_is_named() {
        let dir = pictures(true);
        let data = read(&dir, Split::Train, None, Pixels::Streamed);
        let error = || {
            let plain = Normalization { mean: vec![0.0; 3], std: vec![1.0; 3] };
            fill_batch(&data, &[0, 2, 1, 3], &plain, None, 0, 0).unwrap_err().to_string()
        };
        let of = |i: usize| dir.path().join(format!("train/a/{i}.png"));
        fs::remove_file(of(1)).unwrap();
        assert!(error().contains("1.png"), "{}", error());
        fs::copy(of(2), of(1)).unwrap();
        RgbImage::new(9, 12).save(of(2)).unwrap();
        assert!(error().contains("2.png: is 9x12 pixels, unlike"), "{}", error());
        let bytes = fs::read(of(0)).unwrap();
        fs::write(of(0), &bytes[..bytes.len() - 20]).unwrap();
        assert!(error().contains("0.png: is cut short or damaged"), "{}", error());
    }

    #[test]
    fn colours_where_none_were_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["train/a", "train/b"].map(|class| dir.path().join(class)) {
            fs::create_dir_all(&path).unwrap();
            GrayImage::new(4, 4).save(path.join("1.png")).unwrap();
        }
        let data = read(&dir, Split::Train, None, Pixels::Streamed);
        assert_eq!((data.channels, data.image(1).unwrap().len()), (1, 16));
        RgbImage::new(4, 4).save(dir.path().join("train/b/1.png")).unwrap();
        assert!(data.image(1).unwrap_err().to_string().contains("has colours now"));
    }

    #[test]
    fn fingerprints_are_of_names_lengths_and_labels() {
        let dir = pictures(false);
        let read = || read(&dir, Split::Train, Some([8, 10]), Pixels::Streamed);
        let print = read().fingerprint();
        assert!(print.starts_with("files-") && print.len() == 22, "{print}");
        assert_eq!(print, read().fingerprint());
        assert_ne!(print, read().subset(8).fingerprint());
        let mut other = read();
        other.labels[0] = 1;
        assert_ne!(print, other.fingerprint(), "a label");
        let file = dir.path().join("train/a/0.png");
        let bytes = fs::read(&file).unwrap();
        fs::write(&file, [&bytes[..], &[0]].concat()).unwrap();
        assert_ne!(print, read().fingerprint(), "a length");
        fs::write(&file, &bytes).unwrap();
        fs::rename(&file, dir.path().join("train/a/00.png")).unwrap();
        assert_ne!(print, read().fingerprint(), "a name");
        #[cfg(feature = "train")]
        assert!(
            read().is_fingerprint_of_other_kind("0123456789abcdef") && !read().is_fingerprint_of_other_kind(&print)
        );
    }
}
