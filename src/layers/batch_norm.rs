//! Batch norm with its running statistics.

use super::{Parameter, Pass};
use crate::error::Result;
use crate::ops::{BatchNormInputs, RunningStatistics, interpolate};
use crate::tape::Var;
use crate::tensor::Tensor;

/// Added to the variance.
pub(crate) const EPSILON: f32 = 1e-5;

/// Batch normalisation (arXiv 1502.03167) by channel: the batch's statistics in training, running ones in evaluation.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Factor (gamma), `[channels]`.
    pub weight: Parameter,
    /// Offset (beta), `[channels]`.
    pub bias: Parameter,
    /// What training has seen.
    pub running: RunningStatistics,
    /// What clean images look like at other lambdas than that of the training, for passes that ask for it.
    pub by_lambda: Option<StatisticsByLambda>,
}

/// Statistics for each of a few lambdas.
#[derive(Clone, Debug)]
pub struct StatisticsByLambda {
    /// The lambdas, ascending, `[points]`.
    pub grid: Tensor,
    /// `[points, channels]` each.
    pub statistics: RunningStatistics,
}

impl StatisticsByLambda {
    /// Those of each sample's lambda `[n]`, linear between the points of the grid: `[n, channels]` each.
    fn at(&self, lambda: &Tensor) -> Result<RunningStatistics> {
        let row = |table| interpolate(lambda, &self.grid, table);
        Ok(RunningStatistics { mean: row(&self.statistics.mean)?, variance: row(&self.statistics.variance)? })
    }
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
        match (pass.batch_statistics, &self.by_lambda, &pass.statistics) {
            (Some(momentum), ..) => pass.tape.batch_norm_train(x, inputs, &self.running, momentum),
            (None, Some(table), Some(lambda)) => pass.tape.batch_norm_eval(x, inputs, &table.at(lambda)?),
            _ => pass.tape.batch_norm_eval(x, inputs, &self.running),
        }
    }
}
