//! Descent over a model's parameters.

use std::cell::Cell;

use super::{ParameterGradients, Rule};
use crate::error::{Error, Result};
use crate::files::NamedTensors;
use crate::layers::{Walk, parameters};
use crate::tensor::{Tensor, same_shape};

/// The name of the number of a parameter's updates in a saved state.
const UPDATES: &str = "updates";

/// Descent by one rule over the parameters of a model, with what the rule keeps for each of them.
#[derive(Debug)]
pub struct Optimizer {
    rule: Rule,
    kept: Vec<Kept>,
}

/// What is kept for a parameter.
#[derive(Debug)]
struct Kept {
    name: String,
    /// As [`Rule::kept`] names them.
    tensors: Vec<Tensor>,
    /// Updates so far.
    updates: Cell<u32>,
}

impl Optimizer {
    /// Starts at rest.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn new<W: Walk + ?Sized>(rule: impl Into<Rule>, model: &W) -> Result<Self> {
        let rule = rule.into();
        let rest = |(name, p): (String, &Tensor)| {
            let tensors = rule.kept().iter().map(|_| Tensor::full(p.gpu(), p.shape(), 0.0));
            Ok(Kept { name, tensors: tensors.collect::<Result<_>>()?, updates: Cell::new(0) })
        };
        Ok(Self { rule, kept: parameters(model).into_iter().map(rest).collect::<Result<_>>()? })
    }

    /// Moves every parameter that has a gradient, in place, at the learning rate that its name has; at 0 it stays.
    ///
    /// # Errors
    /// [`Error::Shape`] for another model.
    pub fn step<W: Walk + ?Sized>(
        &self,
        model: &W,
        gradients: &ParameterGradients,
        learning_rate: impl Fn(&str) -> f32,
    ) -> Result<()> {
        for ((kept, (_, parameter)), gradient) in self.kept.iter().zip(parameters(model)).zip(gradients.iter()) {
            let rate = learning_rate(&kept.name);
            if let Some(gradient) = gradient.filter(|_| rate != 0.0) {
                let update = kept.updates.get().saturating_add(1);
                self.rule.update(parameter, &kept.tensors, gradient, rate, update)?;
                kept.updates.set(update);
            }
        }
        Ok(())
    }

    /// Changes its constants from the next step on.
    ///
    /// # Errors
    /// [`Error::Argument`] for a rule of another kind, which keeps other tensors.
    pub fn set_rule(&mut self, rule: impl Into<Rule>) -> Result<()> {
        let rule = rule.into();
        if rule.kind() != self.rule.kind() {
            return Err(Error::argument("optimizer", rule.kind(), "cannot change in the course of a training"));
        }
        self.rule = rule;
        Ok(())
    }

    /// What it keeps, for saving: `velocity.NAME` of each parameter, or `first_moment.NAME`, `second_moment.NAME` and
    /// `updates.NAME`, the number of its updates.
    ///
    /// # Errors
    /// Whatever the device reports.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn state(&self) -> Result<NamedTensors> {
        let mut state = NamedTensors::new();
        for Kept { name, tensors, updates } in &self.kept {
            for (what, tensor) in self.rule.kept().iter().zip(tensors) {
                state.insert(format!("{what}.{name}"), (tensor.shape().to_vec(), tensor.to_vec()?));
            }
            if self.rule.counts() {
                // From 2^24 on an f32 is not exact, and the corrections that depend on it are 1.
                state.insert(format!("{UPDATES}.{name}"), (vec![1], vec![updates.get() as f32]));
            }
        }
        Ok(state)
    }

    /// Continues from a saved state, which it takes out of the map.
    ///
    /// # Errors
    /// [`Error::Weights`] names a tensor that is missing, [`Error::Shape`] where one does not fit.
    pub fn restore(&mut self, state: &mut NamedTensors) -> Result<()> {
        let mut take = |what: &str, name: &str| {
            let name = format!("{what}.{name}");
            let missing = || Error::Weights { path: "".into(), name: name.clone(), reason: "is missing".into() };
            state.remove(&name).ok_or_else(missing)
        };
        for Kept { name, tensors, updates } in &mut self.kept {
            for (what, tensor) in self.rule.kept().iter().zip(tensors) {
                let (shape, values) = take(what, name)?;
                let saved = Tensor::from_slice(tensor.gpu(), &shape, &values)?;
                same_shape("restore", tensor, &saved)?;
                *tensor = saved;
            }
            if self.rule.counts() {
                let (_, values) = take(UPDATES, name)?;
                updates.set(values.first().map_or(0, |count| *count as u32));
            }
        }
        Ok(())
    }
}
