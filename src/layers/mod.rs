//! Layers with parameters: sparse coding, convolution, batch norm, linear.

mod batch_norm;
mod conv;
mod csc;
mod linear;
mod step_size;

use std::cell::RefCell;

pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub use csc::{Csc, CscConfig, Gradient, Solver};
pub use linear::Linear;
pub use step_size::StepRule;

use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// A named tensor that training changes, in place.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name in weights files, as in the published checkpoints.
    pub name: String,
    /// Its value.
    pub value: Tensor,
}

/// One forward pass through layers: on which tape, in which mode, and what was met on the way.
#[derive(Debug)]
pub struct Pass<'t> {
    /// The tape.
    pub tape: &'t Tape,
    /// Whether batch norm uses the batch's statistics, and sparse coding projects its atoms first.
    pub training: bool,
    /// One lambda a sample for every sparse coding layer, in place of the layers' own.
    pub lambda: Option<Tensor>,
    leaves: RefCell<Vec<(Parameter, Var)>>,
    residuals: Option<RefCell<Vec<(String, Tensor)>>>,
}

impl<'t> Pass<'t> {
    /// A training pass.
    pub fn train(tape: &'t Tape) -> Self {
        Self { tape, training: true, lambda: None, leaves: RefCell::default(), residuals: None }
    }

    /// An evaluation pass.
    pub fn eval(tape: &'t Tape) -> Self {
        Self { training: false, ..Self::train(tape) }
    }

    /// Also computes `|x - A z|^2` of every sparse coding layer.
    pub fn with_residuals(self) -> Self {
        Self { residuals: Some(RefCell::default()), ..self }
    }

    /// The leaf of a parameter on this pass's tape.
    pub fn parameter(&self, parameter: &Parameter) -> Var {
        let leaf = self.tape.leaf(&parameter.value);
        self.leaves.borrow_mut().push((parameter.clone(), leaf.clone()));
        leaf
    }

    /// The parameters met, with their leaves, in the order in which they were met.
    pub fn leaves(&self) -> Vec<(Parameter, Var)> {
        self.leaves.borrow().clone()
    }

    /// `|x - A z|^2` of each sample, by the name of the layer's weights, where asked for.
    pub fn residuals(&self) -> Vec<(String, Tensor)> {
        self.residuals.as_ref().map(|r| r.borrow().clone()).unwrap_or_default()
    }
}
