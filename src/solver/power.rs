//! The largest eigenvalue of `A^T A`, without a read-back.

use super::LinearOperator;
use crate::error::Result;
use crate::ops::{Factor, inverse_norm, sum_of_squares};
use crate::tensor::Tensor;

/// Power iteration `v <- A^T A v / |A^T A v|` on the codes of one sample. The vector stays on the device, so that a later
/// call starts where this one ended.
#[derive(Clone, Debug)]
pub struct PowerIteration {
    /// Not normalised; only the direction counts.
    vector: Tensor,
}

impl PowerIteration {
    /// Starts from codes `[1, ..]`.
    pub fn new(vector: Tensor) -> Self {
        Self { vector }
    }

    /// The vector, for saving.
    pub fn vector(&self) -> &Tensor {
        &self.vector
    }

    /// Continues for this many rounds and returns `L = |A v|^2` of the resulting unit vector, one value on the device: a
    /// lower bound of the largest eigenvalue.
    ///
    /// # Errors
    /// Those of the operator.
    pub fn run(&mut self, operator: &impl LinearOperator, rounds: usize) -> Result<Tensor> {
        for _ in 0..rounds {
            self.vector = operator.adjoint(Factor::ONE, &self.image(operator)?)?;
        }
        sum_of_squares(&self.image(operator)?)
    }

    /// `A v / |v|`.
    fn image(&self, operator: &impl LinearOperator) -> Result<Tensor> {
        operator.apply((&inverse_norm(&self.vector, 1.0)?).into(), &self.vector)
    }
}
