//! `sdnet report`, and the figures that it shows.

mod files;
mod page;
mod run;

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::files::{check_output_of, write_bytes};
pub use files::{FIGURES, MISTAKES, REPORT_FILES, Tested, write_all, write_figures};
use run::Run;

/// The report in a run's folder.
pub const REPORT: &str = "report.html";

#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Folders of trainings, as `sdnet train --out` has made them
    #[arg(required = true, value_name = "FOLDER")]
    runs: Vec<PathBuf>,
    /// File to write [default: report.html in the first folder]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
}

pub fn run(options: &ReportArgs) -> Result<()> {
    let out = options.out.clone().unwrap_or_else(|| options.runs[0].join(REPORT));
    let runs = options.runs.iter().map(|folder| Run::read(folder)).collect::<Result<Vec<_>>>()?;
    check_output_of(&out, &["html", "htm"])?;
    write_bytes(&out, page::page(&runs)?.as_bytes())?;
    say!(
        "report on {} to {}",
        if runs.len() == 1 { "a training".into() } else { format!("{} trainings", runs.len()) },
        out.display()
    )
}
