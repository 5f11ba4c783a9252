//! What the solver knows about a dictionary.

use crate::error::Result;
use crate::ops::{self, Factor, ProxStep, soft_threshold};
use crate::shape::{ConvShape, Geometry};
use crate::tensor::Tensor;

/// A linear operator `A` from codes to signals that depends linearly on weights, and its three derivatives.
///
/// Signals and codes are `[n, ..]`, and `A` is applied to each sample. [`Convolution`] is the operator of this crate's
/// layers. Other operators have to implement the first three methods; the others follow from them.
pub trait LinearOperator {
    /// `factor * A z`, the synthesis.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::OutOfMemory`].
    fn apply(&self, factor: Factor, codes: &Tensor) -> Result<Tensor>;

    /// `factor * A^T r`, the analysis.
    ///
    /// # Errors
    /// As [`LinearOperator::apply`].
    fn adjoint(&self, factor: Factor, signal: &Tensor) -> Result<Tensor>;

    /// The gradient of `factor * <A z, r>` with respect to the weights.
    ///
    /// # Errors
    /// As [`LinearOperator::apply`].
    fn weight_gradient(&self, factor: Factor, codes: &Tensor, signal: &Tensor) -> Result<Tensor>;

    /// `x - A z`.
    ///
    /// # Errors
    /// As [`LinearOperator::apply`].
    fn residual(&self, x: &Tensor, codes: &Tensor) -> Result<Tensor> {
        x.add(&self.apply((-1.0).into(), codes)?)
    }

    /// `prox(point + step * A^T residual)`; a missing `point` is zero.
    ///
    /// # Errors
    /// As [`LinearOperator::apply`].
    fn prox_step(&self, point: Option<&Tensor>, residual: &Tensor, with: ProxStep) -> Result<Tensor> {
        let along = self.adjoint(with.step.into(), residual)?;
        let moved = match point {
            Some(point) => point.add(&along)?,
            None => along,
        };
        soft_threshold(&moved, with)
    }
}

/// The synthesis of a convolutional dictionary, for signals of one size. The 1-D convolution (`[atoms, 1, k, channels]` on
/// signals `[n, 1, length, channels]`) and the dense dictionary (`[atoms, 1, 1, d]` on `[n, 1, t, d]`) are special cases.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// The dictionary, `[atoms, kh, kw, channels]`.
    pub weight: Tensor,
    /// Its stride and padding.
    pub geometry: Geometry,
    /// Height and width of the signals.
    pub size: [usize; 2],
}

impl LinearOperator for Convolution {
    fn apply(&self, factor: Factor, codes: &Tensor) -> Result<Tensor> {
        ops::synthesis_times(factor, codes, &self.weight, self.geometry, self.size)
    }

    fn adjoint(&self, factor: Factor, signal: &Tensor) -> Result<Tensor> {
        ops::correlation_times(factor, signal, &self.weight, self.geometry)
    }

    fn weight_gradient(&self, factor: Factor, codes: &Tensor, signal: &Tensor) -> Result<Tensor> {
        let shape = ConvShape::new("weight_gradient", signal.shape(), self.weight.shape(), self.geometry)?;
        ops::weight_gradient(factor, &shape, codes, signal)
    }

    fn residual(&self, x: &Tensor, codes: &Tensor) -> Result<Tensor> {
        ops::residual(x, codes, &self.weight, self.geometry)
    }

    fn prox_step(&self, point: Option<&Tensor>, residual: &Tensor, with: ProxStep) -> Result<Tensor> {
        ops::fista_step(point, residual, &self.weight, self.geometry, with)
    }
}
