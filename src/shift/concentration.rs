//! Where in the frequency plane a filter's energy lies.

use std::f64::consts::{PI, TAU};

use crate::wavelets::ComplexKernel;

/// The square of side `kappa` that holds the most of a filter's energy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Concentration {
    /// Its share of the energy.
    pub share: f64,
    /// Its middle, radians a pixel along x and y: the characteristic frequency.
    pub theta: [f64; 2],
}

impl Concentration {
    /// Of a kernel, on a grid of `points` frequencies an axis, for a square of `side` of them (`kappa = 2 pi side / points`). The
    /// square wraps around at the borders of the plane.
    pub fn of(kernel: &ComplexKernel, points: usize, side: usize) -> Self {
        Self::of_energy(&kernel.energy(points), points, side)
    }

    /// [`Concentration::of`] a spectrum, `|W hat|^2` at `points x points` frequencies, the frequency 0 first.
    pub fn of_energy(energy: &[f64], points: usize, side: usize) -> Self {
        let whole = energy.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        // Sums over the square's rows, then over its columns; each square is named by its first frequency.
        let rows = sliding(energy, points, side, |line, i| (line, i));
        let squares = sliding(&rows, points, side, |line, i| (i, line));
        let (best, most) =
            squares.iter().enumerate().fold((0, 0.0), |best, (i, sum)| if *sum > best.1 { (i, *sum) } else { best });
        let middle = |first: usize| {
            let at = (first as f64 + (side as f64 - 1.0) / 2.0) * TAU / points as f64;
            if at > PI { at - TAU } else { at }
        };
        Self { share: most / whole, theta: [middle(best % points), middle(best / points)] }
    }
}

/// For every entry of a square array, the sum over itself and those after it along one axis, `side` in all, around the end.
/// `place` gives row and column of entry `i` of line `line`.
fn sliding(all: &[f64], points: usize, side: usize, place: fn(usize, usize) -> (usize, usize)) -> Vec<f64> {
    let at = |line: usize, i: usize| {
        let (row, column) = place(line, i % points);
        row * points + column
    };
    let mut sums = vec![0.0; all.len()];
    for line in 0..points {
        for i in 0..points {
            sums[at(line, i)] = (i..i + side).map(|i| all[at(line, i)]).sum();
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wavelets::{packet_frequencies, packets};

    /// A wave under a Gaussian window.
    fn gabor(theta: [f64; 2], width: f64) -> ComplexKernel {
        let side = 41;
        let at = |i: usize| i as f64 - 20.0;
        let value = |i: usize| {
            let (x, y) = (at(i % side), at(i / side));
            let window = (-(x * x + y * y) / (2.0 * width * width)).exp();
            (window, theta[0] * x + theta[1] * y)
        };
        ComplexKernel {
            side,
            real: (0..side * side).map(|i| value(i).0 * value(i).1.cos()).collect(),
            imaginary: (0..side * side).map(|i| value(i).0 * value(i).1.sin()).collect(),
        }
    }

    #[test]
    fn the_frequency_of_a_wave_is_found_around_the_plane() {
        for theta in [[1.0, 2.0], [-0.5, 1.2], [3.0, -0.1]] {
            let found = Concentration::of(&gabor(theta, 6.0), 128, 32);
            let off = |axis: usize| (found.theta[axis] - theta[axis] + PI).rem_euclid(TAU) - PI;
            assert!(off(0).abs() < 0.06 && off(1).abs() < 0.06, "{theta:?}: {found:?}");
            assert!(found.share > 0.98, "{found:?}");
        }
        let narrow = Concentration::of(&gabor([1.0, 2.0], 1.0), 128, 16);
        assert!(narrow.share < 0.5, "a short wave has a wide spectrum: {narrow:?}");
    }

    #[test]
    fn packets_lie_in_their_squares() {
        let kernels = packets(2);
        for (kernel, [x, y]) in kernels.iter().zip(packet_frequencies(2)) {
            let found = Concentration::of(kernel, 64, 8).theta;
            // Those at the borders reach beyond them.
            let off = |a: f64, b: f64| ((a - b + TAU / 2.0).rem_euclid(TAU) - TAU / 2.0).abs();
            assert!(off(found[0], x) < 0.5 && off(found[1], y) < 0.5, "{found:?}, not {x}, {y}");
        }
    }

    #[test]
    fn the_energy_of_packets_is_concentrated_as_reported() {
        // Reported are .98 +- .00 and .95 +- .02.
        for (levels, want, deviation) in [(2, 0.9763, 0.0037), (3, 0.9442, 0.0224)] {
            let (points, side) = (256, 256 >> levels);
            let shares =
                packets(levels).iter().map(|kernel| Concentration::of(kernel, points, side).share).collect::<Vec<_>>();
            let count = shares.len() as f64;
            let mean = shares.iter().sum::<f64>() / count;
            let spread = (shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / count).sqrt();
            assert!(
                (mean - want).abs() < 1e-4 && (spread - deviation).abs() < 1e-4,
                "{levels} levels: {mean} +- {spread}"
            );
        }
    }
}
