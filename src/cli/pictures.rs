//! The pictures that the program writes: curves (SVG), atoms, predictions and adversarial images (PNG).
//!
//! Everything here takes plain numbers and returns a string or pixels; nothing touches a file or a GPU.

mod adversarial;
mod chart;

use std::io::Cursor;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use plotters::coord::Shift;
use plotters::prelude::*;

pub use adversarial::{Pair, adversarial};
pub use chart::{Chart, ChartCurve, chart_svg};

/// A colour: red, green, blue.
type Rgb = [u8; 3];

const PAPER: Rgb = [255, 255, 255];
const INK: Rgb = [38, 38, 38];
const RIGHT: Rgb = [22, 135, 62];
const WRONG: Rgb = [200, 38, 38];

/// An RGB picture, 8 bits a channel, rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height * width * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A white picture of at least one pixel.
    fn blank(width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        Self { width: width as u32, height: height as u32, rgb: PAPER.repeat(width * height) }
    }

    /// The picture as the bytes of a PNG file.
    ///
    /// # Errors
    /// Where the number of bytes does not match the size, or the encoder refuses.
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
    fn pixel(&mut self, x: usize, y: usize) -> Option<&mut [u8]> {
        if x >= self.width as usize {
            return None;
        }
        let start = (y * self.width as usize + x) * 3;
        self.rgb.get_mut(start..start + 3)
    }

    /// Fills a rectangle; what lies outside the picture is dropped.
    fn fill(&mut self, left: usize, top: usize, width: usize, height: usize, colour: Rgb) {
        for y in top..top + height {
            for x in left..left + width {
                if let Some(pixel) = self.pixel(x, y) {
                    pixel.copy_from_slice(&colour);
                }
            }
        }
    }

    /// Draws an image whose pixel (x, y) is `colour(x, y)`, every pixel enlarged to a square of side `scale`.
    fn enlarge(
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
    fn text(&mut self, left: usize, top: usize, text: &str, colour: Rgb) {
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
    fn blend(&mut self, x: usize, y: usize, colour: Rgb, ink: u8) {
        let Some(pixel) = self.pixel(x, y) else { return };
        for (old, new) in pixel.iter_mut().zip(colour) {
            let mixed = u32::from(*old) * u32::from(255 - ink) + u32::from(new) * u32::from(ink);
            *old = ((mixed + 127) / 255) as u8;
        }
    }
}

// ---- training curves -------------------------------------------------------------------------------------------

/// What was measured at one moment of training. Values that are not finite leave a gap in their curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochPoint {
    /// Epochs trained so far.
    pub epoch: f64,
    /// Mean loss on the training images.
    pub train_loss: f64,
    /// Share of training images classified correctly, 0 to 1.
    pub train_accuracy: f64,
    /// Mean loss on the test images.
    pub test_loss: f64,
    /// Share of test images classified correctly, 0 to 1.
    pub test_accuracy: f64,
}

const TRAIN_CURVE: RGBColor = RGBColor(31, 111, 180);
const TEST_CURVE: RGBColor = RGBColor(217, 95, 14);
pub(super) const TEXT: RGBColor = RGBColor(38, 38, 38);
pub(super) const AXIS: RGBColor = RGBColor(150, 150, 150);
pub(super) const GRID: RGBColor = RGBColor(228, 228, 228);

/// One curve: (epoch, value).
type Curve = Vec<(f64, f64)>;

/// One diagram: a training and a test curve over epochs.
struct Panel {
    title: &'static str,
    axis: &'static str,
    decimals: usize,
    train: Curve,
    test: Curve,
    epochs: f64,
    range: (f64, f64),
    legend: SeriesLabelPosition,
}

/// Loss and accuracy over the epochs, side by side, as the text of an SVG file.
///
/// # Errors
/// Where the drawing library refuses, with its words.
pub fn training_curves_svg(points: &[EpochPoint]) -> Result<String, String> {
    let mut svg = String::new();
    draw_curves(&mut svg, points).map_err(|error| format!("training curves: {error}"))?;
    Ok(svg)
}

/// Draws both panels into `svg`.
fn draw_curves(svg: &mut String, points: &[EpochPoint]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, (1040, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let halves = root.margin(10, 10, 10, 10).split_evenly((1, 2));
    for (area, panel) in halves.iter().zip([loss_panel(points), accuracy_panel(points)]) {
        draw_panel(area, &panel)?;
    }
    root.present()?;
    Ok(())
}

/// The loss diagram, from zero up.
fn loss_panel(points: &[EpochPoint]) -> Panel {
    let train = curve(points, |point| point.train_loss);
    let test = curve(points, |point| point.test_loss);
    let top = values(&train, &test).fold(0.0, f64::max) * 1.08;
    let (decimals, range) = (2, (0.0, if top > 0.0 { top } else { 1.0 }));
    let legend = SeriesLabelPosition::LowerLeft;
    Panel { title: "Loss", axis: "loss", decimals, train, test, epochs: last_epoch(points), range, legend }
}

/// The accuracy diagram, in percent; its axis starts well below the lowest value, which leaves room for the legend.
fn accuracy_panel(points: &[EpochPoint]) -> Panel {
    let train = curve(points, |point| 100.0 * point.train_accuracy);
    let test = curve(points, |point| 100.0 * point.test_accuracy);
    let low = values(&train, &test).fold(f64::INFINITY, f64::min);
    let bottom = if low.is_finite() { ((1.3 * low - 30.0) / 10.0).floor().max(0.0) * 10.0 } else { 0.0 };
    let (decimals, range) = (0, (bottom, 101.0));
    let ends_low =
        [train.last(), test.last()].into_iter().flatten().any(|last| last.1 < bottom + 0.2 * (100.0 - bottom));
    let legend = if ends_low { SeriesLabelPosition::UpperRight } else { SeriesLabelPosition::LowerRight };
    Panel { title: "Accuracy", axis: "accuracy (%)", decimals, train, test, epochs: last_epoch(points), range, legend }
}

/// The finite values of one measure over the epochs.
fn curve(points: &[EpochPoint], value: impl Fn(&EpochPoint) -> f64) -> Curve {
    let all = points.iter().map(|point| (point.epoch, value(point)));
    all.filter(|(epoch, value)| epoch.is_finite() && value.is_finite()).collect()
}

/// All values of two curves.
fn values<'a>(train: &'a Curve, test: &'a Curve) -> impl Iterator<Item = f64> + 'a {
    train.iter().chain(test).map(|point| point.1)
}

/// The right end of the epoch axis, at least 1.
fn last_epoch(points: &[EpochPoint]) -> f64 {
    points.iter().map(|point| point.epoch).filter(|epoch| epoch.is_finite()).fold(1.0, f64::max)
}

/// Draws one panel: title, axes, curves, legend.
fn draw_panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    panel: &Panel,
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, ("sans-serif", 20).into_font().color(&TEXT))
        .margin(8)
        .margin_right(18)
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..panel.epochs * 1.02, panel.range.0..panel.range.1)?;
    let decimals = panel.decimals;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_labels(8)
        .y_labels(8)
        .label_style(("sans-serif", 13).into_font().color(&TEXT))
        .axis_desc_style(("sans-serif", 14).into_font().color(&TEXT))
        .x_label_formatter(&|epoch| short(*epoch))
        .y_label_formatter(&|value| format!("{value:.decimals$}"))
        .x_desc("epoch")
        .y_desc(panel.axis)
        .draw()?;
    for (name, curve, colour) in [("train", &panel.train, TRAIN_CURVE), ("test", &panel.test, TEST_CURVE)] {
        let radius = if curve.len() > 40 { 0 } else { 3 };
        chart
            .draw_series(LineSeries::new(curve.iter().copied(), colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(3)));
        chart.draw_series(curve.iter().map(|&point| Circle::new(point, radius, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(panel.legend.clone())
        .margin(14)
        .legend_area_size(28)
        .label_font(("sans-serif", 14).into_font().color(&TEXT))
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .draw()
}

/// A number with no more decimals than it needs: `3`, `0.25`.
pub(super) fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

// ---- atoms -----------------------------------------------------------------------------------------------------

const GAP: usize = 2;
/// The side, in pixels, that a tile is brought close to.
const ATOM_SIDE: usize = 60;

/// The atoms of a dictionary as tiles on a white grid, two pixels apart, filled row by row.
///
/// `weights` are OHWI: `[atoms, kernel, kernel, channels]`. Each atom is scaled on its own: grey 128 is zero, and its
/// largest magnitude is 1 (black) or 255 (white). Atoms of 3 channels appear as RGB and those of 1 channel in grey; with
/// any other number of channels the mean over the channels is shown, in grey. Weights that are missing or not finite
/// count as zero.
pub fn atoms(weights: &[f32], atoms: usize, kernel: usize, channels: usize) -> Picture {
    let columns = columns_for(atoms, 1.0);
    let scale = (ATOM_SIDE / kernel.max(1)).max(4);
    let pitch = kernel * scale + GAP;
    let mut picture = Picture::blank(columns * pitch + GAP, atoms.div_ceil(columns) * pitch + GAP);
    let length = kernel * kernel * channels;
    for index in 0..atoms {
        let weights = weights.get(index * length..).unwrap_or_default();
        let tile = atom_colours(&weights[..length.min(weights.len())], channels);
        let at = (GAP + index % columns * pitch, GAP + index / columns * pitch);
        let grey = [128; 3];
        picture.enlarge(at, (kernel, kernel), scale, |x, y| tile.get(y * kernel + x).copied().unwrap_or(grey));
    }
    picture
}

/// The colours of one atom's pixels, scaled symmetrically about grey.
fn atom_colours(weights: &[f32], channels: usize) -> Vec<Rgb> {
    let finite = |weight: &f32| if weight.is_finite() { *weight } else { 0.0 };
    let pixels: Vec<[f32; 3]> = weights
        .chunks_exact(channels.max(1))
        .map(|pixel| match pixel {
            [red, green, blue] => [finite(red), finite(green), finite(blue)],
            _ => [pixel.iter().map(finite).sum::<f32>() / pixel.len() as f32; 3],
        })
        .collect();
    let largest = pixels.iter().flatten().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let level = |value: f32| if largest > 0.0 { (128.0 + 127.0 * value / largest).round() as u8 } else { 128 };
    pixels.into_iter().map(|pixel| pixel.map(level)).collect()
}

/// How many columns make a grid of `count` cells that is one to two times as wide as high with the fewest empty cells;
/// `aspect` is a cell's height over its width.
fn columns_for(count: usize, aspect: f64) -> usize {
    let square = (count as f64 * aspect).sqrt();
    let (fewest, most) = (square.ceil() as usize, (2.0 * square).floor() as usize);
    let empty = |columns: &usize| count.div_ceil(*columns) * columns - count;
    let columns = (fewest.max(1)..=most).min_by_key(empty).unwrap_or(fewest).clamp(1, count.max(1));
    let rows = count.div_ceil(columns).max(1);
    count.div_ceil(rows).max(1)
}

// ---- predictions -----------------------------------------------------------------------------------------------

/// One test image and what the network said about it.
#[derive(Clone, Debug)]
pub struct Tile<'a> {
    /// HWC bytes.
    pub pixels: &'a [u8],
    /// Rows.
    pub height: usize,
    /// Pixels a row.
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

    /// The colour of one pixel; white where there is none.
    fn colour(&self, x: usize, y: usize) -> Rgb {
        let start = (y * self.width + x) * self.channels;
        match self.pixels.get(start..start + self.channels) {
            Some(&[red, green, blue]) => [red, green, blue],
            Some(&[grey, ..]) => [grey; 3],
            _ => PAPER,
        }
    }
}

const TEXT_SIZE: RasterHeight = RasterHeight::Size16;
const TEXT_WIDTH: usize = get_raster_width(FontWeight::Regular, TEXT_SIZE);
const LINE: usize = TEXT_SIZE.val() + 1;
const LONGEST: usize = 26;
const BORDER: usize = 3;
const CELL_GAP: usize = 12;
/// The side, in pixels, that small images are enlarged to reach: 4 times for 28 pixels.
const IMAGE_SIDE: usize = 112;

/// Shortens a line that is too long for a caption.
fn clip(line: &str) -> String {
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST - 2).chain("..".chars()).collect()
}

/// The size that all cells of the grid share.
struct Cell {
    image_height: usize,
    width: usize,
    height: usize,
}

/// How often an image's pixels are enlarged.
fn enlargement(tile: &Tile) -> usize {
    (IMAGE_SIDE / tile.height.max(tile.width).max(1)).max(1)
}

/// A cell that has room for every image and caption.
fn cell_for(images: &[Tile]) -> Cell {
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
/// The frame is green where the prediction is right and red where it is wrong; the true class then follows it.
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
fn draw_tile(picture: &mut Picture, tile: &Tile, cell: &Cell, left: usize, top: usize) {
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

    fn at(picture: &Picture, x: usize, y: usize) -> Rgb {
        let start = (y * picture.width as usize + x) * 3;
        picture.rgb[start..start + 3].try_into().unwrap()
    }

    fn point(epoch: f64) -> EpochPoint {
        let value = 1.0 / (1.0 + epoch);
        let (train_accuracy, test_accuracy) = (1.0 - 0.3 * value, 1.0 - 0.4 * value);
        EpochPoint { epoch, train_loss: value, train_accuracy, test_loss: 1.1 * value, test_accuracy }
    }

    fn tile<'a>(pixels: &'a [u8], channels: usize, guess: &str) -> Tile<'a> {
        let (truth, guess) = ("Coat".to_owned(), guess.to_owned());
        Tile { pixels, height: 28, width: 28, channels, truth, guess, confidence: 0.875 }
    }

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
    fn curves_are_drawn_for_no_one_and_many_points() {
        for count in [0, 1, 2, 200] {
            let points: Vec<_> = (1..=count).map(|epoch| point(f64::from(epoch))).collect();
            let svg = training_curves_svg(&points).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{count}");
            for word in ["Loss", "Accuracy", "accuracy (%)", "epoch", "train", "test"] {
                assert!(svg.contains(word), "{count}: {word}");
            }
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{count}");
            assert_eq!(svg.matches("<circle").count(), 4 * count as usize, "{count}");
        }
    }

    #[test]
    fn curves_leave_out_what_is_not_finite() {
        let gap = EpochPoint { train_loss: f64::NAN, test_loss: f64::INFINITY, ..point(2.0) };
        let svg = training_curves_svg(&[point(1.0), gap]).unwrap();
        assert_eq!(svg.matches("<circle").count(), 6);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn an_atom_is_scaled_about_grey() {
        let picture = atoms(&[-2.0, 0.0, 1.0, 2.0], 1, 2, 1);
        assert_eq!((picture.width, picture.height), (2 * 30 + 4, 2 * 30 + 4));
        assert_eq!(at(&picture, 1, 1), PAPER);
        assert_eq!(at(&picture, 2, 2), [1; 3]);
        assert_eq!(at(&picture, 32, 2), [128; 3]);
        assert_eq!(at(&picture, 2, 32), [192; 3]);
        assert_eq!(at(&picture, 32, 32), [255; 3]);
    }

    #[test]
    fn atoms_are_scaled_one_by_one_and_stay_two_pixels_apart() {
        let picture = atoms(&[0.1, -5.0], 2, 1, 1);
        assert_eq!((picture.width, picture.height), (2 * 62 + 2, 62 + 2));
        assert_eq!(at(&picture, 2, 2), [255; 3]);
        assert_eq!(at(&picture, 62, 2), PAPER);
        assert_eq!(at(&picture, 63, 2), PAPER);
        assert_eq!(at(&picture, 64, 2), [1; 3]);
    }

    #[test]
    fn three_channels_are_colours_and_others_their_mean() {
        assert_eq!(at(&atoms(&[1.0, 0.0, -1.0], 1, 1, 3), 5, 5), [255, 128, 1]);
        assert_eq!(at(&atoms(&[1.0, 3.0], 1, 1, 2), 5, 5), [255; 3]);
        assert_eq!(at(&atoms(&[1.0, -1.0], 1, 1, 2), 5, 5), [128; 3]);
    }

    #[test]
    fn atoms_survive_missing_zero_and_nan_weights() {
        assert_eq!(at(&atoms(&[], 1, 3, 1), 5, 5), [128; 3]);
        assert_eq!(at(&atoms(&[0.0; 9], 1, 3, 1), 5, 5), [128; 3]);
        assert_eq!(at(&atoms(&[f32::NAN], 1, 1, 1), 5, 5), [128; 3]);
        assert!(atoms(&[], 0, 0, 0).png().is_ok());
    }

    #[test]
    fn a_grid_has_room_for_all_and_no_empty_row_or_column() {
        for count in 1..200 {
            let columns = columns_for(count, 1.0);
            let rows = count.div_ceil(columns);
            assert!(columns * rows >= count && (columns - 1) * rows < count && columns * (rows - 1) < count, "{count}");
        }
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
