//! `sdnet robust sweep`

mod args;
mod chart;
mod output;
mod swept;
mod table;

pub use args::SweepArgs;

use crate::checkpoint;
use crate::cli::report::bar;
use crate::data::{Dataset, Normalization, Split};
use crate::error::{Error, Result};
use crate::files::create_dir;
use crate::gpu::Gpu;
use crate::models::Network;
use crate::robust::Classifier;
use crate::robust::sweep::{SweepConfig, sweep};
use swept::Swept;

pub fn run(options: &SweepArgs) -> Result<()> {
    let (corruptions, lambdas) = (options.noise.corruptions()?, options.grid.lambdas()?);
    let input = &options.input;
    let gpu = input.adapter.open()?;
    let (mut network, recipe) = options.adapt.load(&input.weights, &gpu)?;
    let mut data = input.data.load(Split::Test)?;
    if let Some(images) = options.images {
        data = data.subset(images);
    }
    if data.is_empty() || options.batch == 0 {
        return Err(Error::argument("images", data.len().min(options.batch), "at least one image a pass is needed"));
    }
    let normalization = input.data.normalization(&data, recipe.normalization.clone())?;
    let mut baseline = baseline(options, &gpu, &network, &normalization)?;
    let mut swept = Swept::new(&network, &recipe, &lambdas)?;
    let config = SweepConfig {
        rules: swept.rules(),
        layer: swept_layer(&network)?,
        batch: options.batch,
        seed: options.noise.seed,
        looks: false,
    };
    create_dir(&options.out)?;
    announce(&network, &data, &lambdas, corruptions.len())?;
    let bar = bar(corruptions.len() * data.len().div_ceil(options.batch));
    for corruption in corruptions {
        bar.set_prefix(corruption.map_or("clean".into(), |c| format!("{} {}", c.noise(), c.level())));
        let other = baseline.as_mut().map(|b| b as &mut dyn Classifier);
        swept.add(sweep(&mut network, other, &data, &normalization, corruption, &config, &mut || bar.inc(1))?);
    }
    bar.finish_and_clear();
    output::write_all(options, &data, &swept)
}

/// The place, among all sparse coding layers, of the first that takes another lambda.
fn swept_layer(network: &Network) -> Result<usize> {
    let place = network.sparse_layers().iter().position(|csc| csc.takes_lambda());
    place.ok_or_else(|| {
        Error::argument("model", network.config().name(), "has no sparse coding layer that could take another lambda")
    })
}

/// Loads the network to compare with, which must take the same images.
fn baseline(
    options: &SweepArgs,
    gpu: &Gpu,
    network: &Network,
    normalization: &Normalization,
) -> Result<Option<Network>> {
    let Some(path) = &options.baseline else { return Ok(None) };
    let (other, recipe) = checkpoint::load(path, gpu, None)?;
    let fits = |a: &Network, b: &Network| {
        (a.config().in_channels, a.config().classes) == (b.config().in_channels, b.config().classes)
    };
    if !fits(&other, network) || recipe.normalization.is_some_and(|n| n != *normalization) {
        let reason = "has other classes, channels or normalisation than the network";
        return Err(Error::argument("baseline", path.display(), reason));
    }
    Ok(Some(other))
}

fn announce(network: &Network, data: &Dataset, lambdas: &[f32], levels: usize) -> Result<()> {
    let statistics = match network.recalibration() {
        Some(_) => network.statistics().name(),
        None => "trained (the file has not been recalibrated)",
    };
    let clip = network.clip_limit().map_or("nowhere".into(), |limit| format!("at {limit:.3}"));
    say!(
        "{} at {} lambdas in {}, {levels} levels of {} images of {}, statistics {statistics}, clipped {clip}",
        network.config().name(),
        lambdas.len(),
        network.lambda_layers().join(", "),
        data.len(),
        data.name,
    )
}
