//! The product with a number.

/// `factor * a`, elementwise; its gradient is the upstream one times `factor`. Source: PyTorch's `torch.mul`.
pub fn scale(factor: f64, a: &[f64]) -> Vec<f64> {
    a.iter().map(|a| factor * a).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_comes_out_as_on_paper() {
        assert_eq!(scale(-0.5, &[1.0, -2.0, 0.0]), [-0.5, 1.0, 0.0]);
    }
}
