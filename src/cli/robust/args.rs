//! What the robust commands, and others that run a network at another lambda, may be told.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use crate::checkpoint::{self, Recipe};
use crate::cli::args::{AdapterArgs, DataArgs, WeightsArgs};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{LambdaLayers, Network, Statistics};
use crate::robust::corrupt::{Corruption, Noise};
use crate::robust::recalibrate::usual_lambdas;
use crate::robust::{Calibration, LambdaRule};

#[derive(Debug, Subcommand)]
pub enum RobustCommand {
    /// Accuracy over lambda and noise: figures, pictures and a table
    Sweep(SweepArgs),
    /// Find batch-norm statistics for other lambdas on clean training images, and keep them in the weights file
    Recalibrate(RecalibrateArgs),
    /// Fit the best lambda to the residual on noisy training images, and keep the fit in the weights file
    Calibrate(CalibrateArgs),
}

/// At which lambda a network runs.
#[derive(Debug, Args)]
pub struct LambdaArgs {
    /// Weight of the l1 term, in place of the network's own: a number, or for each image by what a first look leaves of
    /// it: auto (the fit of `robust calibrate` for all noises, without one as auto-free), auto-free (a rule that needs no
    /// noise to learn from), auto-gaussian and so on (the fit of one noise)
    #[arg(long, value_name = "NUMBER|auto", allow_negative_numbers = true)]
    pub lambda: Option<String>,
    #[command(flatten)]
    pub adapt: AdaptArgs,
}

/// What else changes with lambda.
#[derive(Debug, Args)]
pub struct AdaptArgs {
    /// Layers that take another lambda: first, all, or names such as layer0.0 [default: those that the file was
    /// recalibrated for, or all]
    #[arg(long, value_name = "LAYER[,..]", value_delimiter = ',')]
    pub layers: Vec<String>,
    /// Batch-norm statistics at another lambda, where the file has been recalibrated
    #[arg(long, value_enum, default_value_t = StatisticsName::Own)]
    pub statistics: StatisticsName,
    /// How far pixels may be from what the first layer makes of them before they are clipped, where the file has been
    /// recalibrated and lambda is chosen: clean (what 99 of 100 pixels of clean images keep), off, or a number in units of
    /// normalised pixels
    #[arg(long, value_name = "clean|off|NUMBER", default_value = "clean", allow_negative_numbers = true)]
    pub clip: String,
    /// The statistics of the training at every lambda, and no clipping, as published
    #[arg(long, conflicts_with_all = ["statistics", "clip"])]
    pub no_recalibrate: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StatisticsName {
    /// Those of the training
    Trained,
    /// Those that go with this lambda, by what clean images change
    Own,
}

/// What `--residual` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResidualName {
    /// What is left of noise where the image is quiet
    Excess,
    /// All that is left
    Plain,
}

/// Which noise, how much of it, and which lambdas against it.
#[derive(Debug, Args)]
pub struct NoiseArgs {
    /// gaussian, shot, speckle, impulse, occlusion
    #[arg(long, value_name = "NOISE[,..]", value_delimiter = ',', default_value = "gaussian,shot,speckle,impulse")]
    pub noise: Vec<String>,
    /// Levels of every noise: usual, severities (the five of CIFAR-10-C), or numbers
    #[arg(
        long,
        value_name = "LEVEL[,..]",
        value_delimiter = ',',
        default_value = "usual",
        allow_negative_numbers = true
    )]
    pub levels: Vec<String>,
    /// Lambdas [default: 0.1, 0.2 .. 1.4]
    #[arg(long, value_name = "X[,..]", value_delimiter = ',', allow_negative_numbers = true)]
    pub lambdas: Vec<f32>,
    /// Seed of the noise
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct SweepArgs {
    #[command(flatten)]
    pub weights: WeightsArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    #[command(flatten)]
    pub noise: NoiseArgs,
    #[command(flatten)]
    pub adapt: AdaptArgs,
    /// Another network to compare with, at what it was trained with
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,
    /// Only so many test images, spread evenly
    #[arg(long, value_name = "N")]
    pub images: Option<usize>,
    /// Images a pass
    #[arg(long, default_value_t = 100)]
    pub batch: usize,
    /// Also write what became of every image
    #[arg(long)]
    pub samples: bool,
    /// Folder for figures and pictures
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
}

#[derive(Debug, Args)]
pub struct RecalibrateArgs {
    #[command(flatten)]
    pub weights: WeightsArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Grid of lambdas [default: 0.1, 0.2 .. 1.4]
    #[arg(long, value_name = "X[,..]", value_delimiter = ',', allow_negative_numbers = true)]
    pub lambdas: Vec<f32>,
    /// Layers that take another lambda: first, all, or names such as layer0.0 [default: all]
    #[arg(long, value_name = "LAYER[,..]", value_delimiter = ',')]
    pub layers: Vec<String>,
    /// Training images to look at, spread evenly
    #[arg(long, default_value_t = 2000)]
    pub images: usize,
    /// Images a pass
    #[arg(long, default_value_t = 100)]
    pub batch: usize,
    /// Random crops and flips as `train` has them [default: what the file says of its training]
    #[arg(long, overrides_with = "no_augment")]
    pub augment: bool,
    /// Images as they are
    #[arg(long)]
    pub no_augment: bool,
    /// Seed of the augmentation
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Weights file to write, in place of the one that is read
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CalibrateArgs {
    #[command(flatten)]
    pub weights: WeightsArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    #[command(flatten)]
    pub noise: NoiseArgs,
    #[command(flatten)]
    pub adapt: AdaptArgs,
    /// What is taken for the residual
    #[arg(long, value_enum, default_value_t = ResidualName::Excess)]
    pub residual: ResidualName,
    /// Training images to calibrate on, spread evenly; test images are not looked at
    #[arg(long, default_value_t = 1000)]
    pub images: usize,
    /// Images a pass
    #[arg(long, default_value_t = 100)]
    pub batch: usize,
    /// Weights file to write, in place of the one that is read
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl AdaptArgs {
    /// A network that is set up to run at another lambda.
    ///
    /// # Errors
    /// Those of [`checkpoint::load`]; [`Error::Argument`] for layers that there are not, or that the file was not
    /// recalibrated for.
    pub fn load(&self, weights: &WeightsArgs, gpu: &Gpu) -> Result<(Network, Recipe)> {
        let (mut network, recipe) = checkpoint::load(&weights.weights, gpu, weights.foreign()?.as_ref())?;
        network.set_statistics(self.statistics());
        if let Some(layers) = layers(&self.layers) {
            let before = network.recalibration().map(|r| r.layers.join(", "));
            network.set_lambda_layers(&layers)?;
            if let (Some(before), None) = (before, network.recalibration()) {
                let reason = format!("the file was recalibrated for {before}: recalibrate it for these layers");
                return Err(Error::argument("layers", self.layers.join(","), reason));
            }
        }
        network.set_clip_limit(self.clip(&network)?);
        Ok((network, recipe))
    }

    fn clip(&self, network: &Network) -> Result<Option<f32>> {
        match (&*self.clip, self.clip.parse::<f32>()) {
            _ if self.no_recalibrate => Ok(None),
            ("off", _) => Ok(None),
            ("clean", _) => Ok(network.recalibration().map(|r| r.clean.limit)),
            (_, Ok(limit)) if limit >= 0.0 && network.recalibration().is_none() => Err(Error::argument(
                "clip",
                limit,
                "the file has not been recalibrated: run `sdnet robust recalibrate` first",
            )),
            (_, Ok(limit)) if limit.is_finite() && limit >= 0.0 => Ok(Some(limit)),
            _ => Err(Error::argument("clip", &self.clip, "must be clean, off, or a number that is not negative")),
        }
    }

    fn statistics(&self) -> Statistics {
        match self.statistics {
            _ if self.no_recalibrate => Statistics::Trained,
            StatisticsName::Trained => Statistics::Trained,
            StatisticsName::Own => Statistics::Own,
        }
    }
}

impl LambdaArgs {
    /// The rule for this network.
    ///
    /// # Errors
    /// [`Error::Argument`] for what is neither a number nor a rule, or a rule that the file has no fit for.
    pub fn rule(&self, network: &Network, recipe: &Recipe) -> Result<LambdaRule> {
        self.lambda.as_deref().map_or(Ok(LambdaRule::Trained), |text| rule(text, network, recipe))
    }
}

/// The rule that is called so, for this network.
///
/// # Errors
/// As [`LambdaArgs::rule`].
pub fn rule(text: &str, network: &Network, recipe: &Recipe) -> Result<LambdaRule> {
    let free = LambdaRule::label_free(network.config().lambda);
    let calibration = || Calibration::of(recipe);
    match (text, text.strip_prefix("auto-"), text.parse::<f32>()) {
        ("auto", ..) => calibration()?.map_or(Ok(free), |c| c.rule(None)),
        ("auto-free", ..) => Ok(free),
        (_, Some(noise), _) => {
            let reason = "the file has no fit of it: run `sdnet robust calibrate` first";
            let noise = noise.parse::<Noise>()?;
            calibration()?.ok_or_else(|| Error::argument("lambda", text, reason))?.rule(Some(noise))
        }
        (_, _, Ok(number)) if number.is_finite() && number >= 0.0 => Ok(LambdaRule::Fixed(number)),
        _ => {
            let reason = "must be a finite number that is not negative, auto, auto-free, or auto-NOISE";
            Err(Error::argument("lambda", text, reason))
        }
    }
}

/// What `--layers` means, where it is given.
pub fn layers(names: &[String]) -> Option<LambdaLayers> {
    match names {
        [] => None,
        [one] if one == "all" => Some(LambdaLayers::All),
        [one] if one == "first" => Some(LambdaLayers::First),
        names => Some(LambdaLayers::Named(names.to_vec())),
    }
}

impl NoiseArgs {
    /// Clean images, and every noise at every level.
    ///
    /// # Errors
    /// [`Error::Argument`] for a noise or a level that there is not.
    pub fn corruptions(&self) -> Result<Vec<Option<Corruption>>> {
        let mut all = vec![None];
        for name in &self.noise {
            let noise = name.parse::<Noise>()?;
            for level in self.levels(noise)? {
                all.push(Some(Corruption::new(noise, level)?));
            }
        }
        Ok(all)
    }

    fn levels(&self, noise: Noise) -> Result<Vec<f32>> {
        match &self.levels[..] {
            [one] if one == "usual" => Ok(noise.levels()),
            [one] if one == "severities" => Ok(noise.severities().to_vec()),
            numbers => {
                let number = |text: &String| {
                    text.parse().map_err(|_| Error::argument("levels", text, "usual, severities, or numbers"))
                };
                numbers.iter().map(number).collect()
            }
        }
    }

    /// The lambdas, ascending.
    ///
    /// # Errors
    /// [`Error::Argument`] unless they are finite, not negative and ascending.
    pub fn lambdas(&self) -> Result<Vec<f32>> {
        lambdas(&self.lambdas)
    }
}

/// What `--lambdas` means.
///
/// # Errors
/// [`Error::Argument`] unless they are finite, not negative and ascending.
pub fn lambdas(given: &[f32]) -> Result<Vec<f32>> {
    if given.iter().any(|l| !l.is_finite() || *l < 0.0) || given.windows(2).any(|w| w[0] >= w[1]) {
        let reason = "must be finite numbers that are not negative, each greater than the one before";
        return Err(Error::argument("lambdas", format!("{given:?}"), reason));
    }
    Ok(if given.is_empty() { usual_lambdas() } else { given.to_vec() })
}
