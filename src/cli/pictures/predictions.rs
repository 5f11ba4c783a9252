//! Test images with what a network says of them.

use super::picture::{INK, PAPER, Picture, RIGHT, Rgb, TEXT_SIZE, TEXT_WIDTH, WRONG, columns_for};
use crate::models::best_with_probability;

/// One test image and what the network says of it.
#[derive(Clone, Debug)]
pub struct Tile<'a> {
    /// HWC bytes.
    pub pixels: &'a [u8],
    /// Number of rows.
    pub height: usize,
    /// Pixels per row.
    pub width: usize,
    /// 1 (grey) or 3 (RGB); with any other number the first channel is shown, in grey.
    pub channels: usize,
    /// The name of the true class.
    pub truth: String,
    /// The name of the predicted class.
    pub guess: String,
    /// The probability given to the guess, 0 to 1.
    pub confidence: f32,
}

impl<'a> Tile<'a> {
    /// An image of `[height, width, channels]` bytes whose class is `truth`, with what these class scores say of
    /// it. A class
    /// without a name goes by its number.
    pub fn judged(
        pixels: &'a [u8],
        [height, width, channels]: [usize; 3],
        truth: usize,
        scores: &[f32],
        class_names: &[String],
    ) -> Self {
        let name = |class: usize| class_names.get(class).cloned().unwrap_or_else(|| class.to_string());
        let (guess, confidence) = best_with_probability(scores);
        Self { pixels, height, width, channels, truth: name(truth), guess: name(guess), confidence }
    }
}

impl Tile<'_> {
    /// Whether the guess is the truth.
    fn right(&self) -> bool {
        self.guess == self.truth
    }

    /// The two lines of the caption.
    fn caption(&self) -> [String; 2] {
        let first = format!("{} {:.0}%", self.guess, 100.0 * self.confidence);
        let second = if self.right() { String::new() } else { format!("is {}", self.truth) };
        [first, second].map(|line| clip(&line))
    }

    /// The colour of one pixel; white if the image does not have it.
    fn colour(&self, x: usize, y: usize) -> Rgb {
        let start = (y * self.width + x) * self.channels;
        match self.pixels.get(start..start + self.channels) {
            Some(&[red, green, blue]) => [red, green, blue],
            Some(&[grey, ..]) => [grey; 3],
            _ => PAPER,
        }
    }
}

pub(super) const LINE: usize = TEXT_SIZE.val() + 1;
pub(super) const LONGEST: usize = 26;
pub(super) const BORDER: usize = 3;
pub(super) const CELL_GAP: usize = 12;
/// The side, in pixels, that small images are enlarged to reach: 4 times for 28 pixels.
pub(super) const IMAGE_SIDE: usize = 112;

/// Shortens a line that is too long for a caption.
pub(super) fn clip(line: &str) -> String {
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST - 2).chain("..".chars()).collect()
}

/// The size that all cells of the grid share.
pub(super) struct Cell {
    pub(super) image_height: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The factor by which an image is enlarged.
pub(super) fn enlargement(tile: &Tile) -> usize {
    (IMAGE_SIDE / tile.height.max(tile.width).max(1)).max(1)
}

/// A cell that has room for every image and caption.
pub(super) fn cell_for(images: &[Tile]) -> Cell {
    let widest = images.iter().map(|tile| tile.width * enlargement(tile)).max().unwrap_or(0) + 2 * BORDER;
    let highest = images.iter().map(|tile| tile.height * enlargement(tile)).max().unwrap_or(0) + 2 * BORDER;
    let longest = images.iter().flat_map(Tile::caption).map(|line| line.chars().count()).max().unwrap_or(0);
    Cell {
        image_height: highest,
        width: widest.max(longest * TEXT_WIDTH) + CELL_GAP,
        height: highest + 4 + 2 * LINE + CELL_GAP,
    }
}

/// Test images, enlarged, each with its predicted class and probability underneath.
///
/// The frame is green if the prediction is right. If it is wrong, the frame is red and the true class stands below.
pub fn predictions(images: &[Tile]) -> Picture {
    let cell = cell_for(images);
    let columns = columns_for(images.len(), cell.height as f64 / cell.width as f64);
    let rows = images.len().div_ceil(columns);
    let mut picture = Picture::blank(columns * cell.width + CELL_GAP, rows * cell.height + CELL_GAP);
    for (index, tile) in images.iter().enumerate() {
        let (row, column) = (index / columns, index % columns);
        draw_tile(&mut picture, tile, &cell, column * cell.width + CELL_GAP, row * cell.height + CELL_GAP);
    }
    picture
}

/// Draws one image with frame and caption; `left` and `top` are the cell's corner.
pub(super) fn draw_tile(picture: &mut Picture, tile: &Tile, cell: &Cell, left: usize, top: usize) {
    let scale = enlargement(tile);
    let (width, height) = (tile.width * scale, tile.height * scale);
    let inner = cell.width - CELL_GAP;
    let (x, y) = (left + (inner - width) / 2, top + (cell.image_height - height) / 2);
    let colour = if tile.right() { RIGHT } else { WRONG };
    picture.fill(x - BORDER, y - BORDER, width + 2 * BORDER, height + 2 * BORDER, colour);
    picture.enlarge((x, y), (tile.width, tile.height), scale, |x, y| tile.colour(x, y));
    let mut line_top = top + cell.image_height + 4;
    for (line, colour) in tile.caption().iter().zip([colour, INK]) {
        let indent = (inner - line.chars().count() * TEXT_WIDTH) / 2;
        picture.text(left + indent, line_top, line, colour);
        line_top += LINE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pictures::picture::at;

    fn tile<'a>(pixels: &'a [u8], channels: usize, guess: &str) -> Tile<'a> {
        let (truth, guess) = ("Coat".to_owned(), guess.to_owned());
        Tile { pixels, height: 28, width: 28, channels, truth, guess, confidence: 0.875 }
    }

    #[test]
    fn a_right_prediction_is_green_and_a_wrong_one_red_with_the_truth() {
        let pixels = [77; 28 * 28];
        let picture = predictions(&[tile(&pixels, 1, "Coat"), tile(&pixels, 1, "Shirt")]);
        let cell = 2 * BORDER + 112 + CELL_GAP;
        assert_eq!(picture.width as usize, 2 * cell + CELL_GAP);
        assert_eq!(at(&picture, CELL_GAP, CELL_GAP), RIGHT);
        assert_eq!(at(&picture, cell + CELL_GAP, CELL_GAP), WRONG);
        assert_eq!(at(&picture, CELL_GAP + 50, CELL_GAP + 50), [77; 3]);
        assert_eq!(tile(&pixels, 1, "Coat").caption(), ["Coat 88%".to_owned(), String::new()]);
        assert_eq!(tile(&pixels, 1, "Shirt").caption(), ["Shirt 88%".to_owned(), "is Coat".to_owned()]);
    }

    #[test]
    fn the_best_class_is_named_and_given_its_probability() {
        let names = ["Coat".to_owned(), "Shirt".to_owned()];
        let tile = Tile::judged(&[7], [1, 1, 1], 2, &[0.0, 3.0_f32.ln()], &names);
        assert_eq!((&*tile.guess, &*tile.truth), ("Shirt", "2"));
        assert!((tile.confidence - 0.75).abs() < 1e-6);
    }

    #[test]
    fn captions_leave_ink_below_the_image() {
        let pixels = [77; 28 * 28];
        let picture = predictions(&[tile(&pixels, 1, "Shirt")]);
        let below = CELL_GAP + 112 + 2 * BORDER;
        let inked = |from: usize, to: usize| {
            (from..to).any(|y| (0..picture.width as usize).any(|x| at(&picture, x, y) != PAPER))
        };
        assert!(inked(below + 4, below + 4 + LINE), "guess");
        assert!(inked(below + 4 + LINE, below + 4 + 2 * LINE), "truth");
    }

    #[test]
    fn predictions_survive_odd_input() {
        let long = tile(&[], 3, "a class whose name does not fit under any image, não");
        let mut large = tile(&[9; 12], 3, "Coat");
        (large.height, large.width) = (300, 200);
        assert!(predictions(&[]).png().is_ok());
        assert!(predictions(&[long, large, tile(&[], 0, "Coat")]).png().is_ok());
    }
}
