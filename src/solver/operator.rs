//! What the solver knows about a dictionary.

use crate::error::Result;
use crate::ops::{self, Factor, ProxStep, soft_threshold};
use crate::shape::{ConvShape, Geometry, PaddingMode};
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
///
/// Beyond its border a signal continues as the padding mode says: with `P` the padding, the analysis is `A^T = C P`, `C` the
/// correlation without padding, and the synthesis its adjoint `A = P^T C^T`.
#[derive(Clone, Debug)]
pub struct Convolution {
    /// The dictionary, `[atoms, kh, kw, channels]`.
    pub weight: Tensor,
    /// Its stride and padding.
    pub geometry: Geometry,
    /// What the padding consists of.
    pub padding_mode: PaddingMode,
    /// Height and width of the signals.
    pub size: [usize; 2],
}

impl Convolution {
    /// `P signal`, if it is not left to the correlation, as zeros are.
    fn padded(&self, signal: &Tensor) -> Result<Tensor> {
        match self.padding_mode {
            PaddingMode::Zero => Ok(signal.clone()),
            mode => ops::pad(signal, self.geometry.padding, mode),
        }
    }

    /// Stride and padding of the correlation, and the size of what it is applied to.
    fn inner(&self) -> (Geometry, [usize; 2]) {
        let Geometry { stride, padding } = self.geometry;
        match self.padding_mode {
            PaddingMode::Zero => (self.geometry, self.size),
            _ => (Geometry { stride, padding: [0; 2] }, [0, 1].map(|axis| self.size[axis] + 2 * padding[axis])),
        }
    }
}

impl LinearOperator for Convolution {
    fn apply(&self, factor: Factor, codes: &Tensor) -> Result<Tensor> {
        let (geometry, size) = self.inner();
        let signal = ops::synthesis_times(factor, codes, &self.weight, geometry, size)?;
        match self.padding_mode {
            PaddingMode::Zero => Ok(signal),
            mode => ops::pad_adjoint(&signal, self.geometry.padding, mode),
        }
    }

    fn adjoint(&self, factor: Factor, signal: &Tensor) -> Result<Tensor> {
        ops::correlation_times(factor, &self.padded(signal)?, &self.weight, self.inner().0)
    }

    fn weight_gradient(&self, factor: Factor, codes: &Tensor, signal: &Tensor) -> Result<Tensor> {
        let signal = self.padded(signal)?;
        let shape = ConvShape::new("weight_gradient", signal.shape(), self.weight.shape(), self.inner().0)?;
        ops::weight_gradient(factor, &shape, codes, &signal)
    }

    fn residual(&self, x: &Tensor, codes: &Tensor) -> Result<Tensor> {
        match self.padding_mode {
            PaddingMode::Zero => ops::residual(x, codes, &self.weight, self.geometry),
            _ => x.add(&self.apply((-1.0).into(), codes)?),
        }
    }

    fn prox_step(&self, point: Option<&Tensor>, residual: &Tensor, with: ProxStep) -> Result<Tensor> {
        ops::fista_step(point, &self.padded(residual)?, &self.weight, self.inner().0, with)
    }
}
