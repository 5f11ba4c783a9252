//! The figures of a sweep as rows and as a table.

use std::fmt::Write;

use serde::Serialize;

use super::sweep::{Swept, by_noise};
use crate::robust::sweep::{Level, Outcome};

/// One rule at one level.
#[derive(Debug, Serialize)]
pub struct Row {
    noise: &'static str,
    level: f32,
    rule: String,
    images: usize,
    accuracy: f64,
    /// Mean over images, as all that follow.
    lambda: f64,
    /// `|x - A z|^2`
    residual: f64,
    residual_deviation: f64,
    /// Share of codes that are not zero.
    active: f64,
}

/// Every rule and the baseline at every level.
pub fn rows(swept: &Swept) -> Vec<Row> {
    swept.levels.iter().flat_map(|level| level_rows(swept, level)).collect()
}

fn level_rows(swept: &Swept, level: &Level) -> Vec<Row> {
    let named = swept.names.iter().map(String::as_str).zip(&level.outcomes);
    let all = named.chain(level.baseline.iter().map(|o| ("baseline", o)));
    let row = |(rule, outcome): (&str, &Outcome)| {
        let residual = mean(&outcome.residual);
        let square = |r: &f32| ((f64::from(*r) - residual).powi(2)) as f32;
        let squares = outcome.residual.iter().map(square).collect::<Vec<_>>();
        Row {
            noise: level.corruption.map_or("none", |c| c.noise().name()),
            level: level.corruption.map_or(0.0, |c| c.level()),
            rule: rule.to_owned(),
            images: outcome.correct.len(),
            accuracy: outcome.accuracy(),
            lambda: if outcome.lambda.is_empty() { swept.trained.into() } else { mean(&outcome.lambda) },
            residual,
            residual_deviation: mean(&squares).sqrt(),
            active: mean(&outcome.active),
        }
    };
    all.map(row).collect()
}

/// 0 where there are none.
fn mean(values: &[f32]) -> f64 {
    values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len().max(1) as f64
}

/// The rows with a line of names before them.
pub fn csv(rows: &[Row]) -> String {
    let mut text = "noise,level,rule,images,accuracy,lambda,residual,residual_deviation,active\n".to_owned();
    for Row { noise, level, rule, images, accuracy, lambda, residual, residual_deviation, active } in rows {
        let figures = format!("{accuracy:.4},{lambda:.4},{residual:.4},{residual_deviation:.4},{active:.4}");
        // Writing to a string does not fail.
        let _ = writeln!(text, "{noise},{level},{rule},{images},{figures}");
    }
    text
}

/// The index of the best of the fixed lambdas at a level.
pub fn best(swept: &Swept, level: &Level) -> usize {
    let accuracy = |i: usize| level.outcomes[1 + i].accuracy();
    (1..swept.lambdas.len()).fold(0, |best, i| if accuracy(i) > accuracy(best) { i } else { best })
}

/// Accuracy in percent at the trained lambda, at the best, by the rules and of the baseline; noise by noise, with means.
pub fn markdown(swept: &Swept) -> String {
    let rules = &swept.names[1 + swept.lambdas.len()..];
    let baseline = swept.levels.iter().all(|l| l.baseline.is_some());
    let mut head = vec!["noise, level".to_owned(), format!("as trained ({})", swept.trained), "best lambda".to_owned()];
    head.extend(rules.iter().cloned());
    head.extend(baseline.then(|| "baseline".to_owned()));
    let mut text = line(&head) + &line(&vec!["---".to_owned(); head.len()]);
    let clean = (0..swept.levels.len()).find(|i| swept.levels[*i].corruption.is_none());
    text.extend(clean.map(|i| line(&level_cells(swept, &swept.levels[i], "clean", baseline))));
    for (noise, indices) in by_noise(&swept.levels) {
        let levels = indices.iter().map(|i| &swept.levels[*i]).collect::<Vec<_>>();
        for level in &levels {
            let name = format!("{noise} {}", level.corruption.map_or(0.0, |c| c.level()));
            text += &line(&level_cells(swept, level, &name, baseline));
        }
        let figures = levels.iter().map(|level| figures(swept, level, baseline)).collect::<Vec<_>>();
        let mean = |i: usize| figures.iter().map(|f| f[i]).sum::<f64>() / figures.len() as f64;
        let means = (0..figures[0].len()).map(|i| format!("**{:.1}**", 100.0 * mean(i)));
        text += &line(&std::iter::once(format!("**{noise}, mean**")).chain(means).collect::<Vec<_>>());
    }
    text
}

/// What each rule by residual costs clean images and gives noisy ones, in percentage points against the lambda of the
/// training: one line each.
pub fn gains(swept: &Swept) -> String {
    let mut text = String::new();
    for (i, name) in swept.names.iter().enumerate().skip(1 + swept.lambdas.len()) {
        let gain = |level: &Level| 100.0 * (level.outcomes[i].accuracy() - level.outcomes[0].accuracy());
        let mean = |noisy: bool| {
            let all = swept.levels.iter().filter(|l| l.corruption.is_some() == noisy).map(gain).collect::<Vec<_>>();
            all.iter().sum::<f64>() / all.len() as f64
        };
        // Writing to a string does not fail.
        let _ = writeln!(text, "{name}: clean {:+.1}, noisy {:+.1} points on average", mean(false), mean(true));
    }
    text
}

/// The accuracies of a line of the table.
fn figures(swept: &Swept, level: &Level, baseline: bool) -> Vec<f64> {
    let best = &level.outcomes[1 + best(swept, level)];
    let rules = &level.outcomes[1 + swept.lambdas.len()..];
    let other = level.baseline.as_ref().filter(|_| baseline);
    [&level.outcomes[0], best].into_iter().chain(rules).chain(other).map(Outcome::accuracy).collect()
}

fn level_cells(swept: &Swept, level: &Level, name: &str, baseline: bool) -> Vec<String> {
    let mut cells = vec![name.to_owned()];
    cells.extend(figures(swept, level, baseline).iter().map(|f| format!("{:.1}", 100.0 * f)));
    cells[2] += &format!(" at {}", swept.lambdas[best(swept, level)]);
    cells
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}
