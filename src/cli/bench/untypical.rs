//! `sdnet bench --untypical`: unusual shapes, compared with the usual case nearest to them.

use serde::Serialize;

use super::args::{BenchArgs, Mode};
use super::cases::{Case, Work};
use super::figures::Figures;
use crate::cli::console::to_json;
use crate::error::Result;
use crate::gpu::Gpu;

/// The case that all of them are variants of.
const TYPICAL: &str = "csc-a";
const UNTYPICAL: [&str; 7] = ["csc-28", "csc-33x31", "csc-c48", "csc-c100", "csc-k5", "csc-n1", "csc-n3"];
/// The smallest speed per operation that is acceptable, as a share of that of the typical case.
const LEAST: f64 = 0.5;

/// One line of `--untypical --json`.
#[derive(Debug, Serialize)]
struct Line<'a> {
    case: &'a str,
    mode: Mode,
    gflops: f64,
    typical: &'static str,
    typical_gflops: f64,
    /// The speed per operation, divided by that of the typical case.
    ratio: f64,
    holds: bool,
    adapter: &'a str,
}

pub(super) fn run(gpu: &Gpu, options: &BenchArgs) -> Result<()> {
    for mode in Case::named(TYPICAL, None)?.modes(TYPICAL, options.mode)? {
        let typical = figures(gpu, TYPICAL, mode, options)?;
        for case in UNTYPICAL {
            let gflops = figures(gpu, case, mode, options)?.gflops;
            let ratio = gflops / typical.gflops;
            let line = Line {
                case,
                mode,
                gflops,
                typical: TYPICAL,
                typical_gflops: typical.gflops,
                ratio,
                holds: ratio >= LEAST,
                adapter: typical.adapter,
            };
            if options.json {
                say!("{}", to_json(&line)?)?;
            } else {
                print(&line)?;
            }
        }
    }
    Ok(())
}

fn figures<'a>(gpu: &'a Gpu, name: &'static str, mode: Mode, options: &BenchArgs) -> Result<Figures<'a>> {
    // These two are untypical by their batch, which must stay as it is.
    let batch = options.batch.filter(|_| !["csc-n1", "csc-n3"].contains(&name));
    let case = Case::named(name, batch)?;
    let mut work = Work::new(gpu, &case, mode)?;
    Figures::take(gpu, name, &case, mode, options.steps, &mut work)
}

fn print(line: &Line) -> Result<()> {
    say!(
        "{:12} {:7} {:7.1} GFLOP/s, {:.2} of {} ({:.1}){}",
        line.case,
        line.mode.name(),
        line.gflops,
        line.ratio,
        line.typical,
        line.typical_gflops,
        if line.holds { String::new() } else { format!(": less than {LEAST}") },
    )
}
