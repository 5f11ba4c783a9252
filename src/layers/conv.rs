//! The ordinary convolution.

use super::{Parameter, Pass};
use crate::error::Result;
use crate::tape::Var;

/// A convolution without bias: `[n, h, w, channels]` to `[n, h', w', atoms]`.
#[derive(Clone, Debug)]
pub struct Conv {
    /// `[atoms, k, k, channels]`
    pub weight: Parameter,
    /// Pixels of the input from one output to the next.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
}

impl Conv {
    /// The convolution of `x`.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::OutOfMemory`].
    pub fn forward(&self, pass: &Pass, x: &Var) -> Result<Var> {
        pass.tape.correlation(x, &pass.parameter(&self.weight), self.stride, self.padding)
    }
}
