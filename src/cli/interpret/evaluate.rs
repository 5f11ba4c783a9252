//! `sdnet interpret --evaluate`: means over many images, beside what is simpler.

use rand::RngExt;
use rand::seq::SliceRandom;
use serde::Serialize;

use super::Setting;
use super::report::percent;
use crate::cli::console::{bar, note, to_json};
use crate::data::Dataset;
use crate::data::random::{Purpose, stream};
use crate::error::Result;
use crate::interpret::{
    Change, InterpretConfig, Interpretation, Similar, euclidean, grad_cam, interpret, keep_hottest, nearest,
};

/// Images whose labels are compared, and images on which heat maps are.
const NEAREST: usize = 50;
/// The share of pixels that heat maps keep.
const KEPT: f64 = 0.2;

const RANKINGS: [&str; 4] =
    ["semantic distance", "Euclidean distance inside P", "Euclidean distance inside the class", "Euclidean distance"];
const METHODS: [&str; 4] = ["boundaries", "Grad-CAM", "random pixels", "brightest pixels"];
const SETS: [&str; 2] = ["semantic", "Euclidean"];

/// Means over images; none where no image has the figure.
#[derive(Debug, Serialize)]
struct Evaluation {
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
    precision: Vec<Named<f64>>,
    heat: Vec<Heat>,
}

#[derive(Debug, Serialize)]
struct Named<T> {
    name: &'static str,
    mean: Option<T>,
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
struct One {
    found: Interpretation,
    shares: [Option<f64>; 4],
    precision: [Option<f64>; 4],
    changes: Vec<Option<Change>>,
}

pub(super) fn run(setting: &Setting) -> Result<()> {
    let options = setting.options;
    let images = drawn(setting, options.evaluate.unwrap_or_default());
    let progress = bar(images.len());
    let mut all = Vec::new();
    for (i, &image) in images.iter().enumerate() {
        let config = InterpretConfig { seed: options.seed.wrapping_add(i as u64), ..options.config() };
        all.push(one(setting, image, &config)?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    if Some(images.len()) < options.evaluate {
        note(format_args!("note: there are {} reference images only", images.len()));
    }
    let evaluation = Evaluation::of(setting, &all);
    match options.json {
        true => say!("{}", to_json(&evaluation)?),
        false => say!("{}", evaluation.text()),
    }
}

/// Reference images, of each predicted class as many as of the others while there are any.
fn drawn(setting: &Setting, count: usize) -> Vec<usize> {
    let classes = setting.reference.classes();
    let mut rounds = Vec::new();
    for class in 0..setting.recipe.model.classes {
        let mut images = (0..classes.len()).filter(|&i| classes[i] == class).collect::<Vec<_>>();
        images.shuffle(&mut stream(Purpose::Interpret, setting.options.seed, 1, class as u64));
        rounds.extend(images.into_iter().enumerate());
    }
    // Stable: the first of every class, then the second of every class.
    rounds.sort_by_key(|(round, _)| *round);
    rounds.into_iter().map(|(_, image)| image).take(count).collect()
}

fn one(setting: &Setting, image: usize, config: &InterpretConfig) -> Result<One> {
    let Setting { network, reference, held, .. } = setting;
    let x = reference.get(image);
    let found = interpret(network, &x, reference, config)?;
    let (here, there) = (found.judged(reference), found.judged(held));
    let near_x = |i: usize| euclidean(x.map, reference.get(i).map);
    let ranked = |allowed: &dyn Fn(usize) -> bool, distance: &dyn Fn(usize) -> f64| {
        nearest(reference.len(), NEAREST, |i| (i != image && allowed(i)).then(|| distance(i)))
    };
    let inside = |i: usize| found.holds(reference.get(i).map);
    let rankings = [
        ranked(&inside, &|i| found.distance(reference.get(i).map)),
        ranked(&inside, &near_x),
        ranked(&|i| reference.classes()[i] == x.class, &near_x),
        ranked(&|_| true, &near_x),
    ];
    let sets =
        [found.similar(held, NEAREST), nearest(held.len(), NEAREST, |i| Some(euclidean(x.map, held.get(i).map)))];
    let mut changes = Vec::new();
    for set in &sets {
        changes.extend(changed(setting, &found, set, image)?);
    }
    Ok(One {
        shares: [here.coverage(), here.purity(), there.coverage(), there.purity()],
        precision: rankings.map(|near| precision(setting, &near, setting.label(image))),
        found,
        changes,
    })
}

/// The share of images with this label.
fn precision(setting: &Setting, near: &[Similar], label: usize) -> Option<f64> {
    let right = near.iter().filter(|similar| setting.label(similar.index) == label).count();
    (!near.is_empty()).then(|| right as f64 / near.len() as f64)
}

/// What each method's hottest pixels keep of the class's probability, on a set of held-out images.
fn changed(setting: &Setting, found: &Interpretation, set: &[Similar], image: usize) -> Result<Vec<Option<Change>>> {
    if set.is_empty() {
        return Ok(vec![None; METHODS.len()]);
    }
    let Setting { network, held, held_images, .. } = setting;
    let chosen = set.iter().map(|similar| similar.index).collect::<Vec<_>>();
    let gradients = grad_cam(network, found.class, held, &chosen)?;
    let size = [held_images.height, held_images.width];
    let mut masked = Dataset { images: Vec::new(), labels: Vec::new(), streamed: None, ..held_images.select(&chosen) };
    for method in 0..METHODS.len() {
        for (&i, gradient) in chosen.iter().zip(&gradients) {
            let (map, mut pixels) = (held.get(i).map, held_images.image(i)?.into_owned());
            let heat = match method {
                0 => found.heat(map, size),
                1 => crate::interpret::heat_map(map, held.shape(), gradient, size),
                2 => random(setting.options.seed, image, i, size[0] * size[1]),
                _ => pixels.chunks_exact(held_images.channels).map(|p| p.iter().map(|v| f32::from(*v)).sum()).collect(),
            };
            keep_hottest(&mut pixels, &heat, KEPT);
            masked.images.extend(pixels);
            masked.labels.push(held_images.labels[i]);
        }
    }
    let after = setting.maps(&masked)?;
    let change = |method: usize| {
        let pair = |(at, &i): (usize, &usize)| {
            let after = after.get(method * chosen.len() + at);
            (held.get(i).probability(found.class), after.probability(found.class))
        };
        Change::of(&chosen.iter().enumerate().map(pair).collect::<Vec<_>>())
    };
    Ok((0..METHODS.len()).map(change).collect())
}

fn random(seed: u64, image: usize, other: usize, len: usize) -> Vec<f32> {
    let mut rng = stream(Purpose::Interpret, seed, 2 + image as u64, other as u64);
    (0..len).map(|_| rng.random::<f32>()).collect()
}

fn mean(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let known = values.flatten().collect::<Vec<_>>();
    (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
}

impl Evaluation {
    fn of(setting: &Setting, all: &[One]) -> Self {
        let number = |of: &dyn Fn(&Interpretation) -> usize| {
            all.iter().map(|one| of(&one.found) as f64).sum::<f64>() / all.len().max(1) as f64
        };
        let steps = |found: &Interpretation| {
            let steps = found.boundaries.iter().map(|boundary| boundary.steps).sum::<usize>();
            steps as f64 / found.boundaries.len() as f64
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
            turned: number(&|found| found.boundaries.iter().filter(|boundary| boundary.turned).count()),
            steps: all.iter().map(|one| steps(&one.found)).sum::<f64>() / all.len().max(1) as f64,
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

    fn text(&self) -> String {
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
