//! `sdnet robust`

pub mod args;
mod calibrate;
mod chart;
mod recalibrate;
mod sweep;
mod table;

use args::RobustCommand;

use crate::error::Result;

pub fn run(command: &RobustCommand) -> Result<()> {
    match command {
        RobustCommand::Sweep(options) => sweep::run(options),
        RobustCommand::Recalibrate(options) => recalibrate::run(options),
        RobustCommand::Calibrate(options) => calibrate::run(options),
    }
}
