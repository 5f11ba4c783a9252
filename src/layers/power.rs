//! The vectors from which the power iterations of training continue.

use std::cell::RefCell;
use std::collections::HashMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Csc;
use crate::error::Result;
use crate::gpu::Gpu;
use crate::solver::{LinearOperator, PowerIteration};
use crate::tensor::Tensor;

/// Rounds of power iteration from a random vector, and from that of the last step. The first are few beside the work of a step,
/// since they code one sample: 30 of them left the step size of a small network 1 % too large, and losses as much off.
const COLD_ROUNDS: usize = 300;
const WARM_ROUNDS: usize = 3;

/// The vectors of the power iterations, one per sparse coding layer. Like velocities, they are state of training, not of
/// the network.
#[derive(Debug, Default)]
pub struct PowerVectors(RefCell<HashMap<u64, PowerIteration>>);

impl PowerVectors {
    /// The largest eigenvalue of `A^T A` of a layer, one value on the device: a few rounds from the last vector, if it fits
    /// codes of this shape.
    pub(super) fn follow(&self, layer: &Csc, operator: &impl LinearOperator, codes: &[usize]) -> Result<Tensor> {
        let mut all = self.0.borrow_mut();
        let kept = all.remove(&layer.weight().id()).filter(|p| p.vector().shape() == codes);
        let (mut power, rounds) = match kept {
            Some(power) => (power, WARM_ROUNDS),
            None => (PowerIteration::new(random(layer.weight().gpu(), codes)?), COLD_ROUNDS),
        };
        let largest = power.run(operator, rounds)?;
        all.insert(layer.weight().id(), power);
        Ok(largest)
    }

    /// The vector of a layer, for saving.
    pub fn get(&self, layer: &Csc) -> Option<Tensor> {
        self.0.borrow().get(&layer.weight().id()).map(|p| p.vector().clone())
    }

    /// Continues from a saved vector, which has the shape of the codes of one sample.
    pub fn set(&self, layer: &Csc, vector: Tensor) {
        self.0.borrow_mut().insert(layer.weight().id(), PowerIteration::new(vector));
    }
}

/// Uniform in [-1, 1), always the same.
fn random(gpu: &Gpu, shape: &[usize]) -> Result<Tensor> {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let values = (0..shape.iter().product()).map(|_| (rng.next_u32() >> 8) as f32 / 8_388_608.0 - 1.0);
    Tensor::from_slice(gpu, shape, &values.collect::<Vec<_>>())
}
