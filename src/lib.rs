#![allow(missing_docs)]
pub mod checkpoint;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod error;
pub mod files;
pub mod gpu;
pub mod layers;
pub mod models;
pub mod ops;
pub mod optim;
pub mod reference;
pub mod shaders;
pub mod shape;
pub mod tape;
pub mod tensor;
pub mod train;
