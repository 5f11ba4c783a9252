//! The Lipschitz constant of the data term's gradient.

use super::{correlation::correlation, dot, floored_norm, synthesis::synthesis};
use crate::shape::ConvShape;

/// The largest eigenvalue `L` of `A^T A` by `rounds` rounds of power iteration from `v0`: returns `(v, L)`.
///
/// `v <- v0 / |v0|`, then `rounds` times `v <- A^T A v / |A^T A v|`, and `L = |A v|^2` for the final unit `v`, a lower
/// bound that converges to the eigenvalue. Norms are floored at 1e-12.
///
/// Shapes: `s.n` is 1, `v0` and `v` are `[1, code_height, code_width, atoms]`, `w` is `[atoms, kh, kw, channels]`. The
/// step size of the solver is `0.9 / L`. Source: FISTA, Beck & Teboulle 2009, example 2.2; von Mises' iteration.
pub fn power_iteration(s: &ConvShape, w: &[f64], v0: &[f64], rounds: usize) -> (Vec<f64>, f64) {
    debug_assert_eq!(s.n, 1);
    let mut v = unit(v0);
    for _ in 0..rounds {
        v = unit(&correlation(s, &synthesis(s, &v, w), w));
    }
    let image = synthesis(s, &v, w);
    let lipschitz = dot(&image, &image);
    (v, lipschitz)
}

fn unit(v: &[f64]) -> Vec<f64> {
    let norm = floored_norm(v);
    v.iter().map(|v| v / norm).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, sequence::sequence};
    use crate::shape::Geometry;

    #[test]
    fn a_converged_vector_is_an_eigenvector_of_its_eigenvalue() {
        let square = |(k, stride, padding)| ([k, k], Geometry::square(stride, padding));
        let rectangles = [
            ([1, 5], Geometry { stride: [1, 2], padding: [0, 2] }),
            ([4, 2], Geometry { stride: [3, 1], padding: [1, 0] }),
        ];
        for (kernel, geometry) in [(3, 1, 1), (3, 2, 1), (5, 3, 2)].map(square).into_iter().chain(rectangles) {
            let s = ConvShape::new("test", &[1, 6, 7, 2], &[3, kernel[0], kernel[1], 2], geometry).unwrap();
            let w = sequence(s.weight().iter().product(), 4, 1.0);
            let v0 = sequence(s.codes().iter().product(), 77, 1.0);
            let (v, lipschitz) = power_iteration(&s, &w, &v0, 2000);
            let scaled: Vec<f64> = v.iter().map(|v| lipschitz * v).collect();
            assert_close(&correlation(&s, &synthesis(&s, &v, &w), &w), &scaled, 1e-9);
        }
    }

    #[test]
    fn a_pointwise_dictionary_has_the_eigenvalue_of_its_gram_matrix() {
        // w w^T = [[5, 2], [2, 8]] has the eigenvalues 9 and 4.
        let s = ConvShape::new("test", &[1, 3, 2, 2], &[2, 1, 1, 2], Geometry::square(1, 0)).unwrap();
        let w = [1.0, 2.0, -2.0, 2.0];
        let (_, lipschitz) = power_iteration(&s, &w, &sequence(12, 1, 1.0), 100);
        assert_close(&[lipschitz], &[9.0], 1e-12);
    }

    #[test]
    fn more_rounds_never_lower_the_bound_and_zero_weights_give_zero() {
        let s = ConvShape::new("test", &[1, 6, 7, 2], &[3, 3, 3, 2], Geometry::square(1, 1)).unwrap();
        let (w, v0) = (sequence(54, 1, 1.0), sequence(126, 2, 1.0));
        let bounds: Vec<f64> = (0..12).map(|rounds| power_iteration(&s, &w, &v0, rounds).1).collect();
        assert!(bounds.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
        assert_eq!(power_iteration(&s, &[0.0; 54], &v0, 3).1, 0.0);
    }
}
