//! `sdnet robust sweep`

mod args;
mod chart;
mod levels;
mod output;
mod swept;
mod table;

pub use args::SweepArgs;

use crate::cli::args::check_classes;
use crate::cli::console::bar;
use crate::data::{Dataset, Normalization};
use crate::error::{Error, Result};
use crate::files::check_folder;
use crate::gpu::Gpu;
use crate::layers::sparse_layers;
use crate::models::{Model, Network};
use crate::robust::sweep::{SweepConfig, sweep};
use crate::robust::{Adapted, Classifier};
use levels::{Images, Levels};
use swept::Swept;

pub fn run(options: &SweepArgs) -> Result<()> {
    let lambdas = options.grid.lambdas()?;
    check_folder(&options.out, &output::FILES)?;
    let input = &options.input;
    let gpu = input.adapter.open()?;
    let (network, recipe) = options.adapt.load(&input.weights, &gpu)?;
    let levels = Levels::of(options, &recipe)?;
    if levels.images() == 0 || options.batch == 0 {
        return Err(Error::argument(
            "images",
            levels.images().min(options.batch),
            "at least one image a pass is needed",
        ));
    }
    let first = levels.get(0)?;
    let normalization = input.data.normalization(&first.data, recipe.normalization.clone())?;
    let baseline = baseline(options, &gpu, &network, &normalization, &first.data)?;
    drop(first);
    let mut swept = Swept::new(&network, &recipe, &lambdas)?;
    let config = SweepConfig {
        rules: swept.rules(),
        layer: swept_layer(&network)?,
        batch: options.batch,
        seed: options.noise.seed(),
        looks: false,
    };
    announce(&network, &levels, &lambdas)?;
    let bar = bar(levels.len() * levels.images().div_ceil(options.batch));
    for at in 0..levels.len() {
        let Images { data, corruption, damage } = levels.get(at)?;
        bar.set_prefix(damage.as_ref().map_or("clean".into(), |d| format!("{} {}", d.kind, d.level)));
        let other = baseline.as_ref().map(|b| b as &dyn Classifier);
        swept.add(damage, sweep(&network, other, &data, &normalization, corruption, &config, &mut || bar.inc(1))?);
    }
    bar.finish_and_clear();
    output::write_all(options, &levels, &swept)
}

/// The place, among all sparse coding layers, of the first that takes another lambda.
fn swept_layer(network: &Adapted<Network>) -> Result<usize> {
    let layers = sparse_layers(network.model());
    let place = layers.iter().position(|(name, _)| network.lambda_layers().contains(name));
    place.ok_or_else(|| {
        Error::argument("model", network.model().name(), "has no sparse coding layer that could take another lambda")
    })
}

/// Loads the network to compare with, which must take the same images.
fn baseline(
    options: &SweepArgs,
    gpu: &Gpu,
    network: &Adapted<Network>,
    normalization: &Normalization,
    data: &Dataset,
) -> Result<Option<Adapted<Network>>> {
    let Some(path) = &options.baseline else { return Ok(None) };
    let (other, recipe) = Adapted::<Network>::load(path, gpu, None)?;
    let takes = |of: &Adapted<Network>| (of.model().in_channels(), of.model().classes());
    if takes(&other) != takes(network) || recipe.normalization.as_ref().is_some_and(|n| n != normalization) {
        let reason = "has other classes, channels or normalisation than the network";
        return Err(Error::argument("baseline", path.display(), reason));
    }
    check_classes("baseline", path, &recipe, data)?;
    Ok(Some(other))
}

fn announce(network: &Adapted<Network>, levels: &Levels, lambdas: &[f32]) -> Result<()> {
    let statistics = match network.recalibration() {
        Some(_) => network.statistics().name(),
        None => "trained (the file has not been recalibrated)",
    };
    let clip = network.clip_limit().map_or("nowhere".into(), |limit| format!("at {limit:.3}"));
    say!(
        "{} at {} lambdas in {}, {} levels of {} images of {}, statistics {statistics}, clipped {clip}",
        network.model().name(),
        lambdas.len(),
        network.lambda_layers().join(", "),
        levels.len(),
        levels.images(),
        levels.name(),
    )
}
