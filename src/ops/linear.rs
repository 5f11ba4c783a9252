//! The fully connected layer: a 1x1 correlation of 1x1 maps, plus a bias.

use super::sum_samples::sum_groups;
use crate::error::{Error, Result};
use crate::shaders;
use crate::shape::Geometry;
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

impl Tape {
    /// `x weight^T + bias`: `x: [n, inputs]`, `weight: [outputs, inputs]`, `bias: [outputs]` to `[n, outputs]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn linear(&self, x: &Var, weight: &Var, bias: &Var) -> Result<Var> {
        let (&[n, inputs], &[outputs, weight_inputs]) = (x.value().shape(), weight.value().shape()) else {
            let reason = "x is [n, inputs], weight [outputs, inputs]";
            return Err(Error::shape("linear", reason, &[x.value().shape(), weight.value().shape()]));
        };
        if inputs != weight_inputs || bias.value().shape() != [outputs] {
            let shapes = [x.value().shape(), weight.value().shape(), bias.value().shape()];
            return Err(Error::shape("linear", "inputs or outputs do not match", &shapes));
        }
        let map = self.reshape(x, &[n, 1, 1, inputs])?;
        let kernel = self.reshape(weight, &[outputs, 1, 1, inputs])?;
        let product = self.correlation(&map, &kernel, Geometry::square(1, 0))?;
        let product = self.reshape(&product, &[n, outputs])?;
        self.add_bias(&product, bias)
    }

    fn add_bias(&self, x: &Var, bias: &Var) -> Result<Var> {
        let (value, channels) = (x.value(), bias.value().len());
        let out = Tensor::uninitialized(value.gpu(), "add_bias", value.shape())?;
        let (constants, tensors) = ([("CHANNELS", channels as f64)], [value, bias.value(), &out]);
        Call::on(&tensors).constants(&constants).each(&shaders::ADD_BIAS, out.len())?;
        self.record(out, &[x, bias], move |g| Ok(vec![Some(g.clone()), Some(sum_groups(g, &[channels])?)]))
    }

    /// The same values under another shape.
    ///
    /// # Errors
    /// [`Error::Shape`] if the number of values differs.
    pub fn reshape(&self, x: &Var, shape: &[usize]) -> Result<Var> {
        let old = x.value().shape().to_vec();
        self.record(x.value().reshape(shape)?, &[x], move |g| Ok(vec![Some(g.reshape(&old)?)]))
    }
}
