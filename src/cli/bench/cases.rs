//! The cases that can be timed.

use super::args::Mode;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::{Conv, Csc, CscConfig, PartMut, Pass, Path, Walk};
use crate::models::{Architecture, Model, ModelConfig, Network};
use crate::ops::{SgdRule, normalize_atoms};
use crate::shape::Geometry;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::train::TrainStep;

/// The cases that run if none are named.
pub(super) const DEFAULT: [&str; 7] = ["csc-a", "csc-b", "csc-c", "csc-d", "sdnet18", "sdnet18-all", "resnet18"];

/// A sparse coding layer and its batch. The padding is half of the kernel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer {
    batch: usize,
    channels: usize,
    atoms: usize,
    height: usize,
    width: usize,
    kernel: usize,
    stride: usize,
    iterations: usize,
}

/// The layer that the others are variants of.
const CSC_A: Layer =
    Layer { batch: 16, channels: 64, atoms: 64, height: 32, width: 32, kernel: 3, stride: 1, iterations: 2 };

/// What the name of a case stands for.
#[derive(Debug)]
pub(super) enum Case {
    Layer(Layer),
    /// An ordinary 3x3 convolution with as many atoms as channels, on square maps.
    Convolution {
        batch: usize,
        channels: usize,
        size: usize,
    },
    Network {
        config: ModelConfig,
        batch: usize,
    },
}

impl Case {
    /// The case of this name, with another batch if one is given.
    pub(super) fn named(name: &str, batch: Option<usize>) -> Result<Self> {
        let convolution = |channels, size| Ok(Self::Convolution { batch: batch.unwrap_or(128), channels, size });
        let layer = match name {
            // The layers of a network for CIFAR.
            "conv-64" => return convolution(64, 32),
            "conv-128" => return convolution(128, 16),
            "conv-256" => return convolution(256, 8),
            "conv-512" => return convolution(512, 4),
            "csc-a" => CSC_A,
            "csc-b" => Layer { iterations: 8, ..CSC_A },
            "csc-c" => Layer { atoms: 128, stride: 2, ..CSC_A },
            "csc-d" => Layer { channels: 3, ..CSC_A },
            // Unusual shapes, which `--untypical` compares with csc-a.
            "csc-28" => Layer { height: 28, width: 28, ..CSC_A },
            "csc-33x31" => Layer { height: 33, width: 31, ..CSC_A },
            "csc-c48" => Layer { channels: 48, atoms: 48, ..CSC_A },
            "csc-c100" => Layer { channels: 100, atoms: 100, ..CSC_A },
            "csc-k5" => Layer { kernel: 5, ..CSC_A },
            "csc-n1" => Layer { batch: 1, ..CSC_A },
            "csc-n3" => Layer { batch: 3, ..CSC_A },
            network => {
                let config = ModelConfig::named(network).map_err(|_| {
                    let names = "csc-a, csc-b, csc-c, csc-d, csc-28, csc-33x31, csc-c48, csc-c100, csc-k5, csc-n1, \
                                 csc-n3, conv-64, conv-128, conv-256, conv-512, or a network's name";
                    Error::argument("case", name, names)
                })?;
                return Ok(Self::Network { config, batch: batch.unwrap_or(16) });
            }
        };
        Ok(Self::Layer(Layer { batch: batch.unwrap_or(layer.batch), ..layer }))
    }

    pub(super) fn batch(&self) -> usize {
        match self {
            Self::Layer(layer) => layer.batch,
            Self::Convolution { batch, .. } | Self::Network { batch, .. } => *batch,
        }
    }

    /// The modes that the case has, or only the wanted one.
    pub(super) fn modes(&self, name: &str, wanted: Option<Mode>) -> Result<Vec<Mode>> {
        let all = match self {
            Self::Layer(_) => vec![Mode::Forward, Mode::Train],
            Self::Convolution { .. } => vec![Mode::Forward],
            Self::Network { .. } => vec![Mode::Infer, Mode::Train],
        };
        match wanted {
            None => Ok(all),
            Some(wanted) if all.contains(&wanted) => Ok(vec![wanted]),
            Some(wanted) => {
                let has = all.iter().map(|mode| mode.name()).collect::<Vec<_>>().join(" and ");
                Err(Error::argument("mode", wanted.name(), format!("{name} has {has}")))
            }
        }
    }
}

/// A case with its tensors, ready to be run again and again.
pub(super) enum Work {
    Layer { csc: Box<Csc>, x: Tensor, train: bool },
    Convolution { conv: Conv, x: Tensor },
    Infer { network: Box<Network>, x: Tensor },
    Train { network: Box<Network>, step: TrainStep, x: Tensor, labels: Vec<u32> },
}

impl Work {
    pub(super) fn new(gpu: &Gpu, case: &Case, mode: Mode) -> Result<Self> {
        match case {
            &Case::Layer(Layer { batch, channels, atoms, height, width, kernel, stride, iterations }) => {
                let weight = noise(gpu, &[atoms, kernel, kernel, channels])?;
                normalize_atoms(&weight)?;
                let geometry = Geometry::square(stride, kernel / 2);
                let mut csc = Csc::new(weight, CscConfig { geometry, iterations, ..CscConfig::default() })?;
                csc.fix_step(0.1)?;
                let x = noise(gpu, &[batch, height, width, channels])?;
                Ok(Self::Layer { csc: Box::new(csc), x, train: mode == Mode::Train })
            }
            &Case::Convolution { batch, channels, size } => {
                let weight = noise(gpu, &[channels, 3, 3, channels])?;
                let conv = Conv { weight, geometry: Geometry::square(1, 1) };
                Ok(Self::Convolution { conv, x: noise(gpu, &[batch, size, size, channels])? })
            }
            Case::Network { config, batch } => {
                let mut network = Box::new(Network::new(gpu, config, 0)?);
                let x = noise(gpu, &[*batch, 32, 32, config.in_channels])?;
                if mode == Mode::Infer {
                    give_steps(&mut network)?;
                    return Ok(Self::Infer { network, x });
                }
                let rule = SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true };
                let step = TrainStep::new(rule, &*network)?;
                let labels = (0..*batch as u32).map(|i| i % 10).collect();
                Ok(Self::Train { network, step, x, labels })
            }
        }
    }

    /// Records one step.
    pub(super) fn step(&mut self) -> Result<()> {
        match self {
            Self::Layer { csc, x, train: false } => {
                let tape = Tape::idle();
                csc.forward(&Pass::eval(&tape), &tape.constant(x)).map(drop)
            }
            Self::Layer { csc, x, train: true } => {
                let tape = Tape::new();
                let codes = csc.forward(&Pass::eval(&tape), &tape.leaf(x))?;
                tape.backward(&codes).map(drop)
            }
            Self::Convolution { conv, x } => {
                let tape = Tape::idle();
                conv.forward(&Pass::eval(&tape), &tape.constant(x)).map(drop)
            }
            Self::Infer { network, x } => network.predict(x).map(drop),
            Self::Train { network, step, x, labels } => step.run(&**network, x, labels, 0.01).map(drop),
        }
    }
}

/// Step sizes that training would have found: a network that nobody has trained would look for them first.
fn give_steps(network: &mut Network) -> Result<()> {
    let mut done = Ok(());
    network.visit_mut(&Path::root(), &mut |_, part| {
        if let (PartMut::Sparse(csc), Ok(())) = (part, &done) {
            done = csc.set_step(0.1);
        }
    });
    done
}

/// Pseudo-random values in [-1, 1).
fn noise(gpu: &Gpu, shape: &[usize]) -> Result<Tensor> {
    // Before the values, of which the host may not have room for as many.
    let tensor = Tensor::uninitialized(gpu, "the images of a case", shape)?;
    let value = |i: usize| (i as u32).wrapping_mul(2_654_435_761).wrapping_add(12_345) >> 8;
    let values = (0..shape.iter().product()).map(|i| value(i) as f32 / 8_388_608.0 - 1.0).collect::<Vec<_>>();
    tensor.write(&values)?;
    Ok(tensor)
}
