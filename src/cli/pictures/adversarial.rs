//! Adversarial images beside the clean ones.

use super::picture::{INK, Picture, Rgb, TEXT_WIDTH};
use super::predictions::{CELL_GAP, LINE, Tile, cell_for, clip, draw_tile, enlargement};

/// A clean image, the adversarial one, and their difference.
#[derive(Clone, Debug)]
pub struct Pair<'a> {
    /// The clean image and what the network says of it.
    pub clean: Tile<'a>,
    /// The adversarial image, of the same size, and what the network says of it.
    pub adversarial: Tile<'a>,
    /// Adversarial minus clean, HWC, where 1 is the range of a pixel.
    pub change: &'a [f32],
}

/// One row for each image: clean, adversarial, and their difference times `factor` about grey. Frames are green where
/// the prediction is right and red where it is wrong. The title stands above them all.
pub fn adversarial(title: &str, pairs: &[Pair], factor: f32) -> Picture {
    let tiles = pairs.iter().flat_map(|pair| [pair.clean.clone(), pair.adversarial.clone()]).collect::<Vec<_>>();
    let caption = format!("difference x {factor:.0}");
    let mut cell = cell_for(&tiles);
    cell.width = cell.width.max(caption.len() * TEXT_WIDTH + CELL_GAP);
    let top = LINE + 2 * CELL_GAP;
    let width = (3 * cell.width + CELL_GAP).max(title.chars().count() * TEXT_WIDTH + 2 * CELL_GAP);
    let mut picture = Picture::blank(width, top + pairs.len() * cell.height);
    picture.text(CELL_GAP, CELL_GAP, title, INK);
    for (row, pair) in pairs.iter().enumerate() {
        let at = |column: usize| (CELL_GAP + column * cell.width, top + row * cell.height);
        for (column, tile) in [&pair.clean, &pair.adversarial].into_iter().enumerate() {
            draw_tile(&mut picture, tile, &cell, at(column).0, at(column).1);
        }
        let (tile, (left, top)) = (&pair.clean, at(2));
        let scale = enlargement(tile);
        let inner = cell.width - CELL_GAP;
        let corner = (left + (inner - tile.width * scale) / 2, top + (cell.image_height - tile.height * scale) / 2);
        let colour = |x: usize, y: usize| {
            let start = (y * tile.width + x) * tile.channels;
            difference_colour(pair.change.get(start..start + tile.channels).unwrap_or_default(), factor)
        };
        picture.enlarge(corner, (tile.width, tile.height), scale, colour);
        let indent = (inner - caption.len() * TEXT_WIDTH) / 2;
        picture.text(left + indent, top + cell.image_height + 4, &clip(&caption), INK);
    }
    picture
}

/// The colour for the change of one pixel: grey for no change.
fn difference_colour(change: &[f32], factor: f32) -> Rgb {
    let level = |change: f32| (128.0 + 127.0 * factor * change).round().clamp(0.0, 255.0) as u8;
    match *change {
        [red, green, blue] => [red, green, blue].map(level),
        [grey, ..] => [level(grey); 3],
        [] => [128; 3],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pictures::picture::{RIGHT, WRONG};
    use crate::cli::pictures::predictions::BORDER;

    fn tile<'a>(pixels: &'a [u8], guess: &str) -> Tile<'a> {
        let (truth, guess) = ("Coat".to_owned(), guess.to_owned());
        Tile { pixels, height: 28, width: 28, channels: 1, truth, guess, confidence: 0.5 }
    }

    #[test]
    fn a_row_is_clean_adversarial_and_difference() {
        let (clean, fooled, mut change) = ([100; 784], [110; 784], [0.0; 784]);
        change[0] = 8.0 / 255.0;
        change[1] = -1.0;
        let pair = Pair { clean: tile(&clean, "Coat"), adversarial: tile(&fooled, "Bag"), change: &change };
        let picture = adversarial("pgd, adaptive", &[pair.clone(), pair], 10.0);
        let (tall, wide) = (picture.height as usize, picture.width as usize);
        let at = |x: usize, y: usize| -> Rgb { picture.rgb[(y * wide + x) * 3..][..3].try_into().unwrap() };
        let find = |left: usize, colour: Rgb| {
            let mut all = (0..tall).flat_map(|y| (left..wide).map(move |x| (x, y)));
            all.find(|&(x, y)| at(x, y) == colour).unwrap()
        };
        let (green, red) = (find(0, RIGHT), find(0, WRONG));
        assert!(green.0 < red.0 && green.1 == red.1);
        // The first pixel of the difference is four wide; the third is not changed.
        let (lighter, grey) = ((128.0 + 127.0 * 80.0 / 255.0_f32).round() as u8, 128);
        let (x, y) = find(red.0 + 28 * 4 + 2 * BORDER, [lighter; 3]);
        assert_eq!((at(x + 4, y), at(x + 8, y), at(x + 4, y + 4)), ([0; 3], [grey; 3], [grey; 3]));
        assert!(picture.png().is_ok());
    }

    #[test]
    fn nothing_to_show_and_colour_images_are_no_trouble() {
        assert!(adversarial("none", &[], 10.0).png().is_ok());
        assert_eq!(difference_colour(&[0.1, -0.1, 0.0], 10.0), [255, 1, 128]);
        assert_eq!(difference_colour(&[], 10.0), [128; 3]);
    }
}
