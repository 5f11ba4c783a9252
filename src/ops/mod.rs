//! The ops: of each its shape check, its forward function on tensors, its gradient, and its [`crate::tape::Tape`]
//! method, side by side in one file. The f64 twin of each is in [`crate::reference`] under the same name.

mod activation;
mod batch_norm;
mod ceiling;
mod clip_residual;
mod convolution;
mod cross_entropy;
mod elementwise;
mod fista_step;
mod interpolate;
mod linear;
mod normalize_atoms;
mod pool;
mod power_iteration;
mod sgd;
mod soft_threshold;
mod sum_samples;

pub use batch_norm::{BatchNormInputs, RunningStatistics};
pub use ceiling::{ceiling_copy, ceiling_multiply_add, chain_operations};
pub use convolution::{correlation, synthesis, weight_gradient};
pub use cross_entropy::{CrossEntropy, check_labels};
pub use elementwise::scale;
pub use fista_step::{FistaStep, residual};
pub use interpolate::interpolate;
pub use normalize_atoms::normalize_atoms;
pub use pool::Window;
pub use power_iteration::PowerIteration;
pub(crate) use power_iteration::{inverse_norm, step_size};
pub use sgd::{SgdRule, sgd};
pub use soft_threshold::{Prox, soft_threshold};
pub use sum_samples::{count_active, sum_of_magnitudes, sum_of_squares};

use crate::error::Result;
use crate::gpu::{Constant, Gpu, Kernel};
use crate::tensor::Tensor;

/// Runs an elementwise kernel over `len` values, four a thread, 64 threads a workgroup.
fn over_fours(
    gpu: &Gpu,
    kernel: &'static Kernel,
    len: usize,
    constants: &[Constant],
    tensors: &[&Tensor],
) -> Result<()> {
    over(gpu, kernel, len.div_ceil(4), constants, tensors)
}

/// Runs a kernel of `len` threads, 64 a workgroup; it knows `len` as LENGTH.
fn over(gpu: &Gpu, kernel: &'static Kernel, len: usize, constants: &[Constant], tensors: &[&Tensor]) -> Result<()> {
    let constants = [&[("LENGTH", len as f64)], constants].concat();
    gpu.run(kernel, &constants, &buffers(tensors), len.div_ceil(64))
}

fn buffers<'a>(tensors: &[&'a Tensor]) -> Vec<&'a crate::gpu::Buffer> {
    tensors.iter().map(|t| t.buffer()).collect()
}

/// Whether, as a constant.
fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}
