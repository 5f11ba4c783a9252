//! Fourier transforms of square arrays.

use std::f64::consts::{PI, TAU};

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

/// Values of a square array, row by row.
pub(super) type Plane = Vec<Complex<f64>>;

/// The transform in place, of `side x side` values.
pub(super) fn transform(plane: &mut Plane, side: usize) {
    both_axes(plane, side, &*FftPlanner::new().plan_fft_forward(side));
}

/// The inverse transform in place.
pub(super) fn inverse(plane: &mut Plane, side: usize) {
    both_axes(plane, side, &*FftPlanner::new().plan_fft_inverse(side));
    let scale = 1.0 / (side * side) as f64;
    plane.iter_mut().for_each(|value| *value *= scale);
}

fn both_axes(plane: &mut Plane, side: usize, fft: &dyn rustfft::Fft<f64>) {
    for _ in 0..2 {
        fft.process(plane);
        // Rows become columns, so that the second round transforms the other axis and turns them back.
        *plane = (0..side * side).map(|i| plane[i % side * side + i / side]).collect();
    }
}

/// The angular frequency, in `[-pi, pi)`, at a place along an axis.
pub(super) fn frequency(place: usize, side: usize) -> f64 {
    let at = TAU * place as f64 / side as f64;
    if at >= PI { at - TAU } else { at }
}

/// Real values as complex ones, in the corner of a larger square of zeros.
pub(super) fn padded(values: &[f64], width: usize, side: usize) -> Plane {
    let mut plane = vec![Complex::default(); side * side];
    for (i, value) in values.iter().enumerate() {
        plane[i / width * side + i % width] = Complex::new(*value, 0.0);
    }
    plane
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_has_one_frequency_and_comes_back() {
        let (side, [ky, kx]) = (12, [3, 10]);
        let at = |i: usize| TAU * ((i / side * ky + i % side * kx) as f64) / side as f64;
        let wave = (0..side * side).map(|i| Complex::from_polar(1.0, at(i))).collect::<Plane>();
        let mut plane = wave.clone();
        transform(&mut plane, side);
        let at = |i: usize| plane[i].norm();
        assert!((at(ky * side + kx) - 144.0).abs() < 1e-9 && at(kx * side + ky) < 1e-9);
        assert!((frequency(3, 12) - PI / 2.0).abs() < 1e-12 && (frequency(10, 12) + PI / 3.0).abs() < 1e-12);
        inverse(&mut plane, side);
        assert!(plane.iter().zip(&wave).all(|(a, b)| (a - b).norm() < 1e-12));
    }
}
