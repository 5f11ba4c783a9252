//! Accuracy against lambda.

use super::sweep::Swept;
use crate::cli::pictures::{Chart, ChartCurve};
use crate::robust::corrupt::Noise;
use crate::robust::sweep::{Level, Outcome};

/// One curve for each level of a noise and, in grey, for clean images; the highest points marked, the accuracy of the
/// baseline at each level as a dashed line of its colour.
pub fn accuracy_over_lambda(noise: Noise, indices: &[usize], swept: &Swept) -> Chart {
    let levels = indices.iter().map(|i| &swept.levels[*i]).collect::<Vec<_>>();
    let clean = swept.levels.iter().filter(|l| l.corruption.is_none());
    let curves = clean.chain(levels.iter().copied()).map(|level| curve(swept, level)).collect();
    let baseline = if levels.iter().any(|l| l.baseline.is_some()) { " (dashed: the baseline)" } else { "" };
    Chart {
        title: format!("{noise} noise{baseline}"),
        x_axis: "lambda".into(),
        y_axis: "accuracy (%)".into(),
        bottom: bottom(&levels),
        peaks: true,
        curves,
    }
}

/// Accuracy at the fixed lambdas.
fn curve(swept: &Swept, level: &Level) -> ChartCurve {
    let outcomes = swept.lambdas.iter().zip(&level.outcomes[1..]);
    ChartCurve {
        name: level.corruption.map_or("clean".into(), |c| c.level().to_string()),
        points: outcomes.map(|(lambda, outcome)| (f64::from(*lambda), percent(outcome))).collect(),
        grey: level.corruption.is_none(),
        level: level.baseline.as_ref().map(percent),
    }
}

fn percent(outcome: &Outcome) -> f64 {
    100.0 * outcome.accuracy()
}

/// The lower end of the axis: a multiple of ten below everything that is drawn.
fn bottom(levels: &[&Level]) -> f64 {
    let all = levels.iter().flat_map(|l| l.outcomes[1..].iter().chain(&l.baseline));
    let low = all.map(percent).fold(100.0, f64::min);
    ((low - 2.0) / 10.0).floor().max(0.0) * 10.0
}
