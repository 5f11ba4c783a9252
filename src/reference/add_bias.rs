//! A bias for every channel.

/// `result[.., c] = x[.., c] + bias[c]`. The gradient with respect to `x` is the upstream one, with respect to `bias`
/// its sum over all but the channels, [`sum_groups`](super::sum_groups::sum_groups).
///
/// Shapes: `x` and the result are `[.., channels]`, `bias` is `[channels]`. Source: PyTorch's `torch.nn.Linear`.
pub fn add_bias(x: &[f64], bias: &[f64]) -> Vec<f64> {
    debug_assert_eq!(x.len() % bias.len(), 0);
    x.iter().enumerate().map(|(i, x)| x + bias[i % bias.len()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence, sum_groups::sum_groups};

    #[test]
    fn every_channel_has_its_own_bias() {
        assert_eq!(
            add_bias(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[10.0, 20.0, 30.0]),
            [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]
        );
    }

    #[test]
    fn the_gradient_with_respect_to_the_bias_is_the_sum_over_rows() {
        let (x, bias, g) = (sequence(15, 1, 1.0), sequence(3, 2, 1.0), sequence(15, 3, 1.0));
        let numeric = central_difference(|bias| dot(&add_bias(&x, bias), &g), &bias, 1e-3);
        assert_close(&sum_groups(&g, 5), &numeric, 1e-10);
    }
}
