//! Which class is taken for which, as a square of cells.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::GRID;
use super::label::{shorten, text, width};
use crate::metrics::Confusion;

const RIGHT: RGBColor = RGBColor(31, 111, 180);
const WRONG: RGBColor = RGBColor(217, 95, 14);
/// The most that a label may take, as a multiple of its height.
const LABEL_ROOM: f64 = 12.0;
/// The height of an axis title with the space around it.
const TITLE: i32 = 30;
const MARGIN: i32 = 12;
/// The smallest text that is worth drawing.
const SMALLEST: f64 = 7.5;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Where everything stands, in pixels.
struct Layout {
    /// The side of a cell.
    cell: i32,
    /// The height of a label.
    label: f64,
    /// The height of a number in a cell; nothing where numbers do not fit.
    number: Option<f64>,
    /// Every so many classes have a label.
    step: usize,
    /// What the labels take.
    room: i32,
    /// The corner of the first cell.
    corner: (i32, i32),
    /// The side of the square of cells.
    side: i32,
}

impl Layout {
    fn new(confusion: &Confusion, labels: &[String]) -> Self {
        let classes = confusion.classes();
        let cell = (400 / classes.max(1) as i32 + 4).min(96);
        let label = f64::from(cell).clamp(SMALLEST, 13.0);
        let digits = confusion.rows().iter().flatten().max().map_or(1, |most| most.to_string().len());
        let number = (0.5 * f64::from(cell)).min(f64::from(cell - 4) / (0.63 * digits as f64)).min(15.0);
        let longest = labels.iter().map(|label| width(label)).fold(1.0, f64::max);
        let room = (longest * label).ceil() as i32 + 8;
        Self {
            cell,
            label,
            number: (number >= SMALLEST).then_some(number),
            step: (SMALLEST / f64::from(cell)).ceil() as usize,
            room,
            corner: (MARGIN + TITLE + room, MARGIN),
            side: cell * classes as i32,
        }
    }

    fn size(&self) -> (u32, u32) {
        let wide = self.corner.0 + self.side + MARGIN;
        // The title below is wider than a few cells.
        let title = self.corner.0 + 110;
        (wide.max(title) as u32, (self.corner.1 + self.side + self.room + TITLE + MARGIN) as u32)
    }

    /// The upper left corner of a cell.
    fn cell(&self, truth: usize, guess: usize) -> (i32, i32) {
        (self.corner.0 + self.cell * guess as i32, self.corner.1 + self.cell * truth as i32)
    }
}

/// A confusion as the text of an SVG file: a row for each true class, a column for each guess.
///
/// A cell is the darker the greater its share of the row's images (its opacity is the square root of the share), blue
/// where the guess is right and orange where it is wrong. It has its count in it where there is room. Classes without
/// a name go by their number; long names are cut.
///
/// # Errors
/// The message of the drawing library.
pub fn confusion_svg(confusion: &Confusion, class_names: &[String]) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, confusion, class_names).map_err(|error| format!("confusion: {error}"))?;
    Ok(svg)
}

fn draw(svg: &mut String, confusion: &Confusion, class_names: &[String]) -> Drawn {
    let name = |class: usize| class_names.get(class).map_or(class.to_string(), |name| shorten(name, LABEL_ROOM));
    let labels = (0..confusion.classes()).map(name).collect::<Vec<_>>();
    let layout = Layout::new(confusion, &labels);
    let root = SVGBackend::with_string(svg, layout.size()).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, top) = layout.corner;
    let frame = [(left - 1, top - 1), (left + layout.side, top + layout.side)];
    root.draw(&Rectangle::new(frame, GRID.stroke_width(1)))?;
    for truth in 0..confusion.classes() {
        for guess in 0..confusion.classes() {
            draw_cell(&root, &layout, confusion, (truth, guess))?;
        }
    }
    draw_labels(&root, &layout, &labels)?;
    root.present()?;
    Ok(())
}

/// Nothing for a cell without an image, other than the zero of a class that is never recognised.
fn draw_cell(root: &Area, layout: &Layout, confusion: &Confusion, (truth, guess): (usize, usize)) -> Drawn {
    let (count, images) = (confusion.count(truth, guess), confusion.images(truth));
    if images == 0 || (count == 0 && truth != guess) {
        return Ok(());
    }
    let (left, top) = layout.cell(truth, guess);
    let opacity = (count as f64 / images as f64).sqrt();
    let colour = if truth == guess { RIGHT } else { WRONG };
    let gap = i32::from(layout.cell >= 14);
    let corners = [(left, top), (left + layout.cell - gap, top + layout.cell - gap)];
    root.draw(&Rectangle::new(corners, colour.mix(opacity).filled()))?;
    if let Some(height) = layout.number {
        let style = text(height).pos(Pos::new(HPos::Center, VPos::Center));
        let style = if opacity > 0.6 { style.color(&WHITE) } else { style };
        let middle = (left + layout.cell / 2, top + layout.cell / 2);
        root.draw(&Text::new(count.to_string(), middle, style))?;
    }
    Ok(())
}

/// The names beside the rows and below the columns, and the titles of both axes.
fn draw_labels(root: &Area, layout: &Layout, labels: &[String]) -> Drawn {
    let (left, bottom) = (layout.corner.0, layout.corner.1 + layout.side);
    let end = text(layout.label).pos(Pos::new(HPos::Right, VPos::Center));
    for (class, label) in labels.iter().enumerate().step_by(layout.step) {
        let (x, y) = layout.cell(class, class);
        let middle = layout.cell / 2;
        root.draw(&Text::new(label.as_str(), (left - 6, y + middle), end.clone()))?;
        let upwards = end.clone().transform(FontTransform::Rotate270);
        root.draw(&Text::new(label.as_str(), (x + middle, bottom + 6), upwards))?;
    }
    let title = text(14.0).pos(Pos::new(HPos::Center, VPos::Center));
    let below = (left + layout.side.max(100) / 2, bottom + layout.room + TITLE / 2);
    root.draw(&Text::new("taken for", below, title.clone()))?;
    let beside = (MARGIN + TITLE / 2 - 4, layout.corner.1 + layout.side / 2);
    root.draw(&Text::new("class", beside, title.transform(FontTransform::Rotate270)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every class is taken for itself nine times, and once for the next.
    fn of(classes: usize) -> Confusion {
        let row = |t: usize| (0..classes).map(move |g| usize::from(g == (t + 1) % classes) + 9 * usize::from(g == t));
        Confusion::try_from((0..classes).map(|t| row(t).collect()).collect::<Vec<_>>()).unwrap()
    }

    fn names(classes: usize) -> Vec<String> {
        (0..classes).map(|class| format!("class number {class}")).collect()
    }

    #[test]
    fn cells_are_numbered_where_there_is_room() {
        for (classes, numbers) in [(2, 4), (10, 20), (100, 0)] {
            let svg = confusion_svg(&of(classes), &names(classes)).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{classes}");
            assert_eq!(svg.matches("<text").count(), 2 * classes + 2 + numbers, "{classes}");
            assert_eq!(svg.matches("fill=\"#1F6FB4\"").count(), classes);
            assert_eq!(svg.matches("fill=\"#D95F0E\"").count(), classes);
        }
    }

    #[test]
    fn odd_names_and_missing_ones_are_drawn() {
        let odd = ["<script>".to_owned(), "a very long name that does not fit beside a row".to_owned()];
        let svg = confusion_svg(&of(3), &odd).unwrap();
        assert!(svg.contains("&lt;script&gt;") && !svg.contains("<script>"));
        assert!(svg.contains("a very long name tha\u{2026}") && svg.contains("\n2\n"), "{svg}");
    }

    #[test]
    fn rows_without_images_stay_empty() {
        let counts = vec![vec![0, 2], vec![0, 0]];
        let svg = confusion_svg(&Confusion::try_from(counts).unwrap(), &[]).unwrap();
        assert!(!svg.contains("NaN"));
        // Two labels twice, two titles, the two images and the zero of the first class.
        assert_eq!(svg.matches("<text").count(), 8);
        assert!(confusion_svg(&Confusion::try_from(vec![]).unwrap(), &[]).is_ok());
    }
}
