//! The iterations.

use super::{LinearOperator, Momentum, Solver};
use crate::error::Result;
use crate::ops::{Prox, ProxStep, inverse_norm, momentum, scale_samples};
use crate::tensor::Tensor;

/// `min over z of 1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2` for a batch of signals, and how to solve it.
#[derive(Clone, Debug)]
pub struct Problem<O> {
    /// `A`
    pub operator: O,
    /// The step size `t`, one value on the device.
    pub step: Tensor,
    /// Weight of the l1 term, one value per sample on the device.
    pub lambda: Tensor,
    /// The rest of the penalty.
    pub prox: Prox,
    /// The momentum rule.
    pub solver: Solver,
    /// Iterations `K >= 1`.
    pub iterations: usize,
    /// Whether the data term is `|x - A z|`, not squared: from the second iteration on the residual of each sample enters
    /// divided by twice its norm, which is held constant in the gradient.
    pub root_noise: bool,
}

/// What the gradient needs of one iteration.
#[derive(Clone, Debug)]
pub struct Iteration {
    /// The coefficient of the extrapolation before it.
    pub beta: f32,
    /// The point at which the gradient of the data term was taken; none for the first iteration, which starts at zero.
    pub point: Option<Tensor>,
    /// `x - A point`, times `scale` if there is one.
    pub residual: Tensor,
    /// What the residual of each sample was multiplied by, for the data term that is not squared.
    pub scale: Option<Tensor>,
    /// The resulting codes.
    pub codes: Tensor,
}

impl<O: LinearOperator> Problem<O> {
    /// The codes after the last iteration; `keep` is called with every iteration. With `z_0 = y_1 = 0`,
    ///
    /// `r_k = x - A y_k`, `z_k = prox(y_k + t A^T r_k)`, `y_{k+1} = z_k + beta_k (z_k - z_{k-1})`
    ///
    /// (Beck and Teboulle 2009, equations 4.1 to 4.3; `Published` takes `r_k` at `z_{k-1}`).
    ///
    /// # Errors
    /// Those of the operator.
    pub fn iterate(&self, x: &Tensor, mut keep: impl FnMut(Iteration)) -> Result<Tensor> {
        let with = ProxStep { step: &self.step, lambda: &self.lambda, prox: self.prox };
        let mut coefficients = Momentum::new(self.solver);
        // y_1 = 0, so the first residual is x itself.
        let mut z = self.operator.prox_step(None, x, with)?;
        keep(Iteration { beta: 0.0, point: None, residual: x.clone(), scale: None, codes: z.clone() });
        let mut previous = z.clone();
        for _ in 1..self.iterations {
            let beta = coefficients.advance();
            let y = if beta == 0.0 { z.clone() } else { momentum(&z, &previous, beta)? };
            let point = if self.solver == Solver::Published { z.clone() } else { y.clone() };
            let (residual, scale) = self.residual(x, &point)?;
            previous = z;
            z = self.operator.prox_step(Some(&y), &residual, with)?;
            keep(Iteration { beta, point: Some(point), residual, scale, codes: z.clone() });
        }
        Ok(z)
    }

    /// The residual as it enters a step, and the scale it was multiplied by.
    fn residual(&self, x: &Tensor, point: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let residual = self.operator.residual(x, point)?;
        if !self.root_noise {
            return Ok((residual, None));
        }
        let scale = inverse_norm(&residual, 0.5)?;
        Ok((scale_samples(&residual, &scale)?, Some(scale)))
    }
}
