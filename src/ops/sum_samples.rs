//! Sums over each sample, and over groups, in a fixed order.

use crate::error::{Error, Result};
use crate::shaders;
use crate::tensor::{Call, Tensor};

/// `|a|_1` of each sample of `a: [n, ..]`, `[n]`.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn sum_of_magnitudes(a: &Tensor) -> Result<Tensor> {
    sum_samples(a, 1)
}

/// How many values of each sample of `a: [n, ..]` are not zero, `[n]`.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn count_active(a: &Tensor) -> Result<Tensor> {
    sum_samples(a, 0)
}

/// `|a|_2^2` of each sample of `a: [n, ..]`, `[n]`.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn sum_of_squares(a: &Tensor) -> Result<Tensor> {
    sum_samples(a, 2)
}

fn sum_samples(a: &Tensor, power: usize) -> Result<Tensor> {
    let samples = *a
        .shape()
        .first()
        .filter(|n| **n > 0)
        .ok_or_else(|| Error::shape("sum_samples", "at least one sample is needed", &[a.shape()]))?;
    let sample = a.len() / samples;
    let parts = (sample / 4096).clamp(1, 64);
    let part = Tensor::uninitialized(a.gpu(), "sum_samples", &[parts, samples])?;
    let constants =
        [("SAMPLES", samples as f64), ("SAMPLE", sample as f64), ("PARTS", parts as f64), ("POWER", power as f64)];
    Call::on(&[a, &part]).constants(&constants).each_group(&shaders::SUM_SAMPLES, samples * parts)?;
    sum_groups(&part, &[samples])
}

/// The sum over g of `part[g, ..]`, in the order of `g`; the result has this shape.
pub(super) fn sum_groups(part: &Tensor, shape: &[usize]) -> Result<Tensor> {
    let groups = part.len() / shape.iter().product::<usize>();
    if groups == 1 {
        return part.reshape(shape);
    }
    let out = Tensor::uninitialized(part.gpu(), "sum_groups", shape)?;
    Call::on(&[part, &out]).constants(&[("GROUPS", groups as f64)]).each(&shaders::SUM_GROUPS, out.len())?;
    Ok(out)
}
