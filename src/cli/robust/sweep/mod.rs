//! `sdnet robust sweep`

mod args;
mod chart;
mod levels;
mod output;
mod swept;
mod table;

pub use args::SweepArgs;

use std::path::Path;

use crate::cli::args::{check_batch, check_classes};
use crate::cli::console::{bar, counted};
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
    check_batch(options.batch)?;
    check_folder(&options.out, &output::FILES)?;
    let input = &options.input;
    let gpu = input.adapter.open()?;
    let (network, recipe) = options.adapt.load(&input.weights, &gpu)?;
    let levels = Levels::of(options, &recipe)?;
    if levels.images() == 0 {
        return Err(Error::argument("images", 0, "at least one image is needed"));
    }
    if options.baselines && options.batch.min(levels.images()) < 2 {
        let reason = "the statistics of a batch, one of the --baselines, need two images a pass or more";
        return Err(Error::argument("batch", options.batch, reason));
    }
    let first = levels.get(0)?;
    let normalization = input.data.normalization(&first.data, recipe.normalization.clone())?;
    let others = options.baseline.iter().map(|path| baseline(path, &gpu, &network, &normalization, &first.data));
    let others = others.collect::<Result<Vec<_>>>()?;
    drop(first);
    let mut swept = Swept::new(&network, &recipe, &lambdas, others.len(), options.baselines)?;
    let layer = swept_layer(&network)?;
    let config = |runs, layer| SweepConfig { runs, layer, batch: options.batch, measure: None };
    let setting = Setting::new(&network, &levels, &lambdas);
    say!("{setting}")?;
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
    output::write_all(options, &levels, &setting, &swept)
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

/// How a network is swept, as it is said and written.
struct Setting {
    text: String,
    statistics: String,
    impulses: &'static str,
    layers: Vec<String>,
}

impl Setting {
    fn new(network: &Adapted<Network>, levels: &Levels, lambdas: &[f32]) -> Self {
        let statistics = match network.recalibration() {
            Some(_) => network.statistics().name(),
            None => "trained (the file has not been recalibrated)",
        };
        let impulses = if network.recalibration().is_some() && network.repairs() { "repaired" } else { "kept" };
        let layers = network.lambda_layers().to_vec();
        let text = format!(
            "{} at {} in {}, {} of {} of {}, statistics {statistics}, impulses {impulses}",
            network.model().name(),
            counted(lambdas.len(), "lambda"),
            layers.join(", "),
            counted(levels.len(), "level"),
            counted(levels.images(), "image"),
            levels.name(),
        );
        Self { text, statistics: statistics.into(), impulses, layers }
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
