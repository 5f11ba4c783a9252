//! Accuracy over lambda, rules and filters: all tested on the same images.

use std::collections::VecDeque;
use std::rc::Rc;

use super::rule::mean_scores;
use super::scratch::Scratch;
use super::stages::{Seen, Stage};
use super::{Classifier, CleanImages, Filter, LambdaRule, Measure, verdicts};
use crate::checks::check_finite;
use crate::data::{Dataset, Normalization};
use crate::error::{Error, Result};
use crate::gpu::Pending;
use crate::layers::{Measuring, Pass};
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::train::filled_batch;

/// Maximum number of passes in flight before waiting for the first of them.
const PASSES_IN_FLIGHT: usize = 16;

/// One way to run a model.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Run {
    /// What is done to images first.
    pub filter: Option<Filter>,
    /// Repair impulse noise beyond that of these clean images, whatever the model knows of any.
    pub repair: Option<CleanImages>,
    /// How lambda is then chosen.
    pub rule: LambdaRule,
    /// Whether batch norms use the statistics of the batch in place of their own (arXiv 2006.10963). A last batch that is not full is
    /// filled up with copies of its first image.
    pub batch_statistics: bool,
}

impl From<LambdaRule> for Run {
    fn from(rule: LambdaRule) -> Self {
        Self { rule, ..Self::default() }
    }
}

/// What is tested, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepConfig {
    /// The ways to run the model.
    pub runs: Vec<Run>,
    /// The sparse coding layer whose residual is used, counted from 0.
    pub layer: usize,
    /// Batch size.
    pub batch: usize,
    /// What to measure in every image, even where no rule needs it.
    pub measure: Option<Measure>,
}

/// The results for every image in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Whether its best class is correct.
    pub correct: Vec<bool>,
    /// Its lambda; empty if each layer keeps its own.
    pub lambda: Vec<f32>,
    /// `|x - A z|^2`, of the repaired image if it was repaired; empty for models without sparse coding layers.
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

/// One pass over the images.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// By run.
    pub outcomes: Vec<Outcome>,
    /// What was to be measured ([`SweepConfig::measure`]), of each image.
    pub measured: Vec<f64>,
}

/// Runs a model over images in every way asked for. Their upload, filtering and repair, and what is measured, are shared.
/// `watch` is called for each batch.
///
/// # Errors
/// [`Error::Argument`] if there are no images, or if a rule fails; [`Error::Label`], [`Error::Shape`],
/// [`Error::NotFinite`] for scores that are not finite, [`Error::OutOfMemory`].
pub fn sweep(
    model: &dyn Classifier,
    data: &Dataset,
    normalization: &Normalization,
    config: &SweepConfig,
    watch: &mut dyn FnMut(),
) -> Result<Level> {
    if data.is_empty() || config.batch == 0 {
        return Err(Error::argument("images", data.len().min(config.batch), "at least one image is needed"));
    }
    normalization.check(data.channels)?;
    let batch = config.batch.min(data.len());
    let order = (0..data.len() as u32).collect::<Vec<_>>();
    let (mut outcomes, mut measured) = (vec![Outcome::default(); config.runs.len()], Vec::new());
    let mut flight = VecDeque::new();
    for indices in order.chunks(batch) {
        let (images, labels) = filled_batch(data, indices, normalization, batch)?;
        let mut seen = Seen::new(model, images);
        for (index, run) in config.runs.iter().enumerate() {
            let lambdas = run.rule.decide(model, batch, &seen.measured(run, run.rule.measure())?)?;
            let x = seen.uploaded(Stage::of(run))?;
            let reads = InFlight::new(model, lambdas, &x, run.batch_statistics, config.layer)?;
            flight.push_back((index, reads, labels.clone(), indices.len()));
            if flight.len() > PASSES_IN_FLIGHT {
                land(&mut outcomes, flight.pop_front())?;
            }
        }
        measured.extend(seen.measured(&Run::default(), config.measure)?.into_iter().take(indices.len()));
        watch();
    }
    while !flight.is_empty() {
        land(&mut outcomes, flight.pop_front())?;
    }
    Ok(Level { outcomes, measured })
}

/// The results of one pass in flight.
struct InFlight {
    scores: Pending,
    lambdas: Vec<f32>,
    residual: Option<Pending>,
    active: Option<(Pending, usize)>,
}

impl InFlight {
    fn new(
        model: &dyn Classifier,
        lambdas: Option<Vec<f32>>,
        x: &Tensor,
        of_batch: bool,
        layer: usize,
    ) -> Result<Self> {
        let tape = Tape::idle();
        let layer = model.sparse_layer(layer);
        let measuring = layer.map(|layer| Rc::new(Measuring::one(layer)));
        let mut pass = Pass::eval(&tape);
        if of_batch {
            pass = pass.with_batch_statistics(1.0).with_hook(Rc::new(Scratch::default()));
        }
        if let Some(measuring) = &measuring {
            pass = pass.with_hook(measuring.clone());
        }
        let passes = LambdaRule::at(model, pass, lambdas.as_deref())?;
        let scores = mean_scores(model, &passes, &tape.constant(x))?.value().read()?;
        let measures = measuring.zip(layer).and_then(|(measuring, layer)| measuring.of(layer));
        Ok(Self {
            scores,
            lambdas: lambdas.unwrap_or_default(),
            residual: measures.as_ref().map(|m| m.residual.read()).transpose()?,
            active: measures.map(|m| Ok::<_, Error>((m.active.read()?, m.code_size))).transpose()?,
        })
    }
}

/// Adds the first samples of a pass to the outcome of its run.
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
