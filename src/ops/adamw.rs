//! Adam with decoupled weight decay, as PyTorch's `torch.optim.AdamW` (arXiv 1412.6980, 1711.05101).

use crate::error::Result;
use crate::shaders;
use crate::tensor::{Call, Tensor, same_shape};

/// Added to the root of the second moment, so that nothing is divided by zero.
const EPSILON: f32 = 1e-8;

/// The constants of [`adamw`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWRule {
    /// Fraction of the first moment kept.
    pub beta1: f64,
    /// Fraction of the second moment kept.
    pub beta2: f64,
    /// Weight decay: `learning_rate * decay * parameter` is subtracted, whatever the gradient.
    pub weight_decay: f32,
}

/// The update of step `t >= 1` in place at this learning rate:
///
/// `parameter -= learning_rate * decay * parameter`, `first = beta1 * first + (1 - beta1) * gradient`,
/// `second = beta2 * second + (1 - beta2) * gradient^2`,
/// `parameter -= learning_rate * first / (1 - beta1^t) / (sqrt(second / (1 - beta2^t)) + 1e-8)`.
///
/// # Errors
/// [`crate::error::Error::Shape`] if parameter, moments and gradient differ in shape.
pub fn adamw(
    parameter: &Tensor,
    [first, second]: [&Tensor; 2],
    gradient: &Tensor,
    learning_rate: f32,
    rule: AdamWRule,
    t: u32,
) -> Result<()> {
    for other in [first, second, gradient] {
        same_shape("adamw", parameter, other)?;
    }
    let AdamWRule { beta1, beta2, weight_decay } = rule;
    let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(t).unwrap_or(i32::MAX));
    let rate = f64::from(learning_rate);
    let (keep, step) = (1.0 - rate * f64::from(weight_decay), rate / correction(beta1));
    let numbers = [keep, step, correction(beta2).sqrt(), EPSILON.into(), 1.0 - beta1, beta2, 1.0 - beta2];
    Call::on(&[parameter, first, second, gradient])
        .numbers(&numbers.map(|number| number as f32))
        .each_four(&shaders::ADAMW, parameter.len())
}
