//! Gradients of bounded norm.

/// Each gradient times `min(1, most / (norm + 1e-6))`, `norm` being the l2 norm of all values together.
///
/// Shapes: as the gradients. Source: PyTorch's `torch.nn.utils.clip_grad_norm_`.
pub fn clip_norm(gradients: &[Vec<f64>], most: f64) -> Vec<Vec<f64>> {
    let norm = gradients.iter().flatten().map(|g| g * g).sum::<f64>().sqrt();
    let factor = (most / (norm + 1e-6)).min(1.0);
    gradients.iter().map(|gradient| gradient.iter().map(|g| factor * g).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    #[test]
    fn it_is_the_norm_of_all_gradients_as_in_pytorch() {
        let gradients = [vec![3.0, -1.0, 0.5], vec![2.0, 0.0, -1.5, 4.0]];
        // `torch.nn.utils.clip_grad_norm_` of PyTorch 2.15 in float64 with `max_norm=2.5`, on these gradients.
        let clipped = clip_norm(&gradients, 2.5);
        assert_close(&clipped[0], &[1.3155867981913536, -0.4385289327304512, 0.2192644663652256], 1e-14);
        assert_close(&clipped[1], &[0.8770578654609024, 0.0, -0.6577933990956768, 1.7541157309218047], 1e-14);
        assert_eq!(clip_norm(&gradients, 6.0), gradients);
    }
}
