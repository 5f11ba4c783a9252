//! Several trainings in the same diagrams.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::chart::{TEXT, accuracy_floor, plain, short};

/// A training.
#[derive(Clone, Debug, PartialEq)]
pub struct ComparedRun {
    /// Its name in the legend.
    pub name: String,
    /// Its epochs.
    pub points: Vec<ComparedPoint>,
}

/// One epoch. Values that are not finite leave a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ComparedPoint {
    /// Epochs trained so far.
    pub epoch: f64,
    /// Seconds since the training began.
    pub seconds: f64,
    /// Share of test images classified correctly, 0 to 1.
    pub test_accuracy: f64,
    /// Mean loss on the test images.
    pub test_loss: f64,
}

/// Colours that can be told apart, by people who do not see all colours too; runs beyond these are dashed.
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(90, 90, 90),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(120, 60, 20),
];

const PANEL: (u32, u32) = (520, 380);
const LEGEND: u32 = 300;
const LINE: i32 = 20;

/// Characters of a name in the legend; of longer ones, the end is shown, which tells runs apart.
const NAME: usize = 36;

/// What a diagram shows.
struct Panel {
    title: &'static str,
    x: fn(&ComparedPoint) -> f64,
    x_axis: &'static str,
    y: fn(&ComparedPoint) -> f64,
    y_axis: &'static str,
    decimals: usize,
}

const PANELS: [Panel; 4] = [
    Panel { title: "Test accuracy", x: |p| p.epoch, x_axis: "epoch", y: percent, y_axis: "accuracy (%)", decimals: 0 },
    Panel {
        title: "Test accuracy",
        x: |p| p.seconds,
        x_axis: "seconds",
        y: percent,
        y_axis: "accuracy (%)",
        decimals: 0,
    },
    Panel { title: "Test loss", x: |p| p.epoch, x_axis: "epoch", y: |p| p.test_loss, y_axis: "loss", decimals: 2 },
    Panel { title: "Test loss", x: |p| p.seconds, x_axis: "seconds", y: |p| p.test_loss, y_axis: "loss", decimals: 2 },
];

fn percent(point: &ComparedPoint) -> f64 {
    100.0 * point.test_accuracy
}

/// Test accuracy and loss of all runs, over epochs and over seconds, as the text of an SVG file.
///
/// # Errors
/// The message of the drawing library.
pub fn comparison_svg(runs: &[ComparedRun]) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, runs).map_err(|error| format!("comparison: {error}"))?;
    Ok(svg)
}

fn draw(svg: &mut String, runs: &[ComparedRun]) -> Result<(), Box<dyn std::error::Error>> {
    let legend = 60 + LINE as u32 * runs.len() as u32;
    let size = (2 * PANEL.0 + LEGEND, (2 * PANEL.1).max(legend));
    let root = SVGBackend::with_string(svg, size).into_drawing_area();
    root.fill(&WHITE)?;
    let (diagrams, legend) = root.split_horizontally(2 * PANEL.0);
    let (diagrams, _) = diagrams.split_vertically(2 * PANEL.1);
    for (area, panel) in diagrams.split_evenly((2, 2)).iter().zip(&PANELS) {
        draw_panel(area, panel, runs)?;
    }
    for (place, run) in runs.iter().enumerate() {
        let y = 40 + LINE * place as i32;
        for (from, to) in strokes(place, 10, 40) {
            legend.draw(&PathElement::new([(from, y), (to, y)], colour(place).stroke_width(3)))?;
        }
        let style = ("sans-serif", 13).into_font().color(&TEXT);
        legend.draw(&Text::new(shortened(&run.name), (48, y - 7), style))?;
    }
    root.present()?;
    Ok(())
}

pub(super) fn colour(place: usize) -> RGBColor {
    COLOURS[place % COLOURS.len()]
}

fn is_dashed(place: usize) -> bool {
    place >= COLOURS.len()
}

/// The pieces of a line in the legend.
fn strokes(place: usize, from: i32, to: i32) -> Vec<(i32, i32)> {
    if is_dashed(place) { (from..to).step_by(12).map(|at| (at, at + 7)).collect() } else { vec![(from, to)] }
}

fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        name.to_owned()
    } else {
        format!("..{}", name.chars().skip(length - NAME + 2).collect::<String>())
    }
}

fn draw_panel(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    panel: &Panel,
    runs: &[ComparedRun],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let curve = |run: &ComparedRun| {
        let points = run.points.iter().map(|point| ((panel.x)(point), (panel.y)(point)));
        points.filter(|(x, y)| x.is_finite() && y.is_finite()).collect::<Vec<_>>()
    };
    let curves = runs.iter().map(curve).collect::<Vec<_>>();
    let all = || curves.iter().flatten();
    let right = all().map(|point| point.0).fold(0.0, f64::max);
    let right = if right > 0.0 { right } else { 1.0 };
    let range = if panel.decimals == 0 {
        accuracy_floor(all().map(|point| point.1))..101.0
    } else {
        let top = all().map(|point| point.1).fold(0.0, f64::max) * 1.08;
        0.0..if top > 0.0 { top } else { 1.0 }
    };
    let mut chart = ChartBuilder::on(area)
        .caption(panel.title, ("sans-serif", 18).into_font().color(&TEXT))
        .margin(10)
        .margin_right(18)
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..right * 1.02, range)?;
    let decimals = panel.decimals;
    plain(&mut chart.configure_mesh())
        .y_labels(8)
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| format!("{y:.decimals$}"))
        .x_desc(panel.x_axis)
        .y_desc(panel.y_axis)
        .draw()?;
    for (place, points) in curves.into_iter().enumerate() {
        let style = colour(place).stroke_width(2);
        let radius = if points.len() > 40 { 0 } else { 3 };
        if is_dashed(place) {
            chart.draw_series(DashedLineSeries::new(points.iter().copied(), 7, 5, style))?;
        } else {
            chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
        }
        chart.draw_series(points.into_iter().map(|point| Circle::new(point, radius, colour(place).filled())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, epochs: usize) -> ComparedRun {
        let point = |epoch: usize| ComparedPoint {
            epoch: epoch as f64,
            seconds: 12.5 * epoch as f64,
            test_accuracy: 1.0 - 0.5 / epoch as f64,
            test_loss: 1.0 / epoch as f64,
        };
        ComparedRun { name: name.into(), points: (1..=epochs).map(point).collect() }
    }

    #[test]
    fn every_run_is_in_every_diagram_and_named_once() {
        let runs = [run("runs/a", 3), run("runs/<b>", 5), run("not yet", 0)];
        let svg = comparison_svg(&runs).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"));
        assert_eq!(svg.matches("<circle").count(), 4 * (3 + 5));
        for name in ["runs/a", "runs/&lt;b&gt;", "not yet", "accuracy (%)", "loss", "epoch", "seconds"] {
            assert!(svg.contains(name), "{name}");
        }
    }

    #[test]
    fn none_many_and_unmeasured_runs_are_drawn() {
        let many = (0..60).map(|i| run(&format!("a run with quite a long name, number {i}"), 2)).collect::<Vec<_>>();
        let svg = comparison_svg(&many).unwrap();
        assert!(svg.contains("height=\"1260\"") && svg.contains("number 59") && svg.contains("..n with quite"));
        let mut gap = run("gap", 2);
        gap.points[1].test_loss = f64::NAN;
        gap.points[0].seconds = f64::INFINITY;
        let svg = comparison_svg(&[gap]).unwrap();
        assert_eq!(svg.matches("<circle").count(), 2 + 1 + 1, "only what is finite on both axes");
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        comparison_svg(&[]).unwrap();
    }
}
