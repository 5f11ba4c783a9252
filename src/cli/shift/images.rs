//! Grey images to measure filters on.

use std::path::Path;

use crate::cli::console::{note, note_if_fewer};
use crate::data::{Dataset, Picture, Split, bundled, pictures_below, read_pictures};
use crate::error::{Error, Result};

/// Grey images of one size.
pub(super) struct GreyImages {
    /// Of `side x side` values, from 0 to 1.
    pub images: Vec<Vec<f64>>,
    pub side: usize,
    pub name: String,
}

/// Bundled images along a side of a picture made of them.
const MOSAIC: usize = 8;

impl GreyImages {
    /// The first `count` pictures below a folder: their largest centred square, resized where it is not `side` pixels.
    ///
    /// # Errors
    /// [`Error::File`] for a folder without pictures, or with one that cannot be read.
    pub(super) fn below(folder: &Path, count: usize, side: usize) -> Result<Self> {
        let mut files = Vec::new();
        let left_out = pictures_below(folder, &mut files)?;
        left_out.into_iter().for_each(|text| note(format_args!("note: {text}")));
        if files.is_empty() {
            return Err(Error::file(folder, "holds no images (PNG, JPEG, WebP, BMP, GIF, TIFF)"));
        }
        note_if_fewer(folder.display(), files.len(), count, "image");
        files.truncate(count);
        let mut small = 0;
        let mut images = Vec::new();
        for picture in read_pictures(&files, [255; 3])? {
            let picture = picture?;
            small += usize::from(picture.height.min(picture.width) < side);
            images.push(grey(&picture.framed([side, side], 1.0)?.with_channels(1)?.pixels));
        }
        if small > 0 {
            note(format_args!(
                "note: {small} of {} images are smaller than {side} pixels and were enlarged, which takes high frequencies from them",
                images.len()
            ));
        }
        Ok(Self { images, side, name: folder.display().to_string() })
    }

    /// Pictures made of 64 bundled test images each.
    ///
    /// # Errors
    /// [`Error::Argument`] for more than there are.
    pub(super) fn mosaics(count: usize) -> Result<Self> {
        let data = bundled(Split::Test)?;
        let most = data.len() / (MOSAIC * MOSAIC);
        if count > most {
            let reason = format!("the bundled images make {most} pictures of {} each", MOSAIC * MOSAIC);
            return Err(Error::argument("count", count, reason));
        }
        let (small, side) = (data.width, data.width * MOSAIC);
        let mosaic = |first: usize| -> Result<Vec<f64>> {
            let tiles =
                (0..MOSAIC * MOSAIC).map(|i| data.image(first * MOSAIC * MOSAIC + i)).collect::<Result<Vec<_>>>()?;
            let at = |y: usize, x: usize| tiles[y / small * MOSAIC + x / small][y % small * small + x % small];
            Ok((0..side * side).map(|i| f64::from(at(i / side, i % side)) / 255.0).collect())
        };
        let images = (0..count).map(mosaic).collect::<Result<_>>()?;
        Ok(Self { images, side, name: format!("pictures of {} bundled test images each", MOSAIC * MOSAIC) })
    }

    /// The first `count` images of a data set; of images that are not square, the centred square.
    ///
    /// # Errors
    /// Those of [`Dataset::image`].
    pub(super) fn of(data: &Dataset, count: usize) -> Result<Self> {
        let Dataset { height, width, channels, .. } = *data;
        let side = height.min(width);
        let one = |i: usize| -> Result<Vec<f64>> {
            let picture = Picture { height, width, channels, pixels: data.image(i)?.into_owned() };
            Ok(grey(&picture.framed([side, side], 1.0)?.with_channels(1)?.pixels))
        };
        note_if_fewer(&data.name, data.len(), count, "test image");
        let images = (0..count.min(data.len())).map(one).collect::<Result<_>>()?;
        Ok(Self { images, side, name: data.name.clone() })
    }
}

fn grey(pixels: &[u8]) -> Vec<f64> {
    pixels.iter().map(|pixel| f64::from(*pixel) / 255.0).collect()
}
