//! Accuracy over confidence.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::chart::{GRID, TEXT, plain};
use super::label::text;
use crate::metrics::{Bin, Calibration};

const ACCURACY: RGBColor = RGBColor(31, 111, 180);
const GAP: RGBColor = RGBColor(217, 95, 14);
const WIDTH: u32 = 460;
/// The heights of the title with the legend, of the diagram and of the shares below.
const HEIGHTS: [u32; 3] = [56, 320, 130];

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error>>;

/// A reliability diagram as the text of an SVG file: for every bin of confidence the share of images that are right, the
/// gap to their mean confidence, the line on which a calibrated network stands, and below it the share of images in
/// each bin.
///
/// # Errors
/// The message of the drawing library.
pub fn reliability_svg(calibration: &Calibration) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, calibration).map_err(|error| format!("reliability diagram: {error}"))?;
    Ok(svg)
}

fn draw(svg: &mut String, calibration: &Calibration) -> Drawn {
    let root = SVGBackend::with_string(svg, (WIDTH, HEIGHTS.iter().sum())).into_drawing_area();
    root.fill(&WHITE)?;
    let (head, rest) = root.split_vertically(HEIGHTS[0]);
    let (upper, lower) = rest.split_vertically(HEIGHTS[1]);
    draw_head(&head, calibration.ece)?;
    draw_bins(&upper, &calibration.bins)?;
    draw_shares(&lower, &calibration.bins)?;
    root.present()?;
    Ok(())
}

/// The calibration error and the legend.
fn draw_head(area: &Area, ece: f64) -> Drawn {
    let title = format!("expected calibration error {:.2} %", 100.0 * ece);
    area.draw(&Text::new(title, (66, 16), text(15.0)))?;
    for (left, name, colour) in [(66, "accuracy", ACCURACY.mix(0.8)), (160, "gap to the confidence", GAP.mix(0.6))] {
        area.draw(&Rectangle::new([(left, 36), (left + 12, 48)], colour.filled()))?;
        area.draw(&Text::new(name, (left + 18, 42), text(13.0)))?;
    }
    area.draw(&PathElement::new([(334, 42), (342, 42)], TEXT.stroke_width(2)))?;
    area.draw(&PathElement::new([(346, 42), (354, 42)], TEXT.stroke_width(2)))?;
    area.draw(&Text::new("calibrated", (360, 42), text(13.0)))?;
    Ok(())
}

fn draw_bins(area: &Area, bins: &[Bin]) -> Drawn {
    let mut chart = ChartBuilder::on(area)
        .margin_top(8)
        .margin_right(18)
        .x_label_area_size(28)
        .y_label_area_size(66)
        .build_cartesian_2d(0.0..100.0, 0.0..100.0)?;
    plain(&mut chart.configure_mesh())
        .y_labels(6)
        .x_labels(6)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .label_style(text(13.0))
        .axis_desc_style(text(13.0))
        .y_desc("accuracy (%)")
        .draw()?;
    for bin in bins {
        let (Some(accuracy), Some(confidence)) = (bin.accuracy, bin.confidence) else { continue };
        let bar = |from: f64, to: f64| [(100.0 * bin.lower, 100.0 * from), (100.0 * bin.upper, 100.0 * to)];
        chart.draw_series([Rectangle::new(bar(0.0, accuracy), ACCURACY.mix(0.8).filled())])?;
        chart.draw_series([Rectangle::new(bar(accuracy, confidence), GAP.mix(0.6).filled())])?;
        chart.draw_series([Rectangle::new(bar(0.0, accuracy), WHITE.stroke_width(1))])?;
    }
    chart.draw_series(DashedLineSeries::new([(0.0, 0.0), (100.0, 100.0)], 8, 4, TEXT.stroke_width(2)))?;
    Ok(())
}

fn draw_shares(area: &Area, bins: &[Bin]) -> Drawn {
    let images = bins.iter().map(|bin| bin.images).sum::<usize>().max(1);
    let share = |bin: &Bin| 100.0 * bin.images as f64 / images as f64;
    let mut chart = ChartBuilder::on(area)
        .margin_top(6)
        .margin_right(18)
        .x_label_area_size(46)
        .y_label_area_size(66)
        .build_cartesian_2d(0.0..100.0, 0.0..100.0)?;
    plain(&mut chart.configure_mesh())
        .y_labels(3)
        .x_labels(6)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0}"))
        .label_style(text(13.0))
        .axis_desc_style(text(13.0))
        .x_desc("confidence (%)")
        .y_desc("images (%)")
        .draw()?;
    for bin in bins.iter().filter(|bin| bin.images > 0) {
        let corners = [(100.0 * bin.lower, 0.0), (100.0 * bin.upper, share(bin))];
        chart.draw_series([Rectangle::new(corners, TEXT.mix(0.5).filled())])?;
        chart.draw_series([Rectangle::new(corners, GRID.stroke_width(1))])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Judged;

    #[test]
    fn a_bar_and_a_gap_for_every_bin_with_images() {
        // Confidences of about 0.73, 0.73 and 0.95.
        let judged = Judged::new(&[0, 1, 0], &[1.0, 0.0, 1.0, 0.0, 3.0, 0.0], 2).unwrap();
        let svg = reliability_svg(&judged.figures().calibration).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"));
        for word in ["expected calibration error 16.98 %", "accuracy (%)", "confidence (%)", "images (%)", "calibrated"]
        {
            assert!(svg.contains(word), "{word}");
        }
        // One more each in the legend.
        assert_eq!(svg.matches("opacity=\"0.8\" fill=\"#1F6FB4\"").count(), 3);
        assert_eq!(svg.matches("opacity=\"0.6\" fill=\"#D95F0E\"").count(), 3);
    }

    #[test]
    fn no_bins_are_drawn() {
        assert!(!reliability_svg(&Calibration { ece: 0.0, bins: vec![] }).unwrap().contains("NaN"));
    }
}
