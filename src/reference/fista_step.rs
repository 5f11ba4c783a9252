//! One proximal gradient step from a given residual.

use super::{
    correlation::correlation,
    soft_threshold::{ProxTwin, soft_threshold},
    zip,
};
use crate::shape::ConvShape;

/// `prox(y + step * A^T r)`; without `y`, a step from zero: `prox(step * A^T r)`.
///
/// Shapes: `y` and the result are `[n, code_height, code_width, atoms]`, `r` is `[n, height, width, channels]`, `w` is
/// `[atoms, kh, kw, channels]`, `lambda` is one value per sample. Source: FISTA, Beck & Teboulle 2009, equation 4.1;
/// SDNet, arXiv 2210.12945.
pub fn fista_step(
    s: &ConvShape,
    y: Option<&[f64]>,
    r: &[f64],
    w: &[f64],
    step: f64,
    lambda: &[f64],
    prox: ProxTwin,
) -> Vec<f64> {
    debug_assert_eq!(lambda.len(), s.n);
    let analysis = correlation(s, r, w);
    let u = match y {
        Some(y) => zip(y, &analysis, |y, a| y + step * a),
        None => analysis.iter().map(|a| step * a).collect(),
    };
    soft_threshold(&u, step, lambda, prox)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};
    use crate::reference::{soft_threshold::soft_threshold_gradient, synthesis::synthesis};
    use crate::shape::Geometry;

    #[test]
    fn a_step_without_a_point_is_a_step_from_zero() {
        let s = ConvShape::new("test", &[2, 4, 3, 2], &[3, 3, 3, 2], Geometry::square(1, 1)).unwrap();
        let (r, w) = (sequence(48, 1, 1.0), sequence(54, 2, 1.0));
        let zero = vec![0.0; s.codes().iter().product()];
        let prox = ProxTwin { mu: 0.1, non_negative: false };
        let step = |y| fista_step(&s, y, &r, &w, 0.2, &[0.1, 0.3], prox);
        assert_eq!(step(None), step(Some(&zero)));
    }

    #[test]
    fn its_gradients_match_central_differences_off_the_kinks() {
        let s = ConvShape::new("test", &[2, 4, 3, 2], &[3, 3, 3, 2], Geometry::square(1, 1)).unwrap();
        let (y, r, w) = (sequence(72, 1, 1.0), sequence(48, 2, 1.0), sequence(54, 3, 1.0));
        let (step, lambda, prox) = (0.2, [0.5, 1.0], ProxTwin { mu: 0.1, non_negative: true });
        let g = sequence(72, 4, 1.0);
        let u = fista_step(&s, Some(&y), &r, &w, step, &[0.0; 2], ProxTwin { mu: 0.0, non_negative: false });
        assert!(u.iter().enumerate().all(|(i, u)| (u - step * lambda[i / 36]).abs() > 1e-4));

        let f = |y: &[f64], r: &[f64]| fista_step(&s, Some(y), r, &w, step, &lambda, prox);
        let v = soft_threshold_gradient(&f(&y, &r), &g, step, prox);
        assert_close(&v, &central_difference(|y| dot(&f(y, &r), &g), &y, 1e-5), 1e-9);
        let to_residual: Vec<f64> = synthesis(&s, &v, &w).iter().map(|a| step * a).collect();
        assert_close(&to_residual, &central_difference(|r| dot(&f(&y, r), &g), &r, 1e-5), 1e-9);
    }
}
