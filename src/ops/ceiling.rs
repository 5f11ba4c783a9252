//! The ceilings of an adapter: a kernel that does nothing but compute, and one that does nothing but copy.

use crate::error::Result;
use crate::gpu::{Constant, Kernel};
use crate::shaders;
use crate::tensor::{Call, Tensor};

/// For every value, the sum of three chains of `16 rounds` links `x <- 31/32 x + 1/32`, which start at the value, one
/// above and one below it. Same shape as `start`. See [`chain_operations`].
///
/// # Errors
/// [`crate::error::Error::OutOfMemory`].
pub fn ceiling_multiply_add(start: &Tensor, rounds: usize) -> Result<Tensor> {
    over_tensor(&shaders::CEILING_MULTIPLY_ADD, start, &[("ROUNDS", rounds as f64)])
}

/// Floating-point operations in [`ceiling_multiply_add`], two per fused multiply-add.
pub fn chain_operations(len: usize, rounds: usize) -> f64 {
    2.0 * 3.0 * 16.0 * len as f64 * rounds as f64
}

/// A copy of `a`.
///
/// # Errors
/// [`crate::error::Error::OutOfMemory`].
pub fn ceiling_copy(a: &Tensor) -> Result<Tensor> {
    over_tensor(&shaders::CEILING_COPY, a, &[])
}

fn over_tensor(kernel: &'static Kernel, a: &Tensor, constants: &[Constant]) -> Result<Tensor> {
    let out = Tensor::uninitialized(a.gpu(), kernel.name(), a.shape())?;
    Call::on(&[a, &out]).constants(constants).each_four(kernel, a.len())?;
    Ok(out)
}
