//! The networks of arXiv 2210.12945: ResNets in which sparse coding layers stand where convolutions stood.

mod config;
mod init;
mod recalibration;
mod resnet;

pub use config::{Kind, ModelConfig, Stem};
pub use recalibration::{CleanResidual, LambdaLayers, Recalibration, Statistics, Tables};
pub use resnet::Network;
