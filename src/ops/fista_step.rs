//! The proximal gradient step of (F)ISTA on a convolution, in one kernel.

use super::convolution::analyse;
use super::flag;
use super::soft_threshold::{ProxStep, check_thresholds};
use crate::error::{Error, Result};
use crate::shaders;
use crate::shape::{ConvShape, Geometry};
use crate::tensor::Tensor;

/// `prox(point + step * A^T residual)`, `point` being zero where there is none: the new codes
/// `[n, code_h, code_w, atoms]`, with `A^T` as in [`correlation`](super::correlation) and the prox of
/// [`soft_threshold`](super::soft_threshold).
///
/// # Errors
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn fista_step(
    point: Option<&Tensor>,
    residual: &Tensor,
    weight: &Tensor,
    geometry: Geometry,
    with: ProxStep,
) -> Result<Tensor> {
    let shape = ConvShape::new("fista_step", residual.shape(), weight.shape(), geometry)?;
    check_thresholds("fista_step", shape.n, with)?;
    if let Some(point) = point.filter(|p| p.shape() != shape.codes()) {
        let reason = format!("the point must have the shape of the codes, {:?}", shape.codes());
        return Err(Error::shape("fista_step", reason, &[point.shape()]));
    }
    // Without a point the kernel does not read it, but something must be bound.
    let epilogue = [point.unwrap_or(residual), with.step, with.lambda];
    let constants = [("HAS_POINT", flag(point.is_some())), ("NON_NEGATIVE", flag(with.prox.non_negative))];
    analyse(&shaders::FISTA_STEP, &shape, residual, weight, &epilogue, &constants, &[with.prox.mu])
}
