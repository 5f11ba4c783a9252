//! Adversarial images: small changes of an image, within a ball around it and within `[0, 1]`, that fool a
//! classifier.
//!
//! Attacks work on pixels in `[0, 1]`; the normalisation is part of the [`Target`], and so is how it chooses lambda.
//! The update of a step runs on the host: a few operations per pixel, against thousands of multiply-adds per pixel
//! in the forward and backward pass that it waits for.
//!
//! Which question is answered depends on what an attack is made on and how it is judged:
//!
//! | mode | made on | judged by |
//! |---|---|---|
//! | transfer to another lambda | the network at its own lambda | the same at others, unknown to the attacker |
//! | adaptive | the network as it defends itself, its choice of lambda included | the same |
//! | transfer from a model | another model | the network |
//!
//! Only the adaptive one measures robustness, and only if gradients are not masked: [`MaskCheck`] compares an attack by
//! gradients with one without.
//!
//! ```no_run
//! use sdnet::data::{Normalization, Split, bundled};
//! use sdnet::gpu::{Gpu, GpuOptions};
//! use sdnet::models::Network;
//! use sdnet::robust::{Adapted, LambdaRule};
//! use sdnet::robust::attack::{AttackConfig, Images, Target, run};
//!
//! # fn main() -> sdnet::Result<()> {
//! let gpu = Gpu::open(&GpuOptions::default())?;
//! let (network, recipe) = Adapted::<Network>::load("assets/sdnet18-fashion.safetensors".as_ref(), &gpu, None)?;
//! let normalization = recipe.normalization.unwrap_or_else(|| Normalization::default_for("fashion-mnist", 1));
//! let images = Images::from_dataset(&bundled(Split::Test)?.subset(100))?;
//!
//! let target = Target::new(&network, &normalization, LambdaRule::Fixed(0.4));
//! let outcome = run(&target, &images, &AttackConfig::default(), 50, &mut |_| {})?;
//! println!("{:.1} % withstand 8/255", 100.0 * outcome.accuracy());
//! # Ok(())
//! # }
//! ```

mod ascent;
mod auto_ascent;
mod ball;
mod check;
mod images;
mod objective;
mod search;
mod target;
mod worst;

use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use ascent::{Ascent, StepRule};
pub use ball::{Ball, Norm};
pub use check::MaskCheck;
pub use images::Images;
pub use target::{Found, Target};

use crate::checks::check_not_negative;
use crate::data::random::{Purpose, stream};
use crate::error::{Error, Result};
use crate::named::named;
use crate::robust::{Verdict, accuracy, verdicts};
use auto_ascent::AutoAscent;
use objective::Objective;
use worst::Worst;

/// The method of an attack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// One step of the size of the ball from the clean image (arXiv 1412.6572).
    Fgsm,
    /// Projected gradient ascent on the cross-entropy (arXiv 1706.06083), optionally with momentum
    /// (arXiv 1710.06081).
    #[default]
    Pgd,
    /// Auto-PGD on the cross-entropy (arXiv 2003.01690): PGD that finds its step size on its own.
    Apgd,
    /// The same on the difference of logits ratio, which does not depend on the scale of the scores.
    #[serde(rename = "apgd-dlr")]
    ApgdDlr,
    /// The same towards the most likely wrong classes, one after the other.
    #[serde(rename = "apgd-t")]
    ApgdTargeted,
    /// In the manner of AutoAttack (arXiv 2003.01690), without its third attack (FAB): [`Method::Apgd`],
    /// [`Method::ApgdTargeted`] and [`Method::Random`], each on the images that have withstood those before.
    Ensemble,
    /// Random search over square patches, in the manner of arXiv 1912.00049; uses scores alone, never
    /// gradients.
    Random,
}

named!(Method as "attack" {
    Fgsm = "fgsm", Pgd = "pgd", Apgd = "apgd", ApgdDlr = "apgd-dlr", ApgdTargeted = "apgd-t", Ensemble = "ensemble",
    Random = "random",
});

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttackConfig {
    /// The method of an attack.
    pub method: Method,
    /// The allowed images.
    pub ball: Ball,
    /// PGD and auto-PGD: steps per restart.
    pub steps: usize,
    /// PGD: length of a step in the ball's norm; 2.5 epsilon / steps if `None`.
    pub step_size: Option<f32>,
    /// PGD: fraction of the velocity kept.
    pub momentum: f32,
    /// PGD and auto-PGD: number of restarts; towards classes, one for each class.
    pub restarts: usize,
    /// PGD and auto-PGD: starts at a random point of the ball, not at the clean image.
    pub random_start: bool,
    /// Attacks by gradients: gradients averaged per step. The first is taken at the lambda chosen for the image as it is,
    /// the others at those chosen for the image with noise of up to one step (expectation over the choice).
    pub draws: usize,
    /// Auto-PGD towards classes: how many of the most likely wrong classes, at most all.
    pub targets: usize,
    /// Random search: number of queries.
    pub queries: usize,
    /// Seed of random starts, noise and random search. A sample's draws do not depend on its batch.
    pub seed: u64,
}

impl Default for AttackConfig {
    fn default() -> Self {
        Self {
            method: Method::Pgd,
            ball: Ball { norm: Norm::Linf, epsilon: 8.0 / 255.0 },
            steps: 10,
            step_size: None,
            momentum: 0.0,
            restarts: 1,
            random_start: true,
            draws: 1,
            targets: 9,
            queries: 100,
            seed: 0,
        }
    }
}

impl AttackConfig {
    /// # Errors
    /// [`Error::Argument`] names the value that is outside its range.
    pub fn check(&self) -> Result<()> {
        self.ball.check()?;
        let counts = [
            ("steps", self.steps),
            ("restarts", self.restarts),
            ("draws", self.draws),
            ("targets", self.targets),
            ("queries", self.queries),
        ];
        if let Some((name, value)) = counts.into_iter().find(|(_, value)| *value == 0) {
            return Err(Error::argument(name, value, "at least one is needed"));
        }
        check_not_negative("momentum", self.momentum)?;
        match self.step_size {
            Some(size) if !size.is_finite() || size <= 0.0 => {
                Err(Error::argument("step-size", size, "must be a finite positive number"))
            }
            _ => Ok(()),
        }
    }

    /// Forward passes that cost as much as the gradients: a backward pass counts as two.
    pub fn cost_in_queries(&self) -> usize {
        let AttackConfig { steps, restarts, draws, targets, .. } = self.plan();
        let runs = match self.method {
            Method::ApgdTargeted => targets,
            Method::Ensemble => restarts + targets,
            _ => restarts,
        };
        3 * steps * runs * draws
    }

    /// The attack with the values that its method implies.
    fn plan(self) -> Self {
        let epsilon = self.ball.epsilon;
        match self.method {
            Method::Fgsm => {
                Self { steps: 1, step_size: Some(epsilon), restarts: 1, momentum: 0.0, random_start: false, ..self }
            }
            Method::Pgd => {
                Self { step_size: self.step_size.or(Some(2.5 * epsilon / self.steps.max(1) as f32)), ..self }
            }
            _ => self,
        }
    }
}

/// The result of an attack.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AttackOutcome {
    /// The adversarial images: the worst for the target of all tried, clean ones included.
    pub pixels: Vec<f32>,
    /// The target's verdicts on them.
    pub verdicts: Vec<Verdict>,
}

impl AttackOutcome {
    /// Fraction of the images that the target still gets right.
    pub fn accuracy(&self) -> f64 {
        accuracy(&self.verdicts)
    }
}

/// Attacks images, `batch` at a time; `watch` is told after each batch how many more are done.
///
/// # Errors
/// [`Error::Argument`] for values outside their ranges, [`Error::Label`], [`Error::NoGradient`] if the scores do not
/// depend on the images, [`Error::NotFinite`], or whatever the model reports.
pub fn run(
    target: &Target,
    images: &Images,
    config: &AttackConfig,
    batch: usize,
    watch: &mut dyn FnMut(usize),
) -> Result<AttackOutcome> {
    config.check()?;
    if config.method == Method::Ensemble {
        return ensemble(target, images, config, batch, watch);
    }
    let mut outcome = AttackOutcome::default();
    for (part, count) in images.batches(batch)? {
        let worst = match config.method {
            Method::Random => search::search(target, &part, config)?,
            _ => climb(target, &part, &config.plan())?,
        };
        outcome.pixels.extend(&worst.pixels[..count * part.image_len()]);
        outcome.verdicts.extend(&worst.verdicts[..count]);
        watch(count);
    }
    Ok(outcome)
}

/// Attacks one after the other, each on the images that the target still gets right.
fn ensemble(
    target: &Target,
    images: &Images,
    config: &AttackConfig,
    batch: usize,
    watch: &mut dyn FnMut(usize),
) -> Result<AttackOutcome> {
    let verdicts = judge(target, images, &images.pixels, batch)?;
    let (mut outcome, len) = (AttackOutcome { pixels: images.pixels.clone(), verdicts }, images.image_len());
    for method in [Method::Apgd, Method::ApgdTargeted, Method::Random] {
        let standing = (0..images.len()).filter(|i| !outcome.verdicts[*i].fooled).collect::<Vec<_>>();
        if standing.is_empty() {
            break;
        }
        let found = run(target, &images.only(&standing), &AttackConfig { method, ..*config }, batch, &mut |_| {})?;
        for (found, i) in found.pixels.chunks_exact(len).zip(found.verdicts).zip(standing) {
            let (pixels, verdict) = found;
            outcome.pixels[i * len..][..len].copy_from_slice(pixels);
            outcome.verdicts[i] = verdict;
        }
    }
    watch(images.len());
    Ok(outcome)
}

/// For each image the smallest of these radii within which the attack fools the target: 0 for one that it gets wrong anyway, none
/// if it withstands them all. The radius of `config` is not used.
///
/// # Errors
/// As [`run`].
pub fn smallest(
    target: &Target,
    images: &Images,
    config: &AttackConfig,
    radii: &[f32],
    batch: usize,
) -> Result<Vec<Option<f32>>> {
    let wrong = judge(target, images, &images.pixels, batch)?;
    let mut found = wrong.iter().map(|verdict| verdict.fooled.then_some(0.0)).collect::<Vec<_>>();
    let mut radii = radii.to_vec();
    radii.sort_by(f32::total_cmp);
    for epsilon in radii {
        let standing = (0..images.len()).filter(|i| found[*i].is_none()).collect::<Vec<_>>();
        if standing.is_empty() {
            break;
        }
        let config = AttackConfig { ball: Ball { epsilon, ..config.ball }, ..*config };
        let verdicts = run(target, &images.only(&standing), &config, batch, &mut |_| {})?.verdicts;
        let fooled = standing.iter().zip(verdicts).filter(|(_, verdict)| verdict.fooled);
        fooled.for_each(|(&i, _)| found[i] = Some(epsilon));
    }
    Ok(found)
}

/// The target's verdicts on other pixels in place of those of `images`, `batch` at a time.
///
/// # Errors
/// As [`run`].
pub fn judge(target: &Target, images: &Images, pixels: &[f32], batch: usize) -> Result<Vec<Verdict>> {
    let images = images.with_pixels(pixels.to_vec())?;
    let mut all = Vec::new();
    for (part, count) in images.batches(batch)? {
        let scores = target.scores(&part, &part.pixels)?;
        all.extend(verdicts(&scores, &part.labels)?.into_iter().take(count));
    }
    Ok(all)
}

/// Images that climb step by step.
trait Climb {
    /// The current images.
    fn pixels(&self) -> &[f32];

    /// Takes a step from them, by what was found there.
    fn step(&mut self, found: &Found) -> Result<()>;
}

impl Climb for Ascent<'_> {
    fn pixels(&self) -> &[f32] {
        self.pixels()
    }

    fn step(&mut self, found: &Found) -> Result<()> {
        self.step(&found.gradient)
    }
}

impl Climb for AutoAscent<'_> {
    fn pixels(&self) -> &[f32] {
        self.pixels()
    }

    fn step(&mut self, found: &Found) -> Result<()> {
        self.step(&found.values, &found.gradient);
        Ok(())
    }
}

/// Gradient ascent, once for each objective.
fn climb<'a>(target: &Target, images: &'a Images, config: &AttackConfig) -> Result<Worst<'a>> {
    let scores = target.scores(images, &images.pixels)?;
    let mut worst = Worst::new(images, &scores)?;
    for (restart, objective) in objectives(images, &scores, config).iter().enumerate() {
        let mut streams = streams(images, config.seed, restart);
        let mut start = images.pixels.clone();
        if config.random_start {
            add_noise(&mut start, config.ball, &mut streams);
        }
        let mut ascent = ascent(images, start, config)?;
        for _ in 0..config.steps {
            let found = gradient(target, images, ascent.pixels(), objective, config, &mut streams)?;
            worst.offer(ascent.pixels(), &found.scores)?;
            ascent.step(&found)?;
        }
        worst.offer(ascent.pixels(), &target.scores(images, ascent.pixels())?)?;
    }
    Ok(worst)
}

/// What is climbed, in each restart: one objective for each restart, or for each wrong class. The scores are those of the clean images.
fn objectives(images: &Images, scores: &[f32], config: &AttackConfig) -> Vec<Objective> {
    let others = (scores.len() / images.len()).saturating_sub(1);
    match config.method {
        Method::ApgdTargeted => {
            let of = |rank| Objective::Towards(objective::targets(scores, &images.labels, rank));
            (0..config.targets.min(others)).map(of).collect()
        }
        Method::ApgdDlr => vec![Objective::Ratio; config.restarts],
        _ => vec![Objective::CrossEntropy; config.restarts],
    }
}

/// How it is climbed.
fn ascent<'a>(images: &'a Images, start: Vec<f32>, config: &AttackConfig) -> Result<Box<dyn Climb + 'a>> {
    let AttackConfig { ball, steps, step_size, momentum, .. } = *config;
    Ok(match config.method {
        Method::Fgsm | Method::Pgd => {
            Box::new(Ascent::new(images, start, StepRule { ball, size: step_size.unwrap_or_default(), momentum })?)
        }
        _ => Box::new(AutoAscent::new(images, start, ball, steps)),
    })
}

/// The gradient of each sample's objective at the images' own lambda, averaged with those at the lambdas of
/// nearby images; scores and objectives are those at the images' own lambda.
fn gradient(
    target: &Target,
    images: &Images,
    at: &[f32],
    objective: &Objective,
    config: &AttackConfig,
    streams: &mut [ChaCha8Rng],
) -> Result<Found> {
    let mut found = target.ascent(images, at, at, objective)?;
    // Where steps find their own size, nearby is a quarter of the ball.
    let nearby = Ball { epsilon: config.step_size.unwrap_or(config.ball.epsilon / 4.0), ..config.ball };
    for _ in 1..config.draws {
        let mut seen = at.to_vec();
        add_noise(&mut seen, nearby, streams);
        seen.iter_mut().for_each(|p| *p = p.clamp(0.0, 1.0));
        let drawn = target.ascent(images, at, &seen, objective)?;
        found.gradient.iter_mut().zip(drawn.gradient).for_each(|(sum, g)| *sum += g);
    }
    found.gradient.iter_mut().for_each(|g| *g /= config.draws as f32);
    Ok(found)
}

/// A random stream per sample, independent of its batch.
fn streams(images: &Images, seed: u64, restart: usize) -> Vec<ChaCha8Rng> {
    images.ids.iter().map(|&id| stream(Purpose::Attack, seed, restart as u64, id)).collect()
}

/// Adds to each sample a random point of the ball.
fn add_noise(pixels: &mut [f32], ball: Ball, streams: &mut [ChaCha8Rng]) {
    let len = pixels.len() / streams.len().max(1);
    for (sample, rng) in pixels.chunks_exact_mut(len.max(1)).zip(streams) {
        sample.iter_mut().zip(ball.random(len, rng)).for_each(|(p, noise)| *p += noise);
    }
}
