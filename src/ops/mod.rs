//! The ops. For each: its shape check, its forward function on tensors, its gradient and its [`crate::tape::Tape`]
//! method, side by side in one file. The f64 twin of each is the function of the same name in [`crate::reference`]; the twin
//! of a type is called like it, with `Twin` behind.

mod activation;
mod adamw;
mod average;
mod batch_norm;
mod blur;
mod ceiling;
mod clip_norm;
mod concatenate;
mod convolution;
mod cross_entropy;
mod dictionary_loss;
mod elementwise;
mod fista_step;
mod interpolate;
mod linear;
mod modulus;
mod normalize_atoms;
mod pad;
mod pool;
mod self_correlation;
mod sgd;
mod soft_threshold;
mod step_size;
mod sum_samples;

pub use adamw::{AdamWRule, adamw};
pub use average::average;
pub use batch_norm::{BatchNormInputs, RunningStatistics};
pub use blur::Blur;
pub use ceiling::{ceiling_copy, ceiling_multiply_add, chain_operations};
pub use clip_norm::clip_norm;
pub use convolution::{Factor, correlation, correlation_times, residual, synthesis, synthesis_times, weight_gradient};
pub use cross_entropy::{CrossEntropy, Target, check_labels};
pub use dictionary_loss::{LossWeights, dictionary_loss, dictionary_loss_gradient};
pub use elementwise::{momentum, scale, scale_samples};
pub use fista_step::fista_step;
pub use interpolate::interpolate;
pub use normalize_atoms::normalize_atoms;
pub use pad::{pad, pad_adjoint};
pub use pool::Window;
pub use self_correlation::{Orthogonality, orthogonality, self_correlation};
pub use sgd::{SgdRule, sgd};
pub use soft_threshold::{Prox, ProxStep, soft_threshold, soft_threshold_gradient};
pub use step_size::{inverse_norm, step_size};
pub use sum_samples::{count_active, sum_of_magnitudes, sum_of_squares};

/// A bool as a constant.
fn flag(value: bool) -> f64 {
    f64::from(u8::from(value))
}
