//! How good a network is on a data set, as files.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cli::console::{to_csv, to_json};
use crate::cli::pictures::{confusion_svg, mistakes, reliability_svg, write_png, write_svg};
use crate::data::Dataset;
use crate::error::Result;
use crate::files::{create_dir, write_bytes};
use crate::metrics::{Figures, Judged};

/// The file of [`Tested`].
pub const FIGURES: &str = "figures.json";
/// The picture of the worst mistakes.
pub const MISTAKES: &str = "mistakes.png";

/// Images in the picture of mistakes.
const SHOWN: usize = 24;

/// How good a network is on a data set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tested {
    /// The weights file.
    pub weights: String,
    /// The data.
    pub data: String,
    /// What it ran on.
    pub adapter: String,
    /// The classes, in the order of the figures.
    pub class_names: Vec<String>,
    /// The figures.
    #[serde(flatten)]
    pub figures: Figures,
}

impl Tested {
    /// The name of a class.
    pub fn class_name(&self, class: usize) -> String {
        self.class_names.get(class).cloned().unwrap_or_else(|| class.to_string())
    }
}

/// Writes the figures and the picture of the worst mistakes.
pub fn write_figures(folder: &Path, tested: &Tested, data: &Dataset, judged: &Judged) -> Result<()> {
    write_bytes(&folder.join(FIGURES), to_json(tested)?.as_bytes())?;
    write_png(&folder.join(MISTAKES), &mistakes(data, judged, &tested.class_names, SHOWN)?)
}

/// The files of [`write_all`].
pub const REPORT_FILES: [&str; 6] =
    [FIGURES, MISTAKES, "confusion.csv", "classes.csv", "confusion.svg", "reliability.svg"];

/// Writes all figures, tables and pictures.
pub fn write_all(folder: &Path, tested: &Tested, data: &Dataset, judged: &Judged) -> Result<()> {
    create_dir(folder)?;
    write_figures(folder, tested, data, judged)?;
    let names = REPORT_FILES;
    write_bytes(&folder.join(names[2]), to_csv(&confusion_rows(tested))?.as_bytes())?;
    write_bytes(&folder.join(names[3]), to_csv(&class_rows(tested))?.as_bytes())?;
    write_svg(&folder.join(names[4]), confusion_svg(&tested.figures.confusion, &tested.class_names))?;
    write_svg(&folder.join(names[5]), reliability_svg(&tested.figures.calibration))
}

/// A row for each true class, a column for each guess.
fn confusion_rows(tested: &Tested) -> Vec<Vec<String>> {
    let confusion = &tested.figures.confusion;
    let names = (0..confusion.classes()).map(|class| tested.class_name(class));
    let head = std::iter::once("class \\ taken for".to_owned()).chain(names).collect();
    let row = |(class, counts): (usize, &Vec<usize>)| {
        std::iter::once(tested.class_name(class)).chain(counts.iter().map(usize::to_string)).collect()
    };
    std::iter::once(head).chain(confusion.rows().iter().enumerate().map(row)).collect()
}

/// A row for each class. What is not defined is empty.
fn class_rows(tested: &Tested) -> Vec<Vec<String>> {
    let head = ["class", "images", "guesses", "precision", "recall", "f1"].map(str::to_owned).to_vec();
    let share = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.6}"));
    let row = |(class, of): (usize, &crate::metrics::ClassFigures)| {
        let counts = [of.images.to_string(), of.guesses.to_string()];
        let shares = [of.precision, of.recall, of.f1].map(share);
        std::iter::once(tested.class_name(class)).chain(counts).chain(shares).collect()
    };
    std::iter::once(head).chain(tested.figures.classes.iter().enumerate().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_name_every_class_and_leave_empty_what_is_not_defined() {
        let judged = Judged::new(&[0, 0, 1], &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0], 3).unwrap();
        let class_names = ["cat", "a \"dog\", big"].map(str::to_owned).to_vec();
        let [weights, data, adapter] = Default::default();
        let tested = Tested { weights, data, adapter, class_names, figures: judged.figures() };
        let text = |rows: Vec<_>| to_csv(&rows).unwrap();
        let head = "class \\ taken for,cat,\"a \"\"dog\"\", big\",2\n";
        assert_eq!(text(confusion_rows(&tested)), format!("{head}cat,1,1,0\n\"a \"\"dog\"\", big\",1,0,0\n2,0,0,0\n"));
        let rows = text(class_rows(&tested));
        assert!(rows.contains("cat,2,2,0.500000,0.500000,0.500000\n") && rows.ends_with("2,0,0,,,\n"), "{rows}");
        let json = to_json(&tested).unwrap();
        assert_eq!(serde_json::from_str::<Tested>(&json).unwrap().figures, tested.figures);
    }
}
