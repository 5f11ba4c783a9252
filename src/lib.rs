//! Sparse dictionary learning networks on WebGPU.
//!
//! A convolutional sparse coding (CSC) layer outputs the sparse code of its input: with a dictionary of atoms `A`
//! it runs a few iterations of FISTA to minimise
//!
//! `min over z of 1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2` (by default with `z >= 0`),
//!
//! and training differentiates through them. SDNets (arXiv 2210.12945) are ResNets in which such layers take the place
//! of convolutions. Everything runs as WGSL compute shaders on any adapter WebGPU supports (Vulkan, Metal, DX12), a
//! CPU with a software driver included.
//!
//! | to | look at |
//! |---|---|
//! | open a device, or work on your own | [`gpu::Gpu`] |
//! | sparse-code something | [`layers::Csc`]; with another operator, [`solver`] |
//! | use a trained network | [`checkpoint::load`], [`checkpoint::Checkpoint::classify`] |
//! | build a model | [`models::Network`]; of your own, [`models::Model`] and [`layers::Walk`] |
//! | train a model | [`train::Trainer`] |
//! | run a network without this crate | `onnx::export` (with the feature `files`) |
//! | judge class scores: accuracy, confusion, calibration | [`metrics`] |
//! | run a network on noisy images | [`robust`] |
//! | attack a network | [`robust::attack`] |
//! | see how far a filter's max-pooled maps move with the image | `shift` (with the feature `train`); [`wavelets`] |
//! | see what sparse layers keep of an image, and which pixels scores depend on | `visualize` (with the feature `train`) |
//! | see which images a network takes for alike, and where it looks | `interpret` (with the feature `train`) |
//! | differentiate through ops | [`tape::Tape`], [`ops`] |
//! | write an op of your own | [`gpu::Kernel`], [`tensor::Call`], [`tape::Tape::record`] |
//! | check a shader | [`mod@reference`], the f64 twin of every op; [`shaders::all`] |
//!
//! Modules import only from those before them: [`error`], [`shape`], [`wavelets`] - [`gpu`] - [`tensor`] - [`tape`] - [`ops`] -
//! [`solver`] - [`layers`] - [`models`] - [`checkpoint`] - `onnx` - [`metrics`] - [`train`] - [`robust`] - `shift`,
//! `interpret` - `visualize` - [`cli`].
//!
//! Features: `cli` (the default) is the program; `train` is training, sweeps and attacks, with their threads; `files` reads
//! data sets and writes files. Without any, the library runs networks from weights files.
//!
//! ```
//! use sdnet::gpu::{Gpu, GpuOptions};
//! use sdnet::layers::{Csc, CscConfig, Pass};
//! use sdnet::tape::Tape;
//! use sdnet::tensor::Tensor;
//!
//! # fn main() -> sdnet::Result<()> {
//! let gpu = Gpu::open(&GpuOptions::default())?;
//! // Four atoms of 3x3 pixels and one channel, and two signals of 8x8 pixels.
//! let atoms = (0..36).map(|i| ((i * 7 % 11) as f32 - 5.0) / 20.0).collect::<Vec<_>>();
//! let dictionary = Tensor::from_slice(&gpu, &[4, 3, 3, 1], &atoms)?;
//! let signals = Tensor::full(&gpu, &[2, 8, 8, 1], 1.0)?;
//!
//! let config = CscConfig { iterations: 10, lambda: 0.05, ..CscConfig::default() };
//! let csc = Csc::new(dictionary, config)?;
//! let tape = Tape::new();
//! let x = tape.leaf(&signals);
//! let z = csc.forward(&Pass::eval(&tape), &x)?;
//! assert_eq!(z.value().shape(), [2, 8, 8, 4]);
//! assert!(csc.objective(&signals, z.value())?.iter().all(|&f| f < 32.0)); // 1/2 |x|^2 = 32
//!
//! let gradients = tape.backward(&z)?;
//! assert_eq!(gradients.of("x", &x)?.shape(), [2, 8, 8, 1]);
//! # Ok(())
//! # }
//! ```
#![warn(missing_docs)]

pub mod checkpoint;
mod checks;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod error;
pub mod files;
pub mod gpu;
#[cfg(feature = "train")]
pub mod interpret;
pub mod layers;
pub mod metrics;
pub mod models;
mod named;
#[cfg(feature = "files")]
pub mod onnx;
pub mod ops;
pub mod optim;
pub mod reference;
pub mod robust;
pub mod shaders;
pub mod shape;
#[cfg(feature = "train")]
pub mod shift;
pub mod solver;
pub mod tape;
pub mod tensor;
#[cfg(feature = "train")]
pub mod train;
#[cfg(feature = "train")]
pub mod visualize;
pub mod wavelets;

pub use error::{Error, Result};
