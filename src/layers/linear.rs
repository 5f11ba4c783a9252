//! The fully connected layer.

use super::{Parameter, Pass};
use crate::error::Result;
use crate::tape::Var;

/// `x weight^T + bias`: `[n, inputs]` to `[n, outputs]`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[outputs, inputs]`
    pub weight: Parameter,
    /// `[outputs]`
    pub bias: Parameter,
}

impl Linear {
    /// The product.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::OutOfMemory`].
    pub fn forward(&self, pass: &Pass, x: &Var) -> Result<Var> {
        pass.tape.linear(x, &pass.parameter(&self.weight), &pass.parameter(&self.bias))
    }
}
