//! `sdnet data`

mod check;
mod list;
mod pictures;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::args::{background, size};
use super::console::to_json;
use crate::data::{DataSource, HoldOut};
use crate::error::Result;

#[derive(Debug, Args)]
pub struct DataCommandArgs {
    /// Data set or folder to check as training would read it; without one, everything that is read is listed
    #[arg(value_name = "NAME|FOLDER")]
    data: Option<String>,
    /// Folder that holds the files of the named data set
    #[arg(long, value_name = "FOLDER", requires = "data")]
    root: Option<PathBuf>,
    /// As for training: resize and crop images to this many pixels
    #[arg(long, value_name = "N|HxW", value_parser = size, requires = "data")]
    size: Option<[usize; 2]>,
    /// As for training: what transparent pixels show
    #[arg(long, value_name = "COLOUR", value_parser = background, requires = "data")]
    background: Option<[u8; 3]>,
    /// As for training: hold this share of each class out for testing
    #[arg(long, value_name = "SHARE", requires = "data")]
    hold_out: Option<HoldOut>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the command. The exit code is 1 if training would refuse the data.
pub fn run(options: &DataCommandArgs) -> Result<ExitCode> {
    let Some(name) = &options.data else {
        match options.json {
            true => say!("{}", to_json(&list::KNOWN)?)?,
            false => say!("{}", list::text())?,
        }
        return Ok(ExitCode::SUCCESS);
    };
    let &DataCommandArgs { size, background, hold_out, .. } = options;
    let source = DataSource {
        name: name.clone(),
        root: options.root.clone(),
        size,
        background,
        hold_out,
        ..DataSource::default()
    };
    let checked = check::checked(&source);
    match options.json {
        true => say!("{}", to_json(&checked)?)?,
        false => say!("{}", text::report(&checked))?,
    }
    Ok(if checked.refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
