//! Rows of small pictures with lines of text beneath them.

use super::picture::{INK, PAPER, Picture, Rgb, TEXT_WIDTH};
use super::predictions::{CELL_GAP, IMAGE_SIDE, LINE};

/// The most panels that stand beside each other.
const COLUMNS: usize = 8;

/// A small picture, and what it shows.
#[derive(Clone, Debug)]
pub struct Panel {
    /// The picture.
    pub picture: Picture,
    /// Lines beneath it.
    pub lines: Vec<String>,
}

/// Panels that belong together. More than eight stand in several lines.
#[derive(Clone, Debug)]
pub struct PanelRow {
    /// The line above them.
    pub title: String,
    /// The panels, from the left.
    pub panels: Vec<Panel>,
}

impl Panel {
    /// An image of `[height, width, channels]` bytes, in grey or RGB, enlarged by a whole factor where it is small.
    pub fn image(pixels: &[u8], [height, width, channels]: [usize; 3], lines: Vec<String>) -> Self {
        let scale = (IMAGE_SIDE / height.max(width).max(1)).max(1);
        let mut picture = Picture::blank(width * scale, height * scale);
        picture.enlarge((0, 0), (width, height), scale, |x, y| {
            let start = (y * width + x) * channels;
            match pixels.get(start..start + channels) {
                Some(&[red, green, blue]) => [red, green, blue],
                Some(&[grey, ..]) => [grey; 3],
                _ => PAPER,
            }
        });
        Self { picture, lines }
    }

    /// An image in grey under a heat map `[height, width]` of 0 to 1, from none over red to yellow.
    pub fn heated(pixels: &[u8], [height, width, channels]: [usize; 3], heat: &[f32], lines: Vec<String>) -> Self {
        let colour = |place: usize| {
            let pixel = pixels.get(place * channels..(place + 1) * channels).unwrap_or_default();
            let grey = pixel.iter().map(|v| f32::from(*v)).sum::<f32>() / channels.max(1) as f32;
            over(grey, heat.get(place).copied().unwrap_or(0.0))
        };
        let colours = (0..height * width).flat_map(colour).collect::<Vec<_>>();
        Self::image(&colours, [height, width, 3], lines)
    }

    /// A map `[height, width]` of values from 0, black, to the largest, white.
    pub fn map(values: &[f32], [height, width]: [usize; 2], lines: Vec<String>) -> Self {
        let largest = values.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let level = |value: &f32| (255.0 * value / largest).round().clamp(0.0, 255.0) as u8;
        let bytes = values.iter().map(level).collect::<Vec<_>>();
        Self::image(&bytes, [height, width, 1], lines)
    }

    /// Values of either sign, `[height, width, channels]`, about grey; the largest magnitude is black or white.
    pub fn signed(values: &[f32], size: [usize; 3], lines: Vec<String>) -> Self {
        let largest = values.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
        let level = |value: &f32| (128.0 + 127.0 * value / largest).round().clamp(0.0, 255.0) as u8;
        Self::image(&values.iter().map(level).collect::<Vec<_>>(), size, lines)
    }
}

/// A grey pixel under a colour from none over red to yellow.
fn over(grey: f32, heat: f32) -> Rgb {
    let heat = heat.clamp(0.0, 1.0);
    let hot = [255.0 * (2.0 * heat).min(1.0), 255.0 * (2.0 * heat - 1.0).max(0.0), 0.0];
    let share = 0.75 * heat.sqrt();
    hot.map(|hot| ((1.0 - share) * 0.7 * grey + share * hot).round().clamp(0.0, 255.0) as u8)
}

/// All rows, one under the other, under a title.
pub fn panels(title: &str, rows: &[PanelRow]) -> Picture {
    let lines = rows.iter().map(Line::of).collect::<Vec<_>>();
    let text_width = |text: &str| text.chars().count() * TEXT_WIDTH + 2 * CELL_GAP;
    let titles = rows.iter().map(|row| text_width(&row.title)).chain([text_width(title)]).max().unwrap_or(0);
    let width = lines.iter().map(|line| line.columns * line.width + CELL_GAP).max().unwrap_or(0).max(titles);
    let height = lines.iter().zip(rows).map(|(line, row)| line.total_height(row)).sum::<usize>();
    let mut picture = Picture::blank(width, LINE + 2 * CELL_GAP + height);
    picture.text(CELL_GAP, CELL_GAP, title, INK);
    let mut top = LINE + 2 * CELL_GAP;
    for (line, row) in lines.iter().zip(rows) {
        picture.text(CELL_GAP, top, &row.title, INK);
        for (place, panel) in row.panels.iter().enumerate() {
            let left = CELL_GAP + place % line.columns * line.width;
            line.draw(&mut picture, panel, left, top + LINE + 4 + place / line.columns * line.height);
        }
        top += line.total_height(row);
    }
    picture
}

/// The size of the cells of a row.
struct Line {
    columns: usize,
    /// Of a cell, with the gap behind it.
    width: usize,
    /// Of a cell, with the gap beneath it.
    height: usize,
    /// Of the pictures alone.
    picture: usize,
}

impl Line {
    fn of(row: &PanelRow) -> Self {
        let most = |of: &dyn Fn(&Panel) -> usize| row.panels.iter().map(of).max().unwrap_or(0);
        let longest =
            most(&|panel| panel.lines.iter().map(|line| line.chars().count()).max().unwrap_or(0)) * TEXT_WIDTH;
        let picture = most(&|panel| panel.picture.height as usize);
        Self {
            columns: row.panels.len().clamp(1, COLUMNS),
            width: most(&|panel| panel.picture.width as usize).max(longest) + CELL_GAP,
            height: picture + 4 + LINE * most(&|panel| panel.lines.len()) + CELL_GAP,
            picture,
        }
    }

    /// Of the row, with its title.
    fn total_height(&self, row: &PanelRow) -> usize {
        LINE + 4 + row.panels.len().div_ceil(self.columns) * self.height
    }

    fn draw(&self, picture: &mut Picture, panel: &Panel, left: usize, top: usize) {
        let inner = self.width - CELL_GAP;
        let of = &panel.picture;
        let (width, height) = (of.width as usize, of.height as usize);
        let corner = (left + (inner - width) / 2, top + self.picture - height);
        picture.enlarge(corner, (width, height), 1, |x, y| {
            let start = (y * width + x) * 3;
            [of.rgb[start], of.rgb[start + 1], of.rgb[start + 2]]
        });
        for (place, line) in panel.lines.iter().enumerate() {
            let indent = (inner - line.chars().count() * TEXT_WIDTH) / 2;
            picture.text(left + indent, top + self.picture + 4 + place * LINE, line, INK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pictures::picture::at;

    #[test]
    fn panels_stand_in_rows_beneath_their_titles() {
        let image = Panel::image(&[7; 784], [28, 28, 1], vec!["clean".into()]);
        let map = Panel::map(&[0.0, 1.0, 2.0, 0.5], [2, 2], vec!["a".into(), "b".into()]);
        let signed = Panel::signed(&[-1.0, 0.0, 0.5], [1, 1, 3], Vec::new());
        let row = |panels: Vec<Panel>| PanelRow { title: "row".into(), panels };
        let picture = panels("title", &[row(vec![image.clone(), map]), row(vec![signed])]);
        let top = LINE + 2 * CELL_GAP + LINE + 4;
        assert_eq!(at(&picture, CELL_GAP + 50, top + 50), [7; 3]);
        // The map of two pixels a side, 56 times as large, is in the second cell; below its first row is its largest value.
        let left = 2 * CELL_GAP + 112;
        assert_eq!(at(&picture, left + 10, top + 10), [0; 3]);
        assert_eq!(at(&picture, left + 10, top + 100), [255; 3]);
        let next = top + 112 + 4 + 2 * LINE + CELL_GAP + LINE + 4;
        assert_eq!(at(&picture, CELL_GAP + 10, next + 10), [1, 128, 192]);
        // Nine of them are two lines.
        let nine = panels("", &[row(vec![image; 9])]);
        assert_eq!(nine.width as usize, 8 * (112 + CELL_GAP) + CELL_GAP);
        assert_eq!(nine.height as usize, top + 2 * (112 + 4 + LINE + CELL_GAP));
    }

    #[test]
    fn heat_lies_over_the_image_in_grey() {
        assert_eq!((over(100.0, 0.0), over(0.0, 1.0)), ([70; 3], [191, 191, 0]));
        let heat = (0..784).map(|i| f32::from(u8::from(i == 0))).collect::<Vec<_>>();
        let panel = Panel::heated(&[0; 784 * 3], [28, 28, 3], &heat, Vec::new());
        assert_eq!((at(&panel.picture, 3, 3), at(&panel.picture, 4, 0)), ([191, 191, 0], [0; 3]));
        assert!(Panel::heated(&[], [300, 20, 3], &[], Vec::new()).picture.png().is_ok());
    }

    #[test]
    fn nothing_and_odd_sizes_are_no_trouble() {
        assert!(panels("", &[]).png().is_ok());
        let odd = Panel::map(&[f32::NAN; 3], [3, 1], vec!["x".repeat(40)]);
        assert!(panels("t", &[PanelRow { title: String::new(), panels: vec![odd] }]).png().is_ok());
        assert!(Panel::image(&[], [300, 2, 3], Vec::new()).picture.png().is_ok());
    }
}
