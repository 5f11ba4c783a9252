//! `sdnet robust recalibrate`

use super::args::{RecalibrateArgs, lambdas, layers};
use crate::checkpoint;
use crate::cli::eval::normalization;
use crate::cli::report::bar;
use crate::data::{Augment, Split, load};
use crate::error::Result;
use crate::robust::Calibration;
use crate::robust::recalibrate::{RecalibrateConfig, recalibrate};

pub fn run(options: &RecalibrateArgs) -> Result<()> {
    let lambdas = lambdas(&options.lambdas)?;
    let gpu = options.adapter.open()?;
    let path = &options.weights.weights;
    let (mut network, mut recipe) = checkpoint::load(path, &gpu, options.weights.foreign()?.as_ref())?;
    network.set_lambda_layers(&layers(&options.layers).unwrap_or_default())?;
    let data = load(&options.data.source(), Split::Train)?;
    let normalization = normalization(&options.data, &data, recipe.normalization.clone())?;
    let augment = match (options.augment, options.no_augment) {
        (true, _) => Some(Augment::usual_for(&data)),
        (_, true) => None,
        _ => recipe.augment,
    };
    let config =
        RecalibrateConfig { lambdas, images: options.images, batch: options.batch, augment, seed: options.seed };
    let bar = bar(config.passes(data.len(), network.config().lambda));
    let found = recalibrate(&mut network, &data, &normalization, &config, &mut || bar.inc(1))?;
    bar.finish_and_clear();
    recipe.normalization = Some(normalization);
    // Best lambdas depend on the statistics.
    Calibration::forget(&mut recipe);
    let out = options.out.as_ref().unwrap_or(path);
    checkpoint::save(out, &network, &recipe)?;
    say!(
        "statistics of {} batch norms at lambda {:?} in {}, on {} clean training images of {}, {}",
        network.batch_norms().len(),
        found.lambdas,
        found.layers.join(", "),
        found.images,
        data.name,
        if augment.is_some() { "cropped and flipped" } else { "as they are" },
    )?;
    say!(
        "left of a clean image: |x - A z|^2 = ({:.4} {:+.4} active) |x|^2, give or take {:.4}; 99 of 100 pixels within {:.3}; \
         written to {}",
        found.clean.base,
        found.clean.slope,
        found.clean.spread,
        found.clean.limit,
        out.display(),
    )
}
