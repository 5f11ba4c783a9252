//! Sums and multiples of tensors.

use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor, same_shape};

/// `factor * a`.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn scale(a: &Tensor, factor: f32) -> Result<Tensor> {
    let out = Tensor::uninitialized(a.gpu(), "scale", a.shape())?;
    Call::on(&[a, &out]).numbers(&[factor]).each_four(&shaders::SCALE, a.len())?;
    Ok(out)
}

/// `factor[sample] * a`, for `a` of shape `[n, ..]` and `n` factors.
///
/// # Errors
/// [`Error::Shape`] unless there is a factor per sample, [`Error::OutOfMemory`].
pub fn scale_samples(a: &Tensor, factor: &Tensor) -> Result<Tensor> {
    if factor.is_empty() || !a.len().is_multiple_of(factor.len()) {
        return Err(Error::shape("scale_samples", "needs one factor per sample", &[a.shape(), factor.shape()]));
    }
    let out = Tensor::uninitialized(a.gpu(), "scale_samples", a.shape())?;
    let constants = [("SAMPLE", (a.len() / factor.len()) as f64)];
    Call::on(&[a, factor, &out]).constants(&constants).each_four(&shaders::SCALE_SAMPLES, a.len())?;
    Ok(out)
}

/// The extrapolated point of FISTA: `z + beta (z - previous)`.
///
/// # Errors
/// [`Error::Shape`] if the shapes differ, [`Error::OutOfMemory`].
pub fn momentum(z: &Tensor, previous: &Tensor, beta: f32) -> Result<Tensor> {
    same_shape("momentum", z, previous)?;
    let out = Tensor::uninitialized(z.gpu(), "momentum", z.shape())?;
    Call::on(&[z, previous, &out]).numbers(&[beta]).each_four(&shaders::MOMENTUM, z.len())?;
    Ok(out)
}

impl Tape {
    /// `a + b`, elementwise.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes differ, [`Error::OutOfMemory`].
    pub fn add(&self, a: &Var, b: &Var) -> Result<Var> {
        let sum = a.value().add(b.value())?;
        self.record(sum, &[a, b], |g| Ok(vec![Some(g.clone()), Some(g.clone())]))
    }

    /// `factor * a`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn scale(&self, a: &Var, factor: f32) -> Result<Var> {
        self.record(scale(a.value(), factor)?, &[a], move |g| Ok(vec![Some(scale(g, factor)?)]))
    }
}
