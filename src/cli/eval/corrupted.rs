//! A network on a folder of corrupted images: accuracy by corruption and severity.

use serde::Serialize;

use super::{EvalArgs, Network, evaluated};
use crate::cli::args::Block;
use crate::cli::console::{bar, to_json};
use crate::data::Corrupted;
use crate::error::{Error, Result};

/// The corruptions that the authors' mean is over; the others in their archive were made to tune on.
const BENCHMARK: [&str; 15] = [
    "brightness",
    "contrast",
    "defocus_blur",
    "elastic_transform",
    "fog",
    "frost",
    "gaussian_noise",
    "glass_blur",
    "impulse_noise",
    "jpeg_compression",
    "motion_blur",
    "pixelate",
    "shot_noise",
    "snow",
    "zoom_blur",
];

/// One corruption at one severity.
#[derive(Debug, Serialize)]
struct Row {
    corruption: String,
    severity: usize,
    images: usize,
    loss: f64,
    top1: f64,
    top5: f64,
    /// The mean over images, where it was chosen for each.
    lambda: Option<f32>,
}

/// Runs the network on every block, and prints a table or JSON. Only the images of one block are in memory.
pub(super) fn run(options: &EvalArgs, network: &Network, folder: &Corrupted, blocks: &[Block]) -> Result<()> {
    if let Some(report) = &options.report {
        let reason = "is on one set of images: name a file as --data, such as one of this folder";
        return Err(Error::argument("report", report.display(), reason));
    }
    let mut rows = Vec::new();
    let bar = bar(blocks.len());
    for Block { name, severity } in blocks {
        bar.set_prefix(format!("{name} {severity}"));
        let data = folder.images(name, *severity)?.in_classes(&network.recipe.class_names)?;
        let found = evaluated(options, network, &data)?;
        let judged = &found.judged;
        rows.push(Row {
            corruption: name.clone(),
            severity: *severity,
            images: data.len(),
            loss: judged.mean_loss(),
            top1: judged.accuracy(),
            top5: judged.top5(),
            lambda: found.lambda,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let adapter = &network.gpu.adapter().name;
    if options.json {
        let by = |key: fn(&Row) -> String| means(&rows, key).into_iter().collect::<serde_json::Map<_, _>>();
        let figures = serde_json::json!({
            "weights": options.input.weights.path, "data": folder.folder(), "rule": options.lambda.lambda, "adapter": adapter,
            "rows": rows, "by_corruption": by(|row| row.corruption.clone()), "by_severity": by(|row| row.severity.to_string()),
            "mean_top1": mean(&rows.iter().collect::<Vec<_>>()), "benchmark_mean_top1": benchmark(&rows),
        });
        return say!("{}", to_json(&figures)?);
    }
    say!("{}", table(&rows))?;
    let benchmark = benchmark(&rows)
        .map_or(String::new(), |mean| format!(", over the {} of the benchmark {:.2} %", BENCHMARK.len(), 100.0 * mean));
    let (model, count) = (network.recipe.model.name(), means(&rows, |row| row.corruption.clone()).len());
    let all = 100.0 * mean(&rows.iter().collect::<Vec<_>>());
    let (images, of) = (folder.len(), folder.folder().display());
    say!("{model}: top-1 {all:.2} % over {count} corruptions of {images} images of {of}{benchmark}, on {adapter}")
}

/// Mean accuracy; 0 of none.
fn mean(rows: &[&Row]) -> f64 {
    rows.iter().map(|row| row.top1).sum::<f64>() / rows.len().max(1) as f64
}

/// The mean over the corruptions of the benchmark, if all are there and others too.
fn benchmark(rows: &[Row]) -> Option<f64> {
    let is_of = |row: &&Row| BENCHMARK.contains(&&*row.corruption);
    let has = |name: &&str| rows.iter().any(|row| row.corruption == **name);
    let of = rows.iter().filter(is_of).collect::<Vec<_>>();
    (BENCHMARK.iter().all(has) && of.len() < rows.len()).then(|| mean(&of))
}

/// Mean accuracy by a key, in the order of the rows.
fn means(rows: &[Row], key: fn(&Row) -> String) -> Vec<(String, serde_json::Value)> {
    let mut keys = rows.iter().map(key).collect::<Vec<_>>();
    let mut known = std::collections::BTreeSet::new();
    keys.retain(|key| known.insert(key.clone()));
    let of = |wanted: &String| mean(&rows.iter().filter(|row| key(row) == *wanted).collect::<Vec<_>>());
    keys.into_iter().map(|key| (key.clone(), of(&key).into())).collect()
}

/// A line for each corruption, a column for each severity, and the means of both, in percent.
fn table(rows: &[Row]) -> String {
    let mut severities = rows.iter().map(|row| row.severity).collect::<Vec<_>>();
    severities.sort_unstable();
    severities.dedup();
    let percent = |share: f64| format!("{:.2}", 100.0 * share);
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let head = |first: &str, last: &str| {
        let cells = severities.iter().map(usize::to_string);
        line(std::iter::once(first.to_owned()).chain(cells).chain([last.to_owned()]).collect())
    };
    let ruler = line(vec!["---".to_owned(); severities.len() + 2]);
    let of = |name: Option<&str>| {
        let is_of = |row: &&Row| name.is_none_or(|name| row.corruption == name);
        let cell = |severity: Option<usize>| {
            let severe = |row: &&Row| severity.is_none_or(|severity| row.severity == severity);
            percent(mean(&rows.iter().filter(is_of).filter(severe).collect::<Vec<_>>()))
        };
        let cells = severities.iter().map(|severity| cell(Some(*severity))).chain([cell(None)]);
        line(std::iter::once(name.unwrap_or("mean").to_owned()).chain(cells).collect())
    };
    let names = means(rows, |row| row.corruption.clone()).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    let lines = names.iter().map(|name| of(Some(name))).chain([of(None)]);
    [head("severity", "mean"), ruler].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(corruption: &str, severity: usize, top1: f64) -> Row {
        Row { corruption: corruption.into(), severity, images: 4, loss: 1.0, top1, top5: 1.0, lambda: None }
    }

    #[test]
    fn means_are_over_both_sides() {
        let rows = [row("snow", 1, 0.5), row("snow", 3, 0.25), row("fog", 1, 1.0), row("fog", 3, 0.75)];
        let wanted = "| severity | 1 | 3 | mean |\n| --- | --- | --- | --- |\n| snow | 50.00 | 25.00 | 37.50 |\n\
                      | fog | 100.00 | 75.00 | 87.50 |\n| mean | 75.00 | 50.00 | 62.50 |";
        assert_eq!(table(&rows), wanted);
        assert_eq!(benchmark(&rows), None);
    }

    #[test]
    fn the_benchmark_leaves_out_what_was_made_to_tune_on() {
        let mut rows = BENCHMARK.map(|name| row(name, 1, 0.5)).into_iter().collect::<Vec<_>>();
        assert_eq!(benchmark(&rows), None, "the mean of all is the same");
        rows.push(row("saturate", 1, 1.0));
        assert_eq!(benchmark(&rows), Some(0.5));
    }
}
