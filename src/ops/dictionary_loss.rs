//! How well a dictionary explains a signal, as a loss. Its gradient with respect to all inputs is
//! [`Tape::dictionary_loss`](crate::tape::Tape::dictionary_loss).

use super::{sum_of_magnitudes, sum_of_squares};
use crate::error::{Error, Result};
use crate::shaders;
use crate::tensor::{Call, Tensor};

/// The weights of [`dictionary_loss`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossWeights {
    /// The weight of the whole.
    pub factor: f32,
    /// Copies of the signal along its channels.
    pub dictionaries: usize,
    /// The weight of the elastic-net term.
    pub mu: f32,
}

/// `factor * sum over samples of (|r|^2 / dictionaries + lambda |z|_1 + mu/2 |z|^2)`, one value: the dictionary loss of the
/// authors' code (arXiv 2210.12945), for residuals `r = x - A z`, `[n, ..]`, codes `z`, `[n, ..]`, and `lambda`, `[n]`.
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn dictionary_loss(residual: &Tensor, codes: &Tensor, lambda: &Tensor, weights: LossWeights) -> Result<Tensor> {
    let n = check(codes, lambda)?;
    let sums = [sum_of_squares(residual)?, sum_of_magnitudes(codes)?, sum_of_squares(codes)?];
    if sums[0].len() != n {
        let reason = "residual and codes differ in samples";
        return Err(Error::shape("dictionary_loss", reason, &[residual.shape(), codes.shape()]));
    }
    let loss = Tensor::uninitialized(codes.gpu(), "dictionary_loss", &[1])?;
    Call::on(&[&sums[0], &sums[1], &sums[2], lambda, &loss])
        .constants(&[("SAMPLES", n as f64)])
        .numbers(&[weights.factor, weights.dictionaries as f32, weights.mu])
        .each_group(&shaders::DICTIONARY_LOSS, 1)?;
    Ok(loss)
}

/// The gradient of [`dictionary_loss`] with respect to the codes with the residual held constant, times the one value of
/// `gradient`: `gradient factor (lambda sign(z) + mu z)`, with `sign(0) = 0`.
///
/// # Errors
/// As [`dictionary_loss`].
pub fn dictionary_loss_gradient(
    codes: &Tensor,
    lambda: &Tensor,
    weights: LossWeights,
    gradient: &Tensor,
) -> Result<Tensor> {
    let n = check(codes, lambda)?;
    if gradient.len() != 1 {
        return Err(Error::shape("dictionary_loss_gradient", "the gradient is one value", &[gradient.shape()]));
    }
    let out = Tensor::uninitialized(codes.gpu(), "dictionary_loss_gradient", codes.shape())?;
    Call::on(&[codes, lambda, gradient, &out])
        .constants(&[("SAMPLE", (codes.len() / n) as f64)])
        .numbers(&[weights.factor, weights.mu])
        .each(&shaders::DICTIONARY_LOSS_GRADIENT, out.len())?;
    Ok(out)
}

/// The number of samples.
fn check(codes: &Tensor, lambda: &Tensor) -> Result<usize> {
    match codes.shape().first() {
        Some(&n) if n > 0 && lambda.len() == n => Ok(n),
        _ => Err(Error::shape("dictionary_loss", "one lambda a sample is needed", &[codes.shape(), lambda.shape()])),
    }
}
