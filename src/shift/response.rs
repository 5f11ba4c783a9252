//! Filters by their spectra.

use super::fourier::{Plane, frequency, padded, transform};
use super::{Concentration, gamma_squared};
use crate::wavelets::ComplexKernel;

/// The spectrum `W hat` of a complex filter at any number of frequencies.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    side: usize,
    real: Vec<f64>,
    imaginary: Vec<f64>,
    /// The direction that the half of the plane about it is kept of, for filters made analytic.
    half: Option<[f64; 2]>,
}

impl Response {
    /// Of a complex kernel.
    pub fn of_complex(kernel: &ComplexKernel) -> Self {
        let ComplexKernel { side, real, imaginary } = kernel.clone();
        Self { side, real, imaginary, half: None }
    }

    /// Of the complex filter whose real part is a real kernel of `side x side` values, and whose spectrum is zero on one half of
    /// the plane: `V hat(w) (1 + sign <w, a>)`. The direction `a` is the principal axis of the second moments of `|V hat|^2`.
    pub fn of_real(kernel: &[f64], side: usize) -> Self {
        let whole = Self { side, real: kernel.to_vec(), imaginary: vec![0.0; kernel.len()], half: None };
        let points = 64;
        let [mut xx, mut yy, mut xy] = [0.0; 3];
        for (i, energy) in whole.energy(points).into_iter().enumerate() {
            let (y, x) = (frequency(i / points, points), frequency(i % points, points));
            (xx, yy, xy) = (xx + energy * x * x, yy + energy * y * y, xy + energy * x * y);
        }
        let angle = 0.5 * (2.0 * xy).atan2(xx - yy);
        Self { half: Some([angle.cos(), angle.sin()]), ..whole }
    }

    /// The share of the kernel's energy that its mean has: how much of an image's brightness it sees.
    pub fn mean_share(&self) -> f64 {
        let sum = |of: &[f64]| of.iter().sum::<f64>().powi(2);
        let square = |of: &[f64]| of.iter().map(|v| v * v).sum::<f64>();
        let whole = square(&self.real) + square(&self.imaginary);
        (sum(&self.real) + sum(&self.imaginary)) / (self.real.len() as f64 * whole.max(f64::MIN_POSITIVE))
    }

    /// `W hat` at `points x points` frequencies, the frequency 0 first, those along x in each row. Kernels of more than `points`
    /// pixels a side are cut.
    pub(super) fn plane(&self, points: usize) -> Plane {
        let kept = self.side.min(points);
        let part = |of: &[f64]| (0..kept * kept).map(|i| of[i / kept * self.side + i % kept]).collect::<Vec<_>>();
        let mut plane = padded(&part(&self.real), kept, points);
        for (i, value) in part(&self.imaginary).into_iter().enumerate() {
            plane[i / kept * points + i % kept].im = value;
        }
        transform(&mut plane, points);
        if let Some([x, y]) = self.half {
            for (i, value) in plane.iter_mut().enumerate() {
                let along = frequency(i % points, points) * x + frequency(i / points, points) * y;
                *value *= 1.0 + if along == 0.0 { 0.0 } else { along.signum() };
            }
        }
        plane
    }

    /// `|W hat|^2` at these frequencies.
    pub fn energy(&self, points: usize) -> Vec<f64> {
        self.plane(points).iter().map(|value| value.norm_sqr()).collect()
    }

    /// Where most of the energy within a square of side `pi / m` lies, for a subsampling by `m`. Of a real filter, which has two such
    /// places, it is the one of positive frequency along x.
    pub fn concentration(&self, m: usize) -> Concentration {
        let points = 64;
        let found = Concentration::of_energy(&self.energy(points), points, (points / (2 * m)).max(1));
        match self.half.is_some() && found.theta[0] < 0.0 {
            true => Concentration { theta: found.theta.map(|t| -t), ..found },
            false => found,
        }
    }

    /// The bound of arXiv 2209.11740, (3.11), `(beta_q(m kappa) + gamma_q(m theta))^2`, for the smallest square that holds 95 % of
    /// the energy; none where it is 1 or more, and so says nothing.
    pub fn bound(&self, m: usize, q: usize) -> Option<f64> {
        let (points, energy) = (64, self.energy(64));
        (1..points / 2).find_map(|side| {
            let kappa = std::f64::consts::TAU * side as f64 / points as f64;
            let within = Concentration::of_energy(&energy, points, side);
            let root = super::beta(q, m as f64 * kappa) + gamma_squared(within.theta.map(|t| m as f64 * t), q).sqrt();
            match (within.share >= 0.95, root < 1.0) {
                (true, true) => Some(Some(root * root)),
                (false, true) => None,
                // Larger squares only raise it.
                (_, false) => Some(None),
            }
        })?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavelets::packets;

    #[test]
    fn a_packet_has_the_energy_of_its_kernel() {
        let kernel = &packets(1)[3];
        let (here, there) = (Response::of_complex(kernel).energy(32), kernel.energy(32));
        assert!(here.iter().zip(there).all(|(a, b)| (a - b).abs() < 1e-9));
    }

    #[test]
    fn a_gabor_made_analytic_has_its_frequency_and_no_other_half() {
        // Seven pixels a side, as in a stem.
        for theta in [[1.2_f64, 0.6], [0.4, -1.5], [2.0, 0.1]] {
            let at = |i: usize| (i % 7) as f64 - 3.0;
            let value = |i: usize| {
                let (x, y) = (at(i), (i / 7) as f64 - 3.0);
                (-(x * x + y * y) / 6.0).exp() * (theta[0] * x + theta[1] * y + 0.3).cos()
            };
            let kernel = (0..49).map(value).collect::<Vec<_>>();
            let response = Response::of_real(&kernel, 7);
            let found = response.concentration(2);
            let sign = if found.theta[0] * theta[0] + found.theta[1] * theta[1] < 0.0 { -1.0 } else { 1.0 };
            let off = (0..2).map(|a| (sign * found.theta[a] - theta[a]).abs()).fold(0.0, f64::max);
            assert!(off < 0.25 && found.share > 0.6, "{theta:?}: {found:?}");
            let energy = response.energy(64);
            let empty = energy.iter().filter(|e| **e == 0.0).count();
            assert!((31 * 64..33 * 64).contains(&empty), "half of the plane is empty: {empty}");
            assert_eq!(response.bound(2, 1), None, "a spectrum as wide as this has no bound");
        }
    }

    #[test]
    fn a_constant_kernel_is_all_mean_and_a_difference_has_none() {
        assert!((Response::of_real(&[0.5; 9], 3).mean_share() - 1.0).abs() < 1e-12);
        assert_eq!(Response::of_real(&[1.0, -1.0, 0.0, 0.0], 2).mean_share(), 0.0);
        assert!((Response::of_real(&[1.0, 0.0, 0.0, 0.0], 2).mean_share() - 0.25).abs() < 1e-12);
    }

    #[test]
    fn a_long_wave_has_a_bound() {
        // Sixty-four pixels of one frequency, whose energy lies in few places.
        let theta = [std::f64::consts::TAU * 9.0 / 64.0, std::f64::consts::TAU * 21.0 / 64.0];
        let wave = |i: usize| (theta[0] * (i % 64) as f64 + theta[1] * (i / 64) as f64).cos();
        let response = Response::of_real(&(0..64 * 64).map(wave).collect::<Vec<_>>(), 64);
        let bound = response.bound(2, 1).unwrap();
        let kappa = std::f64::consts::TAU / 64.0;
        let want = (2.0 * kappa + gamma_squared(theta.map(|t| 2.0 * t), 1).sqrt()).powi(2);
        assert!((bound - want).abs() < 1e-9, "{bound}, not {want}");
    }
}
