//! ReLU, and ReLU of a sum.

use crate::error::Result;
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor, same_shape};

pub(super) fn relu_gradient(y: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    same_shape("relu_gradient", y, gradient)?;
    let out = Tensor::uninitialized(y.gpu(), "relu_gradient", y.shape())?;
    Call::on(&[y, gradient, &out]).each_four(&shaders::RELU_GRADIENT, y.len())?;
    Ok(out)
}

impl Tape {
    /// `max(x, 0)`; the gradient at 0 is 0.
    ///
    /// # Errors
    /// [`crate::error::Error::OutOfMemory`].
    pub fn relu(&self, x: &Var) -> Result<Var> {
        let y = Tensor::uninitialized(x.value().gpu(), "relu", x.value().shape())?;
        Call::on(&[x.value(), &y]).each_four(&shaders::RELU, y.len())?;
        let kept = y.clone();
        self.record(y, &[x], move |g| Ok(vec![Some(relu_gradient(&kept, g)?)]))
    }

    /// `max(a + b, 0)`: the end of a residual block.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`] if the shapes differ, [`crate::error::Error::OutOfMemory`].
    pub fn add_relu(&self, a: &Var, b: &Var) -> Result<Var> {
        same_shape("add_relu", a.value(), b.value())?;
        let y = Tensor::uninitialized(a.value().gpu(), "add_relu", a.value().shape())?;
        Call::on(&[a.value(), b.value(), &y]).each_four(&shaders::ADD_RELU, y.len())?;
        let kept = y.clone();
        self.record(y, &[a, b], move |g| {
            let gradient = relu_gradient(&kept, g)?;
            Ok(vec![Some(gradient.clone()), Some(gradient)])
        })
    }
}
