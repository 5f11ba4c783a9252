//! An estimate of an image's noise, from the first sparse coding layer's residual.

use super::CleanResidual;
#[cfg(feature = "train")]
use super::Line;
use crate::error::Result;
use crate::layers::{Csc, Measures};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// Side of the windows in which noise is measured, in pixels.
const WINDOW: usize = 5;
/// The quantile of the windows' energy that counts as quiet.
const QUIET: f64 = 0.1;

/// The first sparse coding layer's view of one image at its trained lambda.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// `|x|^2`.
    pub signal: f64,
    /// `|x - A z|^2`.
    pub residual: f64,
    /// The residual where the image is quietest: the tenth percentile of the mean squares of `x - A z` over windows of
    /// 5 x 5 pixels.
    pub quiet: f64,
    /// Fraction of codes that are not zero.
    pub active: f64,
    /// Number of values of the image.
    pub size: usize,
}

impl Look {
    /// The looks of a layer at a batch of images, once the device has computed them.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], or whatever the device reports.
    pub fn take(layer: &Csc, images: &Tensor) -> Result<Vec<Self>> {
        let tape = Tape::idle();
        let codes = layer.codes_at(&tape, &tape.constant(images), 1.0)?;
        let (measures, left) = Measures::take(layer, images, codes.value())?;
        let read = [&measures.signal, &measures.residual, &measures.active].map(Tensor::read);
        let [signal, residual, active] = read.map(|pending| pending?.wait());
        let (size, codes) = (measures.signal_size, measures.code_size);
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

    /// The noise left where there is no signal, in units of normalised pixels: the root of the smaller of the residual
    /// in excess of that of clean images of the same energy and sparsity, and of the residual where the image is
    /// quietest:
    ///
    /// `sigma^2 = min(max(0, |x - A z|^2 - (base + slope active) |x|^2) / dim x, quiet)`
    ///
    /// A clean image's residual is proportional to its energy and differs tenfold from image to image, so the plain
    /// residual of a single image says more about its content than about its noise. And a larger lambda removes
    /// noise beside the signal, not on it: noise that comes with the signal (shot, speckle) is absent from the
    /// quietest windows.
    pub fn noise(&self, clean: &CleanResidual) -> f64 {
        let expected = (clean.base + clean.slope * self.active) * self.signal;
        ((self.residual - expected).max(0.0) / self.size as f64).min(self.quiet).sqrt()
    }
}

/// Of the mean squares over all windows of a residual `[height, width, channels]`, the `QUIET` quantile, which a tenth
/// of them stay below.
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

/// The residual of clean images, without its limit, fitted to looks by least squares. Black images say nothing and are
/// left out.
#[cfg(feature = "train")]
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
        // 10 x 12 pixels, 2 channels: 6 x 8 windows, of which the 6 in the first column contain only 0.5.
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
        // Identical images say nothing about sparsity, and no images say nothing at all.
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
