//! Sums and multiples of tensors.

use super::over_fours;
use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Tensor, same_shape};

/// `factor * a`.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn scale(a: &Tensor, factor: f32) -> Result<Tensor> {
    let out = Tensor::uninitialized(a.gpu(), "scale", a.shape())?;
    over_fours(a.gpu(), &shaders::SCALE, a.len(), &[("FACTOR", f64::from(factor))], &[a, &out])?;
    Ok(out)
}

/// `factor[sample] * a`, for `a` of shape `[n, ..]` and `n` factors.
pub(super) fn scale_samples(a: &Tensor, factor: &Tensor) -> Result<Tensor> {
    if factor.is_empty() || !a.len().is_multiple_of(factor.len()) {
        return Err(Error::shape("scale_samples", "one factor a sample is needed", &[a.shape(), factor.shape()]));
    }
    let out = Tensor::uninitialized(a.gpu(), "scale_samples", a.shape())?;
    let constants = [("SAMPLE", (a.len() / factor.len()) as f64)];
    over_fours(a.gpu(), &shaders::SCALE_SAMPLES, a.len(), &constants, &[a, factor, &out])?;
    Ok(out)
}

impl Tape {
    /// The extrapolated point of FISTA: `z + beta (z - previous)`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes differ, [`Error::OutOfMemory`].
    pub fn momentum(&self, z: &Var, previous: &Var, beta: f32) -> Result<Var> {
        let (a, b) = (z.value(), previous.value());
        same_shape("momentum", a, b)?;
        let out = Tensor::uninitialized(a.gpu(), "momentum", a.shape())?;
        over_fours(a.gpu(), &shaders::MOMENTUM, a.len(), &[("BETA", f64::from(beta))], &[a, b, &out])?;
        Ok(self.record(out, &[z, previous], move |g| Ok(vec![Some(scale(g, 1.0 + beta)?), Some(scale(g, -beta)?)])))
    }

    /// `factor[sample] * a` with the factors held constant.
    ///
    /// # Errors
    /// [`Error::Shape`] unless there is one factor a sample, [`Error::OutOfMemory`].
    pub fn scale_samples(&self, a: &Var, factor: &Tensor) -> Result<Var> {
        let out = scale_samples(a.value(), factor)?;
        let factor = factor.clone();
        Ok(self.record(out, &[a], move |g| Ok(vec![Some(scale_samples(g, &factor)?)])))
    }
}
