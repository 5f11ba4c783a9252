//! The largest eigenvalue of `A^T A`, without a read-back.

use super::{correlation, over, sum_of_squares, synthesis};
use crate::error::Result;
use crate::shaders;
use crate::shape::ConvShape;
use crate::tensor::Tensor;

/// Power iteration `v <- A^T A v / |A^T A v|` on codes `[1, code_h, code_w, atoms]` of a layer's own size. The vector
/// stays on the device, so that a later call starts where this one ended.
#[derive(Clone, Debug)]
pub struct PowerIteration {
    /// Not normalised; only the direction counts.
    vector: Tensor,
    shape: ConvShape,
}

impl PowerIteration {
    /// Starts from `vector`, which has the shape of the codes of one sample of `shape`.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`] where it has not.
    pub fn new(shape: &ConvShape, vector: Tensor) -> Result<Self> {
        let shape = ConvShape { n: 1, ..*shape };
        let vector = vector.reshape(&shape.codes())?;
        Ok(Self { vector, shape })
    }

    /// The size it is for.
    pub fn shape(&self) -> &ConvShape {
        &self.shape
    }

    /// The vector, for saving.
    pub fn vector(&self) -> &Tensor {
        &self.vector
    }

    /// Goes on for some rounds with these weights and returns `L = |A v|^2` of the unit vector that it ends at, one
    /// value on the device.
    ///
    /// # Errors
    /// [`crate::error::Error::OutOfMemory`].
    pub fn run(&mut self, weight: &Tensor, rounds: usize) -> Result<Tensor> {
        let ConvShape { stride, padding, height, width, .. } = self.shape;
        let one = Tensor::constant(weight.gpu(), 1.0)?;
        for _ in 0..rounds {
            let image = self.image(weight)?;
            self.vector = correlation(&image, weight, &one, stride, padding)?;
        }
        debug_assert_eq!(self.shape.signal(), [1, height, width, self.shape.channels]);
        sum_of_squares(&self.image(weight)?)
    }

    /// `A v / |v|`.
    fn image(&self, weight: &Tensor) -> Result<Tensor> {
        let ConvShape { stride, padding, height, width, .. } = self.shape;
        let inverse = inverse_norm(&self.vector, 1.0)?;
        synthesis(&self.vector, weight, &inverse, stride, padding, (height, width))
    }
}

/// `factor / max(|a|_2, 1e-12)` of each sample.
pub(crate) fn inverse_norm(a: &Tensor, factor: f32) -> Result<Tensor> {
    let square = sum_of_squares(a)?;
    let out = Tensor::uninitialized(a.gpu(), "inverse_norm", square.shape())?;
    let constants = [("FACTOR", f64::from(factor))];
    over(a.gpu(), &shaders::INVERSE_NORM, square.len(), &constants, &[&square, &out])?;
    Ok(out)
}

/// The step `factor / L`, one value on the device.
pub(crate) fn step_size(lipschitz: &Tensor, factor: f32) -> Result<Tensor> {
    let out = Tensor::uninitialized(lipschitz.gpu(), "step_size", &[1])?;
    over(lipschitz.gpu(), &shaders::STEP_SIZE, 1, &[("FACTOR", f64::from(factor))], &[lipschitz, &out])?;
    Ok(out)
}
