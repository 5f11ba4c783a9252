//! The fully connected layer.

use super::{Init, Part, PartMut, Pass, Path, Walk};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::tape::Var;
use crate::tensor::Tensor;

/// `x weight^T + bias`: `[n, inputs]` to `[n, outputs]`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[outputs, inputs]`
    pub weight: Tensor,
    /// `[outputs]`
    pub bias: Tensor,
}

impl Linear {
    /// A layer whose values are yet to be written.
    ///
    /// # Errors
    /// [`crate::error::Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, inputs: usize, outputs: usize) -> Result<Self> {
        let new = |shape: &[usize]| Tensor::uninitialized(gpu, "a linear layer", shape);
        Ok(Self { weight: new(&[outputs, inputs])?, bias: new(&[outputs])? })
    }

    /// The output for `x`.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::OutOfMemory`].
    pub fn forward(&self, pass: &Pass, x: &Var) -> Result<Var> {
        pass.tape().linear(x, &pass.parameter(&self.weight), &pass.parameter(&self.bias))
    }
}

impl Walk for Linear {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        let init = Init::Linear { inputs: self.weight.shape()[1] };
        meet(&path.child("weight"), Part::Parameter(&self.weight, init));
        meet(&path.child("bias"), Part::Parameter(&self.bias, init));
    }

    fn visit_mut(&mut self, _path: &Path, _meet: &mut dyn FnMut(&Path, PartMut)) {}
}
