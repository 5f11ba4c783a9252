//! The same for Gaussian images: a prediction for filters whose spectrum is too wide for the bound. Not from a paper.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rustfft::num_complex::Complex;

use super::Response;
use super::fourier::{Plane, inverse, padded, transform};

/// Frequencies along an axis.
const POINTS: usize = 64;

/// Draws of the pooled points.
const DRAWS: usize = 20_000;

/// The mean of `|X hat|^2` over grey images of `side x side` values, each less its mean and under a Hann window, at 64 x 64
/// frequencies. Of larger images it is that of their middle.
pub fn mean_spectrum(images: &[Vec<f64>], side: usize) -> Vec<f64> {
    let kept = side.min(POINTS);
    let first = (side - kept) / 2;
    let window = |i: usize| (std::f64::consts::PI * (i as f64 + 0.5) / kept as f64).sin().powi(2);
    let mut sums = vec![0.0; POINTS * POINTS];
    for image in images {
        let at = |i: usize| image[(first + i / kept) * side + first + i % kept];
        let mean = (0..kept * kept).map(at).sum::<f64>() / (kept * kept) as f64;
        let part = (0..kept * kept).map(|i| (at(i) - mean) * window(i / kept) * window(i % kept));
        let mut plane = padded(&part.collect::<Vec<_>>(), kept, POINTS);
        transform(&mut plane, POINTS);
        sums.iter_mut().zip(&plane).for_each(|(sum, value)| *sum += value.norm_sqr());
    }
    let count = images.len().max(1) as f64;
    sums.into_iter().map(|sum| sum / count).collect()
}

/// What a filter gives on Gaussian images of a spectrum, by Monte Carlo over the nine pooled points and the nine that they move to by
/// one pixel along x; all in units of `E |CMod|^2 = 1`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gaussian {
    /// `E |CMod - RMax|^2`.
    pub error: f64,
    /// The root of `E |RMax(T_u X) - RMax X|^2`, `u = [1, 0]`.
    pub rmax: f64,
    /// The root of `E |CMod(T_u X) - CMod X|^2`.
    pub cmod: f64,
}

impl Gaussian {
    /// For a filter, a spectrum at 64 x 64 frequencies as [`mean_spectrum`] gives it, and a subsampling by `m`; none where the filter
    /// sees nothing of the spectrum. Drawn from a fixed seed.
    pub fn of(filter: &Response, spectrum: &[f64], m: usize) -> Option<Self> {
        let energy = filter.energy(POINTS);
        let mut covariance = energy.iter().zip(spectrum).map(|(w, s)| Complex::new(w * s, 0.0)).collect::<Plane>();
        inverse(&mut covariance, POINTS);
        let whole = covariance[0].re;
        if whole <= f64::MIN_POSITIVE {
            return None;
        }
        let m = m as i64;
        let pooled = (0..9).map(|p| [m * (p % 3 - 1), m * (p / 3 - 1)]).collect::<Vec<[i64; 2]>>();
        let moved = pooled.iter().map(|[x, y]| [x + 1, *y]);
        let points = pooled.iter().copied().chain(moved).collect::<Vec<_>>();
        let side = POINTS as i64;
        let at = |a: [i64; 2], b: [i64; 2]| {
            let (x, y) = ((a[0] - b[0]).rem_euclid(side), (a[1] - b[1]).rem_euclid(side));
            covariance[(y * side + x) as usize] / whole
        };
        let root = root_of(points.len(), |a, b| at(points[a], points[b]));
        Some(Self::drawn(&root, points.len()))
    }

    fn drawn(root: &[Complex<f64>], count: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let [mut error, mut rmax, mut cmod] = [0.0; 3];
        for _ in 0..DRAWS {
            let draws = (0..count).map(|_| Complex::new(normal(), normal()) / 2.0_f64.sqrt()).collect::<Vec<_>>();
            let value = |row: usize| (0..=row).map(|i| root[row * count + i] * draws[i]).sum::<Complex<f64>>();
            let values = (0..count).map(value).collect::<Vec<_>>();
            let largest = |of: &[Complex<f64>]| of.iter().map(|v| v.re).fold(f64::NEG_INFINITY, f64::max);
            let (here, there) = values.split_at(count / 2);
            let (modulus, moved) = (here[4].norm(), there[4].norm());
            error += (modulus - largest(here)).powi(2);
            rmax += (largest(there) - largest(here)).powi(2);
            cmod += (moved - modulus).powi(2);
        }
        let mean = |sum: f64| sum / DRAWS as f64;
        Self { error: mean(error), rmax: mean(rmax).sqrt(), cmod: mean(cmod).sqrt() }
    }
}

/// The lower triangular root of a Hermitian matrix without negative eigenvalues (Cholesky). Rows that depend on those before
/// get no part of their own.
fn root_of(count: usize, of: impl Fn(usize, usize) -> Complex<f64>) -> Vec<Complex<f64>> {
    let mut root = vec![Complex::default(); count * count];
    for row in 0..count {
        for column in 0..=row {
            let before =
                (0..column).map(|i| root[row * count + i] * root[column * count + i].conj()).sum::<Complex<f64>>();
            let left = of(row, column) - before;
            root[row * count + column] = if row == column {
                Complex::new(left.re.max(0.0).sqrt(), 0.0)
            } else if root[column * count + column].re > 1e-7 {
                left / root[column * count + column]
            } else {
                Complex::default()
            };
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shift::{gamma_squared, measured};
    use crate::wavelets::ComplexKernel;

    #[test]
    fn a_narrow_filter_has_the_error_of_gamma() {
        let theta = [std::f64::consts::TAU * 8.0 / 64.0, std::f64::consts::TAU * 14.0 / 64.0];
        let wave = |i: usize| theta[0] * (i % 64) as f64 + theta[1] * (i / 64) as f64;
        let (real, imaginary) = (0..4096).map(|i| (wave(i).cos(), wave(i).sin())).unzip();
        let filter = Response::of_complex(&ComplexKernel { side: 64, real, imaginary });
        let found = Gaussian::of(&filter, &vec![1.0; 4096], 2).unwrap();
        let want = gamma_squared(theta.map(|t| 2.0 * t), 1);
        assert!((found.error / want - 1.0).abs() < 0.05, "{found:?}, not {want}");
        assert!(found.cmod < 1e-6, "{found:?}");
        assert!(Gaussian::of(&filter, &vec![0.0; 4096], 2).is_none());
    }

    #[test]
    fn wide_filters_on_noise_are_measured_as_predicted() {
        // A Gabor of seven pixels a side: its bound says nothing.
        let value = |i: usize| {
            let (x, y) = ((i % 7) as f64 - 3.0, (i / 7) as f64 - 3.0);
            (-(x * x + y * y) / 5.0).exp() * (1.4 * x + 0.7 * y).cos()
        };
        let filter = Response::of_real(&(0..49).map(value).collect::<Vec<_>>(), 7);
        let side = 128;
        let images =
            (0..12).map(|i| crate::reference::sequence::sequence(side * side, 40 + i, 1.0)).collect::<Vec<_>>();
        let found = measured(&images, side, &filter, 2, &[[1.0, 0.0]]).unwrap();
        let want = Gaussian::of(&filter, &mean_spectrum(&images, side), 2).unwrap();
        assert!((found.error / want.error - 1.0).abs() < 0.15, "{found:?}, {want:?}");
        assert!((found.rmax[0] / want.rmax - 1.0).abs() < 0.1, "{found:?}, {want:?}");
        assert!((found.cmod[0] / want.cmod - 1.0).abs() < 0.1, "{found:?}, {want:?}");
    }
}
