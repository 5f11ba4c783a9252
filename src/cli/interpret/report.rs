//! What is said of one image.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;

use super::{Setting, Shown};
use crate::cli::console::counted;
use crate::interpret::{Interpretation, Similar, euclidean, nearest};
use crate::models::Stage;

/// Similar images that are named.
const NAMED: usize = 10;

/// One image in the light of others.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub image: String,
    /// The predicted class and its probability, and the class that the data give.
    pub class: String,
    pub probability: f64,
    pub label: Option<String>,
    pub data: String,
    pub stage: &'static str,
    /// Height, width and channels of its maps.
    pub map: [usize; 3],
    pub seed: u64,
    /// How many there are.
    pub reference: usize,
    pub held_out: usize,
    /// Boundaries that were found, and searches that led to none.
    pub boundaries: usize,
    pub lost: usize,
    /// Mean steps of a search.
    pub steps: f64,
    /// Boundaries beyond which the image lies on the other class's side, and which were turned.
    pub turned: usize,
    /// Different directions of normals.
    pub directions: usize,
    pub degenerate: bool,
    pub delta: usize,
    pub chosen: usize,
    pub kept: usize,
    pub coverage: Option<f64>,
    pub purity: Option<f64>,
    pub held_out_coverage: Option<f64>,
    pub held_out_purity: Option<f64>,
    /// The reference images nearest by semantic distance, and by Euclidean distance of the maps.
    pub similar: Vec<Near>,
    pub euclidean: Vec<Near>,
}

/// A reference image.
#[derive(Debug, Serialize)]
pub(super) struct Near {
    /// Its number among the training images, and among those for reference.
    pub image: usize,
    pub reference: usize,
    pub distance: f64,
    /// The predicted class, and the class that the data give.
    pub class: String,
    pub label: String,
}

impl Report {
    pub fn new(setting: &Setting, shown: &Shown, found: &Interpretation) -> Self {
        let Setting { options, recipe, reference, held, .. } = setting;
        let image = shown.maps.get(0);
        let near = |all: Vec<Similar>| {
            let one = |similar: &Similar| Near {
                image: setting.training_image(similar.index),
                reference: similar.index,
                distance: similar.distance,
                class: recipe.class_name(reference.classes()[similar.index]),
                label: recipe.class_name(setting.label(similar.index)),
            };
            all.iter().map(one).collect()
        };
        let plain = nearest(reference.len(), NAMED, |i| Some(euclidean(image.map, reference.get(i).map)));
        let (here, there) = (found.judged(reference), found.judged(held));
        Self {
            image: shown.wanted.name.clone(),
            class: recipe.class_name(found.class),
            probability: image.probability(found.class),
            label: shown.wanted.label.map(|label| recipe.class_name(label)),
            data: setting.reference_images.name.clone(),
            stage: options.stage.name(),
            map: image.shape,
            seed: options.seed,
            reference: reference.len(),
            held_out: held.len(),
            boundaries: found.boundaries.len(),
            lost: found.lost,
            steps: found.mean_steps(),
            turned: found.turned(),
            directions: found.directions,
            degenerate: found.degenerate,
            delta: found.cover.delta,
            chosen: found.cover.chosen.len(),
            kept: found.cover.kept.len(),
            coverage: here.coverage(),
            purity: here.purity(),
            held_out_coverage: there.coverage(),
            held_out_purity: there.purity(),
            similar: near(found.similar(reference, NAMED)),
            euclidean: near(plain),
        }
    }

    pub fn text(&self, picture: Option<&Path>) -> String {
        let [height, width, channels] = self.map;
        let mut text = format!("{}: {} ({:.1} %)", self.image, self.class, 100.0 * self.probability);
        if let Some(label) = self.label.as_ref().filter(|label| **label != self.class) {
            let _ = write!(text, "; labelled {label}");
        }
        let _ = write!(
            text,
            "\nmaps of {height}x{width}x{channels} behind {}: {} boundaries in {} directions, {:.1} steps of search each\n\
             {} chosen, {} kept, which leave {} of other classes inside, as all do together\n",
            self.stage,
            self.boundaries,
            self.directions,
            self.steps,
            self.chosen,
            self.kept,
            counted(self.delta, "image"),
        );
        if self.lost > 0 {
            let _ = writeln!(text, "{} searches led to no boundary and are left out", self.lost);
        }
        if self.turned > 0 {
            let _ =
                writeln!(text, "{} boundaries had the image on the other class's side, and were turned", self.turned);
        }
        let row = |count, name, coverage, purity| {
            format!("{:<24}{:>12}{:>12}\n", format!("{count} {name} images"), percent(coverage), percent(purity))
        };
        let _ = writeln!(text, "{:<24}{:>12}{:>12}", "", "coverage", "purity");
        text += &row(self.reference, "reference", self.coverage, self.purity);
        text += &row(self.held_out, "held-out", self.held_out_coverage, self.held_out_purity);
        if let Some(advice) = self.advice() {
            let _ = writeln!(text, "{advice}");
        }
        let _ = writeln!(
            text,
            "most similar by semantic distance (training image, label, distance): {}",
            list(&self.similar)
        );
        let _ = write!(text, "most similar by Euclidean distance: {}", list(&self.euclidean));
        if let Some(path) = picture {
            let _ = write!(text, "\npicture {}", path.display());
        }
        text
    }

    /// What to do about an interpretation that says nothing.
    fn advice(&self) -> Option<String> {
        let earlier = Stage::ALL.map(Stage::name).into_iter().take_while(|name| *name != self.stage).last();
        let do_what = match earlier {
            Some(stage) => format!("choose an earlier stage, such as --stage {stage}"),
            None => "no stage is earlier".into(),
        };
        self.degenerate.then(|| {
            format!(
                "degenerate: {} boundaries have {} directions, at most one for each other class. They only repeat the prediction; \
                 {do_what}",
                self.boundaries, self.directions
            )
        })
    }
}

pub(super) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", 100.0 * share))
}

fn list(near: &[Near]) -> String {
    let one = |near: &Near| format!("{} {} {:.3}", near.image, near.label, near.distance);
    near.iter().map(one).collect::<Vec<_>>().join(", ")
}
