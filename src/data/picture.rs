//! Pictures of any size.

#[cfg(feature = "files")]
use std::borrow::Cow;
#[cfg(feature = "files")]
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A picture of bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// `[height, width, channels]`, 0 to 255.
    pub pixels: Vec<u8>,
}

impl Picture {
    /// Reads a PNG, JPEG, WebP, BMP, GIF or TIFF file. It is turned as its EXIF orientation says; of several frames it is the
    /// first; 16 bits become 8; CMYK and palettes become RGB; transparent pixels show `background` (red, green, blue).
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for an image that is empty, cut short, damaged, too large, or of another format.
    #[cfg(feature = "files")]
    pub fn read(path: &Path, background: [u8; 3]) -> Result<Self> {
        Ok(super::decode::decode(path, background)?.picture)
    }

    /// The picture in grey (1 channel) or in colour (3). Grey becomes three equal channels; colours become
    /// `0.2126 R + 0.7152 G + 0.0722 B`, rounded.
    ///
    /// # Errors
    /// [`Error::Argument`] for another number of channels.
    pub fn with_channels(self, channels: usize) -> Result<Self> {
        let pixels = match (self.channels, channels) {
            (from, to) if from == to => self.pixels,
            (1, 3) => self.pixels.into_iter().flat_map(|grey| [grey; 3]).collect(),
            (3, 1) => self.pixels.as_chunks().0.iter().map(luma).collect(),
            (from, to) => {
                let reason = format!("a picture of {from} channel(s) can only become grey (1) or colour (3)");
                return Err(Error::argument("channels", to, reason));
            }
        };
        Ok(Self { channels, pixels, ..self })
    }

    /// The picture at `size` (height, width): of its largest centred part of that shape, the middle of `center` times its sides
    /// (1 for all of it, 0.875 for the middle 224 of 256 pixels), resized by a triangle filter that averages over all pixels when
    /// it reduces. With 1, a picture of that size already stays as it is.
    ///
    /// # Errors
    /// [`Error::Argument`] for a picture without pixels, or with other than 1 or 3 channels.
    #[cfg(feature = "files")]
    pub fn framed(&self, size: [usize; 2], center: f32) -> Result<Self> {
        let (height, width) = (self.height, self.width);
        let part = [height.min(scaled(width, size[0], size[1])), width.min(scaled(height, size[1], size[0]))];
        let middle = |side: usize| ((side as f64 * f64::from(center)).round() as usize).clamp(side.min(1), side);
        self.part_resized(part.map(middle), size)
    }

    /// The whole picture, reduced if its shorter side (relative to `size`) is more than twice that of `size`.
    ///
    /// Random crops resize it by linear interpolation, which is the mean of all pixels up to that factor.
    ///
    /// # Errors
    /// Those of [`Picture::framed`].
    #[cfg(feature = "files")]
    pub(super) fn reduced(&self, size: [usize; 2]) -> Result<Self> {
        let whole = [self.height, self.width];
        self.part_resized(whole, reduced_size(whole, size))
    }

    /// The centred part of height and width `part`, resized.
    #[cfg(feature = "files")]
    fn part_resized(&self, part: [usize; 2], size: [usize; 2]) -> Result<Self> {
        if part == size && size == [self.height, self.width] {
            return Ok(self.clone());
        }
        let pixels = match self.channels {
            1 => self.resize::<image::Luma<u8>>(part, size),
            3 => self.resize::<image::Rgb<u8>>(part, size),
            _ => None,
        };
        let pixels = pixels.ok_or_else(|| {
            let shape = format!("{:?}", [self.height, self.width, self.channels]);
            Error::argument("picture", shape, "only pictures of 1 or 3 channels, with pixels, can be resized")
        })?;
        Ok(Self { height: size[0], width: size[1], channels: self.channels, pixels })
    }

    #[cfg(feature = "files")]
    fn resize<P: image::Pixel<Subpixel = u8> + 'static>(&self, part: [usize; 2], size: [usize; 2]) -> Option<Vec<u8>> {
        use image::imageops::{FilterType, resize};
        if part.contains(&0) {
            return None;
        }
        let [top, left] = [(self.height - part[0]) / 2, (self.width - part[1]) / 2];
        let (start, row, length) = (left * self.channels, self.width * self.channels, part[1] * self.channels);
        let pixels = if part == [self.height, self.width] {
            Cow::Borrowed(&self.pixels[..])
        } else {
            let rows = (top..top + part[0]).map(|y| self.pixels.get(y * row + start..)?.get(..length));
            Cow::Owned(rows.collect::<Option<Vec<_>>>()?.concat())
        };
        let part = image::ImageBuffer::<P, _>::from_raw(part[1] as u32, part[0] as u32, pixels)?;
        Some(resize(&part, size[1] as u32, size[0] as u32, FilterType::Triangle).into_raw())
    }
}

/// Adds the images in a folder and all folders inside it. What is an image by its name, or cannot be told, is among them: reading
/// it says what is wrong. Returns a sentence on the other files, if there are any.
///
/// # Errors
/// [`Error::Io`] where the folder cannot be listed.
#[cfg(feature = "files")]
pub fn pictures_below(folder: &Path, images: &mut Vec<PathBuf>) -> Result<Option<String>> {
    let mut others = Vec::new();
    super::policy::images_below(folder, &mut Vec::new(), images, &mut others)?;
    Ok(super::policy::left_out(&others))
}

/// Reads many pictures by all processors, in order. What cannot be read comes as its error.
#[cfg(feature = "files")]
pub fn read_pictures(paths: &[PathBuf], background: [u8; 3]) -> Result<Vec<Result<Picture>>> {
    super::parallel::map(None, paths, |path| Ok(Picture::read(path, background)))
}

/// The size of a picture of `whole` (height, width) after [`Picture::reduced`].
#[cfg(feature = "files")]
pub(super) fn reduced_size(whole: [usize; 2], size: [usize; 2]) -> [usize; 2] {
    let [y, x] = [0, 1].map(|side| whole[side] as f64 / (2.0 * size[side] as f64));
    let factor = y.min(x).max(1.0);
    whole.map(|side| ((side as f64 / factor).round() as usize).max(1))
}

/// `length * up / down`, rounded, at least 1.
#[cfg(feature = "files")]
fn scaled(length: usize, up: usize, down: usize) -> usize {
    ((length as f64 * up as f64 / down as f64).round() as usize).max(1)
}

fn luma([r, g, b]: &[u8; 3]) -> u8 {
    let [r, g, b] = [r, g, b].map(|&value| u32::from(value));
    ((2126 * r + 7152 * g + 722 * b + 5000) / 10_000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(height: usize, width: usize, channels: usize, pixels: Vec<u8>) -> Picture {
        Picture { height, width, channels, pixels }
    }

    #[test]
    fn grey_and_colour_become_each_other() {
        let grey = picture(1, 2, 1, vec![7, 200]);
        let colour = grey.clone().with_channels(3).unwrap();
        assert_eq!(colour, picture(1, 2, 3, vec![7, 7, 7, 200, 200, 200]));
        assert_eq!(colour.with_channels(1).unwrap(), grey);
        assert_eq!(picture(1, 1, 3, vec![255, 0, 0]).with_channels(1).unwrap().pixels, [54]);
        assert!(grey.with_channels(4).unwrap_err().to_string().contains("channels = 4"));
    }

    #[cfg(feature = "files")]
    #[test]
    fn framing_takes_the_middle_and_keeps_the_shape_of_things() {
        // A row of 6 blocks of 10x10 pixels; the middle two remain in a frame of 1 to 2.
        let pixels = (0..600).map(|at| (at % 60 / 10 * 40) as u8).collect();
        let wide = picture(10, 60, 1, pixels);
        let tiny = wide.framed([1, 2], 1.0).unwrap();
        assert!(tiny.pixels[0].abs_diff(80) < 8 && tiny.pixels[1].abs_diff(120) < 8, "{tiny:?}");
        assert_eq!(wide.framed([10, 60], 1.0).unwrap(), wide);
        let middle = wide.framed([10, 20], 0.5).unwrap();
        assert_eq!((middle.pixels[2], middle.pixels[17]), (80, 120), "5x10 pixels of the middle");
        let small = wide.framed([5, 10], 1.0).unwrap();
        assert_eq!((small.pixels[0], small.pixels[9]), (80, 120));
        let large = picture(1, 1, 3, vec![1, 2, 3]).framed([2, 3], 1.0).unwrap();
        assert_eq!(large, picture(2, 3, 3, [1, 2, 3].repeat(6)));
        assert!(picture(0, 0, 1, vec![]).framed([2, 2], 1.0).is_err());
        assert!(picture(2, 2, 2, vec![0; 8]).framed([1, 1], 1.0).is_err());
    }

    #[cfg(feature = "files")]
    #[test]
    fn reduction_averages_all_pixels() {
        let checks =
            picture(64, 64, 1, (0..64 * 64).map(|at| if (at % 64 + at / 64) % 2 == 0 { 0 } else { 200 }).collect());
        let small = checks.framed([4, 4], 1.0).unwrap();
        assert!(small.pixels.iter().all(|p| p.abs_diff(100) < 8), "{:?}", small.pixels);
    }

    #[cfg(feature = "files")]
    #[test]
    fn originals_are_at_most_twice_the_size() {
        let size = |height, width| {
            let reduced = picture(height, width, 1, vec![9; height * width]).reduced([10, 20]).unwrap();
            [reduced.height, reduced.width]
        };
        assert_eq!(size(200, 800), [20, 80], "the height is the shorter side");
        assert_eq!(size(200, 200), [40, 40], "the width is, relative to the frame");
        assert_eq!(size(20, 41), [20, 41]);
        assert_eq!(size(5, 5), [5, 5], "never enlarged");
    }
}
