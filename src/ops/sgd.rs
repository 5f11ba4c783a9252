//! Stochastic gradient descent with (Nesterov) momentum and weight decay, as PyTorch's `torch.optim.SGD`.

use super::flag;
use crate::error::Result;
use crate::shaders;
use crate::tensor::{Call, Tensor, same_shape};

/// The constants of [`sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdRule {
    /// Fraction of the velocity kept.
    pub momentum: f32,
    /// Weight decay, added to the gradient as `decay * parameter`.
    pub weight_decay: f32,
    /// Nesterov's momentum: look one step ahead.
    pub nesterov: bool,
}

/// One update in place at this learning rate:
///
/// `g = gradient + decay * parameter`, `velocity = momentum * velocity + g`,
/// `parameter -= learning_rate * (g + momentum * velocity)` with Nesterov's momentum, else `learning_rate * velocity`.
///
/// # Errors
/// [`crate::error::Error::Shape`] if parameter, velocity and gradient differ in shape.
pub fn sgd(parameter: &Tensor, velocity: &Tensor, gradient: &Tensor, learning_rate: f32, rule: SgdRule) -> Result<()> {
    same_shape("sgd", parameter, velocity)?;
    same_shape("sgd", parameter, gradient)?;
    let constants = [("NESTEROV", flag(rule.nesterov))];
    let numbers = [learning_rate, rule.momentum, rule.weight_decay];
    Call::on(&[parameter, velocity, gradient])
        .constants(&constants)
        .numbers(&numbers)
        .each_four(&shaders::SGD, parameter.len())
}
