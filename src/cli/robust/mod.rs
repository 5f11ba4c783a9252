//! `sdnet robust`

mod calibrate;
mod grid;
mod noise;
mod recalibrate;
mod sweep;

use clap::Subcommand;

use crate::error::Result;
use calibrate::CalibrateArgs;
use recalibrate::RecalibrateArgs;
use sweep::SweepArgs;

#[derive(Debug, Subcommand)]
pub enum RobustCommand {
    /// Measure accuracy over lambda and noise, and write figures, charts and a table
    Sweep(SweepArgs),
    /// Find batch-norm statistics for other lambdas on clean training images, and store them in the weights file
    Recalibrate(RecalibrateArgs),
    /// Fit the best lambda to what is measured in noisy training images, and store the fit in the weights file
    Calibrate(CalibrateArgs),
}

pub fn run(command: &RobustCommand) -> Result<()> {
    match command {
        RobustCommand::Sweep(options) => sweep::run(options),
        RobustCommand::Recalibrate(options) => recalibrate::run(options),
        RobustCommand::Calibrate(options) => calibrate::run(options),
    }
}
