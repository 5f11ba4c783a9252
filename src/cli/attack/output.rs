//! The figures and charts of a report as files.

use std::path::Path;

use super::charts;
use super::report::Report;
use crate::cli::console::to_json;
use crate::cli::pictures::{chart_svg, write_svg};
use crate::error::{Error, Result};
use crate::files::{create_dir, write_bytes};

/// What an attack writes.
pub const FILES: [&str; 5] =
    ["attack.csv", "attack.json", "accuracy_lambda.svg", "accuracy_epsilon.svg", "adversarial.png"];

/// Writes `attack.csv`, `attack.json`, and the curves.
///
/// # Errors
/// [`Error::Io`] if a file cannot be written.
pub fn write(report: &Report, out: &Path) -> Result<()> {
    create_dir(out)?;
    write_bytes(&out.join("attack.csv"), csv(report)?.as_bytes())?;
    write_bytes(&out.join("attack.json"), format!("{}\n", to_json(report)?).as_bytes())?;
    if let Some(chart) = charts::over_lambda(report) {
        write_svg(&out.join("accuracy_lambda.svg"), chart_svg(&chart))?;
    }
    write_svg(&out.join("accuracy_epsilon.svg"), chart_svg(&charts::over_epsilon(report)))
}

/// The rows, each field as in the JSON.
fn csv(report: &Report) -> Result<String> {
    const FIELDS: [&str; 10] =
        ["mode", "attack", "norm", "network", "made_on", "made_at", "judged_at", "epsilon", "images", "accuracy"];
    let mut lines = vec![FIELDS.join(",")];
    for row in &report.rows {
        let broken = |e: serde_json::Error| Error::file("attack.csv", e.to_string());
        let json = serde_json::from_str::<serde_json::Value>(&to_json(row)?).map_err(broken)?;
        let field = |name: &&str| json[*name].as_str().map_or_else(|| json[*name].to_string(), str::to_owned);
        lines.push(FIELDS.iter().map(field).collect::<Vec<_>>().join(","));
    }
    Ok(lines.join("\n") + "\n")
}
