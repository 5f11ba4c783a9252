//! `sdnet shift`

mod filters;
mod flips;
mod images;
mod learned;
mod measure;

use clap::Subcommand;

use crate::error::Result;
use filters::FiltersArgs;
use flips::FlipsArgs;
use measure::MeasureArgs;

#[derive(Debug, Subcommand)]
pub enum ShiftCommand {
    /// Measure on photographs how far max-pooled maps are from moduli of complex filters, and how far both move with the image
    Measure(MeasureArgs),
    /// For every filter of a first layer: its frequency, what theory predicts of its max-pooled maps, and what is measured
    Filters(Box<FiltersArgs>),
    /// Count how often predictions change as images move by a few pixels
    Flips(Box<FlipsArgs>),
}

pub fn run(command: &ShiftCommand) -> Result<()> {
    match command {
        ShiftCommand::Measure(options) => measure::run(options),
        ShiftCommand::Filters(options) => filters::run(options),
        ShiftCommand::Flips(options) => flips::run(options),
    }
}
