//! Accuracy over lambda and noise: all rules tested on the same corrupted images.

use std::collections::VecDeque;
use std::rc::Rc;

use super::corrupt::Corruption;
use super::{Classifier, LambdaRule, Look, verdicts};
use crate::checks::check_finite;
use crate::data::{Dataset, Normalization};
use crate::error::{Error, Result};
use crate::gpu::Pending;
use crate::layers::{Measuring, Pass};
use crate::tape::{Tape, Var};
use crate::train::filled_batch;

/// Maximum number of passes in flight before waiting for the first of them.
const PASSES_IN_FLIGHT: usize = 16;

/// What is tested, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepConfig {
    /// The rules.
    pub rules: Vec<LambdaRule>,
    /// The sparse coding layer whose residual is used, counted from 0.
    pub layer: usize,
    /// Batch size.
    pub batch: usize,
    /// Seed of the corruptions.
    pub seed: u64,
    /// Look at every image even where no rule needs it.
    pub looks: bool,
}

/// The results for every image under one rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether its best class is correct.
    pub correct: Vec<bool>,
    /// Its lambda; empty if each layer keeps its own.
    pub lambda: Vec<f32>,
    /// `|x - A z|^2`, of the clipped image if it was clipped; empty for models without sparse coding layers.
    pub residual: Vec<f32>,
    /// Fraction of nonzero codes; empty in the same case.
    pub active: Vec<f32>,
}

impl Outcome {
    /// Fraction whose best class is correct.
    pub fn accuracy(&self) -> f64 {
        self.correct.iter().filter(|c| **c).count() as f64 / self.correct.len() as f64
    }
}

/// One pass over the images, with the same corruption for all rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// The corruption; none for clean images.
    pub corruption: Option<Corruption>,
    /// Per rule.
    pub outcomes: Vec<Outcome>,
    /// Results of another model on the same images.
    pub baseline: Option<Outcome>,
    /// The looks at the images, if taken.
    pub looks: Vec<Look>,
}

/// Runs a model over corrupted images, once for each rule. Corrupted pixels, their upload, clipping and the first look are
/// shared by the rules; `baseline` sees the same images. `watch` is called for each batch.
///
/// # Errors
/// [`Error::Argument`] if there are no images, or if a rule fails; [`Error::Label`], [`Error::Shape`],
/// [`Error::NotFinite`] for scores that are not finite, [`Error::OutOfMemory`].
pub fn sweep(
    model: &dyn Classifier,
    baseline: Option<&dyn Classifier>,
    data: &Dataset,
    normalization: &Normalization,
    corruption: Option<Corruption>,
    config: &SweepConfig,
    watch: &mut dyn FnMut(),
) -> Result<Level> {
    if data.is_empty() || config.batch == 0 {
        return Err(Error::argument("images", data.len().min(config.batch), "at least one image is needed"));
    }
    normalization.check(data.channels)?;
    let noisy = corruption.map(|c| c.dataset(data, config.seed)).transpose()?;
    let images = Images { data: noisy.as_ref().unwrap_or(data), normalization, batch: config.batch.min(data.len()) };
    let (outcomes, looks) = run(model, &images, config, watch)?;
    let as_trained = SweepConfig { rules: vec![LambdaRule::Trained], layer: 0, looks: false, ..*config };
    let baseline = baseline.map(|other| run(other, &images, &as_trained, &mut || ()));
    let baseline = baseline.transpose()?.and_then(|(outcomes, _)| outcomes.into_iter().next());
    Ok(Level { corruption, outcomes, baseline, looks })
}

/// The data of a pass.
struct Images<'a> {
    data: &'a Dataset,
    normalization: &'a Normalization,
    batch: usize,
}

fn run(
    model: &dyn Classifier,
    images: &Images,
    config: &SweepConfig,
    watch: &mut dyn FnMut(),
) -> Result<(Vec<Outcome>, Vec<Look>)> {
    let (gpu, rules) = (model.gpu().clone(), &config.rules);
    let order = (0..images.data.len() as u32).collect::<Vec<_>>();
    let (mut outcomes, mut looks) = (vec![Outcome::default(); rules.len()], Vec::new());
    let mut flight = VecDeque::new();
    for indices in order.chunks(images.batch) {
        let (x, labels) = filled_batch(&gpu, images.data, indices, images.normalization, images.batch)?;
        let tape = Tape::idle();
        let x = tape.constant(&x);
        let clipped = if rules.iter().any(|rule| rule.clips()) { model.clip(&tape, &x)? } else { x.clone() };
        let needed = config.looks || rules.iter().any(|rule| rule.needs_look());
        let seen = if needed { model.look(clipped.value())? } else { Vec::new() };
        for (index, rule) in rules.iter().enumerate() {
            let x = if rule.clips() { &clipped } else { &x };
            let lambdas = rule.decide(model, images.batch, &seen)?;
            let reads = InFlight::new(model, lambdas, x, config.layer)?;
            flight.push_back((index, reads, labels.clone(), indices.len()));
            if flight.len() > PASSES_IN_FLIGHT {
                land(&mut outcomes, flight.pop_front())?;
            }
        }
        looks.extend(seen.into_iter().take(indices.len()));
        watch();
    }
    while !flight.is_empty() {
        land(&mut outcomes, flight.pop_front())?;
    }
    Ok((outcomes, looks))
}

/// The results of one pass in flight.
struct InFlight {
    scores: Pending,
    lambdas: Vec<f32>,
    residual: Option<Pending>,
    active: Option<(Pending, usize)>,
}

impl InFlight {
    fn new(model: &dyn Classifier, lambdas: Option<Vec<f32>>, x: &Var, layer: usize) -> Result<Self> {
        let tape = Tape::idle();
        let layer = model.sparse_layer(layer);
        let measuring = layer.map(|layer| Rc::new(Measuring::one(layer)));
        let mut pass = LambdaRule::at(model, Pass::eval(&tape), lambdas.as_deref())?;
        if let Some(measuring) = &measuring {
            pass = pass.with_hook(measuring.clone());
        }
        let scores = model.scores(&pass, x)?.value().read()?;
        let measures = measuring.zip(layer).and_then(|(measuring, layer)| measuring.of(layer));
        Ok(Self {
            scores,
            lambdas: lambdas.unwrap_or_default(),
            residual: measures.as_ref().map(|m| m.residual.read()).transpose()?,
            active: measures.map(|m| Ok::<_, Error>((m.active.read()?, m.code_size))).transpose()?,
        })
    }
}

/// Adds the first samples of a pass to the outcome of its rule.
fn land(outcomes: &mut [Outcome], landed: Option<(usize, InFlight, Vec<u32>, usize)>) -> Result<()> {
    let Some((index, pass, labels, samples)) = landed else { return Ok(()) };
    let outcome = &mut outcomes[index];
    let scores = pass.scores.wait()?;
    check_finite("the class scores", &scores, "the images or the weights are far outside of what was trained on")?;
    outcome.correct.extend(verdicts(&scores, &labels)?.into_iter().take(samples).map(|verdict| !verdict.fooled));
    let all = |pending: Option<Pending>| pending.map_or(Ok(Vec::new()), Pending::wait);
    outcome.lambda.extend(pass.lambdas.into_iter().take(samples));
    outcome.residual.extend(all(pass.residual)?.into_iter().take(samples));
    let (active, codes) = pass.active.map_or((None, 1), |(pending, codes)| (Some(pending), codes));
    outcome.active.extend(all(active)?.into_iter().take(samples).map(|count| count / codes as f32));
    Ok(())
}
