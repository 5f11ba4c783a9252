//! The moduli of complex values.

use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

impl Tape {
    /// `|z|` of complex values `z` whose real parts are the first half of the last axis, and whose imaginary parts are the second:
    /// `[.., 2 c]` to `[.., c]`. The gradient is `z / |z|`, and 0 at 0.
    ///
    /// # Errors
    /// [`Error::Shape`] for an odd last axis, [`Error::OutOfMemory`].
    pub fn modulus(&self, z: &Var) -> Result<Var> {
        let value = z.value().clone();
        let Some((2.., before)) = value.shape().split_last().filter(|(last, _)| last.is_multiple_of(2)) else {
            let reason = "the last axis holds real parts, then as many imaginary parts";
            return Err(Error::shape("modulus", reason, &[value.shape()]));
        };
        let channels = value.shape()[before.len()] / 2;
        let out = Tensor::uninitialized(value.gpu(), "modulus", &[before, &[channels]].concat())?;
        let constants = [("CHANNELS", channels as f64)];
        Call::on(&[&value, &out]).constants(&constants).each(&shaders::MODULUS, out.len())?;
        let kept = out.clone();
        self.record(out, &[z], move |g| {
            let z_bar = Tensor::uninitialized(g.gpu(), "modulus_gradient", value.shape())?;
            let tensors = [&value, &kept, g, &z_bar];
            Call::on(&tensors).constants(&constants).each(&shaders::MODULUS_GRADIENT, kept.len())?;
            Ok(vec![Some(z_bar)])
        })
    }
}
