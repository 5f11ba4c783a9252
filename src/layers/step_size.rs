//! The step of (F)ISTA, `t = 0.9 / L`, with `L` the largest eigenvalue of `A^T A`.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::ops::{PowerIteration, step_size};
use crate::shape::ConvShape;
use crate::tensor::Tensor;

/// Share of the largest step that converges, `1 / L`.
const SAFETY: f32 = 0.9;

/// Rounds of power iteration from a random vector, and from the last step's.
const COLD_ROUNDS: usize = 30;
const WARM_ROUNDS: usize = 3;

/// Rounds between two looks at `L`, the relative change at which it counts as converged, and the most rounds.
const ROUNDS_A_LOOK: usize = 16;
const TOLERANCE: f32 = 3e-6;
const MOST_ROUNDS: usize = 1024;

/// Where the step comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum StepRule {
    /// `0.9 / L` by power iteration: a few rounds from the last vector in training, to convergence in evaluation.
    #[default]
    Power,
    /// This step.
    Fixed(f32),
}

/// The step of one layer and what is kept for it from call to call.
#[derive(Debug, Default)]
pub(super) struct StepSize {
    pub(super) rule: StepRule,
    power: Option<PowerIteration>,
    converged: Option<Tensor>,
}

impl StepSize {
    /// The step for the next training step: the vector goes on from where it was.
    pub(super) fn follow(&mut self, weight: &Tensor, shape: &ConvShape) -> Result<Tensor> {
        if let StepRule::Fixed(step) = self.rule {
            return Tensor::full(weight.gpu(), &[1], step);
        }
        self.converged = None;
        let rounds = if self.fits(shape) { WARM_ROUNDS } else { COLD_ROUNDS };
        let lipschitz = self.power(weight, shape)?.run(weight, rounds)?;
        step_size(&lipschitz, SAFETY)
    }

    /// The step for evaluation, computed once for these weights and this size.
    pub(super) fn converge(&mut self, weight: &Tensor, shape: &ConvShape) -> Result<Tensor> {
        if let StepRule::Fixed(step) = self.rule {
            return Tensor::full(weight.gpu(), &[1], step);
        }
        if let (Some(step), true) = (&self.converged, self.fits(shape)) {
            return Ok(step.clone());
        }
        // A copy iterates, so that evaluating now and then leaves the vector of the training as it is.
        let mut power = self.power(weight, shape)?.clone();
        let mut before = f32::NAN;
        for _ in 0..MOST_ROUNDS / ROUNDS_A_LOOK {
            let lipschitz = power.run(weight, ROUNDS_A_LOOK)?;
            let now = lipschitz.to_vec()?[0];
            self.converged = Some(step_size(&lipschitz, SAFETY)?);
            if (now - before).abs() <= TOLERANCE * now {
                break;
            }
            before = now;
        }
        self.converged.clone().map_or_else(|| self.follow(weight, shape), Ok)
    }

    /// To be called when the weights have changed by other means than training.
    pub(super) fn forget(&mut self) {
        self.converged = None;
    }

    /// The vector, for saving, and height and width of the signals that it is for.
    pub(super) fn vector(&self) -> Option<(&Tensor, (usize, usize))> {
        self.power.as_ref().map(|p| (p.vector(), (p.shape().height, p.shape().width)))
    }

    /// Goes on from a saved vector.
    pub(super) fn restore(&mut self, shape: &ConvShape, vector: Tensor) -> Result<()> {
        self.power = Some(PowerIteration::new(shape, vector)?);
        self.converged = None;
        Ok(())
    }

    fn fits(&self, shape: &ConvShape) -> bool {
        self.power.as_ref().is_some_and(|p| p.shape() == &ConvShape { n: 1, ..*shape })
    }

    /// The iteration for this size, started from a random vector where there is none yet.
    fn power(&mut self, weight: &Tensor, shape: &ConvShape) -> Result<&mut PowerIteration> {
        let fresh = match self.power.take() {
            Some(power) if power.shape() == &(ConvShape { n: 1, ..*shape }) => power,
            _ => {
                self.converged = None;
                let codes = ConvShape { n: 1, ..*shape }.codes();
                let mut rng = ChaCha8Rng::seed_from_u64(0);
                let values = (0..codes.iter().product()).map(|_| unit(&mut rng)).collect::<Vec<_>>();
                PowerIteration::new(shape, Tensor::from_slice(weight.gpu(), &codes, &values)?)?
            }
        };
        Ok(self.power.insert(fresh))
    }
}

/// Uniform in [-1, 1).
fn unit(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0
}
