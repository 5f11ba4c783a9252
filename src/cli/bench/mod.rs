//! `sdnet bench`: named cases, timed to completion, warm.

mod cases;
mod ceilings;
mod figures;
mod profile;
mod untypical;

use super::args::{BenchArgs, Mode};
use super::report::to_json;
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
        for mode in modes(name, &case, options.mode)? {
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

/// The modes that are asked for, of those that the case has.
fn modes(name: &str, case: &Case, wanted: Option<Mode>) -> Result<Vec<Mode>> {
    let found = case.modes().iter().copied().filter(|mode| wanted.is_none_or(|w| w == *mode)).collect::<Vec<_>>();
    match wanted {
        Some(wanted) if found.is_empty() => {
            let has = case.modes().iter().map(|m| m.name()).collect::<Vec<_>>().join(" and ");
            Err(Error::argument("mode", wanted.name(), format!("{name} has {has}")))
        }
        _ => Ok(found),
    }
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
