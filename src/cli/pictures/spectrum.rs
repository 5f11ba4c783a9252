//! Eigenvalues of dictionaries.

use plotters::prelude::*;

use super::chart::{TEXT, plain, short};
use super::comparison::colour;

/// The eigenvalues of a dictionary.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// The name in the legend.
    pub name: String,
    /// The largest first.
    pub eigenvalues: Vec<f64>,
}

const LINE: i32 = 20;

/// Eigenvalues over their rank, from 0 to 100 %, as the text of an SVG file. Those of a tight frame lie on a level line.
///
/// # Errors
/// The message of the drawing library.
pub fn spectrum_svg(spectra: &[Spectrum]) -> Result<String, String> {
    let mut svg = String::new();
    draw(&mut svg, spectra).map_err(|error| format!("spectrum: {error}"))?;
    Ok(svg)
}

fn draw(svg: &mut String, spectra: &[Spectrum]) -> Result<(), Box<dyn std::error::Error>> {
    let legend = 16 + LINE as u32 * spectra.len() as u32;
    let root = SVGBackend::with_string(svg, (760, 420 + legend)).into_drawing_area();
    root.fill(&WHITE)?;
    let (diagram, names) = root.split_vertically(420);
    let top = spectra.iter().flat_map(|s| &s.eigenvalues).copied().fold(0.0, f64::max) * 1.05;
    let mut chart = ChartBuilder::on(&diagram)
        .caption("Eigenvalues of A^T A", ("sans-serif", 17).into_font().color(&TEXT))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(58)
        .build_cartesian_2d(0.0..100.0, 0.0..if top > 0.0 { top } else { 1.0 })?;
    plain(&mut chart.configure_mesh())
        .y_labels(9)
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .x_desc("rank, of all that need not be zero (%)")
        .y_desc("eigenvalue")
        .draw()?;
    for (place, spectrum) in spectra.iter().enumerate() {
        let last = spectrum.eigenvalues.len().saturating_sub(1).max(1) as f64;
        let points = spectrum.eigenvalues.iter().enumerate().map(|(i, value)| (100.0 * i as f64 / last, *value));
        chart.draw_series(LineSeries::new(points, colour(place).stroke_width(2)))?;
        let y = 6 + LINE * place as i32;
        names.draw(&PathElement::new([(58, y), (88, y)], colour(place).stroke_width(3)))?;
        let style = ("sans-serif", 13).into_font().color(&TEXT);
        names.draw(&Text::new(spectrum.name.clone(), (96, y - 7), style))?;
    }
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spectrum_is_drawn_and_named() {
        let spectrum =
            |name: &str, eigenvalues: &[f64]| Spectrum { name: name.into(), eigenvalues: eigenvalues.to_vec() };
        let svg = spectrum_svg(&[spectrum("a & b", &[3.0, 2.0, 0.0]), spectrum("tight", &[1.0])]).unwrap();
        assert!(svg.contains("a &amp; b") && svg.contains("tight") && !svg.contains("NaN"), "{svg}");
        // A line in the diagram and one in the legend for each, in its colour.
        assert_eq!(["#0072B2", "#D55E00"].map(|colour| svg.matches(colour).count()), [2, 2]);
    }
}
