//! A trained network, from a file.

use std::path::{Path, PathBuf};

use clap::Args;

use super::values::one_of;
use crate::checkpoint::{self, Recipe};
use crate::cli::console::note;
use crate::error::{Error, Result};
use crate::files::{check_output, check_output_of};
use crate::gpu::Gpu;
use crate::models::{Kind, ModelConfig, Network, Pool, Stem};
use crate::robust::Adapted;

/// A weights file, and a description of its network for files that do not hold one.
#[derive(Debug, Args)]
pub struct WeightsArgs {
    /// Weights file: safetensors, or what PyTorch's torch.save has written (.pth, .pth.tar)
    #[arg(id = "weights", long, value_name = "FILE")]
    pub path: PathBuf,
    /// Name of the network, as in `sdnet train --model`; only for weights files of other programs, which do not say what
    /// network they hold [default: what the names and shapes of the tensors say]
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
    /// With --model: first layers of the network, as in `sdnet train --stem`
    #[arg(
        long,
        value_parser = one_of::<Stem>(Stem::ALL.map(Stem::name)),
        default_value_t = Stem::Cifar,
        requires = "model"
    )]
    pub stem: Stem,
    /// With --model: pooling of the stems imagenet and twin, as in `sdnet train --pool`
    #[arg(long, value_parser = one_of::<Pool>(Pool::ALL.map(Pool::name)), default_value_t = Pool::Rmax, requires = "model")]
    pub pool: Pool,
    /// With --model: the network has no shortcuts around its blocks
    #[arg(long, requires = "model")]
    pub no_shortcut: bool,
    /// Iterations of every sparse coding layer, for weights files that do not say it [default: 2]
    #[arg(long, value_name = "N")]
    pub iterations: Option<usize>,
}

impl WeightsArgs {
    /// # Errors
    /// Those of [`Adapted::load`]; [`Error::Argument`] for an unknown network, or for iterations where the file has its own.
    pub fn load(&self, gpu: &Gpu) -> Result<(Adapted<Network>, Recipe)> {
        self.load_by(|described| Adapted::load(&self.path, gpu, described))
    }

    /// The network as it was trained, whatever recalibration the file holds.
    ///
    /// # Errors
    /// As [`WeightsArgs::load`].
    pub fn load_as_trained(&self, gpu: &Gpu) -> Result<(Adapted<Network>, Recipe)> {
        self.load_by(|described| Adapted::load_as_trained(&self.path, gpu, described))
    }

    fn load_by(
        &self,
        load: impl FnOnce(Option<&ModelConfig>) -> Result<(Adapted<Network>, Recipe)>,
    ) -> Result<(Adapted<Network>, Recipe)> {
        let described = match (self.described()?, self.iterations) {
            (None, Some(iterations)) => {
                let inferred = checkpoint::infer::<Network>(&self.path)?.ok_or_else(|| {
                    Error::argument(
                        "iterations",
                        iterations,
                        "is for weights files that do not say what network they hold",
                    )
                })?;
                Some(ModelConfig { iterations, ..inferred })
            }
            (described, _) => described,
        };
        if let Some(model) = &self.model
            && let Ok(None) = checkpoint::infer_by(&self.path, |_| Ok(()))
        {
            let reason = format!("{} says itself what network it holds; leave the flag out", self.path.display());
            return Err(Error::argument("model", model, reason));
        }
        let (network, recipe) = load(described.as_ref())?;
        if recipe.inferred {
            note(format_args!("note: {}", taken_for(&self.path, &recipe.model)));
        }
        Ok((network, recipe))
    }

    /// The file to write a changed network to: another one, or the one that is read. It can be written.
    ///
    /// # Errors
    /// Those of [`check_output_of`].
    pub fn output<'a>(&'a self, other: Option<&'a Path>) -> Result<&'a Path> {
        match other {
            Some(other) => check_output_of(other, &["safetensors"])?,
            None => check_output(&self.path)?,
        }
        Ok(other.unwrap_or(&self.path))
    }

    /// The network that the flags describe, if they describe one.
    fn described(&self) -> Result<Option<ModelConfig>> {
        let (Some(model), Some(classes)) = (&self.model, self.classes) else { return Ok(None) };
        let named = ModelConfig::named(model)?;
        let described = ModelConfig {
            width: self.width,
            in_channels: self.in_channels,
            classes,
            stem: self.stem,
            pool: self.pool,
            shortcut: !self.no_shortcut,
            iterations: self.iterations.unwrap_or(named.iterations),
            ..named
        };
        described.check()?;
        Ok(Some(described))
    }
}

/// What a network is made of, in words.
pub fn structure(model: &ModelConfig) -> String {
    let shortcuts = if model.shortcut { "" } else { " without shortcuts" };
    format!(
        "{}{shortcuts} of width {}, {}, {} channel(s) and {} classes",
        model.name(),
        model.width,
        stem(model),
        model.in_channels,
        model.classes,
    )
}

/// The first layers of a network, in words.
pub fn stem(model: &ModelConfig) -> String {
    match model.pool {
        Pool::Rmax => format!("{} stem", model.stem),
        pool => format!("{} stem with {pool} pooling", model.stem),
    }
}

/// What a file without a description is taken for.
pub fn taken_for(path: &Path, model: &ModelConfig) -> String {
    let sparse = match model.kind {
        Kind::Resnet => String::new(),
        _ => format!(
            "; {} iterations at lambda {} are assumed, which it does not say, as are the other options of its layers (`sdnet import` \
             takes them)",
            model.iterations, model.lambda
        ),
    };
    format!("{} is taken for a {}, by the shapes of its tensors{sparse}", path.display(), structure(model))
}
