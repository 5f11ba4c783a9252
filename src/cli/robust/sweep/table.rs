//! The figures of a sweep as rows, as a table, and in a few words.

use std::fmt::Write;

use serde::Serialize;

use super::swept::{Column, Swept};
use crate::metrics::{Difference, interval};

/// One column at one level.
#[derive(Debug, Serialize)]
pub struct Row {
    noise: String,
    level: f32,
    rule: String,
    images: usize,
    accuracy: f64,
    /// The ends of the 95 % interval of the accuracy.
    low: f64,
    high: f64,
    /// Images that only this is right on, and only the network as it was trained, and McNemar's p.
    gained: usize,
    lost: usize,
    p: f64,
    /// Mean over images, as are all that follow.
    lambda: Option<f64>,
    /// `|x - A z|^2`; nothing, as for the others, for networks without sparse coding layers.
    residual: Option<f64>,
    residual_deviation: Option<f64>,
    /// Share of codes that are not zero.
    active: Option<f64>,
}

impl Row {
    /// `own` is the lambda where none is chosen, as far as it is known.
    fn new(swept: &Swept, column: &Column, level: usize, own: Option<f64>) -> Self {
        let (damage, outcome) = (swept.levels[level].as_ref(), &column.outcomes[level]);
        let residual = mean(&outcome.residual);
        let square = |r: &f32| ((f64::from(*r) - residual.unwrap_or_default()).powi(2)) as f32;
        let squares = outcome.residual.iter().map(square).collect::<Vec<_>>();
        let right = outcome.correct.iter().filter(|right| **right).count();
        let [low, high] = interval(right, outcome.correct.len());
        let Difference { first: gained, second: lost, p } = column.against(&swept.trained, level);
        Self {
            noise: damage.map_or("none".into(), |d| d.kind.clone()),
            level: damage.map_or(0.0, |d| d.level),
            rule: column.name.clone(),
            images: outcome.correct.len(),
            accuracy: outcome.accuracy(),
            low,
            high,
            gained,
            lost,
            p,
            lambda: mean(&outcome.lambda).or(own),
            residual,
            residual_deviation: mean(&squares).map(f64::sqrt),
            active: mean(&outcome.active),
        }
    }
}

/// Every column at every level.
pub fn rows(swept: &Swept) -> Vec<Row> {
    let own = swept.own_columns().map(|column| (column, Some(f64::from(swept.trained_lambda))));
    let columns = own.chain(swept.baselines.iter().flatten().map(|column| (column, None))).collect::<Vec<_>>();
    let of_level = |level| columns.iter().map(move |(column, own)| Row::new(swept, column, level, *own));
    (0..swept.levels.len()).flat_map(of_level).collect()
}

/// Nothing for no values.
fn mean(values: &[f32]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().map(|v| f64::from(*v)).sum::<f64>() / values.len() as f64)
}

/// Four digits; nothing for no value.
fn digits(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| format!("{value:.4}"))
}

/// The rows with a line of names before them.
pub fn csv(rows: &[Row]) -> String {
    let mut text =
        "noise,level,rule,images,accuracy,low,high,gained,lost,p,lambda,residual,residual_deviation,active\n"
            .to_owned();
    for row in rows {
        let Row { noise, level, rule, images, accuracy, low, high, gained, lost, p, lambda, .. } = row;
        let Row { residual, residual_deviation, active, .. } = row;
        let chance = format!("{accuracy:.4},{low:.4},{high:.4},{gained},{lost},{p:.6}");
        let layer = [*lambda, *residual, *residual_deviation, *active].map(digits).join(",");
        // Writing to a string does not fail.
        let _ = writeln!(text, "{noise},{level},{rule},{images},{chance},{layer}");
    }
    text
}

/// Accuracy in percent as trained, at the best fixed lambda, with a chosen lambda, with what people do, and of other networks; noise
/// by noise, each with its mean over the levels.
pub fn markdown(swept: &Swept) -> String {
    let head = ["noise, level".to_owned(), format!("as trained ({})", swept.trained_lambda), "best lambda".to_owned()];
    let others = others(swept).map(|column| column.name.clone());
    let head = head.into_iter().chain(others).collect::<Vec<_>>();
    let mut text = line(&head) + &line(&vec!["---".to_owned(); head.len()]);
    text.extend(swept.clean_levels().take(1).map(|level| level_line("clean".into(), &cells(swept, level))));
    for of in swept.noises() {
        let levels = of.levels.iter().map(|&level| cells(swept, level)).collect::<Vec<_>>();
        for (level, cells) in of.levels.iter().zip(&levels) {
            let strength = swept.levels[*level].as_ref().map_or(0.0, |d| d.level);
            text += &level_line(format!("{} {strength}", of.kind), cells);
        }
        text += &mean_line(format!("{}, mean", of.kind), &levels);
    }
    text
}

/// All columns but those of one lambda for every image.
fn others(swept: &Swept) -> impl Iterator<Item = &Column> {
    swept.chosen.iter().chain(&swept.usual).chain(swept.baselines.iter().flatten())
}

/// An accuracy in the table.
struct Cell {
    accuracy: f64,
    /// The lambda that is named beside it.
    at: Option<f32>,
}

/// The accuracies of a level, in the order of the head of the table.
fn cells(swept: &Swept, level: usize) -> Vec<Cell> {
    let cell = |column: &Column| Cell { accuracy: column.accuracy(level), at: None };
    let best = swept.best(level).map(|fixed| Cell { at: Some(fixed.lambda), ..cell(&fixed.column) });
    let others = others(swept).map(cell);
    std::iter::once(cell(&swept.trained)).chain(best).chain(others).collect()
}

fn level_line(name: String, cells: &[Cell]) -> String {
    let cell = |Cell { accuracy, at }: &Cell| {
        format!("{:.1}{}", 100.0 * accuracy, at.map_or(String::new(), |lambda| format!(" at {lambda}")))
    };
    line(&std::iter::once(name).chain(cells.iter().map(cell)).collect::<Vec<_>>())
}

/// The means of lines that have the same cells.
fn mean_line(name: String, lines: &[Vec<Cell>]) -> String {
    let mean = |i: usize| lines.iter().map(|cells| cells[i].accuracy).sum::<f64>() / lines.len() as f64;
    let means = (0..lines.first().map_or(0, Vec::len)).map(|i| format!("**{:.1}**", 100.0 * mean(i)));
    line(&std::iter::once(format!("**{name}**")).chain(means).collect::<Vec<_>>())
}

fn line(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// What every column but those of one lambda costs on clean images, if there were any, and gains on noisy ones, in percentage points
/// against the network as it was trained, and how often that is more than chance; and the mean corruption error by that of the first
/// other network. One line for each.
pub fn gains(swept: &Swept) -> String {
    let mut text = String::new();
    for column in others(swept) {
        let gain = |level| 100.0 * (column.accuracy(level) - swept.trained.accuracy(level));
        let mean = |gains: Vec<f64>| gains.iter().sum::<f64>() / gains.len() as f64;
        let [clean, noisy] =
            [swept.clean_levels().map(gain).collect::<Vec<_>>(), swept.noisy_levels().map(gain).collect()];
        let clean = if clean.is_empty() { String::new() } else { format!("clean {:+.1}, ", mean(clean)) };
        let [better, worse] = beyond_chance(swept, column);
        let error = corruption_error(swept, column)
            .map_or(String::new(), |e| format!("; mean corruption error {e:.1} % of that of the first baseline"));
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{}: {clean}noisy {:+.1} points on average; better than as trained at {better} levels, worse at {worse} (p < {P}){error}",
            column.name,
            mean(noisy)
        );
    }
    text
}

/// What is rarer than this by chance counts.
const P: f64 = 0.05;

/// At how many levels of noise a column is better and worse than the network as it was trained, beyond chance.
fn beyond_chance(swept: &Swept, column: &Column) -> [usize; 2] {
    let sure =
        swept.noisy_levels().map(|level| column.against(&swept.trained, level)).filter(|difference| difference.p < P);
    sure.fold(
        [0, 0],
        |[better, worse], Difference { first, second, .. }| {
            if first > second { [better + 1, worse] } else { [better, worse + 1] }
        },
    )
}

/// The mean corruption error (arXiv 1903.12261): for each kind of corruption the errors, summed over its levels, by those of the first
/// other network; the mean over kinds, in percent. Nothing without another network, or where that makes no errors.
fn corruption_error(swept: &Swept, column: &Column) -> Option<f64> {
    let baseline = swept.baseline()?;
    let kinds = swept.noises();
    let ratio = |levels: &[usize]| {
        let errors = |of: &Column| levels.iter().map(|level| 1.0 - of.accuracy(*level)).sum::<f64>();
        errors(column) / errors(baseline)
    };
    let mean = 100.0 * kinds.iter().map(|of| ratio(&of.levels)).sum::<f64>() / kinds.len() as f64;
    mean.is_finite().then_some(mean)
}
