//! The program `sdnet`. Embedding the library needs none of it: it is behind the default feature `cli`.

#[macro_use]
mod report;

mod adapters;
mod args;
mod attack;
mod bench;
mod eval;
pub mod pictures;
mod predict;
mod robust;
mod shaders;
mod train;
pub mod translate;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

/// Runs the program: exit code 0 where all went well, 1 where it failed, 2 where it was called wrongly.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let done = match &arguments.command {
        Command::Adapters(options) => adapters::run(options),
        Command::Train(options) => train::run(options),
        Command::Eval(options) => eval::run(options),
        Command::Predict(options) => predict::run(options),
        Command::Robust(command) => robust::run(command),
        Command::Attack(options) => attack::run(options),
        Command::Bench(options) => bench::run(options),
        Command::Shaders(options) => shaders::run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::note(format_args!("sdnet: {error}"));
            ExitCode::FAILURE
        }
    }
}
