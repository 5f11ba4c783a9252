//! `sdnet interpret --evaluate`: means over many images, beside what is simpler.

use rand::RngExt;
use rand::seq::SliceRandom;

use super::Setting;
use super::means::{Evaluation, KEPT, METHODS, NEAREST, One};
use crate::cli::console::{bar, note, to_json};
use crate::data::Dataset;
use crate::data::random::{Purpose, stream};
use crate::error::Result;
use crate::interpret::{
    Change, InterpretConfig, Interpretation, Similar, class_gradients, euclidean, heat_map, interpret, keep_hottest,
    nearest,
};

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
    let gradients = class_gradients(network, found.class, held, &chosen)?;
    let size = [held_images.height, held_images.width];
    let mut masked = Dataset { images: Vec::new(), labels: Vec::new(), streamed: None, ..held_images.select(&chosen) };
    for method in 0..METHODS.len() {
        for (&i, gradient) in chosen.iter().zip(&gradients) {
            let (map, mut pixels) = (held.get(i).map, held_images.image(i)?.into_owned());
            let heat = match method {
                0 => found.heat(map, size),
                1 => heat_map(map, held.shape(), gradient, size),
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
