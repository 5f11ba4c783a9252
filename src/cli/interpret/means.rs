//! Means over interpretations of many images.

use serde::Serialize;

use super::Setting;
use super::report::percent;
use crate::interpret::{Change, Interpretation};

/// Images whose labels are compared, and images on which heat maps are.
pub(super) const NEAREST: usize = 50;
/// The share of pixels that heat maps keep.
pub(super) const KEPT: f64 = 0.2;

/// What images are ranked by.
const RANKINGS: [&str; 4] =
    ["semantic distance", "Euclidean distance inside P", "Euclidean distance inside the class", "Euclidean distance"];
/// What chooses pixels.
pub(super) const METHODS: [&str; 4] = ["boundaries", "Grad-CAM", "random pixels", "brightest pixels"];
/// The images whose pixels are chosen.
const SETS: [&str; 2] = ["semantic", "Euclidean"];

/// Means over images; none where no image has the figure.
#[derive(Debug, Serialize)]
pub(super) struct Evaluation {
    images: usize,
    stage: &'static str,
    reference: usize,
    held_out: usize,
    seed: u64,
    degenerate: usize,
    boundaries: f64,
    lost: f64,
    turned: f64,
    steps: f64,
    delta: f64,
    chosen: f64,
    kept: f64,
    coverage: Option<f64>,
    purity: Option<f64>,
    held_out_coverage: Option<f64>,
    held_out_purity: Option<f64>,
    /// The share of the 50 nearest reference images that have the image's label.
    precision: Vec<Named>,
    heat: Vec<Heat>,
}

#[derive(Debug, Serialize)]
struct Named {
    name: &'static str,
    mean: Option<f64>,
}

/// Average drop and increase of a method on a set of held-out images.
#[derive(Debug, Serialize)]
struct Heat {
    method: &'static str,
    /// Whether these are the nearest images by semantic distance inside P, or by Euclidean distance.
    images: &'static str,
    drop: Option<f64>,
    increase: Option<f64>,
}

/// What is found of one image.
pub(super) struct One {
    pub found: Interpretation,
    /// Coverage and purity, of reference images and held out.
    pub shares: [Option<f64>; 4],
    pub precision: [Option<f64>; 4],
    /// By set of images, then by method.
    pub changes: Vec<Option<Change>>,
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let known = values.flatten().collect::<Vec<_>>();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

impl Evaluation {
    pub fn of(setting: &Setting, all: &[One]) -> Self {
        let number = |of: &dyn Fn(&Interpretation) -> usize| {
            all.iter().map(|one| of(&one.found) as f64).sum::<f64>() / all.len().max(1) as f64
        };
        let share = |i: usize| mean(all.iter().map(|one| one.shares[i]));
        let heat = |at: usize| {
            let of = |of: fn(&Change) -> f64| mean(all.iter().map(|one| one.changes[at].as_ref().map(of)));
            let (method, images) = (METHODS[at % METHODS.len()], SETS[at / METHODS.len()]);
            Heat { method, images, drop: of(|change| change.drop), increase: of(|change| change.increase) }
        };
        let precision = |(i, name)| Named { name, mean: mean(all.iter().map(|one| one.precision[i])) };
        Self {
            images: all.len(),
            stage: setting.options.stage.name(),
            reference: setting.reference.len(),
            held_out: setting.held.len(),
            seed: setting.options.seed,
            degenerate: all.iter().filter(|one| one.found.degenerate).count(),
            boundaries: number(&|found| found.boundaries.len()),
            lost: number(&|found| found.lost),
            turned: number(&Interpretation::turned),
            steps: all.iter().map(|one| one.found.mean_steps()).sum::<f64>() / all.len().max(1) as f64,
            delta: number(&|found| found.cover.delta),
            chosen: number(&|found| found.cover.chosen.len()),
            kept: number(&|found| found.cover.kept.len()),
            coverage: share(0),
            purity: share(1),
            held_out_coverage: share(2),
            held_out_purity: share(3),
            precision: RANKINGS.into_iter().enumerate().map(precision).collect(),
            heat: (0..METHODS.len() * SETS.len()).map(heat).collect(),
        }
    }

    pub fn text(&self) -> String {
        let mut lines = vec![
            format!(
                "means over {} images behind {}: {:.1} boundaries after {:.1} steps each, {:.1} chosen, {:.1} kept, delta {:.1}",
                self.images, self.stage, self.boundaries, self.steps, self.chosen, self.kept, self.delta
            ),
            format!(
                "{:.1} searches that led to none, {:.1} boundaries turned; {} of {} degenerate",
                self.lost, self.turned, self.degenerate, self.images
            ),
            format!("{:<40}{:>12}{:>12}", "", "coverage", "purity"),
        ];
        let judged = [
            ("reference", self.reference, self.coverage, self.purity),
            ("held-out", self.held_out, self.held_out_coverage, self.held_out_purity),
        ];
        lines.extend(judged.map(|(name, count, coverage, purity)| {
            let name = format!("{count} {name} images");
            format!("{name:<40}{:>12}{:>12}", percent(coverage), percent(purity))
        }));
        lines.push(format!("{:<40}{:>12}", format!("nearest {NEAREST} by"), "same label"));
        lines.extend(self.precision.iter().map(|row| format!("{:<40}{:>12}", row.name, percent(row.mean))));
        let title = format!("hottest {:.0} % of pixels", 100.0 * KEPT);
        lines.push(format!("{title:<28}{:<12}{:>12}{:>12}", "images", "drop", "increase"));
        lines.extend(self.heat.iter().map(|row| {
            format!("{:<28}{:<12}{:>12}{:>12}", row.method, row.images, percent(row.drop), percent(row.increase))
        }));
        lines.join("\n")
    }
}
