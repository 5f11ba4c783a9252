//! Curves over a common axis.

use plotters::chart::MeshStyle;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

pub(super) const TEXT: RGBColor = RGBColor(38, 38, 38);
const AXIS: RGBColor = RGBColor(150, 150, 150);
pub(super) const GRID: RGBColor = RGBColor(228, 228, 228);

/// One curve of a [`Chart`].
#[derive(Clone, Debug, PartialEq)]
pub struct ChartCurve {
    /// The name in the legend.
    pub name: String,
    /// (x, y) with x ascending. Points that are not finite are left out.
    pub points: Vec<(f64, f64)>,
    /// Whether it is drawn in grey, as a curve to compare the others with.
    pub grey: bool,
    /// The height of a dashed line of the same colour, if this curve has something of its own to be compared with.
    pub level: Option<f64>,
}

/// A diagram of percentages.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The title.
    pub title: String,
    /// The label of the horizontal axis.
    pub x_axis: String,
    /// The label of the vertical axis.
    pub y_axis: String,
    /// The lower end of the vertical axis.
    pub bottom: f64,
    /// Whether to mark only the highest point of each curve, instead of every point.
    pub peaks: bool,
    /// The curves; their colours run from cold to warm in this order.
    pub curves: Vec<ChartCurve>,
}

/// The colour of one curve of several, from cold for the first to warm for the last.
fn colour(index: usize, of: usize) -> RGBColor {
    const COLD: [f64; 3] = [49.0, 54.0, 149.0];
    const MIDDLE: [f64; 3] = [26.0, 152.0, 110.0];
    const WARM: [f64; 3] = [215.0, 88.0, 20.0];
    let at = 2.0 * index as f64 / of.saturating_sub(1).max(1) as f64;
    let (from, to, part) = if at < 1.0 { (COLD, MIDDLE, at) } else { (MIDDLE, WARM, at - 1.0) };
    let [red, green, blue] = std::array::from_fn(|c| (from[c] + part * (to[c] - from[c])).round() as u8);
    RGBColor(red, green, blue)
}

/// The diagram as the text of an SVG file.
///
/// # Errors
/// The message of the drawing library.
pub fn chart_svg(chart: &Chart) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, chart).map_err(|error| format!("{}: {error}", chart.title))?;
    Ok(svg)
}

fn draw(svg: &mut String, chart: &Chart) -> Result<(), Box<dyn std::error::Error>> {
    let finite = |curve: &ChartCurve| -> Vec<(f64, f64)> {
        curve.points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect()
    };
    let xs = || chart.curves.iter().flat_map(finite).map(|point| point.0);
    let (left, right) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    let (left, right) = if left < right { (left, right) } else { (0.0, right.max(1.0)) };
    let root = SVGBackend::with_string(svg, (760, 460)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut area = ChartBuilder::on(&root)
        .caption(&chart.title, ("sans-serif", 17).into_font().color(&TEXT))
        .margin(12)
        .margin_right(200)
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(left..right + 0.02 * (right - left), chart.bottom..101.0)?;
    plain(&mut area.configure_mesh())
        .y_labels(11)
        .x_label_formatter(&|x| if right - left < 0.2 { format!("{x:.3}") } else { short(*x) })
        .y_label_formatter(&|y| format!("{y:.0}"))
        .x_desc(&chart.x_axis)
        .y_desc(&chart.y_axis)
        .draw()?;
    let coloured = chart.curves.iter().filter(|curve| !curve.grey).count();
    let mut next = 0;
    for (line, curve) in chart.curves.iter().enumerate() {
        let colour = if curve.grey { RGBColor(120, 120, 120) } else { colour(next, coloured) };
        next += usize::from(!curve.grey);
        let points = finite(curve);
        area.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        let marks = if chart.peaks { highest(&points) } else { points };
        area.draw_series(marks.into_iter().map(|point| Circle::new(point, 3, colour.filled())))?;
        if let Some(level) = curve.level.filter(|level| level.is_finite()) {
            let ends = [(left, level), (right, level)];
            area.draw_series(DashedLineSeries::new(ends, 6, 5, colour.mix(0.7).stroke_width(1)))?;
        }
        // The legend stands in the margin, where it covers no curve.
        let y = 48 + 20 * line as i32;
        root.draw(&PathElement::new([(572, y), (592, y)], colour.stroke_width(3)))?;
        let style = ("sans-serif", 13).into_font().color(&TEXT);
        root.draw(&Text::new(curve.name.clone(), (598, y - 7), style))?;
    }
    root.present()?;
    Ok(())
}

type Mesh<'a, 'b, 's> = MeshStyle<'a, 'b, RangedCoordf64, RangedCoordf64, SVGBackend<'s>>;

/// The mesh of every diagram: horizontal lines only, and small labels.
pub(super) fn plain<'m, 'a, 'b, 's>(mesh: &'m mut Mesh<'a, 'b, 's>) -> &'m mut Mesh<'a, 'b, 's> {
    mesh.disable_x_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(GRID)
        .axis_style(AXIS)
        .x_labels(8)
        .label_style(("sans-serif", 13).into_font().color(&TEXT))
        .axis_desc_style(("sans-serif", 14).into_font().color(&TEXT))
}

/// The highest point, the first of equals; nothing if there are no points.
fn highest(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let best = points.iter().copied().reduce(|best, point| if point.1 > best.1 { point } else { best });
    best.into_iter().collect()
}

/// The lower end of an axis of percentages, well below the lowest of them.
pub(super) fn accuracy_floor(percentages: impl Iterator<Item = f64>) -> f64 {
    let low = percentages.fold(f64::INFINITY, f64::min);
    if low.is_finite() { ((1.3 * low - 30.0) / 10.0).floor().max(0.0) * 10.0 } else { 0.0 }
}

/// A number with no more decimals than it needs: `3`, `0.25`.
pub(super) fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(curves: Vec<ChartCurve>) -> Chart {
        let (x_axis, y_axis) = ("epsilon".into(), "accuracy (%)".into());
        Chart { title: "Title".into(), x_axis, y_axis, bottom: 0.0, peaks: false, curves }
    }

    fn curve(name: &str, points: &[(f64, f64)], grey: bool) -> ChartCurve {
        ChartCurve { name: name.into(), points: points.to_vec(), grey, level: None }
    }

    #[test]
    fn curves_are_drawn_and_named() {
        let curves = vec![
            curve("lambda 0.1", &[(0.0, 90.0), (0.03, 20.0)], false),
            curve("lambda 0.4", &[(0.0, 85.0), (0.03, 40.0)], false),
            curve("resnet18", &[(0.0, 91.0), (0.03, 10.0), (f64::NAN, 3.0)], true),
        ];
        let svg = chart_svg(&chart(curves)).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && !svg.contains("NaN"));
        for word in ["Title", "epsilon", "accuracy (%)", "lambda 0.1", "lambda 0.4", "resnet18", "#313695", "#D75814"] {
            assert!(svg.contains(word), "{word}");
        }
        assert_eq!(svg.matches("<circle").count(), 6);
    }

    #[test]
    fn peaks_alone_are_marked_and_levels_dashed() {
        let level =
            |level| ChartCurve { level: Some(level), ..curve("0.1", &[(0.1, 60.0), (0.2, 70.0), (0.3, 65.0)], false) };
        let svg = chart_svg(&Chart { peaks: true, bottom: 50.0, ..chart(vec![level(55.0), level(f64::NAN)]) }).unwrap();
        assert_eq!(svg.matches("<circle").count(), 2);
        let plain = chart_svg(&chart(vec![curve("0.1", &[(0.1, 60.0)], false)])).unwrap();
        assert!(svg.matches("<polyline").count() + svg.matches("<line").count() > 20 + plain.matches("<line").count());
    }

    #[test]
    fn no_curve_and_curves_of_one_point_are_drawn() {
        for curves in [vec![], vec![curve("a", &[], false)], vec![curve("a", &[(0.1, 50.0)], false)]] {
            let svg = chart_svg(&chart(curves)).unwrap();
            assert!(svg.contains("accuracy (%)") && !svg.contains("NaN") && !svg.contains("inf"));
        }
    }
}
