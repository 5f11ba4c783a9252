//! What codes leave of a signal, on the tape.

use super::LinearOperator;
use crate::error::Result;
use crate::ops::{self, Factor, LossWeights, scale, scale_samples};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

impl Tape {
    /// `x - A codes`, for an operator whose weights are `weight`.
    ///
    /// # Errors
    /// Those of the operator; [`crate::error::Error::OtherTape`].
    pub fn residual<O>(&self, operator: O, x: &Var, codes: &Var, weight: &Var) -> Result<Var>
    where
        O: LinearOperator + 'static,
    {
        let value = operator.residual(x.value(), codes.value())?;
        let (z, tracked) = (codes.value().clone(), [x, codes, weight].map(Var::tracked));
        self.record(value, &[x, codes, weight], move |g| {
            let minus = Factor::from(-1.0);
            let z_bar = tracked[1].then(|| operator.adjoint(minus, g));
            let w_bar = tracked[2].then(|| operator.weight_gradient(minus, &z, g));
            Ok(vec![tracked[0].then(|| g.clone()), z_bar.transpose()?, w_bar.transpose()?])
        })
    }

    /// [`ops::dictionary_loss`] of the codes of `x`, one value; `lambda` is held constant. With `r = x - A z` and the gradient
    /// `g`: `r_bar = 2 g factor / dictionaries r`, `x_bar = r_bar`, `W_bar = -corr(z, r_bar)`,
    /// `z_bar = g factor (lambda sign(z) + mu z) - A^T r_bar`.
    ///
    /// # Errors
    /// As [`Tape::residual`].
    pub fn dictionary_loss<O>(
        &self,
        operator: O,
        [x, codes, weight]: [&Var; 3],
        lambda: Tensor,
        weights: LossWeights,
    ) -> Result<Var>
    where
        O: LinearOperator + 'static,
    {
        let residual = operator.residual(x.value(), codes.value())?;
        let loss = ops::dictionary_loss(&residual, codes.value(), &lambda, weights)?;
        let (z, tracked) = (codes.value().clone(), [x, codes, weight].map(Var::tracked));
        self.record(loss, &[x, codes, weight], move |g| {
            let twice = 2.0 * weights.factor / weights.dictionaries as f32;
            let minus = Factor { number: -twice, tensor: Some(g) };
            let x_bar = tracked[0].then(|| scale_samples(&scale(&residual, twice)?, g)).transpose()?;
            let w_bar = tracked[2].then(|| operator.weight_gradient(minus, &z, &residual)).transpose()?;
            let z_bar = tracked[1].then(|| {
                let along = operator.adjoint(minus, &residual)?;
                along.add(&ops::dictionary_loss_gradient(&z, &lambda, weights, g)?)
            });
            Ok(vec![x_bar, z_bar.transpose()?, w_bar])
        })
    }
}
