//! `sdnet shift flips`

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::checkpoint::{self, Checkpoint};
use crate::cli::args::{InputArgs, check_classes};
use crate::cli::console::{bar, counted, note, note_if_fewer, to_json};
use crate::data::Split;
use crate::error::{Error, Result};
use crate::models::Network;
use crate::shift::{DIRECTIONS, Flips, flips};

#[derive(Debug, Args)]
pub struct FlipsArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Weights file of another network of the same classes: flip rates are also given relative to its own, in percent
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Pixels by which images are enlarged, and the most by which they are moved
    #[arg(long, value_name = "N", default_value_t = 4)]
    shifts: usize,
    /// Test images to move
    #[arg(long, value_name = "N", default_value_t = 1000)]
    images: usize,
    /// Crops per pass
    #[arg(long, value_name = "N", default_value_t = 256)]
    batch: usize,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// What is said of one network.
#[derive(Debug, Serialize)]
struct Report {
    weights: String,
    data: String,
    images: usize,
    shifts: usize,
    /// Share of changed predictions: horizontal, vertical, diagonal, and the mean.
    flip_rates: [f64; 3],
    flip_rate: f64,
    /// 100 times the mean over directions of the rates over those of the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    relative: Option<f64>,
    /// Mean over images of the share of shifts that keep the prediction, and share of images that keep it throughout.
    stability: f64,
    stable_images: f64,
    accuracy: f64,
    ten_crop_accuracy: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<Box<Report>>,
}

pub fn run(options: &FlipsArgs) -> Result<()> {
    for (name, count, most) in [("images", options.images, 1_000_000), ("batch", options.batch, 100_000)] {
        if !(1..=most).contains(&count) {
            return Err(Error::argument(name, count, format!("must be 1 to {most}")));
        }
    }
    let gpu = options.input.adapter.open()?;
    let (network, recipe) = options.input.weights.load(&gpu)?;
    let data = options.input.data.load_for(Split::Test, &recipe)?;
    let counts = [options.images, options.shifts, options.batch];
    note_if_fewer(&data.name, data.len(), options.images, "test image");
    let report = |weights: String, found: &Flips| Report {
        weights,
        data: data.name.clone(),
        images: found.stability.len(),
        shifts: options.shifts,
        flip_rates: found.rates,
        flip_rate: found.rates.iter().sum::<f64>() / 3.0,
        relative: None,
        stability: found.stability.iter().sum::<f64>() / found.stability.len() as f64,
        stable_images: found.stability.iter().filter(|s| **s == 1.0).count() as f64 / found.stability.len() as f64,
        accuracy: found.accuracy,
        ten_crop_accuracy: found.ten_crop_accuracy,
        baseline: None,
    };
    let baseline = options.baseline.as_deref().map(|path| checkpoint::load::<Network>(path, &gpu, None)).transpose()?;
    if let (Some(path), Some(Checkpoint { recipe, .. })) = (&options.baseline, &baseline) {
        check_classes("baseline", path, recipe, &data)?;
    }
    let of = |model: &Network, recorded| -> Result<Flips> {
        let normalization = options.input.data.normalization(&data, recorded)?;
        let progress = bar(options.images.min(data.len()));
        let found = flips(model, &data, &normalization, counts, &mut |done| progress.inc(done as u64));
        progress.finish_and_clear();
        found
    };
    let own = of(network.model(), recipe.normalization.clone())?;
    let mut all = report(options.input.weights.path.display().to_string(), &own);
    if let (Some(path), Some(Checkpoint { model, recipe, .. })) = (&options.baseline, baseline) {
        let theirs = of(&model, recipe.normalization)?;
        all.relative = own.relative_to(&theirs).map(|ratio| 100.0 * ratio);
        all.baseline = Some(Box::new(report(path.display().to_string(), &theirs)));
        if all.relative.is_none() {
            note(format_args!("note: the baseline keeps its predictions in one direction, so that there is no ratio"));
        }
    }
    match options.json {
        true => say!("{}", to_json(&all)?),
        false => print(&all),
    }
}

fn print(report: &Report) -> Result<()> {
    let rates =
        DIRECTIONS.iter().zip(report.flip_rates).map(|((name, _), rate)| format!("{name} {:.2} %", 100.0 * rate));
    let images = counted(report.images, "image");
    say!("{}: {images} of {}, moved by up to {}", report.weights, report.data, counted(report.shifts, "pixel"))?;
    say!("  changed predictions: {}, mean {:.2} %", rates.collect::<Vec<_>>().join(", "), 100.0 * report.flip_rate)?;
    say!(
        "  stability {:.2} %, {:.1} % of the images never change; accuracy {:.2} % (centre), {:.2} % (ten crops)",
        100.0 * report.stability,
        100.0 * report.stable_images,
        100.0 * report.accuracy,
        100.0 * report.ten_crop_accuracy
    )?;
    if let Some(relative) = report.relative {
        say!("  mean flip rate {relative:.1}, the baseline's being 100")?;
    }
    report.baseline.as_deref().map_or(Ok(()), print)
}
