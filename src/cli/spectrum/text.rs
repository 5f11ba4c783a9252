//! The figures of a dictionary as text.

use super::measured::{Measured, Report};

pub(super) fn paragraph(report: &Report, tolerance: f64) -> String {
    let Report { weights, layer, data, measured } = report;
    let Measured { dictionary: [atoms, height, width, channels], stride, .. } = measured;
    let (largest, smallest) = (measured.eigenvalues.first(), measured.eigenvalues.last());
    let (largest, smallest) = (largest.copied().unwrap_or_default(), smallest.copied().unwrap_or_default());
    let mean = measured.eigenvalues.iter().sum::<f64>() / measured.eigenvalues.len() as f64;
    let ratio = if smallest > 0.0 { format!("{:.1}", largest / smallest) } else { "without bound".into() };
    let coded = match (measured.iterations, measured.least_objective) {
        (Some(count), Some(least)) => {
            let iterations = if count == 1 { "iteration" } else { "iterations" };
            format!("FISTA needs {count} {iterations} to come within {tolerance} of the least objective, {least:.4}")
        }
        (None, Some(_)) => format!("FISTA does not come within {tolerance} of the least objective in 512 iterations"),
        (_, None) => "iterations are not counted where the data term is not squared".into(),
    };
    format!(
        "{weights} {layer}: {atoms} atoms of {height}x{width}x{channels}, stride {}x{}\n  \
         eigenvalues of A^T A: {smallest:.4} to {largest:.4}, mean {mean:.4}, largest / smallest {ratio}\n  \
         orthogonality |R - I|^2 {:.4}, least {:.4}\n  \
         on {} images of {data}, at step size {:.4}: {coded}",
        stride[0], stride[1], measured.orthogonality, measured.least_orthogonality, measured.images, measured.step,
    )
}
