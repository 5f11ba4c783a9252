//! `sdnet robust calibrate`

use super::args::{CalibrateArgs, ResidualName};
use crate::checkpoint;
use crate::cli::eval::normalization;
use crate::cli::report::bar;
use crate::data::{Split, load};
use crate::error::{Error, Result};
use crate::robust::sweep::{SweepConfig, sweep};
use crate::robust::{Calibration, Classifier, Fit, LambdaRule, Point, Residual};

pub fn run(options: &CalibrateArgs) -> Result<()> {
    let (corruptions, lambdas) = (options.noise.corruptions()?, options.noise.lambdas()?);
    let gpu = options.adapter.open()?;
    let (mut network, mut recipe) = options.adapt.load(&options.weights, &gpu)?;
    let adaptation = network.adaptation().ok_or_else(|| {
        let reason = "has not been recalibrated: run `sdnet robust recalibrate` first";
        Error::argument("weights", options.weights.weights.display(), reason)
    })?;
    let data = load(&options.data.source(), Split::Train)?.subset(options.images);
    let normalization = normalization(&options.data, &data, recipe.normalization.clone())?;
    let rules = lambdas.iter().map(|l| LambdaRule::Fixed(*l)).collect();
    let config = SweepConfig { rules, layer: 0, batch: options.batch, seed: options.noise.seed, looks: true };
    let bar = bar(corruptions.len() * data.len().div_ceil(options.batch.max(1)));
    let levels = corruptions
        .iter()
        .map(|corruption| sweep(&mut network, None, &data, &normalization, *corruption, &config, &mut || bar.inc(1)));
    let levels = levels.collect::<Result<Vec<_>>>()?;
    bar.finish_and_clear();
    let residual = match options.residual {
        ResidualName::Excess => Residual::Excess,
        ResidualName::Plain => Residual::Plain,
    };
    let calibration = Calibration::fit(&levels, &lambdas, &adaptation, residual)?;
    print(&calibration)?;
    calibration.store(&mut recipe)?;
    let out = options.out.as_ref().unwrap_or(&options.weights.weights);
    checkpoint::save(out, &network, &recipe)?;
    say!("fitted on {} training images of {}; written to {}", data.len(), data.name, out.display())
}

fn print(calibration: &Calibration) -> Result<()> {
    say!("noise        level  residual (from image to image)  best lambda")?;
    for Point { noise, level, residual, deviation, lambda } in &calibration.points {
        let name = noise.map_or("none", |n| n.name());
        say!("{name:10} {level:7}  {residual:8.4} ({deviation:.4})               {lambda:6}")?;
    }
    let line = |name: &str, Fit { line, spread, r2, points }: &Fit| {
        let (slope, intercept) = (line.slope, line.intercept);
        say!(
            "{name:10} lambda = {slope:.3} residual {intercept:+.3}, give or take {spread:.3}, R2 {r2:.3}, {points} points"
        )
    };
    calibration.by_noise.iter().try_for_each(|(noise, fit)| line(noise.name(), fit))?;
    line("all", &calibration.all)
}
