//! Accuracy against lambda.

use super::swept::{Column, NoiseLevels, Swept};
use crate::cli::pictures::{Chart, ChartCurve};
use crate::robust::corrupt::Kind;

/// One curve for each level of a noise and, in grey, one for clean images, the highest point of each marked. The accuracy
/// of the baseline at a level is a dashed line of the same colour.
pub fn accuracy_over_lambda(of: &NoiseLevels, swept: &Swept) -> Chart {
    let levels = swept.clean_levels().chain(of.levels.iter().copied());
    let baseline = if swept.baseline().is_some() { " (dashed: the baseline)" } else { "" };
    // The names of files say themselves what they are.
    let noise = if of.kind.parse::<Kind>().is_ok_and(Kind::is_noise) { " noise" } else { "" };
    Chart {
        title: format!("{}{noise}{baseline}", of.kind),
        x_axis: "lambda".into(),
        y_axis: "accuracy (%)".into(),
        bottom: bottom(of, swept),
        peaks: true,
        curves: levels.map(|level| curve(swept, level)).collect(),
    }
}

/// Accuracy at the fixed lambdas.
fn curve(swept: &Swept, level: usize) -> ChartCurve {
    let damage = swept.levels[level].as_ref();
    let points = swept.fixed.iter().map(|fixed| (f64::from(fixed.lambda), percent(&fixed.column, level)));
    ChartCurve {
        name: damage.map_or("clean".into(), |d| d.level.to_string()),
        points: points.collect(),
        grey: damage.is_none(),
        level: swept.baseline().map(|column| percent(column, level)),
    }
}

fn percent(column: &Column, level: usize) -> f64 {
    100.0 * column.accuracy(level)
}

/// The lower end of the axis: a multiple of ten, below every accuracy at these levels but for that of the trained lambda.
fn bottom(of: &NoiseLevels, swept: &Swept) -> f64 {
    let columns = swept.fixed.iter().map(|fixed| &fixed.column).chain(&swept.chosen).chain(swept.baseline());
    let lowest = columns.flat_map(|column| of.levels.iter().map(|level| percent(column, *level))).fold(100.0, f64::min);
    ((lowest - 2.0) / 10.0).floor().max(0.0) * 10.0
}
