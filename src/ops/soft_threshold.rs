//! The proximal operator on its own. Inside the solver it is fused into [`crate::tape::Tape::fista_step`].

use super::{flag, over_fours};
use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Tensor, same_shape};

/// What the proximal operator knows beside step and lambda.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prox {
    /// Weight `mu` of the elastic-net term `mu / 2 |z|^2`.
    pub mu: f32,
    /// Whether codes are kept non-negative.
    pub non_negative: bool,
}

/// `soft(u, step lambda) / (1 + step mu)`, then `max(0, .)` if non-negative, where
/// `soft(u, a) = sign(u) max(|u| - a, 0)`. `u` is `[n, ..]`, `step` one value, `lambda` one a sample.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn soft_threshold(u: &Tensor, step: &Tensor, lambda: &Tensor, prox: Prox) -> Result<Tensor> {
    let n = *u.shape().first().unwrap_or(&0);
    check_thresholds("soft_threshold", n, step, lambda)?;
    let out = Tensor::uninitialized(u.gpu(), "soft_threshold", u.shape())?;
    let constants =
        [("SAMPLE", (u.len() / n) as f64), ("MU", f64::from(prox.mu)), ("NON_NEGATIVE", flag(prox.non_negative))];
    over_fours(u.gpu(), &shaders::SOFT_THRESHOLD, u.len(), &constants, &[u, step, lambda, &out])?;
    Ok(out)
}

/// `gradient * [z != 0] / (1 + step mu)`: the codes themselves carry the mask.
pub(super) fn soft_threshold_gradient(z: &Tensor, gradient: &Tensor, step: &Tensor, mu: f32) -> Result<Tensor> {
    same_shape("soft_threshold_gradient", z, gradient)?;
    let out = Tensor::uninitialized(z.gpu(), "soft_threshold_gradient", z.shape())?;
    let constants = [("MU", f64::from(mu))];
    over_fours(z.gpu(), &shaders::SOFT_THRESHOLD_GRADIENT, z.len(), &constants, &[z, gradient, step, &out])?;
    Ok(out)
}

pub(super) fn check_thresholds(op: &'static str, n: usize, step: &Tensor, lambda: &Tensor) -> Result<()> {
    if n == 0 || step.len() != 1 || lambda.len() != n {
        let reason = format!("one step and a lambda for each of {n} samples are needed");
        return Err(Error::shape(op, reason, &[step.shape(), lambda.shape()]));
    }
    Ok(())
}

impl Tape {
    /// [`soft_threshold`] with step and lambda held constant.
    ///
    /// # Errors
    /// As [`soft_threshold`].
    pub fn soft_threshold(&self, u: &Var, step: &Tensor, lambda: &Tensor, prox: Prox) -> Result<Var> {
        let z = soft_threshold(u.value(), step, lambda, prox)?;
        let (kept, step) = (z.clone(), step.clone());
        Ok(self.record(z, &[u], move |g| Ok(vec![Some(soft_threshold_gradient(&kept, g, &step, prox.mu)?)])))
    }
}
