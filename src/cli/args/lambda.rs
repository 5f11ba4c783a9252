//! At which lambda a network runs, and what changes with it.

use clap::Args;
use clap::builder::PossibleValue;

use super::values::one_of;
use super::weights::WeightsArgs;
use crate::checkpoint::Recipe;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::models::{Model, Network};
use crate::named::named;
use crate::robust::corrupt::Kind;
use crate::robust::{Adapted, Calibration, LambdaLayers, LambdaRule, Statistics};

/// At which lambda a network runs.
#[derive(Debug, Args)]
pub struct LambdaArgs {
    /// Weight of the l1 term, in place of the one that the network was trained with. Either a number, or a rule that
    /// chooses one for each image by the noise that is found in it: auto-free (needs no calibration), auto
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
    /// Batch-norm statistics at another lambda, if the file has been recalibrated [default: both]
    #[arg(long, value_parser = one_of::<Statistics>(shown_statistics()))]
    pub statistics: Option<Statistics>,
    /// What becomes of impulse noise (salt and pepper), if the file has been recalibrated [default: repair]
    #[arg(long, value_parser = one_of::<Impulses>(shown_impulses()))]
    pub impulses: Option<Impulses>,
    /// Use the statistics of the training at every lambda and repair nothing, as the published code does
    #[arg(long, conflicts_with_all = ["statistics", "impulses"])]
    pub no_recalibrate: bool,
}

/// What becomes of impulse noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impulses {
    Repair,
    Keep,
}

named!(Impulses as "impulses" { Repair = "repair", Keep = "keep" });

fn shown_impulses() -> [PossibleValue; 2] {
    Impulses::ALL.map(|impulses| {
        PossibleValue::new(impulses.name()).help(match impulses {
            Impulses::Repair => "Where an image has more values that stand alone than clean images have, they become the median of their neighbours",
            Impulses::Keep => "Images stay as they are",
        })
    })
}

fn shown_statistics() -> [PossibleValue; 3] {
    Statistics::ALL.map(|statistics| {
        PossibleValue::new(statistics.name()).help(match statistics {
            Statistics::Trained => "Those of the training",
            Statistics::Own => "Those of the training, adjusted by how they change on clean images at this lambda",
            Statistics::Both => "The mean of the scores with either",
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
        if let Some(flag) = self.first_given().filter(|_| network.trained_lambda().is_none()) {
            return Err(no_lambda(&network, flag, ""));
        }
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
        if self.impulses == Some(Impulses::Repair) && network.recalibration().is_none() {
            let reason = "the file has not been recalibrated: run `sdnet robust recalibrate` first";
            return Err(Error::argument("impulses", Impulses::Repair.name(), reason));
        }
        network.set_repairs(!self.no_recalibrate && self.impulses != Some(Impulses::Keep));
        Ok((network, recipe))
    }

    /// The first flag that is given, by name.
    fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("layers", !self.layers.is_empty()),
            ("statistics", self.statistics.is_some()),
            ("impulses", self.impulses.is_some()),
            ("no-recalibrate", self.no_recalibrate),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
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
    if network.trained_lambda().is_none() {
        return Err(no_lambda(network, "lambda", text));
    }
    network.check_one_lambda()?;
    let number = text.parse::<f32>().ok().filter(|number| number.is_finite() && *number >= 0.0);
    if let Some(number) = number {
        return Ok(LambdaRule::Fixed(number));
    }
    let refuse = |reason: &str| Err(Error::argument("lambda", text, reason));
    let noise = match text.strip_prefix("auto-") {
        _ if ["auto", "auto-free"].contains(&text) => None,
        None => return refuse("must be a finite number that is not negative, auto, auto-free, or auto-NOISE"),
        Some(noise) => match noise.parse::<Kind>() {
            Ok(noise) => Some(noise),
            Err(_) => {
                let kinds = Kind::ALL.map(Kind::name).join(", ");
                return refuse(&format!("behind auto- stands a kind of noise, one of {kinds}"));
            }
        },
    };
    if network.recalibration().is_none() && noise.is_none() {
        return refuse("needs to know what clean images are like: run `sdnet robust recalibrate` first");
    }
    match (Calibration::of(recipe)?, text) {
        (_, "auto-free") | (None, "auto") => LambdaRule::label_free(network),
        (Some(fits), _) if network.recalibration().is_some() => fits.rule(noise),
        _ => refuse("the file has no fit of it: run `sdnet robust calibrate` first"),
    }
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
