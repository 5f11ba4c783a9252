//! Loss, accuracy and learning rate of a training.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::chart::{GRID, TEXT, accuracy_floor, plain, short};
use crate::train::EpochRecord;

/// What was measured after one epoch of a training. Values that are not finite leave a gap in their curve.
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
    /// Share of test images whose class is among the best five, 0 to 1.
    pub test_top5: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
}

impl From<&EpochRecord> for EpochPoint {
    fn from(record: &EpochRecord) -> Self {
        Self {
            epoch: record.epoch as f64,
            train_loss: record.train_loss,
            train_accuracy: record.train_accuracy,
            test_loss: record.test_loss,
            test_accuracy: record.test_accuracy,
            test_top5: record.test_top5.unwrap_or(f64::NAN),
            learning_rate: record.learning_rate.into(),
        }
    }
}

const TRAIN_CURVE: RGBColor = RGBColor(31, 111, 180);
const TEST_CURVE: RGBColor = RGBColor(217, 95, 14);
const TOP5_CURVE: RGBColor = RGBColor(244, 165, 96);
const RATE_CURVE: RGBColor = RGBColor(90, 90, 90);

/// One curve: (epoch, value).
type Curve = Vec<(f64, f64)>;

/// One diagram: curves over epochs.
struct Panel {
    title: &'static str,
    axis: &'static str,
    /// How a number is written at the vertical axis.
    label: fn(f64) -> String,
    /// With name and colour.
    curves: Vec<(&'static str, Curve, RGBColor)>,
    epochs: f64,
    range: (f64, f64),
    legend: SeriesLabelPosition,
}

/// Loss, accuracy and learning rate over the epochs, side by side, as the text of an SVG file.
///
/// # Errors
/// The message of the drawing library.
pub fn training_curves_svg(points: &[EpochPoint]) -> Result<String, String> {
    let mut svg = String::new();
    draw_curves(&mut svg, points).map_err(|error| format!("training curves: {error}"))?;
    Ok(svg)
}

/// Draws the panels into `svg`.
fn draw_curves(svg: &mut String, points: &[EpochPoint]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, (1500, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let thirds = root.margin(10, 10, 10, 10).split_evenly((1, 3));
    for (area, panel) in thirds.iter().zip([loss_panel(points), accuracy_panel(points), rate_panel(points)]) {
        draw_panel(area, &panel)?;
    }
    root.present()?;
    Ok(())
}

/// The loss diagram, from zero up.
fn loss_panel(points: &[EpochPoint]) -> Panel {
    let train = curve(points, |point| point.train_loss);
    let test = curve(points, |point| point.test_loss);
    Panel {
        title: "Loss",
        axis: "loss",
        label: |loss| format!("{loss:.2}"),
        range: (0.0, top(&[&train, &test])),
        curves: vec![("train", train, TRAIN_CURVE), ("test", test, TEST_CURVE)],
        epochs: last_epoch(points),
        legend: SeriesLabelPosition::LowerLeft,
    }
}

/// The accuracy diagram, in percent; its axis starts well below the lowest value, which leaves room for the legend. The curve of
/// the best five is there where it is recorded.
fn accuracy_panel(points: &[EpochPoint]) -> Panel {
    let train = curve(points, |point| 100.0 * point.train_accuracy);
    let test = curve(points, |point| 100.0 * point.test_accuracy);
    let top5 = curve(points, |point| 100.0 * point.test_top5);
    let bottom = accuracy_floor(values(&[&train, &test]));
    // Where the legend would stand: it covers a third of both axes.
    let (right, low) = (0.6 * last_epoch(points), bottom + 0.3 * (100.0 - bottom));
    let covered = train.iter().chain(&test).any(|&(epoch, percent)| epoch > right && percent < low);
    let mut curves = vec![("train", train, TRAIN_CURVE), ("test", test, TEST_CURVE)];
    if !top5.is_empty() {
        curves.push(("test, top-5", top5, TOP5_CURVE));
    }
    Panel {
        title: "Accuracy",
        axis: "accuracy (%)",
        label: |percent| format!("{percent:.0}"),
        curves,
        epochs: last_epoch(points),
        range: (bottom, 101.0),
        legend: if covered { SeriesLabelPosition::MiddleRight } else { SeriesLabelPosition::LowerRight },
    }
}

/// The learning rate of each epoch's last step, from zero up.
fn rate_panel(points: &[EpochPoint]) -> Panel {
    let rate = curve(points, |point| point.learning_rate);
    Panel {
        title: "Learning rate",
        axis: "learning rate",
        label: |rate| if rate == 0.0 { "0".into() } else { format!("{rate:.1e}") },
        range: (0.0, top(&[&rate])),
        curves: vec![("last step of the epoch", rate, RATE_CURVE)],
        epochs: last_epoch(points),
        legend: SeriesLabelPosition::LowerLeft,
    }
}

/// The upper end of an axis from zero, above all values.
fn top(curves: &[&Curve]) -> f64 {
    let top = values(curves).fold(0.0, f64::max) * 1.08;
    if top > 0.0 { top } else { 1.0 }
}

/// The finite values of one measure over the epochs.
fn curve(points: &[EpochPoint], value: impl Fn(&EpochPoint) -> f64) -> Curve {
    let all = points.iter().map(|point| (point.epoch, value(point)));
    all.filter(|(epoch, value)| epoch.is_finite() && value.is_finite()).collect()
}

/// All values of some curves.
fn values<'a>(curves: &'a [&Curve]) -> impl Iterator<Item = f64> + 'a {
    curves.iter().flat_map(|curve| curve.iter()).map(|point| point.1)
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
    plain(&mut chart.configure_mesh())
        .y_labels(8)
        .x_label_formatter(&|epoch| short(*epoch))
        .y_label_formatter(&|value| (panel.label)(*value))
        .x_desc("epoch")
        .y_desc(panel.axis)
        .draw()?;
    for &(name, ref curve, colour) in &panel.curves {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn point(epoch: f64) -> EpochPoint {
        let value = 1.0 / (1.0 + epoch);
        let (train_accuracy, test_accuracy) = (1.0 - 0.3 * value, 1.0 - 0.4 * value);
        let (test_top5, learning_rate) = (1.0 - 0.1 * value, 0.1 * value);
        EpochPoint {
            epoch,
            train_loss: value,
            train_accuracy,
            test_loss: 1.1 * value,
            test_accuracy,
            test_top5,
            learning_rate,
        }
    }

    #[test]
    fn curves_are_drawn_for_no_one_and_many_points() {
        for count in [0, 1, 2, 200] {
            let points: Vec<_> = (1..=count).map(|epoch| point(f64::from(epoch))).collect();
            let svg = training_curves_svg(&points).unwrap();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{count}");
            for word in ["Loss", "Accuracy", "accuracy (%)", "Learning rate", "epoch", "train", "test"] {
                assert!(svg.contains(word), "{count}: {word}");
            }
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{count}");
            assert_eq!(svg.matches("<circle").count(), 6 * count as usize, "{count}");
        }
    }

    #[test]
    fn curves_leave_out_what_is_not_finite() {
        let gap = EpochPoint { train_loss: f64::NAN, test_loss: f64::INFINITY, ..point(2.0) };
        let svg = training_curves_svg(&[point(1.0), gap]).unwrap();
        assert_eq!(svg.matches("<circle").count(), 10);
        let before = [1.0, 2.0].map(|epoch| EpochPoint { test_top5: f64::NAN, ..point(epoch) });
        assert!(svg.contains("top-5") && !training_curves_svg(&before).unwrap().contains("top-5"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
