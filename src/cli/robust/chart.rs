//! Accuracy against lambda, one curve a level, as SVG.

use plotters::prelude::*;

use super::sweep::Swept;
use super::table::best;
use crate::cli::pictures::{AXIS, GRID, TEXT, short};
use crate::robust::corrupt::Noise;
use crate::robust::sweep::Level;

/// The mildest and the worst level.
const MILD: (f64, f64, f64) = (31.0, 111.0, 180.0);
const WORST: (f64, f64, f64) = (200.0, 38.0, 38.0);

/// The curves of a noise, its peaks marked, the baseline of each level as a dashed line of its colour.
///
/// # Errors
/// Where the drawing library refuses, with its words.
pub fn accuracy_svg(noise: Noise, indices: &[usize], swept: &Swept) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, noise, indices, swept).map_err(|e| format!("accuracy against lambda: {e}"))?;
    Ok(svg)
}

fn draw(svg: &mut String, noise: Noise, indices: &[usize], swept: &Swept) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(svg, (760, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let levels = indices.iter().map(|i| &swept.levels[*i]).collect::<Vec<_>>();
    let clean = swept.levels.iter().find(|l| l.corruption.is_none());
    let (first, last) = (swept.lambdas[0], swept.lambdas[swept.lambdas.len() - 1]);
    let (first, last) = (f64::from(first), f64::from(last).max(f64::from(first) + 0.1));
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{noise} noise"), ("sans-serif", 20).into_font().color(&TEXT))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(first..last + 0.22 * (last - first), bottom(&levels)..100.0)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_labels(8)
        .label_style(("sans-serif", 13).into_font().color(&TEXT))
        .axis_desc_style(("sans-serif", 14).into_font().color(&TEXT))
        .x_label_formatter(&|lambda| short(*lambda))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .x_desc("lambda")
        .y_desc("accuracy (%)")
        .draw()?;
    let named = levels.iter().enumerate().map(|(i, l)| {
        let share = i as f64 / (levels.len().max(2) - 1) as f64;
        (*l, l.corruption.map_or(String::new(), |c| c.level().to_string()), colour(share))
    });
    for (level, name, colour) in clean.map(|l| (l, "clean".to_owned(), TEXT)).into_iter().chain(named) {
        let curve = curve(swept, level);
        let peak = curve[best(swept, level)];
        chart
            .draw_series(LineSeries::new(curve, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
        chart.draw_series([Circle::new(peak, 4, colour.filled())])?;
        if let Some(baseline) = &level.baseline {
            let height = 100.0 * baseline.accuracy();
            let ends = [(first, height), (last, height)];
            chart.draw_series(DashedLineSeries::new(ends, 6, 5, colour.mix(0.7).stroke_width(1)))?;
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .margin(6)
        .legend_area_size(24)
        .label_font(("sans-serif", 13).into_font().color(&TEXT))
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .draw()?;
    root.present()?;
    Ok(())
}

/// (lambda, accuracy in percent) at the fixed lambdas.
fn curve(swept: &Swept, level: &Level) -> Vec<(f64, f64)> {
    let outcomes = swept.lambdas.iter().zip(&level.outcomes[1..]);
    outcomes.map(|(lambda, outcome)| (f64::from(*lambda), 100.0 * outcome.accuracy())).collect()
}

/// The lower end of the axis: a multiple of ten below everything that is drawn.
fn bottom(levels: &[&Level]) -> f64 {
    let all = levels.iter().flat_map(|l| l.outcomes.iter().chain(&l.baseline));
    let low = all.map(|o| 100.0 * o.accuracy()).fold(100.0, f64::min);
    ((low - 2.0) / 10.0).floor().max(0.0) * 10.0
}

/// Between the colours of the mildest and of the worst level.
fn colour(share: f64) -> RGBColor {
    let mix = |a: f64, b: f64| (a + share * (b - a)).round() as u8;
    RGBColor(mix(MILD.0, WORST.0), mix(MILD.1, WORST.1), mix(MILD.2, WORST.2))
}
