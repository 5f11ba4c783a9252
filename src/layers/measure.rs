//! Measures of sparse coding layers: how much of the input their codes explain.

use std::cell::RefCell;

use super::{Csc, Hook};
use crate::error::Result;
use crate::ops::{count_active, sum_of_squares};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// Measures of one sparse coding layer, on the device: one value per sample.
#[derive(Clone, Debug)]
pub struct Measures {
    /// `|x|^2`.
    pub signal: Tensor,
    /// `|x - A z|^2`.
    pub residual: Tensor,
    /// How many codes are not zero.
    pub active: Tensor,
    /// Values of a sample's input.
    pub signal_size: usize,
    /// Values of a sample's codes.
    pub code_size: usize,
}

impl Measures {
    /// The measures of codes `z` of `x` (already repeated, where the layer does so), and `x - A z`.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`], [`crate::error::Error::OutOfMemory`].
    pub fn take(layer: &Csc, x: &Tensor, z: &Tensor) -> Result<(Self, Tensor)> {
        let tape = Tape::idle();
        let left = layer.residual_of_repeated(&tape, &tape.constant(x), &tape.constant(z))?;
        let sample = |t: &Tensor| t.shape()[1..].iter().product();
        let measures = Self {
            signal: sum_of_squares(x)?,
            residual: sum_of_squares(left.value())?,
            active: count_active(z)?,
            signal_size: sample(x),
            code_size: sample(z),
        };
        Ok((measures, left.value().clone()))
    }
}

/// A hook that measures layers during a pass.
#[derive(Debug, Default)]
pub struct Measuring {
    only: Option<u64>,
    found: RefCell<Vec<(u64, Measures)>>,
}

impl Measuring {
    /// Measures every sparse coding layer.
    pub fn all() -> Self {
        Self::default()
    }

    /// Measures this layer alone.
    pub fn one(layer: &Csc) -> Self {
        Self { only: Some(layer.weight().id()), ..Self::default() }
    }

    /// The measures of a layer in the last pass through it.
    pub fn of(&self, layer: &Csc) -> Option<Measures> {
        let found = self.found.borrow();
        found.iter().rev().find(|(id, _)| *id == layer.weight().id()).map(|(_, measures)| measures.clone())
    }
}

impl Hook for Measuring {
    fn coded(&self, layer: &Csc, x: &Tensor, z: &Tensor) -> Result<()> {
        let id = layer.weight().id();
        if self.only.is_none_or(|only| only == id) {
            self.found.borrow_mut().push((id, Measures::take(layer, x, z)?.0));
        }
        Ok(())
    }
}
