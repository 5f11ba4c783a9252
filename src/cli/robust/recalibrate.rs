//! `sdnet robust recalibrate`

use std::path::PathBuf;

use clap::Args;

use super::grid::GridArgs;
use crate::cli::args::{InputArgs, check_batch, layers};
use crate::cli::console::{bar, counted, note};
use crate::data::{Augment, Split};
use crate::error::Result;
use crate::layers::batch_norms;
use crate::robust::Calibration;
use crate::robust::recalibrate::{RecalibrateConfig, recalibrate};

#[derive(Debug, Args)]
pub struct RecalibrateArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    grid: GridArgs,
    /// Layers that take the other lambdas: first, all, or names such as layer0.0 [default: all]
    #[arg(long, value_name = "LAYER[,..]", value_delimiter = ',')]
    layers: Vec<String>,
    /// Number of training images to use, spread evenly over the data set
    #[arg(long, default_value_t = 2000)]
    images: usize,
    /// Images per pass
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// Crop and flip the images at random, as `sdnet train` does [default: what the weights file says of its training]
    #[arg(long, overrides_with = "no_augment")]
    augment: bool,
    /// Use the images as they are
    #[arg(long)]
    no_augment: bool,
    /// Seed of the augmentation
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Weights file to write [default: the one that is read]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Fewer images than this do not have one in a hundred.
const FEW: usize = 100;

pub fn run(options: &RecalibrateArgs) -> Result<()> {
    let (lambdas, input) = (options.grid.lambdas()?, &options.input);
    check_batch(options.batch)?;
    let out = input.weights.output(options.out.as_deref())?;
    let gpu = input.adapter.open()?;
    let (mut network, mut recipe) = input.weights.load_as_trained(&gpu)?;
    network.set_lambda_layers(&layers(&options.layers).unwrap_or_default())?;
    let data = input.data.load_for(Split::Train, &recipe)?;
    let normalization = input.data.normalization(&data, recipe.normalization.clone())?;
    let augment = match (options.augment, options.no_augment) {
        (true, _) => Some(Augment::usual_for(&data)),
        (_, true) => None,
        _ => recipe.augment,
    };
    let config =
        RecalibrateConfig { lambdas, images: options.images, batch: options.batch, augment, seed: options.seed };
    let trained = network.trained_lambda().unwrap_or(recipe.model.lambda);
    let bar = bar(config.passes(data.len(), trained));
    let found = recalibrate(&mut network, &data, &normalization, &config, &mut || bar.inc(1))?;
    bar.finish_and_clear();
    recipe.normalization = Some(normalization);
    // The best lambdas depend on the statistics: a fit from before no longer holds.
    if Calibration::of(&recipe).is_ok_and(|fit| fit.is_some()) {
        note(format_args!(
            "note: the fits of `sdnet robust calibrate` no longer hold and are removed: calibrate again"
        ));
    }
    Calibration::forget(&mut recipe);
    if found.images < FEW {
        note(format_args!("note: {} are few to say what is rare in clean images", counted(found.images, "image")));
    }
    network.save(out, &recipe)?;
    say!(
        "statistics of {} batch norms at lambda {:?} in {}, on {} clean training images of {}, {}",
        batch_norms(network.model()).len(),
        found.lambdas,
        found.layers.join(", "),
        found.images,
        data.name,
        if augment.is_some() { "cropped and flipped" } else { "as they are" },
    )?;
    say!(
        "clean images, in units of normalised pixels: noise below {:.4}, values isolated by less than {:.3}",
        found.clean.noise,
        found.clean.isolated[0],
    )?;
    match found.lambda_by_noise {
        0.0 => say!(
            "a larger lambda costs noisy images their classes: auto-free leaves it as it is; written to {}",
            out.display()
        ),
        factor => say!(
            "lambda of auto-free: that of the training plus {factor} times the noise; written to {}",
            out.display()
        ),
    }
}
