//! `sdnet robust sweep`

mod args;
mod chart;
mod levels;
mod output;
mod swept;
mod table;

pub use args::SweepArgs;

use std::path::Path;

use crate::cli::args::check_classes;
use crate::cli::console::bar;
use crate::data::{Dataset, Normalization};
use crate::error::{Error, Result};
use crate::files::check_folder;
use crate::gpu::Gpu;
use crate::layers::sparse_layers;
use crate::models::{Model, Network};
use crate::robust::Adapted;
use crate::robust::sweep::{SweepConfig, sweep};
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
    let others = options.baseline.iter().map(|path| baseline(path, &gpu, &network, &normalization, &first.data));
    let others = others.collect::<Result<Vec<_>>>()?;
    drop(first);
    let mut swept = Swept::new(&network, &recipe, &lambdas, others.len(), options.baselines)?;
    let layer = swept_layer(&network)?;
    let config = |runs, layer| SweepConfig { runs, layer, batch: options.batch, measure: None };
    announce(&network, &levels, &lambdas)?;
    let bar = bar(levels.len() * levels.images().div_ceil(options.batch));
    for at in 0..levels.len() {
        let Images { data, corruption, damage } = levels.get(at)?;
        bar.set_prefix(damage.as_ref().map_or("clean".into(), |d| format!("{} {}", d.kind, d.level)));
        let noisy = corruption.map(|c| c.dataset(&data, options.noise.seed())).transpose()?;
        let images = noisy.as_ref().unwrap_or(&data);
        let own = sweep(&network, images, &normalization, &config(swept.runs(), layer), &mut || bar.inc(1))?;
        let levels = others.iter().zip(&swept.baselines).map(|(other, columns)| {
            let runs = columns.iter().map(|column| column.run).collect();
            sweep(other, images, &normalization, &config(runs, 0), &mut || ())
        });
        let levels = levels.collect::<Result<Vec<_>>>()?;
        swept.add(damage, own, levels);
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

/// Loads a network to compare with, which must take the same images.
fn baseline(
    path: &Path,
    gpu: &Gpu,
    network: &Adapted<Network>,
    normalization: &Normalization,
    data: &Dataset,
) -> Result<Adapted<Network>> {
    let (other, recipe) = Adapted::<Network>::load(path, gpu, None)?;
    let takes = |of: &Adapted<Network>| (of.model().in_channels(), of.model().classes());
    if takes(&other) != takes(network) || recipe.normalization.as_ref().is_some_and(|n| n != normalization) {
        let reason = "has other classes, channels or normalisation than the network";
        return Err(Error::argument("baseline", path.display(), reason));
    }
    check_classes("baseline", path, &recipe, data)?;
    Ok(other)
}

fn announce(network: &Adapted<Network>, levels: &Levels, lambdas: &[f32]) -> Result<()> {
    let statistics = match network.recalibration() {
        Some(_) => network.statistics().name(),
        None => "trained (the file has not been recalibrated)",
    };
    let impulses = if network.recalibration().is_some() && network.repairs() { "repaired" } else { "kept" };
    say!(
        "{} at {} lambdas in {}, {} levels of {} images of {}, statistics {statistics}, impulses {impulses}",
        network.model().name(),
        lambdas.len(),
        network.lambda_layers().join(", "),
        levels.len(),
        levels.images(),
        levels.name(),
    )
}
