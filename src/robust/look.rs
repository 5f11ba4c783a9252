//! How noisy an image is, by what the first sparse coding layer leaves of it.

use super::Line;
use crate::error::Result;
use crate::layers::Measures;
use crate::models::CleanResidual;
use crate::tensor::Tensor;

/// Side of the windows in which an image may be quiet, in pixels.
const WINDOW: usize = 5;
/// Share of the windows that are quieter than what counts as quiet.
const QUIET: f64 = 0.1;

/// What the first sparse coding layer makes of one image at the lambda it was trained with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// `|x|^2`.
    pub signal: f64,
    /// `|x - A z|^2`.
    pub residual: f64,
    /// What is left in the quietest tenth of the image: of the mean squares of `x - A z` over all windows of 5 x 5
    /// pixels, the one that a tenth of the windows stay below.
    pub quiet: f64,
    /// Share of codes that are not zero.
    pub active: f64,
    /// Values of the image.
    pub size: usize,
}

impl Look {
    /// The looks at a batch from what the layer made of it and `left`, which is `x - A z`, once the device has computed
    /// them.
    ///
    /// # Errors
    /// Whatever the device reports.
    pub fn all(measures: &Measures, left: &Tensor) -> Result<Vec<Self>> {
        let [signal, residual, active] =
            [&measures.signal, &measures.residual, &measures.active].map(|t| t.read()).map(|p| p?.wait());
        let [size, codes] = measures.sizes;
        let (left, shape) = (left.to_vec()?, left.shape());
        let quiet = left.chunks_exact(size).map(|left| quiet(left, [shape[1], shape[2], shape[3]]));
        let rows = signal?.into_iter().zip(residual?).zip(active?).zip(quiet);
        let look = |(((signal, residual), active), quiet): (((f32, f32), f32), f64)| {
            let (signal, residual, active) = (f64::from(signal), f64::from(residual), f64::from(active) / codes as f64);
            Self { signal, residual, quiet, active, size }
        };
        Ok(rows.map(look).collect())
    }

    /// The root mean square of the residual, `sqrt(|x - A z|^2 / dim x)`.
    pub fn plain_residual(&self) -> f64 {
        (self.residual / self.size as f64).sqrt()
    }

    /// How much noise is left where there is no signal, in units of normalised pixels: the root of the lesser of what is
    /// left beyond what is left of clean images of the same energy and sparsity, and what is left where the image is
    /// quietest:
    ///
    /// `sigma^2 = min(max(0, |x - A z|^2 - (base + slope active) |x|^2) / dim x, quiet)`
    ///
    /// What a clean image leaves is proportional to its energy and differs tenfold from image to image, so the plain
    /// residual of a single image tells more of what is in it than of the noise on it. And a larger lambda takes away
    /// noise beside the signal, not on it: of noise that the signal brings along (shot, speckle) the quietest windows
    /// have none.
    pub fn noise(&self, clean: &CleanResidual) -> f64 {
        let expected = (clean.base + clean.slope * self.active) * self.signal;
        ((self.residual - expected).max(0.0) / self.size as f64).min(self.quiet).sqrt()
    }
}

/// The mean square over each window of a residual `[height, width, channels]`; of these the one that a share of `QUIET`
/// stays below.
fn quiet(left: &[f32], [height, width, channels]: [usize; 3]) -> f64 {
    let (rows, columns) = (WINDOW.min(height), WINDOW.min(width));
    let square = |y: usize, x: usize| -> f64 {
        let pixel = &left[(y * width + x) * channels..][..channels];
        pixel.iter().map(|v| f64::from(*v) * f64::from(*v)).sum()
    };
    // Sums over the columns of a window first, then over its rows.
    let lines = (0..height).map(|y| {
        let pixels = (0..width).map(|x| square(y, x)).collect::<Vec<_>>();
        pixels.windows(columns).map(|w| w.iter().sum()).collect::<Vec<f64>>()
    });
    let lines = lines.collect::<Vec<_>>();
    let window = |y: usize, x: usize| lines[y..y + rows].iter().map(|line| line[x]).sum::<f64>();
    let places = (0..=height - rows).flat_map(|y| (0..=width - columns).map(move |x| (y, x)));
    let mut sums = places.map(|(y, x)| window(y, x)).collect::<Vec<_>>();
    let place = (QUIET * (sums.len() - 1) as f64) as usize;
    *sums.select_nth_unstable_by(place, f64::total_cmp).1 / (rows * columns * channels) as f64
}

/// What is left of clean images, but for its limit, from looks at them, by least squares. Black images say nothing and are
/// left out.
pub(super) fn clean_residual(looks: &[Look]) -> CleanResidual {
    let points = looks.iter().filter(|l| l.signal > 0.0).map(|l| (l.active, l.residual / l.signal)).collect::<Vec<_>>();
    let line = Line::through(&points);
    let spread = (line.squares(&points) / points.len().max(1) as f64).sqrt();
    CleanResidual { base: line.intercept, slope: line.slope, spread, limit: 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(signal: f64, residual: f64, active: f64) -> Look {
        Look { signal, residual, quiet: f64::INFINITY, active, size: 100 }
    }

    #[test]
    fn noise_is_what_is_left_where_the_image_is_quiet() {
        let clean = CleanResidual { base: 0.3, ..CleanResidual::default() };
        let on_the_signal = Look { quiet: 0.0, ..look(10.0, 7.0, 0.1) };
        assert_eq!(on_the_signal.noise(&clean), 0.0);
        let everywhere = Look { quiet: 0.01, ..look(10.0, 7.0, 0.1) };
        assert!((everywhere.noise(&clean) - 0.1).abs() < 1e-12);
    }

    #[test]
    fn the_quietest_windows_are_found_in_every_channel() {
        // 10 x 12 pixels of 2 channels: 6 x 8 windows, of which 6, those of the first column of places, hold 0.5 alone.
        let left = (0..10 * 12 * 2).map(|i| if i / 2 % 12 < 5 { 0.5 } else { 3.0 }).collect::<Vec<f32>>();
        assert_eq!(quiet(&left, [10, 12, 2]), 0.25);
        let louder = left.iter().enumerate().map(|(i, v)| if i % 2 == 1 { 2.0 * v } else { *v }).collect::<Vec<_>>();
        assert_eq!(quiet(&louder, [10, 12, 2]), (0.25 + 1.0) / 2.0);
        assert_eq!(quiet(&[2.0, 4.0], [1, 2, 1]), 10.0, "windows are no larger than the image");
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
