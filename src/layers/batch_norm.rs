//! Batch norm with its running statistics.

use super::{Parameter, Pass};
use crate::error::Result;
use crate::ops::{BatchNormInputs, RunningStatistics};
use crate::tape::Var;

/// Added to the variance.
const EPSILON: f32 = 1e-5;
/// How far the running statistics move towards each batch's.
const MOMENTUM: f32 = 0.1;

/// Batch normalisation (arXiv 1502.03167) by channel: the batch's statistics in training, running ones in evaluation.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Factor (gamma), `[channels]`.
    pub weight: Parameter,
    /// Offset (beta), `[channels]`.
    pub bias: Parameter,
    /// What training has seen.
    pub running: RunningStatistics,
}

impl BatchNorm {
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
        let inputs = BatchNormInputs { weight: &weight, bias: &bias, epsilon: EPSILON, relu };
        if pass.training {
            pass.tape.batch_norm_train(x, inputs, &self.running, MOMENTUM)
        } else {
            pass.tape.batch_norm_eval(x, inputs, &self.running)
        }
    }
}
