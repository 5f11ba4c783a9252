//! How noisy an image is, by what the first sparse coding layer leaves of it.

use crate::error::Result;
use crate::layers::Measures;
use crate::models::CleanResidual;

/// What the first sparse coding layer makes of one image at the lambda it was trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// `|x|^2`.
    pub signal: f64,
    /// `|x - A z|^2`.
    pub residual: f64,
    /// Share of codes that are not zero.
    pub active: f64,
    /// Values of the image.
    pub size: usize,
}

impl Look {
    /// The looks at a batch, once the device has computed them.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn all(measures: &Measures) -> Result<Vec<Self>> {
        let [signal, residual, active] =
            [&measures.signal, &measures.residual, &measures.active].map(|t| t.read()).map(|p| p?.wait());
        let [size, codes] = measures.sizes;
        let rows = signal?.into_iter().zip(residual?).zip(active?);
        let look = |((signal, residual), active): ((f32, f32), f32)| {
            let (signal, residual, active) = (f64::from(signal), f64::from(residual), f64::from(active) / codes as f64);
            Self { signal, residual, active, size }
        };
        Ok(rows.map(look).collect())
    }

    /// The root mean square of the residual, `sqrt(|x - A z|^2 / dim x)`.
    pub fn plain_residual(&self) -> f64 {
        (self.residual / self.size as f64).sqrt()
    }

    /// The root mean square of what is left beyond what is left of clean images of the same energy and sparsity:
    ///
    /// `sigma = sqrt(max(0, |x - A z|^2 - (base + slope active) |x|^2) / dim x)`
    ///
    /// an estimate of the noise's standard deviation in units of normalised pixels. What a clean image leaves is
    /// proportional to its energy and differs tenfold from image to image, so the plain residual of a single image tells
    /// more of what is in it than of the noise on it.
    pub fn noise(&self, clean: &CleanResidual) -> f64 {
        let expected = (clean.base + clean.slope * self.active) * self.signal;
        ((self.residual - expected).max(0.0) / self.size as f64).sqrt()
    }
}

/// What is left of clean images, but for its limit, from looks at them, by least squares. Black images say nothing and are
/// left out.
pub(super) fn clean_residual(looks: &[Look]) -> CleanResidual {
    let points = looks.iter().filter(|l| l.signal > 0.0).map(|l| (l.active, l.residual / l.signal)).collect::<Vec<_>>();
    let count = points.len().max(1) as f64;
    let mean = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / count;
    let (center, ratio) = (mean(&|p| p.0), mean(&|p| p.1));
    let spread = mean(&|p| (p.0 - center).powi(2));
    let slope = if spread > 0.0 { mean(&|p| (p.0 - center) * (p.1 - ratio)) / spread } else { 0.0 };
    let base = ratio - slope * center;
    CleanResidual { base, slope, spread: mean(&|p| (p.1 - base - slope * p.0).powi(2)).sqrt(), limit: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(signal: f64, residual: f64, active: f64) -> Look {
        Look { signal, residual, active, size: 100 }
    }

    #[test]
    fn what_is_left_of_clean_images_is_found_by_least_squares() {
        let of =
            |signal: f64, active: f64, off: f64| look(signal, signal * (0.3 + 0.5 * active) + off * signal, active);
        let exact = clean_residual(&[of(1.0, 0.1, 0.0), of(7.0, 0.3, 0.0), of(0.0, 0.9, 0.0), of(2.0, 0.2, 0.0)]);
        assert!((exact.base - 0.3).abs() < 1e-12 && (exact.slope - 0.5).abs() < 1e-12 && exact.spread < 1e-12);
        let spread =
            clean_residual(&[of(1.0, 0.1, 0.02), of(1.0, 0.1, -0.02), of(1.0, 0.3, 0.02), of(1.0, 0.3, -0.02)]);
        assert!((spread.slope - 0.5).abs() < 1e-12 && (spread.spread - 0.02).abs() < 1e-12);
        // Images that are all alike say nothing of sparsity, and none at all nothing.
        let alike = clean_residual(&[of(1.0, 0.1, 0.0), of(2.0, 0.1, 0.0)]);
        assert!((alike.base - 0.35).abs() < 1e-12 && alike.slope == 0.0);
        assert_eq!(clean_residual(&[]), CleanResidual::default());
    }

    #[test]
    fn noise_is_what_is_left_beyond_that() {
        let clean = CleanResidual { base: 0.3, slope: 0.5, ..CleanResidual::default() };
        assert!(look(10.0, 3.5, 0.1).noise(&clean) < 1e-7);
        assert_eq!(look(10.0, 2.0, 0.1).noise(&clean), 0.0);
        assert!((look(10.0, 3.5 + 4.0, 0.1).noise(&clean) - 0.2).abs() < 1e-12);
        assert!((look(10.0, 4.0, 0.1).plain_residual() - 0.2).abs() < 1e-12);
    }
}
