//! `sdnet bench`: times named cases, warm and to completion.

mod args;
mod cases;
mod ceilings;
mod figures;
mod profile;
mod untypical;

pub use args::BenchArgs;

use super::console::to_json;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use cases::{Case, Work};
use ceilings::Ceilings;
use figures::Figures;

pub fn run(options: &BenchArgs) -> Result<()> {
    for (name, value) in [("steps", options.steps), ("batch", options.batch.unwrap_or(1))] {
        if value == 0 {
            return Err(Error::argument(name, value, "at least one is needed"));
        }
    }
    let names =
        if options.cases.is_empty() { cases::DEFAULT.map(String::from).to_vec() } else { options.cases.clone() };
    let gpu = options.adapter.open()?;
    if options.untypical {
        return untypical::run(&gpu, options);
    }
    let ceilings = options.profile.then(|| measure_ceilings(&gpu, options.json)).transpose()?;
    for name in &names {
        let case = Case::named(name, options.batch)?;
        for mode in case.modes(name, options.mode)? {
            let mut work = Work::new(&gpu, &case, mode)?;
            let figures = Figures::take(&gpu, name, &case, mode, options.steps, &mut work)?;
            if options.json {
                say!("{}", to_json(&figures)?)?;
            } else {
                figures.print()?;
            }
            if let Some(ceilings) = &ceilings {
                profile::run(&gpu, &mut work, &figures, ceilings, options.json)?;
            }
        }
    }
    Ok(())
}

fn measure_ceilings(gpu: &Gpu, json: bool) -> Result<Ceilings> {
    let ceilings = Ceilings::measure(gpu)?;
    if json {
        say!("{}", to_json(&ceilings)?)?;
    } else {
        ceilings.print()?;
    }
    Ok(ceilings)
}
