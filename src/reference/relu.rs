//! Rectified linear units.

use super::{add::add, zip};

/// `max(x, 0)`, elementwise. Source: PyTorch's `torch.relu`.
pub fn relu(x: &[f64]) -> Vec<f64> {
    x.iter().map(|&x| if x > 0.0 { x } else { 0.0 }).collect()
}

/// The gradient of [`relu`] (and, for either summand, of [`add_relu`]) from its result `y` and the upstream gradient
/// `g`: `g * [y > 0]`, elementwise. At 0 it is 0, as in PyTorch.
pub fn relu_gradient(y: &[f64], g: &[f64]) -> Vec<f64> {
    zip(y, g, |y, g| if y > 0.0 { g } else { 0.0 })
}

/// `max(a + b, 0)`, elementwise: the end of a residual block. The gradient with respect to both `a` and `b` is
/// [`relu_gradient`]. Source: residual networks, arXiv 1512.03385, figure 2.
pub fn add_relu(a: &[f64], b: &[f64]) -> Vec<f64> {
    relu(&add(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};

    #[test]
    fn the_gradient_matches_central_differences_off_the_kink() {
        let (x, g) = (sequence(40, 1, 1.0), sequence(40, 2, 1.0));
        assert!(x.iter().all(|x| x.abs() > 1e-4));
        let y = relu(&x);
        assert!(y.contains(&0.0) && y.iter().any(|&y| y > 0.0));
        assert_close(&relu_gradient(&y, &g), &central_difference(|x| dot(&relu(x), &g), &x, 1e-5), 1e-9);
    }

    #[test]
    fn the_gradient_of_a_rectified_sum_goes_to_both_summands() {
        let (a, b, g) = (sequence(40, 1, 1.0), sequence(40, 2, 1.0), sequence(40, 3, 1.0));
        let y = add_relu(&a, &b);
        assert!(a.iter().zip(&b).all(|(a, b)| (a + b).abs() > 1e-4));
        let twin = relu_gradient(&y, &g);
        assert_close(&twin, &central_difference(|a| dot(&add_relu(a, &b), &g), &a, 1e-5), 1e-9);
        assert_close(&twin, &central_difference(|b| dot(&add_relu(&a, b), &g), &b, 1e-5), 1e-9);
    }

    #[test]
    fn the_gradient_at_zero_is_zero() {
        assert_eq!(relu_gradient(&relu(&[0.0, -0.0]), &[1.0, 1.0]), [0.0, 0.0]);
    }
}
