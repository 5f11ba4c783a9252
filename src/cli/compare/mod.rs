//! `sdnet compare`

mod differences;
mod entry;
mod groups;
mod text;

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::console::{note, to_json};
use super::pictures::{ComparedPoint, ComparedRun, comparison_svg, write_svg};
use crate::error::{Error, Result};
use crate::files::check_output_of;
use differences::{Difference, differences};
use entry::{Entry, Figures};
use groups::{Group, groups};

#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Folders of trainings, as `sdnet train --out` has made them
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Picture to write: test accuracy and loss of all trainings, over epochs and over time
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
    /// Print one JSON object instead of tables
    #[arg(long)]
    json: bool,
}

/// Everything that there is to say.
#[derive(Serialize)]
struct Comparison {
    /// Whether the runs are in the order of their best test accuracy, which needs that all were tested on the same images.
    ranked: bool,
    runs: Vec<Figures>,
    differences: Vec<Difference>,
    groups: Vec<Group>,
    notes: Vec<String>,
}

pub fn run(options: &CompareArgs) -> Result<()> {
    if let Some(out) = &options.out {
        check_output_of(out, &["svg"])?;
    }
    let mut notes = Vec::new();
    let folders = each_once(&options.runs, &mut notes)?;
    let mut entries = folders.iter().map(|folder| Entry::read(folder)).collect::<Result<Vec<_>>>()?;
    notes.extend(entries.iter().flat_map(|entry| entry.notes.iter().cloned()));
    let others = on_other_images(&entries);
    if others.is_none() {
        entries.sort_by(|a, b| b.best().total_cmp(&a.best()));
    }
    let ranked = others.is_none();
    notes.extend(others);
    let groups = groups(&entries, &mut notes);
    notes.iter().for_each(|text| note(format_args!("note: {text}")));
    if let Some(out) = &options.out {
        write_svg(out, comparison_svg(&entries.iter().map(curves).collect::<Vec<_>>()))?;
    }
    let runs = entries.iter().map(Entry::figures).collect();
    let comparison = Comparison { ranked, runs, differences: differences(&entries), groups, notes };
    if options.json {
        return say!("{}", to_json(&comparison)?);
    }
    say!("{}", text::tables(&comparison))?;
    options.out.iter().try_for_each(|out| say!("picture {}", out.display()))
}

/// The folders without those that were named before, by whatever name.
fn each_once(folders: &[PathBuf], notes: &mut Vec<String>) -> Result<Vec<PathBuf>> {
    let mut known = Vec::<PathBuf>::new();
    let mut once = Vec::new();
    for folder in folders {
        let place = folder.canonicalize().map_err(|e| Error::io(folder, e))?;
        if known.contains(&place) {
            notes.push(format!("{} is named twice, and counted once", folder.display()));
            continue;
        }
        known.push(place);
        once.push(folder.clone());
    }
    Ok(once)
}

/// Says so if the runs were not tested on the same images.
fn on_other_images(entries: &[Entry]) -> Option<String> {
    let first = entries.first()?;
    let other = entries.iter().find(|entry| entry.images() != first.images())?;
    let differing = if other.recipe.data == first.recipe.data { ", which are not the same images" } else { "" };
    Some(format!(
        "the trainings were tested on different images ({} on {}, {} on {}{differing}): their accuracies cannot be held against each \
         other, and they are in the order given",
        first.name, first.recipe.data, other.name, other.recipe.data,
    ))
}

fn curves(entry: &Entry) -> ComparedRun {
    let mut seconds = 0.0;
    let point = |record: &crate::train::EpochRecord| {
        seconds += record.seconds;
        ComparedPoint {
            epoch: record.epoch as f64,
            seconds,
            test_accuracy: record.test_accuracy,
            test_loss: record.test_loss,
        }
    };
    ComparedRun { name: entry.name.clone(), points: entry.history().iter().map(point).collect() }
}

/// The name of a folder in tables.
fn shown(folder: &Path) -> String {
    folder.display().to_string().trim_end_matches('/').to_owned()
}
