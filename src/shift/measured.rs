//! Max-pooling against the modulus, on images.

use rustfft::num_complex::Complex;

use super::Response;
use super::fourier::{Plane, frequency, inverse, padded, transform};
use crate::error::{Error, Result};

/// Pixels of the pooled map that are left out at every border.
const MARGIN: usize = 3;

/// What a filter gives on images, in the mean over them.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// `|CMod - RMax|^2 / |CMod|^2`.
    pub error: f64,
    /// For every shift, `|RMax(T_u X) - RMax X| / |CMod X|`.
    pub rmax: Vec<f64>,
    /// For every shift, `|CMod(T_u X) - CMod X| / |CMod X|`.
    pub cmod: Vec<f64>,
}

/// Measures a filter `W` on grey images of `side x side` values, for shifts `u = [x, y]` in pixels:
/// `CMod X [n] = |X star W| (2 m n)` and `RMax X [n] = max over |p| <= 1 of Re(X star W) (m (2 n + p))`
/// (arXiv 2209.11740, equations 2.4 and 3.2). Images are taken as periodic, and a border of six pixels of the map is left out.
/// Images on which `CMod` is zero are left out.
///
/// # Errors
/// [`Error::Argument`] for images that are smaller than the border leaves room for, or on which `CMod` is zero throughout.
pub fn measured(
    images: &[Vec<f64>],
    side: usize,
    filter: &Response,
    m: usize,
    shifts: &[[f64; 2]],
) -> Result<Measured> {
    let pooled = side / (2 * m);
    if pooled <= 2 * MARGIN {
        let reason =
            format!("images must have at least {} pixels a side for a subsampling of {m}", 2 * m * (2 * MARGIN + 1));
        return Err(Error::argument("image side", side, reason));
    }
    let response = filter.plane(side);
    let mut sums = Measured { error: 0.0, rmax: vec![0.0; shifts.len()], cmod: vec![0.0; shifts.len()] };
    let mut count = 0.0;
    for image in images {
        let mut spectrum = padded(image, side, side);
        transform(&mut spectrum, side);
        // Correlation: the spectrum times the conjugate of the filter's.
        spectrum.iter_mut().zip(&response).for_each(|(x, w)| *x *= w.conj());
        let of = |shift: [f64; 2]| maps(&spectrum, side, m, shift);
        let (rmax, cmod) = of([0.0, 0.0]);
        let norm = norm(cmod.iter().copied());
        if norm <= f64::MIN_POSITIVE {
            continue;
        }
        count += 1.0;
        sums.error += (distance(&cmod, &rmax) / norm).powi(2);
        for (place, shift) in shifts.iter().enumerate() {
            let (moved_rmax, moved_cmod) = of(*shift);
            sums.rmax[place] += distance(&moved_rmax, &rmax) / norm;
            sums.cmod[place] += distance(&moved_cmod, &cmod) / norm;
        }
    }
    if count == 0.0 {
        return Err(Error::argument("images", images.len(), "the filter gives nothing on any of them"));
    }
    let mean = |sums: Vec<f64>| sums.into_iter().map(|sum| sum / count).collect();
    Ok(Measured { error: sums.error / count, rmax: mean(sums.rmax), cmod: mean(sums.cmod) })
}

/// RMax and CMod of an image moved by so much, from the spectrum of its correlation with the filter.
fn maps(spectrum: &Plane, side: usize, m: usize, [x, y]: [f64; 2]) -> (Vec<f64>, Vec<f64>) {
    let turned = |(i, value): (usize, &Complex<f64>)| {
        let turn = frequency(i % side, side) * x + frequency(i / side, side) * y;
        value * Complex::from_polar(1.0, turn)
    };
    let mut map = spectrum.iter().enumerate().map(turned).collect::<Plane>();
    inverse(&mut map, side);
    let inner = MARGIN..side / (2 * m) - MARGIN;
    let mut all = (Vec::new(), Vec::new());
    for (row, column) in inner.clone().flat_map(|row| inner.clone().map(move |column| (row, column))) {
        let at = |dy: usize, dx: usize| map[m * (2 * row + dy - 1) * side + m * (2 * column + dx - 1)];
        let window = (0..9).map(|p| at(p / 3, p % 3).re);
        all.0.push(window.fold(f64::NEG_INFINITY, f64::max));
        all.1.push(at(1, 1).norm());
    }
    all
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    norm(a.iter().zip(b).map(|(a, b)| a - b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shift::gamma_squared;

    /// White noise, periodic.
    fn noise(side: usize, count: usize) -> Vec<Vec<f64>> {
        let values = |tag: u64| crate::reference::sequence::sequence(side * side, tag, 1.0);
        (0..count as u64).map(|i| values(900 + i)).collect()
    }

    /// A filter whose spectrum is one at the frequencies of a small square.
    fn narrow(side: usize, [kx, ky]: [usize; 2], width: usize) -> Response {
        let mut plane = vec![Complex::default(); side * side];
        for (y, x) in (0..width).flat_map(|y| (0..width).map(move |x| (y, x))) {
            plane[(ky + y) * side + kx + x] = Complex::new(1.0, 0.0);
        }
        inverse(&mut plane, side);
        let (real, imaginary) = plane.iter().map(|v| (v.re, v.im)).unzip();
        Response::of_complex(&crate::wavelets::ComplexKernel { side, real, imaginary })
    }

    #[test]
    fn narrow_filters_follow_gamma_and_their_modulus_stands_still() {
        // m kappa = 0.098: the measured error is that of gamma, as in the proofs of arXiv 2209.11740.
        let (side, m) = (128, 1);
        for corner in [[16, 32], [30, 11]] {
            let filter = narrow(side, corner, 2);
            let theta = corner.map(|k| std::f64::consts::TAU * (k as f64 + 0.5) / side as f64);
            let found = measured(&noise(side, 24), side, &filter, m, &[[1.0, 0.0], [0.25, 0.5]]).unwrap();
            let want = gamma_squared(theta, 1);
            assert!((found.error / want - 1.0).abs() < 0.25, "{corner:?}: {} against {want}", found.error);
            // By (2.9) the modulus moves by at most alpha(kappa u) = kappa |u|_1 / 2.
            let kappa = std::f64::consts::TAU * 2.0 / side as f64;
            assert!(found.cmod[0] < kappa / 2.0 && found.cmod[1] < 0.75 * kappa / 2.0, "{found:?}");
            assert!(found.rmax[0] > found.cmod[0], "{found:?}");
        }
    }

    #[test]
    fn a_shift_of_whole_pixels_is_that_of_the_image() {
        let (side, filter) = (32, narrow(32, [5, 3], 4));
        let image = noise(side, 1).remove(0);
        let rolled = (0..side * side).map(|i| image[i / side * side + (i % side + 2) % side]).collect::<Vec<_>>();
        let of = |image: &[f64], shift| {
            let mut spectrum = padded(image, side, side);
            transform(&mut spectrum, side);
            spectrum.iter_mut().zip(&filter.plane(side)).for_each(|(x, w)| *x *= w.conj());
            maps(&spectrum, side, 2, shift)
        };
        let ((rmax, cmod), (want_rmax, want_cmod)) = (of(&image, [2.0, 0.0]), of(&rolled, [0.0, 0.0]));
        assert!(distance(&rmax, &want_rmax) < 1e-12 && distance(&cmod, &want_cmod) < 1e-12);
    }

    #[test]
    fn small_and_empty_images_are_refused() {
        let filter = narrow(16, [2, 3], 2);
        let refused =
            |side, image: f64| measured(&[vec![image; side * side]], side, &filter, 2, &[]).unwrap_err().to_string();
        assert!(refused(16, 1.0).contains("at least 28 pixels"), "{}", refused(16, 1.0));
        assert!(refused(32, 0.0).contains("gives nothing"));
    }
}
