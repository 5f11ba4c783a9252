//! Layers with parameters: sparse coding, convolution, batch norm, linear.

mod batch_norm;
mod conv;
mod csc;
mod linear;
mod step_size;

use std::cell::RefCell;

pub(crate) use batch_norm::EPSILON as BATCH_NORM_EPSILON;
pub use batch_norm::{BatchNorm, StatisticsByLambda};
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

/// How far batch norm's running statistics move towards each batch's in training.
const MOMENTUM: f32 = 0.1;

/// What a sparse coding layer made of its input, on the device: one value a sample.
#[derive(Clone, Debug)]
pub struct Measures {
    /// The name of the layer's weights.
    pub layer: String,
    /// `|x|^2`.
    pub signal: Tensor,
    /// `|x - A z|^2`.
    pub residual: Tensor,
    /// How many codes are not zero.
    pub active: Tensor,
    /// Values of a sample's input and of its codes.
    pub sizes: [usize; 2],
}

/// One forward pass through layers: on which tape, in which mode, and what was met on the way.
#[derive(Debug)]
pub struct Pass<'t> {
    /// The tape.
    pub tape: &'t Tape,
    /// Whether sparse coding projects its atoms first.
    pub training: bool,
    /// Whether batch norm uses the batch's statistics, and how far its running ones move towards them.
    pub batch_statistics: Option<f32>,
    /// One lambda a sample for the sparse coding layers that take it ([`Csc::set_takes_lambda`]), in place of their own.
    pub lambda: Option<Tensor>,
    /// One lambda a sample whose batch-norm statistics it gets, where there are statistics for other lambdas than that of
    /// the training; without, everything is normalised as in training.
    pub statistics: Option<Tensor>,
    frozen: bool,
    leaves: RefCell<Vec<(Parameter, Var)>>,
    measures: Option<RefCell<Vec<Measures>>>,
}

impl<'t> Pass<'t> {
    /// A training pass.
    pub fn train(tape: &'t Tape) -> Self {
        Self {
            tape,
            training: true,
            batch_statistics: Some(MOMENTUM),
            lambda: None,
            statistics: None,
            frozen: false,
            leaves: RefCell::default(),
            measures: None,
        }
    }

    /// An evaluation pass.
    pub fn eval(tape: &'t Tape) -> Self {
        Self { training: false, batch_statistics: None, ..Self::train(tape) }
    }

    /// Also measures what every sparse coding layer makes of its input.
    pub fn with_measures(self) -> Self {
        Self { measures: Some(RefCell::default()), ..self }
    }

    /// Takes the parameters as constants: the tape then computes the gradient of the input alone.
    pub fn frozen(self) -> Self {
        Self { frozen: true, ..self }
    }

    /// A parameter on this pass's tape: a leaf, unless the pass is frozen.
    pub fn parameter(&self, parameter: &Parameter) -> Var {
        if self.frozen {
            return self.tape.constant(&parameter.value);
        }
        let leaf = self.tape.leaf(&parameter.value);
        self.leaves.borrow_mut().push((parameter.clone(), leaf.clone()));
        leaf
    }

    /// The parameters met, with their leaves, in the order in which they were met.
    pub fn leaves(&self) -> Vec<(Parameter, Var)> {
        self.leaves.borrow().clone()
    }

    /// What was measured, layer by layer, where asked for.
    pub fn measures(&self) -> Vec<Measures> {
        self.measures.as_ref().map(|m| m.borrow().clone()).unwrap_or_default()
    }
}
