//! At which lambda a network runs, and what changes with it.

use clap::Args;
use clap::builder::PossibleValue;

use super::values::one_of;
use super::weights::WeightsArgs;
use crate::checkpoint::Recipe;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Model, Network};
use crate::robust::corrupt::Kind;
use crate::robust::{Adapted, Calibration, LambdaLayers, LambdaRule, Statistics};

/// At which lambda a network runs.
#[derive(Debug, Args)]
pub struct LambdaArgs {
    /// Weight of the l1 term, in place of the one that the network was trained with. Either a number, or a rule that
    /// chooses one for each image by the noise that a first look finds in it: auto-free (needs no calibration), auto
    /// (calibrated on all noises by `sdnet robust calibrate`; the same as auto-free if the file has not been calibrated), or
    /// auto-NOISE (calibrated on one noise, such as auto-gaussian)
    #[arg(long, value_name = "NUMBER|auto")]
    pub lambda: Option<String>,
    #[command(flatten)]
    pub adapt: AdaptArgs,
}

/// What else changes with lambda.
#[derive(Debug, Args)]
pub struct AdaptArgs {
    /// Layers that take the other lambda: first, all, or names such as layer0.0 [default: the layers that the file was
    /// recalibrated for, or all]
    #[arg(long, value_name = "LAYER[,..]", value_delimiter = ',')]
    pub layers: Vec<String>,
    /// Batch-norm statistics at another lambda, if the file has been recalibrated [default: own]
    #[arg(long, value_parser = one_of::<Statistics>(shown_statistics()))]
    pub statistics: Option<Statistics>,
    /// Clip pixels that are farther than this from what the first layer makes of them: clean (the distance within which 99
    /// of 100 pixels of clean images lie), off, or a number in units of normalised pixels. Only for files that have been
    /// recalibrated, and not where the network runs as it was trained [default: clean]
    #[arg(long, value_name = "clean|off|NUMBER")]
    pub clip: Option<String>,
    /// Use the statistics of the training at every lambda and clip nothing, as the published code does
    #[arg(long, conflicts_with_all = ["statistics", "clip"])]
    pub no_recalibrate: bool,
}

fn shown_statistics() -> [PossibleValue; 2] {
    Statistics::ALL.map(|statistics| {
        PossibleValue::new(statistics.name()).help(match statistics {
            Statistics::Trained => "Those of the training",
            Statistics::Own => "Those of the training, adjusted by how they change on clean images at this lambda",
        })
    })
}

impl AdaptArgs {
    /// Loads a network and sets it up to run at another lambda.
    ///
    /// # Errors
    /// Those of [`WeightsArgs::load`]; [`Error::Argument`] for layers that do not exist, or that the file was not
    /// recalibrated for.
    pub fn load(&self, weights: &WeightsArgs, gpu: &Gpu) -> Result<(Adapted<Network>, Recipe)> {
        let (mut network, recipe) = weights.load(gpu)?;
        network.set_statistics(if self.no_recalibrate {
            Statistics::Trained
        } else {
            self.statistics.unwrap_or_default()
        });
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

    /// The first flag that is given, by name.
    fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("layers", !self.layers.is_empty()),
            ("statistics", self.statistics.is_some()),
            ("clip", self.clip.is_some()),
            ("no-recalibrate", self.no_recalibrate),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }

    /// What `--clip` means for this network.
    fn clip(&self, network: &Adapted<Network>) -> Result<Option<f32>> {
        let given = self.clip.as_deref().unwrap_or("clean");
        match (given, given.parse::<f32>()) {
            _ if self.no_recalibrate => Ok(None),
            ("off", _) => Ok(None),
            ("clean", _) => Ok(network.recalibration().map(|r| r.clean.limit)),
            (_, Ok(limit)) if limit >= 0.0 && network.recalibration().is_none() => Err(Error::argument(
                "clip",
                limit,
                "the file has not been recalibrated: run `sdnet robust recalibrate` first",
            )),
            (_, Ok(limit)) if limit.is_finite() && limit >= 0.0 => Ok(Some(limit)),
            _ => Err(Error::argument("clip", given, "must be clean, off, or a number that is not negative")),
        }
    }
}

impl LambdaArgs {
    /// The rule for this network.
    ///
    /// # Errors
    /// As [`rule`]; [`Error::Argument`] for a flag that has no effect without `--lambda`.
    pub fn rule(&self, network: &Adapted<Network>, recipe: &Recipe) -> Result<LambdaRule> {
        match (&self.lambda, self.adapt.first_given()) {
            (Some(text), _) => rule(text, network, recipe),
            (None, None) => Ok(LambdaRule::Trained),
            (None, Some(flag)) => Err(Error::argument(flag, "", "has no effect without --lambda")),
        }
    }
}

/// The rule that a text such as `0.4` or `auto` stands for, for this network.
///
/// # Errors
/// [`Error::Argument`] for a text that is neither a number nor a rule, or a rule that the file has no fit for.
pub fn rule(text: &str, network: &Adapted<Network>, recipe: &Recipe) -> Result<LambdaRule> {
    let Some(trained) = network.trained_lambda() else { return Err(no_lambda(network, "lambda", text)) };
    network.check_one_lambda()?;
    let free = LambdaRule::label_free(trained);
    let calibration = || Calibration::of(recipe);
    let rule = match (text, text.strip_prefix("auto-"), text.parse::<f32>()) {
        ("auto", ..) => calibration()?.map_or(Ok(free), |c| c.rule(None)),
        ("auto-free", ..) => Ok(free),
        (_, Some(noise), _) => {
            let reason = "the file has no fit of it: run `sdnet robust calibrate` first";
            let noise = noise.parse::<Kind>()?;
            calibration()?.ok_or_else(|| Error::argument("lambda", text, reason))?.rule(Some(noise))
        }
        (_, _, Ok(number)) if number.is_finite() && number >= 0.0 => Ok(LambdaRule::Fixed(number)),
        _ => {
            let reason = "must be a finite number that is not negative, auto, auto-free, or auto-NOISE";
            Err(Error::argument("lambda", text, reason))
        }
    }?;
    let sparse_first = network.model().first_sparse_layer().is_some();
    if matches!(rule, LambdaRule::Auto(..)) && sparse_first && network.recalibration().is_none() {
        let reason = "needs to know what is left of clean images: run `sdnet robust recalibrate` first";
        return Err(Error::argument("lambda", text, reason));
    }
    Ok(rule)
}

/// The refusal of a flag that needs a lambda, for a network that has none.
pub fn no_lambda(network: &Adapted<Network>, flag: &'static str, value: &str) -> Error {
    let reason = format!("{} has no sparse coding layer, and so no lambda", network.model().name());
    Error::argument(flag, value, reason)
}

/// What `--layers` means, if it is given.
pub fn layers(names: &[String]) -> Option<LambdaLayers> {
    match names {
        [] => None,
        [one] if one == "all" => Some(LambdaLayers::All),
        [one] if one == "first" => Some(LambdaLayers::First),
        names => Some(LambdaLayers::Named(names.to_vec())),
    }
}
