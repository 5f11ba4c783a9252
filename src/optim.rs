//! Optimisation: gradient descent over a network's parameters, and how its rate changes.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::layers::Parameter;
use crate::named::named;
use crate::ops::{SgdRule, sgd};
use crate::tape::{Gradients, Var};
use crate::tensor::Tensor;

/// Stochastic gradient descent with one velocity a parameter.
#[derive(Debug)]
pub struct Sgd {
    rule: SgdRule,
    velocities: Vec<(String, Tensor)>,
}

impl Sgd {
    /// Starts at rest.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new(rule: SgdRule, parameters: &[&Parameter]) -> Result<Self> {
        let rest = |p: &&Parameter| Ok((p.name.clone(), Tensor::full(p.value.gpu(), p.value.shape(), 0.0)?));
        Ok(Self { rule, velocities: parameters.iter().map(rest).collect::<Result<_>>()? })
    }

    /// Moves every parameter, in place, by its gradient; `rate` is one value on the device.
    ///
    /// # Errors
    /// [`Error::NoGradient`] names a parameter that the loss does not depend on.
    pub fn step(&self, leaves: &[(Parameter, Var)], gradients: &Gradients, rate: &Tensor) -> Result<()> {
        for (name, velocity) in &self.velocities {
            let found = leaves.iter().find(|(p, _)| p.name == *name);
            let (parameter, leaf) = found.ok_or_else(|| Error::NoGradient { name: name.clone() })?;
            sgd(&parameter.value, velocity, gradients.of(name, leaf)?, rate, self.rule)?;
        }
        Ok(())
    }

    /// The velocities by the names of their parameters, for saving.
    pub fn velocities(&self) -> &[(String, Tensor)] {
        &self.velocities
    }

    /// Goes on from saved velocities, in the order of [`Sgd::velocities`].
    ///
    /// # Errors
    /// [`Error::Shape`] where one does not fit.
    pub fn restore(&mut self, saved: Vec<Tensor>) -> Result<()> {
        for ((_, velocity), saved) in self.velocities.iter_mut().zip(saved) {
            crate::tensor::same_shape("restore", velocity, &saved)?;
            *velocity = saved;
        }
        Ok(())
    }
}

/// How the rate falls over a training of known length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RateSchedule {
    /// Half a cosine, from the full rate to zero.
    #[default]
    Cosine,
    /// The full rate, a tenth after one half, a hundredth after three quarters.
    Step,
}

named!(RateSchedule as "schedule" { Cosine = "cosine", Step = "step" });

impl RateSchedule {
    /// The rate of step `step` (from 0) of `total`.
    pub fn rate(self, full: f32, step: usize, total: usize) -> f32 {
        let done = step as f64 / total.max(1) as f64;
        let share = match self {
            Self::Cosine => (1.0 + (std::f64::consts::PI * done).cos()) / 2.0,
            Self::Step if done < 0.5 => 1.0,
            Self::Step if done < 0.75 => 0.1,
            Self::Step => 0.01,
        };
        (f64::from(full) * share) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::RateSchedule;

    #[test]
    fn the_cosine_falls_from_the_full_rate_to_nearly_nothing() {
        let rates = (0..100).map(|i| RateSchedule::Cosine.rate(0.1, i, 100)).collect::<Vec<_>>();
        assert_eq!(rates[0], 0.1);
        assert!((rates[50] - 0.05).abs() < 1e-7);
        assert!(rates[99] < 1e-4);
        assert!(rates.windows(2).all(|w| w[1] < w[0]));
    }

    #[test]
    fn steps_divide_by_ten_twice() {
        let rate = |step| RateSchedule::Step.rate(1.0, step, 8);
        assert_eq!([rate(0), rate(3), rate(4), rate(5), rate(6), rate(7)], [1.0, 1.0, 0.1, 0.1, 0.01, 0.01]);
    }
}
