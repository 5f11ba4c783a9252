//! The momentum of FISTA.

use super::zip;

/// The extrapolated point `y = z + beta (z - previous)`.
///
/// Shapes: equal lengths. Source: FISTA, Beck & Teboulle 2009, equation 4.3. The gradient with respect to `z` is
/// `(1 + beta) g`, with respect to `previous` `-beta g`.
pub fn momentum(z: &[f64], previous: &[f64], beta: f64) -> Vec<f64> {
    zip(z, previous, |z, previous| z + beta * (z - previous))
}

/// The `k - 1` coefficients that `k` iterations of FISTA use, those of iterations 2, 3, .., `k`:
/// `(t_{i-1} - 1) / t_i` for iteration `i`, with `t_1 = 1` and `t_{i+1} = (1 + sqrt(1 + 4 t_i^2)) / 2`.
///
/// The first of them is always 0. Source: FISTA, Beck & Teboulle 2009, equations 4.2 and 4.3.
pub fn momentum_coefficients(k: usize) -> Vec<f64> {
    let mut t = 1.0_f64;
    let mut coefficients = Vec::new();
    for _ in 1..k {
        let next = (1.0 + (1.0 + 4.0 * t * t).sqrt()) / 2.0;
        coefficients.push((t - 1.0) / next);
        t = next;
    }
    coefficients
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};

    #[test]
    fn the_coefficients_start_at_zero_and_rise_towards_one() {
        assert!(momentum_coefficients(0).is_empty() && momentum_coefficients(1).is_empty());
        let coefficients = momentum_coefficients(100);
        assert_eq!(coefficients.len(), 99);
        // t_2 is the golden ratio, t_3 = 2.19352709...
        assert_close(&coefficients[..2], &[0.0, 0.6180339887498949 / 2.193527085331054], 1e-12);
        assert!(coefficients.windows(2).all(|pair| pair[0] < pair[1]) && coefficients[98] < 1.0);
        assert!(coefficients[98] > 0.96);
    }

    #[test]
    fn its_gradients_match_central_differences() {
        let (z, previous, g, beta) = (sequence(9, 1, 1.0), sequence(9, 2, 1.0), sequence(9, 3, 1.0), 0.4);
        let to_z = central_difference(|z| dot(&momentum(z, &previous, beta), &g), &z, 1e-3);
        let to_previous = central_difference(|p| dot(&momentum(&z, p, beta), &g), &previous, 1e-3);
        assert_close(&to_z, &g.iter().map(|g| (1.0 + beta) * g).collect::<Vec<_>>(), 1e-10);
        assert_close(&to_previous, &g.iter().map(|g| -beta * g).collect::<Vec<_>>(), 1e-10);
    }
}
