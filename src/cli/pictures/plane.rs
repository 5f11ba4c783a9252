//! Values over the plane of frequencies.

use std::f64::consts::PI;

use plotters::coord::Shift;
use plotters::prelude::*;

use super::chart::TEXT;
use super::label::text;
use crate::shift::gamma_squared;

/// Values of filters, each at its frequency.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// The title.
    pub title: String,
    /// The side of a filter's square, in radians a pixel.
    pub cell: f64,
    /// Frequencies along x, from 0, and y, and the values there.
    pub points: Vec<([f64; 2], f64)>,
    /// Whether `gamma_1(m theta)^2` is drawn behind them, for which `m`, and the points are numbered in their order.
    pub gamma: Option<usize>,
}

/// The width and height of a plane with its labels, and pixels a radian.
const SIZE: (u32, u32) = (270, 490);
const SCALE: f64 = 60.0;
/// The corner of the plane: frequency (0, -pi).
const CORNER: (f64, f64) = (44.0, 44.0);

/// Planes side by side, as the text of an SVG file: the half of positive frequencies along x. The darker a square, the larger its
/// value, on one scale for all planes.
///
/// # Errors
/// The message of the drawing library.
pub fn planes_svg(planes: &[Plane]) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, planes).map_err(|error| format!("frequencies: {error}"))?;
    Ok(svg)
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(svg: &mut String, planes: &[Plane]) -> Drawn {
    let count = planes.len().max(1) as u32;
    let root = SVGBackend::with_string(svg, (SIZE.0 * count, SIZE.1)).into_drawing_area();
    root.fill(&WHITE)?;
    let values = planes.iter().flat_map(|plane| &plane.points).map(|(_, value)| *value);
    let top = values.filter(|value| value.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
    for (area, plane) in root.split_evenly((1, planes.len().max(1))).iter().zip(planes) {
        draw_plane(area, plane, top)?;
    }
    root.present()?;
    Ok(())
}

/// The pixel of a frequency.
fn place([x, y]: [f64; 2]) -> (i32, i32) {
    ((CORNER.0 + SCALE * x).round() as i32, (CORNER.1 + SCALE * (y + PI)).round() as i32)
}

fn draw_plane(area: &DrawingArea<SVGBackend, Shift>, plane: &Plane, top: f64) -> Drawn {
    area.draw(&Text::new(plane.title.clone(), (12, 12), text(13.0)))?;
    if let Some(m) = plane.gamma {
        let (steps, side) = (24, PI / 24.0);
        for i in 0..steps * 2 * steps {
            let at = [(i % steps) as f64 * side, (i / steps) as f64 * side - PI];
            let value = gamma_squared(at.map(|t| m as f64 * (t + side / 2.0)), 1);
            let grey = RGBColor(120, 120, 120).mix((value / 1.5).sqrt().min(1.0) * 0.7);
            area.draw(&Rectangle::new([place(at), place(at.map(|t| t + side))], grey.filled()))?;
        }
    }
    for (number, &([x, y], value)) in plane.points.iter().enumerate().filter(|(_, (_, value))| value.is_finite()) {
        let half = plane.cell / 2.0;
        let corners =
            [place([(x - half).max(0.0), (y - half).max(-PI)]), place([(x + half).min(PI), (y + half).min(PI)])];
        area.draw(&Rectangle::new(corners, level(value / top).filled()))?;
        if plane.gamma.is_some() {
            area.draw(&Rectangle::new(corners, WHITE.stroke_width(1)))?;
            let beside = (corners[1].0 + 1, corners[0].1 - 2);
            area.draw(&Text::new(number.to_string(), beside, text(10.0)))?;
        }
    }
    area.draw(&Rectangle::new([place([0.0, -PI]), place([PI, PI])], TEXT.stroke_width(1)))?;
    for (name, y) in [("-pi", -PI), ("0", 0.0), ("pi", PI)] {
        area.draw(&Text::new(name, (14, place([0.0, y]).1 - 7), text(12.0)))?;
    }
    let bottom = place([0.0, PI]).1;
    area.draw(&Text::new("frequency along y", (4, CORNER.1 as i32 - 18), text(10.0)))?;
    area.draw(&Text::new("along x, radians a pixel", (CORNER.0 as i32 + 52, bottom + 6), text(10.0)))?;
    for (name, x) in [("0", 0.0), ("pi", PI)] {
        area.draw(&Text::new(name, (place([x, 0.0]).0 - 4, bottom + 6), text(12.0)))?;
    }
    if plane.gamma.is_some() {
        let side = [(CORNER.0 as i32, bottom + 44), (CORNER.0 as i32 + 12, bottom + 54)];
        area.draw(&Rectangle::new(side, RGBColor(120, 120, 120).mix(0.7).filled()))?;
        let words = "grey: gamma^2, darkest at 1.5";
        area.draw(&Text::new(words, (CORNER.0 as i32 + 18, bottom + 44), text(10.0)))?;
    }
    for step in 0..10 {
        let left = CORNER.0 as i32 + 12 * step;
        let frame = [(left, bottom + 26), (left + 12, bottom + 36)];
        area.draw(&Rectangle::new(frame, level((f64::from(step) + 0.5) / 10.0).filled()))?;
    }
    area.draw(&Text::new(format!("0 to {top:.3}"), (CORNER.0 as i32 + 126, bottom + 24), text(12.0)))?;
    Ok(())
}

/// From light to dark blue.
fn level(share: f64) -> RGBColor {
    let share = share.clamp(0.0, 1.0);
    let mix = |light: f64, dark: f64| (light + share * (dark - light)).round() as u8;
    RGBColor(mix(236.0, 8.0), mix(243.0, 48.0), mix(250.0, 107.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_filter_is_a_square_at_its_frequency_on_one_scale() {
        let plane = |value: f64, gamma| Plane {
            title: "a & b".into(),
            cell: PI / 4.0,
            points: vec![([PI / 8.0, PI / 8.0], value), ([1.0, f64::NAN], f64::NAN)],
            gamma,
        };
        let svg = planes_svg(&[plane(1.0, None), plane(2.0, Some(2))]).unwrap();
        assert!(svg.contains("a &amp; b") && !svg.contains("NaN") && svg.contains("0 to 2.000"), "{svg}");
        // The larger value is the darkest colour, half of it the middle one.
        assert!(svg.contains("#08306B") && svg.contains("#7A92B3"), "{svg}");
        assert!(svg.matches("<rect").count() > 1152, "gamma is drawn behind the second");
        assert!(planes_svg(&[]).is_ok());
    }
}
