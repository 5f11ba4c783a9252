//! Gradients of bounded norm, as PyTorch's `torch.nn.utils.clip_grad_norm_`.

use super::{scale_samples, sum_of_magnitudes, sum_of_squares};
use crate::error::{Error, Result};
use crate::shaders;
use crate::tensor::{Call, Tensor};

/// `min(1, most / (norm + 1e-6))` times each of the gradients, `norm` being the l2 norm of all their values together. Nothing
/// is read back.
///
/// # Errors
/// [`Error::Shape`] where there are none or one is empty, [`Error::OutOfMemory`].
pub fn clip_norm(gradients: &[&Tensor], most: f32) -> Result<Vec<Tensor>> {
    let Some(first) = gradients.first() else {
        return Err(Error::shape("clip_norm", "at least one gradient is needed", &[&[0]]));
    };
    let each = gradients.iter().map(|gradient| sum_of_squares(&gradient.reshape(&[1, gradient.len()])?));
    let squares = Tensor::uninitialized(first.gpu(), "clip_norm", &[gradients.len()])?;
    // All sums come first, since a copy ends the compute pass.
    for (place, square) in each.collect::<Result<Vec<_>>>()?.iter().enumerate() {
        squares.set_samples(place, square)?;
    }
    let squares = squares.reshape(&[1, gradients.len()])?;
    let square = sum_of_magnitudes(&squares)?;
    let factor = Tensor::uninitialized(first.gpu(), "clip_norm", &[1])?;
    Call::on(&[&square, &factor]).numbers(&[most]).each(&shaders::CLIP_NORM, 1)?;
    gradients.iter().map(|gradient| scale_samples(gradient, &factor)).collect()
}
