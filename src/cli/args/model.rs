//! A network to be made.

use clap::Args;

use super::values::one_of;
use crate::error::Result;
use crate::models::{ModelConfig, Stem};
use crate::solver::Solver;

/// A network to be made.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Network: resnet18, resnet34, sdnet18, sdnet34, sdnet18-all or sdnet34-all
    #[arg(long, default_value = "sdnet18")]
    pub model: String,
    /// Channels of the first layer
    #[arg(long, default_value_t = 64)]
    pub width: usize,
    /// First layers of the network: cifar for images of about 32 pixels, imagenet for about 224
    #[arg(long, value_parser = one_of::<Stem>(Stem::ALL.map(Stem::name)), default_value_t = Stem::Cifar)]
    pub stem: Stem,
    /// Leave out the shortcuts around blocks (sdnet-all networks only)
    #[arg(long)]
    pub no_shortcut: bool,
    /// Iterations of every sparse coding layer
    #[arg(long, default_value_t = 2)]
    pub iterations: usize,
    /// Weight of the l1 term
    #[arg(long, default_value_t = 0.1)]
    pub lambda: f32,
    /// Weight of the elastic-net term
    #[arg(long, default_value_t = 0.0)]
    pub mu: f32,
    /// Solver of the sparse coding layers
    #[arg(long, value_parser = one_of::<Solver>(Solver::ALL.map(Solver::name)), default_value_t = Solver::Fista)]
    pub solver: Solver,
}

impl ModelArgs {
    /// # Errors
    /// [`crate::error::Error::Argument`] for an unknown name.
    pub fn config(&self, in_channels: usize, classes: usize) -> Result<ModelConfig> {
        Ok(ModelConfig {
            width: self.width,
            in_channels,
            classes,
            stem: self.stem,
            shortcut: !self.no_shortcut,
            iterations: self.iterations,
            lambda: self.lambda,
            mu: self.mu,
            solver: self.solver,
            ..ModelConfig::named(&self.model)?
        })
    }
}
