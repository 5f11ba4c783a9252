//! The program `sdnet`. Embedding the library needs none of it: it is behind the default feature `cli`.

#[macro_use]
mod console;

mod adapters;
mod args;
mod attack;
mod bench;
mod command;
mod compare;
mod data;
mod eval;
mod export;
mod import;
mod interpret;
pub mod pictures;
mod predict;
mod report;
mod robust;
mod shaders;
mod shift;
mod spectrum;
mod train;
pub mod translate;
mod visualize;

use std::process::ExitCode;

use command::Arguments;

/// Runs the program. The exit code is 0 if all went well, 1 if it failed, 2 if it was called wrongly, 130 or 143 if an interrupt
/// or a request to end stopped a training.
pub fn main() -> ExitCode {
    let arguments = match train::recipe::expanded(std::env::args_os().collect()) {
        Ok(all) => Arguments::of(all).unwrap_or_else(|error| error.exit()),
        Err(error) => {
            console::note(format_args!("sdnet: {error}"));
            return ExitCode::FAILURE;
        }
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    match arguments.command.run() {
        Ok(code) => code,
        Err(error) => {
            console::note(format_args!("sdnet: {error}"));
            ExitCode::FAILURE
        }
    }
}
