//! Batch norms that move statistics which are not the network's own.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::layers::{BatchNorm, Hook};
use crate::ops::RunningStatistics;
use crate::tensor::Tensor;

/// Has batch norms move statistics that are not the network's own.
#[derive(Default)]
pub(super) struct Scratch(RefCell<HashMap<u64, RunningStatistics>>);

impl Scratch {
    /// What a batch norm has moved.
    ///
    /// # Errors
    /// [`Error::Argument`] for one that no pass has met.
    pub(super) fn of(&self, name: &str, bn: &BatchNorm) -> Result<RunningStatistics> {
        let found = self.0.borrow().get(&bn.weight.id()).cloned();
        found.ok_or_else(|| Error::argument("batch norm", name, "is not met by a forward pass"))
    }
}

impl Hook for Scratch {
    fn statistics(&self, layer: &BatchNorm) -> Result<Option<RunningStatistics>> {
        let zeros = || Tensor::full(layer.bias.gpu(), layer.bias.shape(), 0.0);
        let statistics = RunningStatistics { mean: zeros()?, variance: zeros()? };
        self.0.borrow_mut().insert(layer.weight.id(), statistics.clone());
        Ok(Some(statistics))
    }
}
