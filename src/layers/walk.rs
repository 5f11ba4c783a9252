//! The one walk over a model. Parameters, buffers, files, initial values and the optimiser all use it.

use std::fmt;

use super::{BatchNorm, Csc};
use crate::tensor::Tensor;

/// Where something is in a model: names joined by dots, as in the published checkpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    /// The model itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A part of the thing at this path.
    pub fn child(&self, name: impl fmt::Display) -> Self {
        Self(if self.0.is_empty() { name.to_string() } else { format!("{}.{name}", self.0) })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a tensor is initialised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Weights of a convolution or a dictionary: normal, variance `2 / fan_out` (He et al. 2015); atoms are then projected to
    /// unit norm.
    Convolution,
    /// Weights or bias of a linear layer: uniform within `1 / sqrt(inputs)`.
    Linear {
        /// Inputs of the layer.
        inputs: usize,
    },
    /// Weights of a luminance: .9802, 1.3060, .7138 for red, green and blue (arXiv 2212.00394); 1 for other channels.
    Luminance,
    /// All one: weights of batch norm, running variance.
    One,
    /// All zero: bias of batch norm, running mean.
    Zero,
}

/// What a walk meets.
#[derive(Clone, Copy, Debug)]
pub enum Part<'a> {
    /// A tensor that training changes by its gradient.
    Parameter(&'a Tensor, Init),
    /// A tensor that training changes otherwise, and that files hold.
    Buffer(&'a Tensor, Init),
    /// A sparse coding layer, met before its dictionary.
    Sparse(&'a Csc),
    /// A batch norm, met before its tensors.
    BatchNorm(&'a BatchNorm),
}

/// What a walk that may change layers meets.
#[derive(Debug)]
pub enum PartMut<'a> {
    /// A sparse coding layer.
    Sparse(&'a mut Csc),
    /// A batch norm.
    BatchNorm(&'a mut BatchNorm),
}

/// What can be walked over: a layer, a block of layers, a model. Both walks go through the parts in the same order, that of
/// the published checkpoints.
pub trait Walk {
    /// Calls `meet` for every part, with its path; `path` is the path of the whole.
    fn visit<'a>(&'a self, path: &Path, meet: &mut dyn FnMut(&Path, Part<'a>));

    /// Calls `meet` for every layer that can be changed.
    fn visit_mut(&mut self, path: &Path, meet: &mut dyn FnMut(&Path, PartMut));
}

/// The parameters and their names.
pub fn parameters<W: Walk + ?Sized>(of: &W) -> Vec<(String, &Tensor)> {
    collect(of, |part| if let Part::Parameter(tensor, _) = part { Some(tensor) } else { None })
}

/// The sparse coding layers and their names, such as `layer0.0`.
pub fn sparse_layers<W: Walk + ?Sized>(of: &W) -> Vec<(String, &Csc)> {
    collect(of, |part| if let Part::Sparse(csc) = part { Some(csc) } else { None })
}

/// The batch norms and their names.
pub fn batch_norms<W: Walk + ?Sized>(of: &W) -> Vec<(String, &BatchNorm)> {
    collect(of, |part| if let Part::BatchNorm(bn) = part { Some(bn) } else { None })
}

/// What `pick` takes of the parts, each with its name, in the order of the walk.
fn collect<'a, W: Walk + ?Sized, T>(of: &'a W, pick: impl Fn(Part<'a>) -> Option<T>) -> Vec<(String, T)> {
    let mut all = Vec::new();
    of.visit(&Path::root(), &mut |path, part| all.extend(pick(part).map(|picked| (path.to_string(), picked))));
    all
}
