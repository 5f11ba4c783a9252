//! `sdnet bench`: named cases, timed to completion, warm.

mod cases;
mod profile;

use std::time::Instant;

use serde::Serialize;

use super::args::{BenchArgs, Mode};
use super::report::to_json;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use cases::{Case, Work};

/// Runs that are not counted, after the first, which compiles.
const WARM_UP: usize = 2;

/// One line of `--json`.
#[derive(Debug, Serialize)]
struct Figures<'a> {
    case: &'a str,
    mode: Mode,
    batch: usize,
    steps: usize,
    median_s: f64,
    min_s: f64,
    /// Of the convolution family's multiply-adds, two operations each, border taps included.
    gflops: f64,
    images_per_s: f64,
    peak_device_mib: f64,
    first_s: f64,
    adapter: &'a str,
}

pub fn run(options: &BenchArgs) -> Result<()> {
    let names =
        if options.cases.is_empty() { cases::DEFAULT.map(String::from).to_vec() } else { options.cases.clone() };
    let steps = options.steps;
    for (name, value) in [("steps", steps), ("batch", options.batch.unwrap_or(1))] {
        if value == 0 {
            return Err(Error::argument(name, value, "at least one is needed"));
        }
    }
    let gpu = options.adapter.open()?;
    for name in &names {
        let case = Case::named(name, options.batch)?;
        let modes = case.modes();
        for mode in modes.into_iter().filter(|m| options.mode.is_none_or(|wanted| wanted == *m)) {
            let mut work = Work::new(&gpu, &case, mode)?;
            let figures = time(&gpu, name, &case, mode, steps, &mut work)?;
            if options.json {
                println!("{}", to_json(&figures)?);
            } else {
                print(&figures);
            }
            if options.profile {
                profile::run(&gpu, &mut work)?;
            }
        }
    }
    Ok(())
}

fn time<'a>(
    gpu: &'a Gpu,
    name: &'a str,
    case: &Case,
    mode: Mode,
    steps: usize,
    work: &mut Work,
) -> Result<Figures<'a>> {
    gpu.release_idle();
    gpu.reset_peak();
    let once = |work: &mut Work| -> Result<f64> {
        let start = Instant::now();
        work.step()?;
        gpu.wait()?;
        Ok(start.elapsed().as_secs_f64())
    };
    let first_s = once(work)?;
    (0..WARM_UP).try_for_each(|_| once(work).map(drop))?;
    let before = gpu.multiply_adds();
    let mut seconds = (0..steps).map(|_| once(work)).collect::<Result<Vec<_>>>()?;
    let multiply_adds = (gpu.multiply_adds() - before) as f64 / steps as f64;
    seconds.sort_by(f64::total_cmp);
    let median_s = seconds[steps / 2];
    Ok(Figures {
        case: name,
        mode,
        batch: case.batch(),
        steps,
        median_s,
        min_s: seconds[0],
        gflops: 2e-9 * multiply_adds / median_s,
        images_per_s: case.batch() as f64 / median_s,
        peak_device_mib: gpu.memory().peak as f64 / f64::from(1 << 20),
        first_s,
        adapter: &gpu.adapter().name,
    })
}

fn print(f: &Figures) {
    println!(
        "{:12} {:7} batch {:3}: {:9.2} ms (least {:.2}), {:7.1} GFLOP/s, {:7.1} images/s, {:6.1} MiB, first {:.2} s",
        f.case,
        format!("{:?}", f.mode).to_lowercase(),
        f.batch,
        1e3 * f.median_s,
        1e3 * f.min_s,
        f.gflops,
        f.images_per_s,
        f.peak_device_mib,
        f.first_s,
    );
}
