//! One forward pass through layers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use super::{BatchNorm, Csc, PowerVectors};
use crate::error::{Error, Result};
use crate::ops::RunningStatistics;
use crate::tape::{Gradients, Tape, Var};
use crate::tensor::Tensor;

/// Share by which batch norm's running statistics move towards those of each training batch.
const MOMENTUM: f32 = 0.1;

/// A hook into a pass. Each method is called at the layer that it gets, and changes nothing by default.
pub trait Hook {
    /// One lambda per sample, `[n]`, in place of the layer's own, and normalised as that is.
    ///
    /// # Errors
    /// Whatever the hook reports.
    fn lambda(&self, _layer: &Csc) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// Statistics in place of the layer's running ones. In evaluation every sample may have its own.
    ///
    /// # Errors
    /// Whatever the hook reports.
    fn statistics(&self, _layer: &BatchNorm) -> Result<Option<RunningStatistics>> {
        Ok(None)
    }

    /// Called with the codes `z` of `x` that a layer has computed, on the device.
    ///
    /// # Errors
    /// Whatever the hook reports.
    fn coded(&self, _layer: &Csc, _x: &Tensor, _z: &Tensor) -> Result<()> {
        Ok(())
    }
}

/// One forward pass through layers: its tape, its mode, and the parameters it has used.
#[derive(Clone)]
pub struct Pass<'t> {
    tape: &'t Tape,
    training: bool,
    batch_statistics: Option<f32>,
    frozen: bool,
    hooks: Vec<Rc<dyn Hook>>,
    powers: Option<&'t PowerVectors>,
    dictionary_loss: Option<f32>,
    loss: RefCell<Option<Var>>,
    leaves: RefCell<Leaves>,
}

impl std::fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pass(training: {}, frozen: {}, {} hooks)", self.training, self.frozen, self.hooks.len())
    }
}

impl<'t> Pass<'t> {
    /// An evaluation pass.
    pub fn eval(tape: &'t Tape) -> Self {
        Self {
            tape,
            training: false,
            batch_statistics: None,
            frozen: false,
            hooks: Vec::new(),
            powers: None,
            dictionary_loss: None,
            loss: RefCell::default(),
            leaves: RefCell::default(),
        }
    }

    /// A training pass: atoms are projected to unit norm and step sizes found first, and batch norm uses the batch's
    /// statistics.
    pub fn train(tape: &'t Tape) -> Self {
        Self { training: true, batch_statistics: Some(MOMENTUM), ..Self::eval(tape) }
    }

    /// Power iterations start from these vectors, left by the last training step, and store theirs there. Otherwise every
    /// pass starts from scratch, which takes more rounds.
    pub fn with_power_vectors(self, powers: &'t PowerVectors) -> Self {
        Self { powers: Some(powers), ..self }
    }

    /// Every sparse coding layer adds this multiple of its dictionary loss ([`crate::ops::dictionary_loss`]) to
    /// [`Pass::loss`].
    pub fn with_dictionary_loss(self, factor: f32) -> Self {
        Self { dictionary_loss: Some(factor), ..self }
    }

    /// Batch norm uses the batch's statistics, and the running ones move towards them by `momentum`.
    pub fn with_batch_statistics(self, momentum: f32) -> Self {
        Self { batch_statistics: Some(momentum), ..self }
    }

    /// Adds a hook. If several hooks give an answer, the first one counts.
    pub fn with_hook(mut self, hook: Rc<dyn Hook>) -> Self {
        self.hooks.push(hook);
        self
    }

    /// Takes the parameters as constants: the tape then computes the gradient of the input alone.
    pub fn frozen(self) -> Self {
        Self { frozen: true, ..self }
    }

    /// The tape.
    pub fn tape(&self) -> &'t Tape {
        self.tape
    }

    /// Whether sparse coding projects its atoms and finds its step sizes first.
    pub fn is_training(&self) -> bool {
        self.training
    }

    /// Whether batch norm uses the batch's statistics, and how far its running ones move towards them.
    pub fn batch_statistics(&self) -> Option<f32> {
        self.batch_statistics
    }

    /// The lambda that the hooks give a layer, if any.
    ///
    /// # Errors
    /// Those of the hooks.
    pub fn lambda(&self, layer: &Csc) -> Result<Option<Tensor>> {
        first(&self.hooks, |hook| hook.lambda(layer))
    }

    /// The running statistics that the hooks give a batch norm, if any.
    ///
    /// # Errors
    /// Those of the hooks.
    pub fn statistics(&self, layer: &BatchNorm) -> Result<Option<RunningStatistics>> {
        first(&self.hooks, |hook| hook.statistics(layer))
    }

    /// Passes the codes `z` of `x` that a layer has computed to the hooks.
    pub(super) fn show(&self, layer: &Csc, x: &Tensor, z: &Tensor) -> Result<()> {
        self.hooks.iter().try_for_each(|hook| hook.coded(layer, x, z))
    }

    pub(super) fn dictionary_loss(&self) -> Option<f32> {
        self.dictionary_loss
    }

    /// Adds a layer's loss to that of the pass.
    pub(super) fn add_loss(&self, more: Var) -> Result<()> {
        let so_far = self.loss.borrow_mut().take();
        let sum = match so_far {
            Some(so_far) => self.tape.add(&so_far, &more)?,
            None => more,
        };
        *self.loss.borrow_mut() = Some(sum);
        Ok(())
    }

    /// The sum of the layers' dictionary losses, one value, if they were asked for and there are any.
    pub fn loss(&self) -> Option<Var> {
        self.loss.borrow().clone()
    }

    pub(super) fn powers(&self) -> Option<&'t PowerVectors> {
        self.powers
    }

    /// A parameter on this pass's tape: a leaf, unless the pass is frozen.
    pub fn parameter(&self, parameter: &Tensor) -> Var {
        if self.frozen {
            return self.tape.constant(parameter);
        }
        let mut leaves = self.leaves.borrow_mut();
        leaves.0.entry(parameter.id()).or_insert_with(|| self.tape.leaf(parameter)).clone()
    }

    /// The leaves of the parameters that the pass has used.
    pub fn leaves(&self) -> Leaves {
        self.leaves.borrow().clone()
    }
}

/// Parameters on a tape.
#[derive(Clone, Debug, Default)]
pub struct Leaves(HashMap<u64, Var>);

impl Leaves {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The gradient of a parameter; `name` names it where there is none.
    ///
    /// # Errors
    /// [`Error::NoGradient`] if the pass has not used it, or the output does not depend on it.
    pub fn gradient<'g>(&self, gradients: &'g Gradients, name: &str, parameter: &Tensor) -> Result<&'g Tensor> {
        let leaf = self.0.get(&parameter.id()).ok_or_else(|| Error::NoGradient { name: name.into() })?;
        gradients.of(name, leaf)
    }
}

/// The first answer, if there is any.
fn first<T>(hooks: &[Rc<dyn Hook>], ask: impl Fn(&dyn Hook) -> Result<Option<T>>) -> Result<Option<T>> {
    for hook in hooks {
        if let Some(answer) = ask(&**hook)? {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}
