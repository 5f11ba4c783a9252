//! Stochastic gradient descent with (Nesterov) momentum and weight decay, as PyTorch's `torch.optim.SGD`.

use super::{flag, over_fours};
use crate::error::{Error, Result};
use crate::shaders;
use crate::tensor::{Tensor, same_shape};

/// The constants of [`sgd`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdRule {
    /// Share of the velocity that is kept.
    pub momentum: f32,
    /// Multiple of the parameter that is added to its gradient.
    pub weight_decay: f32,
    /// Look ahead by one velocity.
    pub nesterov: bool,
}

/// One update in place, with `rate` one value on the device:
///
/// `g = gradient + decay * parameter`, `velocity = momentum * velocity + g`,
/// `parameter -= rate * (g + momentum * velocity)` with Nesterov's momentum, else `rate * velocity`.
///
/// # Errors
/// [`Error::Shape`] where parameter, velocity and gradient differ in shape.
pub fn sgd(parameter: &Tensor, velocity: &Tensor, gradient: &Tensor, rate: &Tensor, rule: SgdRule) -> Result<()> {
    same_shape("sgd", parameter, velocity)?;
    same_shape("sgd", parameter, gradient)?;
    if rate.len() != 1 {
        return Err(Error::shape("sgd", "the rate is one value", &[rate.shape()]));
    }
    let constants = [
        ("MOMENTUM", f64::from(rule.momentum)),
        ("DECAY", f64::from(rule.weight_decay)),
        ("NESTEROV", flag(rule.nesterov)),
    ];
    over_fours(parameter.gpu(), &shaders::SGD, parameter.len(), &constants, &[parameter, velocity, gradient, rate])
}
