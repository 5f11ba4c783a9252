//! `sdnet robust calibrate`

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValue;

use super::grid::GridArgs;
use super::noise::NoiseArgs;
use crate::cli::args::{AdaptArgs, InputArgs, check_batch, no_lambda, one_of};
use crate::cli::console::bar;
use crate::data::Split;
use crate::error::{Error, Result};
use crate::robust::sweep::{SweepConfig, sweep};
use crate::robust::{Calibration, Fit, LambdaRule, Measure, Point};

#[derive(Debug, Args)]
pub struct CalibrateArgs {
    #[command(flatten)]
    input: InputArgs,
    #[command(flatten)]
    noise: NoiseArgs,
    #[command(flatten)]
    grid: GridArgs,
    #[command(flatten)]
    adapt: AdaptArgs,
    /// What lambda is chosen by
    #[arg(long, value_parser = one_of::<Measure>(shown_measures()), default_value_t = Measure::Noise)]
    measure: Measure,
    /// Number of training images to calibrate on, spread evenly over the data set; test images are not used
    #[arg(long, default_value_t = 1000)]
    images: usize,
    /// Images per pass
    #[arg(long, default_value_t = 100)]
    batch: usize,
    /// Weights file to write [default: the one that is read]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn shown_measures() -> [PossibleValue; 2] {
    Measure::ALL.map(|measure| {
        PossibleValue::new(measure.name()).help(match measure {
            Measure::Noise => "The noise where the image is quiet, estimated from its pixels",
            Measure::Residual => "What the first layer does not explain, as in the paper",
        })
    })
}

pub fn run(options: &CalibrateArgs) -> Result<()> {
    let (corruptions, lambdas) = (options.noise.corruptions()?, options.grid.lambdas()?);
    let input = &options.input;
    check_batch(options.batch)?;
    let out = input.weights.output(options.out.as_deref())?;
    let gpu = input.adapter.open()?;
    let (network, mut recipe) = options.adapt.load(&input.weights, &gpu)?;
    if network.trained_lambda().is_none() {
        return Err(no_lambda(&network, "weights", &input.weights.path.display().to_string()));
    }
    if network.recalibration().is_none() {
        let reason = "has not been recalibrated: run `sdnet robust recalibrate` first";
        return Err(Error::argument("weights", input.weights.path.display(), reason));
    }
    let data = input.data.load_for(Split::Train, &recipe)?.subset(options.images);
    let normalization = input.data.normalization(&data, recipe.normalization.clone())?;
    let runs = lambdas.iter().map(|l| LambdaRule::Fixed(*l).into()).collect();
    let config = SweepConfig { runs, layer: 0, batch: options.batch, measure: Some(options.measure) };
    let bar = bar(corruptions.len() * data.len().div_ceil(options.batch.max(1)));
    let levels = corruptions.iter().map(|corruption| {
        let noisy = corruption.map(|c| c.dataset(&data, options.noise.seed())).transpose()?;
        let images = noisy.as_ref().unwrap_or(&data);
        Ok((*corruption, sweep(&network, images, &normalization, &config, &mut || bar.inc(1))?))
    });
    let levels = levels.collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    let calibration = Calibration::fit(&levels, &lambdas, options.measure)?;
    print(&calibration, options.measure)?;
    calibration.store(&mut recipe)?;
    network.save(out, &recipe)?;
    say!("fitted on {} training images of {}; written to {}", data.len(), data.name, out.display())
}

fn print(calibration: &Calibration, measure: Measure) -> Result<()> {
    say!("noise        level  {measure:8} (from image to image)  best lambda")?;
    for Point { noise, level, measured, deviation, lambda } in &calibration.points {
        let name = noise.map_or("none", |n| n.name());
        say!("{name:10} {level:7}  {measured:8.4} ({deviation:.4})               {lambda:6}")?;
    }
    let line = |name: &str, Fit { line, spread, r2, points }: &Fit| {
        let (slope, intercept) = (line.slope, line.intercept);
        say!(
            "{name:10} lambda = {slope:.3} {measure} {intercept:+.3}, give or take {spread:.3}, R2 {r2:.3}, {points} points"
        )
    };
    calibration.by_noise.iter().try_for_each(|(noise, fit)| line(noise.name(), fit))?;
    line("all", &calibration.all)
}
