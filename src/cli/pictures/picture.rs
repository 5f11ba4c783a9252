//! Pixels, text on them, and grids of them.

use std::io::Cursor;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// A colour: red, green, blue.
pub(super) type Rgb = [u8; 3];

pub(super) const PAPER: Rgb = [255, 255, 255];
pub(super) const INK: Rgb = [38, 38, 38];
pub(super) const RIGHT: Rgb = [22, 135, 62];
pub(super) const WRONG: Rgb = [200, 38, 38];

pub(super) const TEXT_SIZE: RasterHeight = RasterHeight::Size16;
pub(super) const TEXT_WIDTH: usize = get_raster_width(FontWeight::Regular, TEXT_SIZE);

/// An RGB picture with 8 bits per channel, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels per row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// `height * width * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A white picture of at least one pixel.
    pub(super) fn blank(width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self { width: width as u32, height: height as u32, rgb: PAPER.repeat(width * height) }
    }

    /// The picture as the bytes of a PNG file.
    ///
    /// # Errors
    /// Says that the number of bytes does not match the size, or what the encoder refuses.
    pub fn png(&self) -> Result<Vec<u8>, String> {
        let expected = u64::from(self.width) * u64::from(self.height) * 3;
        if self.rgb.len() as u64 != expected {
            return Err(format!("a {}x{} picture has {} bytes", self.width, self.height, self.rgb.len()));
        }
        let mut file = Cursor::new(Vec::new());
        PngEncoder::new(&mut file)
            .write_image(&self.rgb, self.width, self.height, ExtendedColorType::Rgb8)
            .map_err(|error| format!("PNG: {error}"))?;
        Ok(file.into_inner())
    }

    /// The bytes of one pixel; `None` outside the picture.
    pub(super) fn pixel(&mut self, x: usize, y: usize) -> Option<&mut [u8]> {
        if x >= self.width as usize {
            return None;
        }
        let start = (y * self.width as usize + x) * 3;
        self.rgb.get_mut(start..start + 3)
    }

    /// Fills a rectangle; what lies outside the picture is dropped.
    pub(super) fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: Rgb) {
        for y in top..top + height {
            for x in left..left + width {
                if let Some(pixel) = self.pixel(x, y) {
                    pixel.copy_from_slice(&colour);
                }
            }
        }
    }

    /// Draws an image whose pixel (x, y) is `colour(x, y)`, every pixel enlarged to a square of side `scale`.
    pub(super) fn enlarge(
        &mut self,
        at: (usize, usize),
        size: (usize, usize),
        scale: usize,
        colour: impl Fn(usize, usize) -> Rgb,
    ) {
        for y in 0..size.1 {
            for x in 0..size.0 {
                self.fill(at.0 + x * scale, at.1 + y * scale, scale, scale, colour(x, y));
            }
        }
    }

    /// Writes one line of text from its upper left corner. Characters beyond ASCII appear as `?`.
    pub(super) fn text(&mut self, left: usize, top: usize, text: &str, colour: Rgb) {
        for (index, character) in text.chars().enumerate() {
            let glyph = get_raster(character, FontWeight::Regular, TEXT_SIZE)
                .or_else(|| get_raster('?', FontWeight::Regular, TEXT_SIZE));
            let Some(glyph) = glyph else { continue };
            for (y, row) in glyph.rows().enumerate() {
                for (x, &ink) in row.iter().enumerate() {
                    self.blend(left + index * TEXT_WIDTH + x, top + y, colour, ink);
                }
            }
        }
    }

    /// Mixes `ink`/255 of a colour into one pixel.
    pub(super) fn blend(&mut self, x: usize, y: usize, colour: Rgb, ink: u8) {
        let Some(pixel) = self.pixel(x, y) else { return };
        for (old, new) in pixel.iter_mut().zip(colour) {
            let mixed = u32::from(*old) * u32::from(255 - ink) + u32::from(new) * u32::from(ink);
            *old = ((mixed + 127) / 255) as u8;
        }
    }
}

/// The number of columns for a grid of `count` cells that has the fewest empty cells, and is one to two times as wide as
/// high. `aspect` is the height of a cell divided by its width.
pub(super) fn columns_for(count: usize, aspect: f64) -> usize {
    let square = (count as f64 * aspect).sqrt();
    let (fewest, most) = (square.ceil() as usize, (2.0 * square).floor() as usize);
    let empty = |columns: &usize| count.div_ceil(*columns) * columns - count;
    let columns = (fewest.max(1)..=most).min_by_key(empty).unwrap_or(fewest).clamp(1, count.max(1));
    let rows = count.div_ceil(columns).max(1);
    count.div_ceil(rows).max(1)
}

#[cfg(test)]
pub(super) fn at(picture: &Picture, x: usize, y: usize) -> Rgb {
    let start = (y * picture.width as usize + x) * 3;
    picture.rgb[start..start + 3].try_into().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pictures::atoms;

    #[test]
    fn png_reads_back_to_the_same_pixels() {
        let picture = atoms(&[-1.0, 0.0, 0.5, 1.0], 1, 2, 1);
        let read = image::load_from_memory(&picture.png().unwrap()).unwrap().to_rgb8();
        assert_eq!((read.width(), read.height()), (picture.width, picture.height));
        assert_eq!(read.into_raw(), picture.rgb);
    }

    #[test]
    fn png_refuses_a_size_that_does_not_match() {
        assert!(Picture { width: 2, height: 2, rgb: vec![0; 11] }.png().is_err());
    }

    #[test]
    fn a_grid_has_room_for_all_and_no_empty_row_or_column() {
        for count in 1..200 {
            let columns = columns_for(count, 1.0);
            let rows = count.div_ceil(columns);
            assert!(columns * rows >= count && (columns - 1) * rows < count && columns * (rows - 1) < count, "{count}");
        }
    }
}
