//! The files that a sweep writes.

use std::path::Path;

use super::args::SweepArgs;
use super::levels::Levels;
use super::swept::Swept;
use super::{Setting, chart, table};
use crate::cli::console::to_json;
use crate::cli::pictures::{chart_svg, write_svg};
use crate::error::{Error, Result};
use crate::files::{NamedTensors, TensorFile, create_dir, write_bytes, write_safetensors};
use crate::robust::corrupt::Kind;
use crate::robust::sweep::Outcome;

/// The tables, beside which there is a picture for each noise.
pub(super) const FILES: [&str; 4] = ["sweep.json", "sweep.csv", "table.md", "samples.safetensors"];

/// Writes all files, and prints the table.
pub fn write_all(options: &SweepArgs, levels: &Levels, setting: &Setting, swept: &Swept) -> Result<()> {
    let out = &options.out;
    create_dir(out)?;
    remove_earlier(out)?;
    let (rows, lambdas) = (table::rows(swept), swept.fixed.iter().map(|fixed| fixed.lambda).collect::<Vec<_>>());
    let figures = serde_json::json!({
        "weights": options.input.weights.path, "baselines": options.baseline, "data": levels.name(), "images": levels.images(),
        "statistics": setting.statistics, "impulses": setting.impulses, "layers": setting.layers, "batch": options.batch,
        "seed": options.noise.seed(), "trained_lambda": swept.trained_lambda, "lambdas": lambdas, "rows": rows,
    });
    write_bytes(&out.join(FILES[0]), to_json(&figures)?.as_bytes())?;
    write_bytes(&out.join(FILES[1]), table::csv(&rows).as_bytes())?;
    let table = format!("{}\n{}", table::markdown(swept), table::gains(swept));
    write_bytes(&out.join(FILES[2]), format!("{setting}\n\n{table}").as_bytes())?;
    let mut pictures = Vec::new();
    for of in swept.noises() {
        let svg = chart_svg(&chart::accuracy_over_lambda(&of, swept));
        let picture = out.join(format!("{}.svg", of.kind));
        write_svg(&picture, svg)?;
        pictures.push(picture.display().to_string());
    }
    if options.samples {
        write_safetensors(&out.join(FILES[3]), &samples(swept))?;
    }
    let samples = if options.samples { format!(", {}", FILES[3]) } else { String::new() };
    say!("{table}figures in {}: {}, {}, {}{samples}", out.display(), FILES[0], FILES[1], FILES[2])?;
    say!("pictures {}", pictures.join(", "))
}

/// Removes what an earlier sweep wrote into the folder, so that nothing of it stands beside the new figures.
fn remove_earlier(out: &Path) -> Result<()> {
    let pictures = Kind::ALL.map(|kind| format!("{kind}.svg"));
    let names = FILES.iter().copied().chain(pictures.iter().map(String::as_str));
    names
        .map(|name| out.join(name))
        .filter(|file| file.is_file())
        .try_for_each(|file| std::fs::remove_file(&file).map_err(|e| Error::io(&file, e)))
}

/// For each level and quantity a tensor `[rules, images]`, the rules in the order that the metadata give.
fn samples(swept: &Swept) -> TensorFile {
    let mut tensors = NamedTensors::new();
    for (level, corruption) in swept.levels.iter().enumerate() {
        let name = corruption.as_ref().map_or("clean".into(), |c| format!("{}.{}", c.kind, c.level));
        let outcomes = swept.own_columns().map(|column| &column.outcomes[level]).collect::<Vec<_>>();
        let images = swept.trained.outcomes[level].correct.len();
        let mut put = |what: &str, of: &dyn Fn(&Outcome) -> Vec<f32>| {
            let values = outcomes.iter().flat_map(|outcome| of(outcome)).collect();
            tensors.insert(format!("{name}.{what}"), (vec![outcomes.len(), images], values));
        };
        put("correct", &|o| o.correct.iter().map(|c| f32::from(u8::from(*c))).collect());
        put("residual", &|o| o.residual.clone());
        put("active", &|o| o.active.clone());
        put("lambda", &|o| if o.lambda.is_empty() { vec![swept.trained_lambda; images] } else { o.lambda.clone() });
    }
    let names = swept.own_columns().map(|column| column.name.as_str()).collect::<Vec<_>>();
    TensorFile { metadata: [("rules".to_owned(), names.join(","))].into(), tensors }
}
