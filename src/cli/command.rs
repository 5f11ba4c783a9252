//! The command line: one subcommand for each thing that the program does.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use super::adapters::{self, AdaptersArgs};
use super::attack::{self, AttackArgs};
use super::bench::{self, BenchArgs};
use super::compare::{self, CompareArgs};
use super::data::{self, DataCommandArgs};
use super::eval::{self, EvalArgs};
use super::export::{self, ExportArgs};
use super::import::{self, ImportArgs};
use super::interpret::{self, InterpretArgs};
use super::predict::{self, PredictArgs};
use super::report::{self, ReportArgs};
use super::robust::{self, RobustCommand};
use super::shaders::{self, ShadersArgs};
use super::shift::{self, ShiftCommand};
use super::spectrum::{self, SpectrumArgs};
use super::train::{self, TrainArgs};
use super::visualize::{self, VisualizeArgs};
use crate::error;

/// Sparse dictionary learning networks on any GPU
#[derive(Debug, Parser)]
#[command(version, args_override_self = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// Parses a command line, the program's name first. Flags take negative numbers, so that their own checks can speak of them.
    ///
    /// # Errors
    /// What is to be shown, which may be a help text.
    pub fn of(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = with_negative_numbers(Self::command()).try_get_matches_from(arguments)?;
        Self::from_arg_matches(&matches)
    }
}

fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let flag = |arg: clap::Arg| match arg.get_action().takes_values() && !arg.is_positional() {
        true => arg.allow_negative_numbers(true),
        false => arg,
    };
    command.mut_args(flag).mut_subcommands(with_negative_numbers)
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the adapters and their limits, and say which one would be chosen
    Adapters(AdaptersArgs),
    /// Train a network
    Train(Box<TrainArgs>),
    /// Evaluate a network: loss, top-1 and top-5 accuracy, images per second
    Eval(EvalArgs),
    /// Classify images: files, folders, a list of them, or an array
    Predict(PredictArgs),
    /// Make a weights file of a PyTorch checkpoint
    Import(ImportArgs),
    /// Write a weights file for other programs: PyTorch, safetensors, ONNX
    Export(ExportArgs),
    /// Write a page on one training or several: curves, confusion, atoms, settings, times
    Report(ReportArgs),
    /// List the data sets and layouts that are read, or check a folder as training would read it
    Data(DataCommandArgs),
    /// Compare trainings: a table of their figures, what differs between their recipes, means over seeds, and their curves
    Compare(CompareArgs),
    /// Choose lambda for the noise in the images, without training again
    #[command(subcommand)]
    Robust(RobustCommand),
    /// Search for adversarial images, and count the images that a network still gets right
    Attack(Box<AttackArgs>),
    /// Eigenvalues of a dictionary, how far it is from an orthogonal one, and how many iterations its codes take
    Spectrum(Box<SpectrumArgs>),
    /// Measure and predict how far max-pooled maps move with the image, and how often predictions change
    #[command(subcommand)]
    Shift(ShiftCommand),
    /// Draw atoms, codes, inversions and attributions of a network, layer by layer, for one image
    Visualize(Box<VisualizeArgs>),
    /// Show which images a network takes to be like one, and for which parts of them
    Interpret(Box<InterpretArgs>),
    /// Time layers and networks, each step to completion
    Bench(BenchArgs),
    /// Print the kernels or write them to files, in WGSL or translated
    Shaders(ShadersArgs),
}

impl Command {
    /// Runs the command; returns the exit code.
    ///
    /// # Errors
    /// Those of the command.
    pub fn run(&self) -> error::Result<ExitCode> {
        let done = match self {
            Self::Train(options) => return train::run(options),
            Self::Predict(options) => return predict::run(options),
            Self::Data(options) => return data::run(options),
            Self::Adapters(options) => adapters::run(options),
            Self::Eval(options) => eval::run(options),
            Self::Import(options) => import::run(options),
            Self::Export(options) => export::run(options),
            Self::Report(options) => report::run(options),
            Self::Compare(options) => compare::run(options),
            Self::Robust(command) => robust::run(command),
            Self::Attack(options) => attack::run(options),
            Self::Spectrum(options) => spectrum::run(options),
            Self::Shift(command) => shift::run(command),
            Self::Visualize(options) => visualize::run(options),
            Self::Interpret(options) => interpret::run(options),
            Self::Bench(options) => bench::run(options),
            Self::Shaders(options) => shaders::run(options),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// clap finds flags that are there twice only in builds with debug assertions.
    #[test]
    fn no_command_has_a_flag_twice() {
        fn check(command: &clap::Command) {
            let (mut ids, mut flags) = (HashSet::new(), HashSet::new());
            for arg in command.get_arguments() {
                assert!(ids.insert(arg.get_id().as_str()), "{}: {}", command.get_name(), arg.get_id());
                assert!(arg.get_long().is_none_or(|flag| flags.insert(flag)), "{}: {arg}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        let all = Arguments::command();
        assert!(all.get_subcommands().count() > 10);
        check(&all);
    }
}
