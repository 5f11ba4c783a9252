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
    /// Compute the smallest change of an image at which the first layer's code gains or loses an entry, and compare it with attacks
    ///
    /// The codes of some test images are brought to convergence (the network itself runs a few iterations). Then the smallest change
    /// of pixels is computed, exactly, at which a code that is not zero becomes zero, or another one appears. This is about
    /// the codes, not about the class; for comparison, an attack finds out how large a change fools the network. For networks whose
    /// first layer is a sparse coding layer with a squared residual and one copy of the image.
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
