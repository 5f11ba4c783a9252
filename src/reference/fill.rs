//! A constant.

/// `len` times `value`. Source: PyTorch's `torch.full`.
pub fn fill(len: usize, value: f64) -> Vec<f64> {
    vec![value; len]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_is_the_value() {
        assert_eq!(fill(3, -0.5), [-0.5, -0.5, -0.5]);
        assert!(fill(0, 1.0).is_empty());
    }
}
