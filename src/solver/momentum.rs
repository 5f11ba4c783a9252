//! The momentum from one iterate to the next.

use serde::{Deserialize, Serialize};

use crate::named::named;

/// The momentum rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Solver {
    /// FISTA (Beck and Teboulle 2009): the gradient is taken at the extrapolated point.
    #[default]
    Fista,
    /// No momentum.
    Ista,
    /// As in the authors' published code: the step starts at the extrapolated point, but the gradient is taken at the
    /// last code. It differs from FISTA if there are three or more iterations.
    Published,
}

named!(Solver as "solver" { Fista = "fista", Ista = "ista", Published = "published" });

/// The coefficients `beta_k = (t_k - 1) / t_{k+1}` of the extrapolation `y_{k+1} = z_k + beta_k (z_k - z_{k-1})`, with
/// `t_1 = 1`, `t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2` (Beck and Teboulle 2009, equations 4.2 and 4.3); zero without momentum.
#[derive(Clone, Debug)]
pub struct Momentum {
    rule: Solver,
    t: f64,
}

impl Momentum {
    /// Starts after the first iteration.
    pub fn new(rule: Solver) -> Self {
        Self { rule, t: 1.0 }
    }

    /// The coefficient of the next extrapolation.
    pub fn advance(&mut self) -> f32 {
        let next = (1.0 + (1.0 + 4.0 * self.t * self.t).sqrt()) / 2.0;
        let beta = (self.t - 1.0) / next;
        self.t = next;
        if self.rule == Solver::Ista { 0.0 } else { beta as f32 }
    }
}
