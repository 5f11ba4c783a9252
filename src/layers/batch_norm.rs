//! Batch norm with its running statistics.

use super::{Init, Part, PartMut, Pass, Path, Walk};
use crate::error::Result;
use crate::gpu::Gpu;
use crate::ops::{BatchNormInputs, RunningStatistics};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// Added to the variance.
pub const EPSILON: f32 = 1e-5;

/// Batch normalisation (arXiv 1502.03167) by channel: batch statistics in training, running ones in evaluation.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Factor (gamma), `[channels]`.
    pub weight: Tensor,
    /// Offset (beta), `[channels]`.
    pub bias: Tensor,
    /// Running statistics of training.
    pub running: RunningStatistics,
    /// Whether the mean is taken away ([`BatchNormInputs::centred`]). Without, the factor is `|gamma|`, so that a larger modulus
    /// stays larger (arXiv 2212.00394).
    pub centred: bool,
}

impl BatchNorm {
    /// A layer whose values are yet to be written.
    ///
    /// # Errors
    /// [`crate::error::Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, channels: usize) -> Result<Self> {
        let new = || Tensor::uninitialized(gpu, "batch norm", &[channels]);
        let running = RunningStatistics { mean: new()?, variance: new()? };
        Ok(Self { weight: new()?, bias: new()?, running, centred: true })
    }

    /// A layer that does not take the mean away, for moduli.
    ///
    /// # Errors
    /// As [`BatchNorm::new`].
    pub fn without_mean(gpu: &Gpu, channels: usize) -> Result<Self> {
        Ok(Self { centred: false, ..Self::new(gpu, channels)? })
    }

    /// `x: [n, h, w, channels]`, normalised.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::OutOfMemory`].
    pub fn forward(&self, pass: &Pass, x: &Var) -> Result<Var> {
        self.normalise(pass, x, false)
    }

    /// `max(., 0)` of [`BatchNorm::forward`].
    ///
    /// # Errors
    /// As [`BatchNorm::forward`].
    pub fn forward_relu(&self, pass: &Pass, x: &Var) -> Result<Var> {
        self.normalise(pass, x, true)
    }

    fn normalise(&self, pass: &Pass, x: &Var, relu: bool) -> Result<Var> {
        let (weight, bias) = (pass.parameter(&self.weight), pass.parameter(&self.bias));
        let weight = if self.centred { weight } else { magnitude(pass.tape(), &weight)? };
        let inputs = BatchNormInputs { weight: &weight, bias: &bias, epsilon: EPSILON, relu, centred: self.centred };
        let given = pass.statistics(self)?;
        let statistics = given.as_ref().unwrap_or(&self.running);
        match pass.batch_statistics() {
            Some(momentum) => pass.tape().batch_norm_train(x, inputs, statistics, momentum),
            None => pass.tape().batch_norm_eval(x, inputs, statistics),
        }
    }
}

/// `|x|` of real values, as the modulus of complex ones; the gradient is the sign.
fn magnitude(tape: &Tape, x: &Var) -> Result<Var> {
    let nothing = tape.constant(&Tensor::full(x.value().gpu(), x.value().shape(), 0.0)?);
    tape.modulus(&tape.concatenate(x, &nothing)?)
}

impl Walk for BatchNorm {
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>)) {
        meet(path, Part::BatchNorm(self));
        meet(&path.child("weight"), Part::Parameter(&self.weight, Init::One));
        meet(&path.child("bias"), Part::Parameter(&self.bias, Init::Zero));
        meet(&path.child("running_mean"), Part::Buffer(&self.running.mean, Init::Zero));
        meet(&path.child("running_var"), Part::Buffer(&self.running.variance, Init::One));
    }

    fn visit_mut(&mut self, path: &Path, meet: &mut dyn FnMut(&Path, PartMut)) {
        meet(path, PartMut::BatchNorm(self));
    }
}
