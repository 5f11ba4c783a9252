//! Accuracy under attack as curves.

use super::names::{epsilon_name, method_name, mode_name};
use super::report::{Line, Report};
use crate::cli::pictures::{Chart, ChartCurve};
use crate::robust::attack::Norm;

fn chart(report: &Report, x_axis: &str, curves: Vec<ChartCurve>) -> Chart {
    let title = format!("{} under {}: {}", report.network, method_name(report.attack), mode_name(report.mode));
    Chart { title, x_axis: x_axis.into(), y_axis: "accuracy (%)".into(), bottom: 0.0, peaks: false, curves }
}

/// Accuracy over epsilon: one curve for each lambda, and a grey one for the baseline.
pub fn over_epsilon(report: &Report) -> Chart {
    let curve = |line: Line| {
        let points = report.epsilons().into_iter().filter_map(|e| Some((f64::from(e), line.accuracy(e)?)));
        ChartCurve { name: line.name(), points: points.collect(), grey: line.is_baseline(), level: None }
    };
    let norm = if report.norm == Norm::Linf { "L-inf" } else { "L2" };
    let curves = report.lines().into_iter().map(curve).collect();
    chart(report, &format!("{norm} epsilon, in full-scale pixels"), curves)
}

/// Accuracy over lambda: one curve for each epsilon, through the lambdas that are numbers. Rules and the baseline are level
/// lines in grey. Nothing if no lambda is a number.
pub fn over_lambda(report: &Report) -> Option<Chart> {
    let (at_values, others): (Vec<_>, Vec<_>) = report.lines().into_iter().partition(|line| line.value().is_some());
    let ends = [at_values.first()?.value()?, at_values.last()?.value()?].map(f64::from);
    let mut curves = Vec::new();
    for e in report.epsilons() {
        let points = at_values.iter().filter_map(|line| Some((line.value()?.into(), line.accuracy(e)?)));
        curves.push(ChartCurve {
            name: epsilon_name(report.norm, e),
            points: points.collect(),
            grey: false,
            level: None,
        });
    }
    for line in others {
        for e in report.epsilons() {
            let Some(accuracy) = line.accuracy(e) else { continue };
            let name = format!("{}, {}", line.name(), epsilon_name(report.norm, e));
            curves.push(ChartCurve { name, points: ends.map(|x| (x, accuracy)).to_vec(), grey: true, level: None });
        }
    }
    Some(chart(report, "lambda", curves))
}
