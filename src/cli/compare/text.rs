//! Tables for people.

use super::entry::Figures;
use super::groups::{Group, Spread};
use super::{Comparison, Difference};

/// All tables.
pub(super) fn tables(of: &Comparison) -> String {
    let mut parts = vec![aligned(&runs(of))];
    if !of.groups.is_empty() {
        parts.push(format!("Mean and standard deviation over seeds:\n{}", aligned(&groups(&of.groups))));
    }
    parts.push(match of.differences.is_empty() {
        true => "As far as they are known, the recipes do not differ.".into(),
        false => format!("What differs between the recipes:\n{}", aligned(&differences(of))),
    });
    parts.join("\n\n")
}

fn runs(of: &Comparison) -> Vec<Vec<String>> {
    let head = [
        "run",
        "model",
        "data",
        "parameters",
        "epochs",
        "best",
        "at",
        "last",
        "top-5",
        "loss",
        "images/s",
        "seconds",
        "device MiB",
        "adapter",
    ];
    let row = |run: &Figures| {
        let percent = |share: Option<f64>| known(share.map(|share| format!("{:.2} %", 100.0 * share)));
        vec![
            run.run.clone(),
            format!("{} x {}", run.model, run.width),
            run.data.clone(),
            run.parameters.to_string(),
            format!("{}/{}", run.epochs, run.epochs_wanted),
            percent(run.best_test_accuracy),
            known(run.best_epoch.map(|epoch| epoch.to_string())),
            percent(run.last_test_accuracy),
            percent(run.last_test_top5),
            known(run.last_test_loss.map(|loss| format!("{loss:.4}"))),
            known(run.images_per_s.map(|speed| format!("{speed:.0}"))),
            format!("{:.0}", run.seconds),
            known(run.peak_bytes.map(|bytes| (bytes >> 20).to_string())),
            known((!run.adapters.is_empty()).then(|| run.adapters.join(", then "))),
        ]
    };
    std::iter::once(head.map(str::to_owned).to_vec()).chain(of.runs.iter().map(row)).collect()
}

fn groups(all: &[Group]) -> Vec<Vec<String>> {
    let head = ["runs", "seeds", "best", "last", "loss"].map(str::to_owned).to_vec();
    let percent = |Spread { mean, deviation }: Spread| format!("{:.2} +- {:.2} %", 100.0 * mean, 100.0 * deviation);
    let row = |group: &Group| {
        let Spread { mean, deviation } = group.last_test_loss;
        vec![
            group.name.clone(),
            group.runs.len().to_string(),
            percent(group.best_test_accuracy),
            percent(group.last_test_accuracy),
            format!("{mean:.4} +- {deviation:.4}"),
        ]
    };
    std::iter::once(head).chain(all.iter().map(row)).collect()
}

fn differences(of: &Comparison) -> Vec<Vec<String>> {
    let head = std::iter::once("key".to_owned()).chain(of.runs.iter().map(|run| run.run.clone())).collect();
    let row = |difference: &Difference| {
        let values = difference.values.iter().map(|value| known(value.clone()));
        std::iter::once(difference.key.clone()).chain(values).collect()
    };
    std::iter::once(head).chain(of.differences.iter().map(row)).collect()
}

fn known(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".into())
}

/// Rows in columns as wide as they need to be.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths = (0..columns).map(width).collect::<Vec<_>>();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["run", "x"], ["caf\u{e9} noir", "1"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(aligned(&rows), "run        x\ncaf\u{e9} noir  1");
    }
}
