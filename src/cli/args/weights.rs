//! A trained network, from a file.

use std::path::PathBuf;

use clap::Args;

use super::values::one_of;
use crate::checkpoint::Recipe;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{ModelConfig, Network, Stem};
use crate::robust::Adapted;

/// A weights file, and a description of its network for files that do not hold one.
#[derive(Debug, Args)]
pub struct WeightsArgs {
    /// Weights file (safetensors)
    #[arg(id = "weights", long, value_name = "FILE")]
    pub path: PathBuf,
    /// Name of the network, as in `sdnet train --model`; only for weights files of other programs, which do not say what
    /// network they hold
    #[arg(long, requires = "classes")]
    pub model: Option<String>,
    /// With --model: channels of the first layer
    #[arg(long, default_value_t = 64, requires = "model")]
    pub width: usize,
    /// With --model: channels of the images
    #[arg(long, default_value_t = 3, requires = "model")]
    pub in_channels: usize,
    /// With --model: number of classes
    #[arg(long, requires = "model")]
    pub classes: Option<usize>,
    /// With --model: first layers of the network, cifar for images of about 32 pixels, imagenet for about 224
    #[arg(
        long,
        value_parser = one_of::<Stem>(Stem::ALL.map(Stem::name)),
        default_value_t = Stem::Cifar,
        requires = "model"
    )]
    pub stem: Stem,
    /// With --model: the network has no shortcuts around its blocks
    #[arg(long, requires = "model")]
    pub no_shortcut: bool,
    /// With --model: iterations of every sparse coding layer
    #[arg(long, default_value_t = 2, requires = "model")]
    pub iterations: usize,
}

impl WeightsArgs {
    /// # Errors
    /// Those of [`Adapted::load`]; [`Error::Argument`] for an unknown network.
    pub fn load(&self, gpu: &Gpu) -> Result<(Adapted<Network>, Recipe)> {
        Adapted::load(&self.path, gpu, self.described()?.as_ref()).map_err(|error| match error {
            Error::File { path, reason } if self.model.is_none() && reason.contains("say what network") => {
                let flags = "--model, --width, --in-channels, --classes, --stem and --no-shortcut";
                Error::File { path, reason: format!("{reason} with {flags}") }
            }
            other => other,
        })
    }

    /// The network that the flags describe, if they describe one.
    fn described(&self) -> Result<Option<ModelConfig>> {
        let (Some(model), Some(classes)) = (&self.model, self.classes) else { return Ok(None) };
        Ok(Some(ModelConfig {
            width: self.width,
            in_channels: self.in_channels,
            classes,
            stem: self.stem,
            shortcut: !self.no_shortcut,
            iterations: self.iterations,
            ..ModelConfig::named(model)?
        }))
    }
}
