//! `sdnet adapters`

use clap::Args;

use super::args::AdapterArgs;
use super::console::{mebibytes, to_json};
use crate::error::Result;
use crate::gpu::{AdapterReport, adapters};

#[derive(Debug, Args)]
pub struct AdaptersArgs {
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    adapter: AdapterArgs,
}

pub fn run(options: &AdaptersArgs) -> Result<()> {
    let all = adapters();
    let opened = options.adapter.open();
    let index = opened.as_ref().ok().map(|gpu| gpu.adapter().index);
    for adapter in &all {
        if options.json {
            say!("{}", to_json(adapter)?)?;
        } else {
            print(adapter, Some(adapter.index) == index)?;
        }
    }
    let gpu = opened?;
    let chosen = gpu.adapter();
    if !options.json {
        let why = if options.adapter.adapter.is_some() {
            "it was asked for"
        } else {
            "discrete GPUs come before integrated ones, and those before CPUs"
        };
        say!("chosen: {} ({why}), {} schedule", chosen.name, gpu.schedule().name)?;
    }
    Ok(())
}

fn print(adapter: &AdapterReport, chosen: bool) -> Result<()> {
    say!("{} {}: {}", if chosen { "*" } else { " " }, adapter.index, adapter.name)?;
    say!("     {}, {}, driver {}", adapter.kind, adapter.backend, adapter.driver)?;
    say!(
        "     largest buffer {}, largest binding {}, workgroup memory {} KiB, timestamps {}",
        mebibytes(adapter.max_buffer),
        mebibytes(adapter.max_binding),
        adapter.workgroup_memory / 1024,
        if adapter.timestamps { "yes" } else { "no" },
    )
}
