//! What is timed.

use crate::cli::args::Mode;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::{Conv, Csc, CscConfig, Parameter, Pass, StepRule};
use crate::models::{ModelConfig, Network};
use crate::ops::{SgdRule, normalize_atoms};
use crate::optim::Sgd;
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::train::train_step;

/// What runs without arguments.
pub(super) const DEFAULT: [&str; 7] = ["csc-a", "csc-b", "csc-c", "csc-d", "sdnet18", "sdnet18-all", "resnet18"];

/// One layer: n, channels, atoms, height, width, kernel, stride, iterations.
type Layer = [usize; 8];

/// A name's meaning.
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
    /// The case of this name, with another batch where one is given.
    pub(super) fn named(name: &str, batch: Option<usize>) -> Result<Self> {
        let convolution = |channels, size| Ok(Self::Convolution { batch: batch.unwrap_or(128), channels, size });
        let layer = match name {
            // Those of a network for CIFAR.
            "conv-64" => return convolution(64, 32),
            "conv-128" => return convolution(128, 16),
            "conv-256" => return convolution(256, 8),
            "conv-512" => return convolution(512, 4),
            "csc-a" => [16, 64, 64, 32, 32, 3, 1, 2],
            "csc-b" => [16, 64, 64, 32, 32, 3, 1, 8],
            "csc-c" => [16, 64, 128, 32, 32, 3, 2, 2],
            "csc-d" => [16, 3, 64, 32, 32, 3, 1, 2],
            // Shapes that nobody tunes for: `--untypical` compares them with csc-a.
            "csc-28" => [16, 64, 64, 28, 28, 3, 1, 2],
            "csc-33x31" => [16, 64, 64, 33, 31, 3, 1, 2],
            "csc-c48" => [16, 48, 48, 32, 32, 3, 1, 2],
            "csc-c100" => [16, 100, 100, 32, 32, 3, 1, 2],
            "csc-k5" => [16, 64, 64, 32, 32, 5, 1, 2],
            "csc-n1" => [1, 64, 64, 32, 32, 3, 1, 2],
            "csc-n3" => [3, 64, 64, 32, 32, 3, 1, 2],
            network => {
                let config = ModelConfig::named(network).map_err(|_| {
                    let names = "csc-a, csc-b, csc-c, csc-d, csc-28, csc-33x31, csc-c48, csc-c100, csc-k5, csc-n1, \
                                 csc-n3, conv-64, conv-128, conv-256, conv-512, or a network's name";
                    Error::argument("case", name, names)
                })?;
                return Ok(Self::Network { config, batch: batch.unwrap_or(16) });
            }
        };
        let mut layer: Layer = layer;
        layer[0] = batch.unwrap_or(layer[0]);
        Ok(Self::Layer(layer))
    }

    pub(super) fn batch(&self) -> usize {
        match self {
            Self::Layer(layer) => layer[0],
            Self::Convolution { batch, .. } | Self::Network { batch, .. } => *batch,
        }
    }

    pub(super) fn modes(&self) -> &'static [Mode] {
        match self {
            Self::Layer(_) => &[Mode::Forward, Mode::Train],
            Self::Convolution { .. } => &[Mode::Forward],
            Self::Network { .. } => &[Mode::Infer, Mode::Train],
        }
    }
}

/// A case with its tensors, ready to be run again and again.
pub(super) enum Work {
    Layer { csc: Box<Csc>, x: Tensor, train: bool },
    Convolution { conv: Conv, x: Tensor },
    Infer { network: Box<Network>, x: Tensor },
    Train { network: Box<Network>, optimizer: Sgd, x: Tensor, labels: Vec<u32>, rate: Tensor },
}

impl Work {
    pub(super) fn new(gpu: &Gpu, case: &Case, mode: Mode) -> Result<Self> {
        match case {
            &Case::Layer([n, channels, atoms, height, width, kernel, stride, iterations]) => {
                let weight = noise(gpu, &[atoms, kernel, kernel, channels])?;
                normalize_atoms(&weight)?;
                let config = CscConfig { stride, padding: kernel / 2, iterations, ..CscConfig::default() };
                let mut csc = Csc::new(Parameter { name: "dn.weight".into(), value: weight }, config)?;
                csc.set_step(StepRule::Fixed(0.1));
                let x = noise(gpu, &[n, height, width, channels])?;
                Ok(Self::Layer { csc: Box::new(csc), x, train: mode == Mode::Train })
            }
            &Case::Convolution { batch, channels, size } => {
                let value = noise(gpu, &[channels, 3, 3, channels])?;
                let conv = Conv { weight: Parameter { name: "weight".into(), value }, stride: 1, padding: 1 };
                Ok(Self::Convolution { conv, x: noise(gpu, &[batch, size, size, channels])? })
            }
            Case::Network { config, batch } => {
                let network = Box::new(Network::new(gpu, config, 0)?);
                let x = noise(gpu, &[*batch, 32, 32, config.in_channels])?;
                if mode == Mode::Infer {
                    return Ok(Self::Infer { network, x });
                }
                let rule = SgdRule { momentum: 0.9, weight_decay: 5e-4, nesterov: true };
                let optimizer = Sgd::new(rule, &network.parameters())?;
                let labels = (0..*batch as u32).map(|i| i % 10).collect();
                Ok(Self::Train { network, optimizer, x, labels, rate: Tensor::full(gpu, &[1], 0.01)? })
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
            Self::Infer { network, x } => network.predict(x, None).map(drop),
            Self::Train { network, optimizer, x, labels, rate } => {
                train_step(network, optimizer, x, labels, rate).map(drop)
            }
        }
    }
}

/// Values in [-1, 1) without a pattern that matters.
fn noise(gpu: &Gpu, shape: &[usize]) -> Result<Tensor> {
    let value = |i: usize| (i as u32).wrapping_mul(2_654_435_761).wrapping_add(12_345) >> 8;
    let values = (0..shape.iter().product()).map(|i| value(i) as f32 / 8_388_608.0 - 1.0).collect::<Vec<_>>();
    Tensor::from_slice(gpu, shape, &values)
}
