//! `sdnet robust sweep`

use super::args::SweepArgs;
use super::{chart, table};
use crate::checkpoint::{self, Recipe};
use crate::cli::eval::normalization;
use crate::cli::pictures::chart_svg;
use crate::cli::report::{bar, to_json};
use crate::data::{Dataset, Normalization, Split, load};
use crate::error::{Error, Result};
use crate::files::{NamedTensors, TensorFile, create_dir, write_bytes, write_safetensors};
use crate::gpu::Gpu;
use crate::models::Network;
use crate::robust::corrupt::Noise;
use crate::robust::sweep::{Level, SweepConfig, sweep};
use crate::robust::{Calibration, Classifier, LambdaRule};

pub fn run(options: &SweepArgs) -> Result<()> {
    let (corruptions, lambdas) = (options.noise.corruptions()?, options.noise.lambdas()?);
    let gpu = options.adapter.open()?;
    let (mut network, recipe) = options.adapt.load(&options.weights, &gpu)?;
    let mut data = load(&options.data.source(), Split::Test)?;
    if let Some(images) = options.images {
        data = data.subset(images);
    }
    if data.is_empty() || options.batch == 0 {
        return Err(Error::argument("images", data.len().min(options.batch), "at least one image a pass is needed"));
    }
    let normalization = normalization(&options.data, &data, recipe.normalization.clone())?;
    let mut baseline = baseline(options, &gpu, &network, &normalization)?;
    let columns = columns(&network, &recipe, &lambdas)?;
    let config = SweepConfig {
        rules: columns.iter().map(|c| c.1).collect(),
        layer: swept_layer(&network)?,
        batch: options.batch,
        seed: options.noise.seed,
        looks: false,
    };
    create_dir(&options.out)?;
    announce(&network, &data, &lambdas, corruptions.len())?;
    let bar = bar(corruptions.len() * data.len().div_ceil(options.batch.max(1)));
    let levels = corruptions.iter().map(|corruption| {
        bar.set_prefix(corruption.map_or("clean".into(), |c| format!("{} {}", c.noise(), c.level())));
        let other = baseline.as_mut().map(|b| b as &mut dyn Classifier);
        sweep(&mut network, other, &data, &normalization, *corruption, &config, &mut || bar.inc(1))
    });
    let levels = levels.collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    let names = columns.into_iter().map(|c| c.0).collect::<Vec<_>>();
    write_all(options, &data, &Swept { names, lambdas, levels, trained: network.config().lambda })
}

/// What was found, and what the outcomes of a level are called.
pub struct Swept {
    /// By rule: `trained`, the fixed lambdas, and the rules by residual.
    pub names: Vec<String>,
    /// The fixed lambdas: outcomes 1 to their number.
    pub lambdas: Vec<f32>,
    /// The first is of clean images.
    pub levels: Vec<Level>,
    /// The lambda of the training.
    pub trained: f32,
}

/// The rules and their names.
fn columns(network: &Network, recipe: &Recipe, lambdas: &[f32]) -> Result<Vec<(String, LambdaRule)>> {
    let mut columns = vec![("trained".to_owned(), LambdaRule::Trained)];
    columns.extend(lambdas.iter().map(|l| (l.to_string(), LambdaRule::Fixed(*l))));
    if network.recalibration().is_some() {
        columns.push(("auto-free".into(), LambdaRule::label_free(network.config().lambda)));
        if let Some(calibration) = Calibration::of(recipe)? {
            columns.push(("auto".into(), calibration.rule(None)?));
            for noise in calibration.by_noise.keys() {
                columns.push((format!("auto-{noise}"), calibration.rule(Some(*noise))?));
            }
        }
    }
    Ok(columns)
}

/// The place, among all sparse coding layers, of the first that takes another lambda.
fn swept_layer(network: &Network) -> Result<usize> {
    let place = network.sparse_layers().iter().position(|csc| csc.takes_lambda());
    place.ok_or_else(|| {
        Error::argument("model", network.config().name(), "has no sparse coding layer that could take another lambda")
    })
}

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
        Some(_) => format!("{:?}", network.statistics()).to_lowercase(),
        None => "trained (the file has not been recalibrated)".into(),
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

/// The noises that were swept, in order, with the numbers of their levels.
pub fn by_noise(levels: &[Level]) -> Vec<(Noise, Vec<usize>)> {
    let mut all: Vec<(Noise, Vec<usize>)> = Vec::new();
    for (index, level) in levels.iter().enumerate() {
        let Some(corruption) = level.corruption else { continue };
        match all.iter_mut().find(|(noise, _)| *noise == corruption.noise()) {
            Some((_, indices)) => indices.push(index),
            None => all.push((corruption.noise(), vec![index])),
        }
    }
    all
}

fn write_all(options: &SweepArgs, data: &Dataset, swept: &Swept) -> Result<()> {
    let out = &options.out;
    let rows = table::rows(swept);
    let figures = serde_json::json!({
        "weights": options.weights.weights, "baseline": options.baseline, "data": data.name, "images": data.len(),
        "seed": options.noise.seed, "trained_lambda": swept.trained, "lambdas": swept.lambdas, "rows": rows,
    });
    write_bytes(&out.join("sweep.json"), to_json(&figures)?.as_bytes())?;
    write_bytes(&out.join("sweep.csv"), table::csv(&rows).as_bytes())?;
    let markdown = format!("{}\n{}", table::markdown(swept), table::gains(swept));
    write_bytes(&out.join("table.md"), markdown.as_bytes())?;
    for (noise, indices) in by_noise(&swept.levels) {
        let path = out.join(format!("{noise}.svg"));
        let chart = chart::accuracy_over_lambda(noise, &indices, swept);
        let svg = chart_svg(&chart).map_err(|e| Error::file(&path, e))?;
        write_bytes(&path, svg.as_bytes())?;
    }
    if options.samples {
        write_safetensors(&out.join("samples.safetensors"), &samples(swept))?;
    }
    say!("{markdown}figures {0}/sweep.csv, {0}/sweep.json and {0}/table.md, pictures {0}/NOISE.svg", out.display())
}

/// By level and quantity a tensor `[rules, images]`, the rules in the order of the metadata.
fn samples(swept: &Swept) -> TensorFile {
    let mut tensors = NamedTensors::new();
    for level in &swept.levels {
        let name = level.corruption.map_or("clean".into(), |c| format!("{}.{}", c.noise(), c.level()));
        let images = level.outcomes.first().map_or(0, |o| o.correct.len());
        let mut put = |what: &str, values: Vec<f32>| {
            tensors.insert(format!("{name}.{what}"), (vec![swept.names.len(), images], values));
        };
        let all = |f: &dyn Fn(&crate::robust::sweep::Outcome) -> Vec<f32>| level.outcomes.iter().flat_map(f).collect();
        put("correct", all(&|o| o.correct.iter().map(|c| f32::from(u8::from(*c))).collect()));
        put("residual", all(&|o| o.residual.clone()));
        put("active", all(&|o| o.active.clone()));
        let trained = vec![swept.trained; images];
        put("lambda", all(&|o| if o.lambda.is_empty() { trained.clone() } else { o.lambda.clone() }));
    }
    let metadata = [("rules".to_owned(), swept.names.join(","))].into();
    TensorFile { metadata, tensors }
}
