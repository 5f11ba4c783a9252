//! The sum of two tensors.

use super::zip;

/// `a + b`, elementwise; the gradient with respect to either is the upstream one.
///
/// Shapes: all of one length. Source: residual networks, arXiv 1512.03385, equation 1.
pub fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    zip(a, b, |a, b| a + b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_comes_out_as_on_paper() {
        assert_eq!(add(&[1.0, -2.0, 0.5], &[0.25, 2.0, 4.0]), [1.25, 0.0, 4.5]);
    }
}
