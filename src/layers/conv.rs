//! The ordinary convolution.

use super::{Init, Part, PartMut, Pass, Path, Walk};
use crate::error::Result;
use crate::shape::Geometry;
use crate::tape::Var;
use crate::tensor::Tensor;

/// A convolution without bias: `[n, h, w, channels]` to `[n, h', w', atoms]`.
#[derive(Clone, Debug)]
pub struct Conv {
    /// `[atoms, kh, kw, channels]`
    pub weight: Tensor,
    /// Stride and padding.
    pub geometry: Geometry,
}

impl Conv {
    /// The convolution of `x`.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::OutOfMemory`].
    pub fn forward(&self, pass: &Pass, x: &Var) -> Result<Var> {
        pass.tape().correlation(x, &pass.parameter(&self.weight), self.geometry)
    }
}

impl Walk for Conv {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        meet(&path.child("weight"), Part::Parameter(&self.weight, Init::Convolution));
    }

    fn visit_mut(&mut self, _path: &Path, _meet: &mut dyn FnMut(&Path, PartMut)) {}
}
