//! `sdnet robust`

mod calibrate;
mod certificate;
mod grid;
mod noise;
mod recalibrate;
mod sweep;

use clap::Subcommand;

use crate::error::Result;
use calibrate::CalibrateArgs;
use certificate::CertificateArgs;
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
    /// Say how far an image may change before other atoms explain it, beside what attacks find
    ///
    /// For each of some test images, the first layer's codes are brought to convergence, and the smallest change of pixels is
    /// computed at which a code vanishes or another one appears. It is exact, and it is about the codes, not about the class;
    /// beside it stands how large a change an attack needs to fool the network.
    Certificate(CertificateArgs),
}

pub fn run(command: &RobustCommand) -> Result<()> {
    match command {
        RobustCommand::Sweep(options) => sweep::run(options),
        RobustCommand::Recalibrate(options) => recalibrate::run(options),
        RobustCommand::Calibrate(options) => calibrate::run(options),
        RobustCommand::Certificate(options) => certificate::run(options),
    }
}
