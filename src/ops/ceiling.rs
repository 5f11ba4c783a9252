//! What an adapter can do at most: two kernels that do nothing else than compute, and nothing else than move.

use super::over_fours;
use crate::error::Result;
use crate::gpu::{Constant, Kernel};
use crate::shaders;
use crate::tensor::Tensor;

/// For every value, the sum of three chains of `16 rounds` links `x <- 31/32 x + 1/32`, which start at the value, one
/// above and one below it. Same shape as `start`. See [`chain_operations`].
///
/// # Errors
/// [`crate::error::Error::OutOfMemory`].
pub fn ceiling_multiply_add(start: &Tensor, rounds: usize) -> Result<Tensor> {
    over_tensor(&shaders::CEILING_MULTIPLY_ADD, start, &[("ROUNDS", rounds as f64)])
}

/// Floating point operations in the links of [`ceiling_multiply_add`], two a fused multiply-add.
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
    let out = Tensor::uninitialized(a.gpu(), kernel.name, a.shape())?;
    over_fours(a.gpu(), kernel, a.len(), constants, &[a, &out])?;
    Ok(out)
}
