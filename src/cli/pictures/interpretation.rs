//! An image beside those that a network takes for alike, with heat maps.

use super::picture::{INK, Picture, Rgb, TEXT_WIDTH};
use super::predictions::{CELL_GAP, IMAGE_SIDE, LINE, clip};

/// An image with a heat map.
#[derive(Clone, Debug)]
pub struct Heated {
    /// HWC bytes.
    pub pixels: Vec<u8>,
    /// 0 to 1, `[height, width]`.
    pub heat: Vec<f32>,
    /// Two lines beneath.
    pub caption: [String; 2],
}

/// Rows of images of one shape `[height, width, channels]`, each row under its heading: the images, their captions, and beneath
/// them their heat maps over the images in grey.
pub fn interpretation(title: &str, shape: [usize; 3], rows: &[(String, Vec<Heated>)]) -> Picture {
    let [height, width, _] = shape;
    let scale = (IMAGE_SIDE / height.max(width).max(1)).max(1);
    let lines = rows.iter().flat_map(|(_, images)| images).flat_map(|image| &image.caption);
    let longest = lines.map(|line| clip(line).chars().count()).max().unwrap_or(0);
    let cell = (width * scale).max(longest * TEXT_WIDTH) + CELL_GAP;
    let band = LINE + height * scale + 2 * LINE + 4 + height * scale + 2 * CELL_GAP;
    let most = rows.iter().map(|(_, images)| images.len()).max().unwrap_or(0);
    let headings = rows.iter().map(|(heading, _)| heading.as_str()).chain([title]);
    let widest = headings.map(|text| text.chars().count() * TEXT_WIDTH + 2 * CELL_GAP).max().unwrap_or(0);
    let top = LINE + 2 * CELL_GAP;
    let mut picture = Picture::blank((most * cell + CELL_GAP).max(widest), top + rows.len() * band);
    picture.text(CELL_GAP, CELL_GAP, title, INK);
    for (row, (heading, images)) in rows.iter().enumerate() {
        let top = top + row * band;
        picture.text(CELL_GAP, top, heading, INK);
        for (column, image) in images.iter().enumerate() {
            let at = (CELL_GAP + column * cell, top + LINE);
            draw(&mut picture, at, shape, scale, image);
        }
    }
    picture
}

/// An image, its caption and its heat map, from the upper left corner.
fn draw(picture: &mut Picture, (left, top): (usize, usize), shape: [usize; 3], scale: usize, image: &Heated) {
    let [height, width, channels] = shape;
    let colour = |x: usize, y: usize| {
        let start = (y * width + x) * channels;
        match image.pixels.get(start..start + channels) {
            Some(&[red, green, blue]) => [red, green, blue],
            Some(&[grey, ..]) => [grey; 3],
            _ => [0; 3],
        }
    };
    picture.enlarge((left, top), (width, height), scale, colour);
    let below = top + height * scale + 2;
    for (line, text) in image.caption.iter().enumerate() {
        picture.text(left, below + line * LINE, &clip(text), INK);
    }
    let heat = |x: usize, y: usize| image.heat.get(y * width + x).copied().unwrap_or(0.0);
    picture.enlarge((left, below + 2 * LINE + 2), (width, height), scale, |x, y| over(colour(x, y), heat(x, y)));
}

/// A pixel in grey, under a colour from none over red to yellow.
fn over([red, green, blue]: Rgb, heat: f32) -> Rgb {
    let grey = (f32::from(red) + f32::from(green) + f32::from(blue)) / 3.0;
    let heat = heat.clamp(0.0, 1.0);
    let hot = [255.0 * (2.0 * heat).min(1.0), 255.0 * (2.0 * heat - 1.0).max(0.0), 0.0];
    let share = 0.75 * heat.sqrt();
    hot.map(|hot| ((1.0 - share) * 0.7 * grey + share * hot).round().clamp(0.0, 255.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pictures::picture::at;

    #[test]
    fn heat_lies_over_the_image_in_grey() {
        assert_eq!((over([100, 200, 0], 0.0), over([0; 3], 1.0)), ([70; 3], [191, 191, 0]));
        let pixels = vec![77; 28 * 28];
        let heat = (0..28 * 28).map(|i| f32::from(u8::from(i == 0))).collect();
        let caption = ["Coat".to_owned(), "0.1".to_owned()];
        let image = Heated { pixels, heat, caption };
        let rows = [("similar".to_owned(), vec![image.clone(), image])];
        let picture = interpretation("Coat", [28, 28, 1], &rows);
        let top = LINE + 2 * CELL_GAP + LINE;
        let below = top + 112 + 2 + 2 * LINE + 2;
        assert_eq!(at(&picture, CELL_GAP, top), [77; 3]);
        assert_eq!(at(&picture, CELL_GAP, below), over([77; 3], 1.0));
        assert_eq!(at(&picture, CELL_GAP + 4, below), over([77; 3], 0.0));
        assert_eq!(at(&picture, 2 * CELL_GAP + 112, top), [77; 3], "the second column");
    }

    #[test]
    fn nothing_to_show_and_images_cut_short_are_no_trouble() {
        assert!(interpretation("none", [0, 0, 1], &[]).png().is_ok());
        let short = Heated { pixels: vec![], heat: vec![], caption: Default::default() };
        assert!(interpretation("short", [300, 20, 3], &[("one".into(), vec![short])]).png().is_ok());
    }
}
