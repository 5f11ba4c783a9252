//! The proximal operator on its own. On convolutions it is fused into [`fista_step`](super::fista_step()).

use super::flag;
use crate::error::{Error, Result};
use crate::shaders;
use crate::tensor::{Call, Tensor, same_shape};

/// The settings of the proximal operator besides step size and lambda.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prox {
    /// Weight `mu` of the elastic-net term `mu / 2 |z|^2`.
    pub mu: f32,
    /// Whether codes are kept non-negative.
    pub non_negative: bool,
}

/// What a proximal step is taken with.
#[derive(Clone, Copy, Debug)]
pub struct ProxStep<'a> {
    /// The step size, one value on the device.
    pub step: &'a Tensor,
    /// Weight of the l1 term, one value a sample on the device.
    pub lambda: &'a Tensor,
    /// The other terms.
    pub prox: Prox,
}

/// `soft(u, step lambda) / (1 + step mu)`, then `max(0, .)` if non-negative, where
/// `soft(u, a) = sign(u) max(|u| - a, 0)`. `u` is `[n, ..]`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn soft_threshold(u: &Tensor, with: ProxStep) -> Result<Tensor> {
    let n = *u.shape().first().unwrap_or(&0);
    check_thresholds("soft_threshold", n, with)?;
    let ProxStep { step, lambda, prox } = with;
    let out = Tensor::uninitialized(u.gpu(), "soft_threshold", u.shape())?;
    let constants = [("SAMPLE", (u.len() / n) as f64), ("NON_NEGATIVE", flag(prox.non_negative))];
    Call::on(&[u, step, lambda, &out])
        .constants(&constants)
        .numbers(std::slice::from_ref(&prox.mu))
        .each_four(&shaders::SOFT_THRESHOLD, u.len())?;
    Ok(out)
}

/// The gradient of [`soft_threshold`] with respect to `u`, given the codes `z` that came of it:
/// `gradient * [z != 0] / (1 + step mu)`. The codes themselves carry the mask.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn soft_threshold_gradient(z: &Tensor, gradient: &Tensor, step: &Tensor, mu: f32) -> Result<Tensor> {
    same_shape("soft_threshold_gradient", z, gradient)?;
    let out = Tensor::uninitialized(z.gpu(), "soft_threshold_gradient", z.shape())?;
    Call::on(&[z, gradient, step, &out]).numbers(&[mu]).each_four(&shaders::SOFT_THRESHOLD_GRADIENT, z.len())?;
    Ok(out)
}

pub(super) fn check_thresholds(op: &'static str, n: usize, with: ProxStep) -> Result<()> {
    if n == 0 || with.step.len() != 1 || with.lambda.len() != n {
        let reason = format!("one step size and a lambda for each of {n} samples are needed");
        return Err(Error::shape(op, reason, &[with.step.shape(), with.lambda.shape()]));
    }
    Ok(())
}
