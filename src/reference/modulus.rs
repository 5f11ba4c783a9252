//! The moduli of complex values.

/// `|z| = sqrt(re^2 + im^2)` of complex values whose real parts are the first `channels` channels of a map, and whose imaginary
/// parts are the others.
///
/// Shapes: `z` is `[.., 2 channels]`, the result `[.., channels]`. Source: arXiv 2209.11740, CMod.
pub fn modulus(z: &[f64], channels: usize) -> Vec<f64> {
    let pixels = z.chunks_exact(2 * channels);
    pixels.flat_map(|pixel| (0..channels).map(|c| pixel[c].hypot(pixel[channels + c]))).collect()
}

/// The gradient of [`modulus`] at `z` for the upstream gradient `g`: `g re / |z|` and `g im / |z|`, 0 where `z` is 0.
///
/// Shapes: `z` and the result are `[.., 2 channels]`, `g` is `[.., channels]`. Source: [`modulus`], differentiated.
pub fn modulus_gradient(z: &[f64], g: &[f64], channels: usize) -> Vec<f64> {
    let sizes = modulus(z, channels);
    let at = |(i, z): (usize, &f64)| {
        let of = i / (2 * channels) * channels + i % channels;
        if sizes[of] > 0.0 { g[of] * z / sizes[of] } else { 0.0 }
    };
    z.iter().enumerate().map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};

    #[test]
    fn worked_examples_come_out_as_on_paper() {
        // Two pixels of two complex channels.
        let z = [3.0, 0.0, 4.0, -2.0, 0.0, 5.0, 0.0, 12.0];
        assert_eq!(modulus(&z, 2), [5.0, 2.0, 0.0, 13.0]);
        let want = [0.6, 0.0, 0.8, -2.0, 0.0, 5.0 / 13.0, 0.0, 12.0 / 13.0];
        assert_close(&modulus_gradient(&z, &[1.0, 2.0, 7.0, 1.0], 2), &want, 1e-15);
    }

    #[test]
    fn the_gradient_matches_central_differences() {
        let (z, g) = (sequence(5 * 6, 1, 1.0), sequence(15, 2, 1.0));
        let numeric = central_difference(|z| dot(&modulus(z, 3), &g), &z, 1e-5);
        assert_close(&modulus_gradient(&z, &g, 3), &numeric, 1e-8);
    }
}
