//! Where a network's first values come from: drawn from a seed, or read from a file.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::{Error, Result};
use crate::files::NamedTensors;
use crate::gpu::Gpu;
use crate::tensor::{Tensor, nchw_to_nhwc};

/// What a tensor is for, which decides how it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Weights of a convolution or a dictionary: normal, variance `2 / fan_out` (He et al. 2015).
    Convolution,
    /// Weights or bias of the linear layer: uniform within `1 / sqrt(inputs)`.
    Linear {
        /// Inputs of the layer.
        inputs: usize,
    },
    /// All one: weights of batch norm, running variance.
    One,
    /// All zero: bias of batch norm, running mean.
    Zero,
}

/// Gives out the tensors of a network in the order of its construction.
pub(super) enum Source<'a> {
    /// Drawn, dictionaries before their projection.
    Seed(Box<ChaCha8Rng>),
    /// Taken by name, in the layout of the files (OIHW).
    Named(&'a mut NamedTensors),
}

impl Source<'_> {
    pub(super) fn seed(seed: u64) -> Self {
        Self::Seed(Box::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// The tensor `name`, of this shape as the device has it (OHWI).
    pub(super) fn tensor(&mut self, gpu: &Gpu, name: &str, shape: &[usize], role: Role) -> Result<Tensor> {
        let values = match self {
            Self::Seed(rng) => draw(rng, shape, role),
            Self::Named(tensors) => take(tensors, name, shape)?,
        };
        Tensor::from_slice(gpu, shape, &values)
    }
}

fn draw(rng: &mut ChaCha8Rng, shape: &[usize], role: Role) -> Vec<f32> {
    let len = shape.iter().product();
    match role {
        Role::Convolution => {
            let deviation = (2.0 / (shape[0] * shape[1] * shape[2]) as f64).sqrt();
            (0..len).map(|_| (deviation * normal(rng)) as f32).collect()
        }
        Role::Linear { inputs } => {
            let bound = 1.0 / (inputs as f64).sqrt();
            (0..len).map(|_| (bound * (2.0 * uniform(rng) - 1.0)) as f32).collect()
        }
        Role::One => vec![1.0; len],
        Role::Zero => vec![0.0; len],
    }
}

/// Uniform in (0, 1).
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// Standard normal (Box and Muller).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (-2.0 * uniform(rng).ln()).sqrt() * (std::f64::consts::TAU * uniform(rng)).cos()
}

fn take(tensors: &mut NamedTensors, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let weights = |reason: String| Error::Weights { path: "".into(), name: name.into(), reason };
    let (found, values) = tensors.remove(name).ok_or_else(|| weights("is missing".into()))?;
    let wanted = file_shape(shape);
    if found != wanted {
        return Err(weights(format!("has shape {found:?}, but the network needs {wanted:?}")));
    }
    if let Some(index) = values.iter().position(|v| !v.is_finite()) {
        return Err(weights(format!("holds a value that is not finite at index {index}: the file is damaged")));
    }
    if shape.len() == 4 { nchw_to_nhwc(&found, &values) } else { Ok(values) }
}

/// The shape that a device tensor has in a file: OIHW for OHWI.
pub(super) fn file_shape(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [o, h, w, i] => vec![o, i, h, w],
        ref other => other.to_vec(),
    }
}
