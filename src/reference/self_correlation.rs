//! How far atoms and their shifts are from being orthonormal.

use super::correlation::correlation;
use super::dot;
use super::synthesis::synthesis;
use super::weight_gradient::weight_gradient;
use crate::shape::ConvShape;

/// `R - I`, with `R[a, lag, b]` the correlation of atom `a`, taken as a signal, with atom `b`, and the identity at the lag in
/// the middle of the map.
///
/// Shapes: `w` is `[atoms, kh, kw, channels]`, both the signal and the dictionary of `s`; the result is
/// `[atoms, lags, lags, atoms]`. Source: arXiv 1911.12207, equation 9.
pub fn self_correlation(s: &ConvShape, w: &[f64]) -> Vec<f64> {
    let mut excess = correlation(s, w, w);
    let [atoms, rows, columns, _] = s.codes();
    let center = rows / 2 * columns + columns / 2;
    (0..atoms).for_each(|a| excess[(a * rows * columns + center) * atoms + a] -= 1.0);
    excess
}

/// `|R - I|^2`, or `|R - I|` if not `squared`.
///
/// Shapes: as [`self_correlation`]. Source: arXiv 1911.12207, equation 10; not squared, its code.
pub fn orthogonality(s: &ConvShape, w: &[f64], squared: bool) -> f64 {
    let excess = self_correlation(s, w);
    let square = dot(&excess, &excess);
    if squared { square } else { square.sqrt() }
}

/// The gradient of [`orthogonality`] times `g`: `f (synthesis(E, w) + weight_gradient(E, w))` for `E = R - I`, with `f = 2 g`,
/// or `g / |E|` if not `squared`.
///
/// Shapes: `[atoms, kh, kw, channels]`. Source: [`orthogonality`], differentiated by either place of `w`.
pub fn orthogonality_gradient(s: &ConvShape, w: &[f64], squared: bool, g: f64) -> Vec<f64> {
    let excess = self_correlation(s, w);
    let factor = if squared { 2.0 * g } else { g / dot(&excess, &excess).sqrt() };
    let (as_signal, as_weight) = (synthesis(s, &excess, w), weight_gradient(s, &excess, w));
    as_signal.iter().zip(as_weight).map(|(a, b)| factor * (a + b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, sequence::sequence};
    use crate::shape::Geometry;

    fn shape([atoms, height, width, channels]: [usize; 4], stride: usize, padding: usize) -> ConvShape {
        let weight = [atoms, height, width, channels];
        ConvShape::new("test", &weight, &weight, Geometry::square(stride, padding)).unwrap()
    }

    #[test]
    fn values_are_those_of_the_theory() {
        // K = arange(18) / 20 as [2, 1, 3, 3].
        let w = (0..18).map(|i| f64::from(i) / 20.0).collect::<Vec<_>>();
        for (stride, padding, squared, want) in [(1, 2, true, 74.06545625), (2, 2, true, 20.91600625)] {
            let got = orthogonality(&shape([2, 3, 3, 1], stride, padding), &w, squared);
            assert!((got - want).abs() < 1e-9, "{got}, not {want}");
        }
    }

    #[test]
    fn it_is_that_of_the_periodic_operator_at_each_position() {
        // |A^T A - 1|^2 over 8 x 8 periodic signals, A^T as a matrix of rows of 64 values.
        let (atoms, side, w) = (3, 8, sequence(27, 4, 0.4));
        for stride in [1, 2] {
            let count = side / stride;
            let mut rows = Vec::new();
            for place in 0..atoms * count * count {
                let (atom, y, x) = (place / (count * count), place / count % count * stride, place % count * stride);
                let mut row = vec![0.0; side * side];
                (0..9).for_each(|tap| {
                    row[(y + tap / 3) % side * side + (x + tap % 3) % side] = w[atom * 9 + tap];
                });
                rows.push(row);
            }
            let entry = |i: usize, j: usize| dot(&rows[i], &rows[j]) - f64::from(u8::from(i == j));
            let all = (0..rows.len()).flat_map(|i| (0..rows.len()).map(move |j| (i, j)));
            let whole: f64 = all.map(|(i, j)| entry(i, j).powi(2)).sum();
            let got = orthogonality(&shape([atoms, 3, 3, 1], stride, 2), &w, true);
            assert!((got * (count * count) as f64 / whole - 1.0).abs() < 1e-12, "stride {stride}");
        }
    }

    #[test]
    fn the_gradient_matches_central_differences() {
        for (stride, padding, squared) in [(1, 2, true), (2, 2, true), (1, 0, true), (1, 1, false), (2, 1, false)] {
            let (s, w) = (shape([3, 3, 3, 2], stride, padding), sequence(54, 7, 0.5));
            let numeric = central_difference(|w| 1.5 * orthogonality(&s, w, squared), &w, 1e-6);
            assert_close(&orthogonality_gradient(&s, &w, squared, 1.5), &numeric, 1e-7);
        }
    }
}
