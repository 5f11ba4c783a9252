//! The two small steps from a vector to its norm, and from the largest eigenvalue of `A^T A` to a step size.

use super::sum_of_squares;
use crate::error::Result;
use crate::shaders;
use crate::tensor::{Call, Tensor};

/// `factor / max(|a|_2, 1e-12)` of each sample of `a: [n, ..]`, `[n]`.
///
/// # Errors
/// [`crate::error::Error::Shape`] where there is no sample, [`crate::error::Error::OutOfMemory`].
pub fn inverse_norm(a: &Tensor, factor: f32) -> Result<Tensor> {
    let square = sum_of_squares(a)?;
    let out = Tensor::uninitialized(a.gpu(), "inverse_norm", square.shape())?;
    Call::on(&[&square, &out]).numbers(&[factor]).each(&shaders::INVERSE_NORM, square.len())?;
    Ok(out)
}

/// Writes `factor / max(lipschitz, 1e-12)` into `step`, both one value on the device.
///
/// # Errors
/// Those of the device.
pub fn step_size(lipschitz: &Tensor, factor: f32, step: &Tensor) -> Result<()> {
    Call::on(&[lipschitz, step]).numbers(&[factor]).each(&shaders::STEP_SIZE, 1)
}
