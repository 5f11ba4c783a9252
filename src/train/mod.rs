//! Training and evaluation of classifiers.
//!
//! Batches are prepared on a thread of their own while the device works; the loss comes back through a short queue,
//! a few steps late, so that the loop never waits for the step it has just recorded.

mod memory;

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::checkpoint::{self, Recipe, SavedTraining};
use crate::checks::check_finite;
use crate::data::{Augment, Dataset, Normalization, epoch_order, fill_batch};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pending};
use crate::layers::Pass;
use crate::models::{ModelConfig, Network};
use crate::ops::SgdRule;
use crate::optim::{RateSchedule, Sgd};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// Steps that may be on their way before the loop waits for the first of them.
const STEPS_IN_FLIGHT: usize = 3;

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Times that every image is seen.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// The full rate.
    pub rate: f32,
    /// How it falls.
    pub schedule: RateSchedule,
    /// Share of the velocity that is kept.
    pub momentum: f32,
    /// Multiple of each parameter that is added to its gradient.
    pub weight_decay: f32,
    /// Seed of the initial values, the order of images and their augmentation.
    pub seed: u64,
    /// Random crops and flips.
    pub augment: Option<Augment>,
    /// A new order of the images each epoch.
    pub shuffle: bool,
    /// Stop after so many steps in all.
    pub steps: Option<usize>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch: 64,
            rate: 0.1,
            schedule: RateSchedule::Cosine,
            momentum: 0.9,
            weight_decay: 5e-4,
            seed: 0,
            augment: None,
            shuffle: true,
            steps: None,
        }
    }
}

impl TrainConfig {
    /// # Errors
    /// [`Error::Argument`] names the value that is outside its range.
    fn check(&self) -> Result<()> {
        if self.batch == 0 {
            return Err(Error::argument("batch", 0, "at least one image a step is needed"));
        }
        for (name, value) in [("lr", self.rate), ("momentum", self.momentum), ("weight-decay", self.weight_decay)] {
            if !value.is_finite() || value < 0.0 {
                return Err(Error::argument(name, value, "must be a finite number that is not negative"));
            }
        }
        Ok(())
    }

    fn rule(&self) -> SgdRule {
        SgdRule { momentum: self.momentum, weight_decay: self.weight_decay, nesterov: self.momentum > 0.0 }
    }
}

/// Sums over the samples seen so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// Sum of the losses.
    pub loss: f64,
    /// Samples whose best class is right.
    pub top1: f64,
    /// Samples whose label is among the best five classes.
    pub top5: f64,
    /// Samples.
    pub samples: usize,
}

impl Tally {
    fn add(&mut self, metrics: &[f32], samples: usize) {
        self.loss += f64::from(metrics[0]) * samples as f64;
        self.top1 += f64::from(metrics[1]);
        self.top5 += f64::from(metrics[2]);
        self.samples += samples;
    }

    /// Mean loss.
    pub fn mean_loss(&self) -> f64 {
        self.loss / self.samples as f64
    }

    /// Share of samples whose best class is right.
    pub fn accuracy(&self) -> f64 {
        self.top1 / self.samples as f64
    }

    /// Share of samples whose label is among the best five.
    pub fn top5_accuracy(&self) -> f64 {
        self.top5 / self.samples as f64
    }
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epochs done.
    pub epoch: usize,
    /// Steps done in all.
    pub step: usize,
    /// Rate of the last step.
    pub rate: f32,
    /// Mean over the epoch, of the network as it was at each step.
    pub train_loss: f64,
    /// Likewise.
    pub train_accuracy: f64,
    /// On the test set, after the epoch.
    pub test_loss: f64,
    /// Likewise.
    pub test_accuracy: f64,
    /// Training images a second.
    pub images_per_s: f64,
}

/// How far a training is; what a resumed training goes on from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Epochs done.
    pub epoch: usize,
    /// Steps done in this epoch.
    pub step_of_epoch: usize,
    /// Steps done in all.
    pub step: usize,
    /// This epoch so far.
    pub tally: Tally,
    /// The finished epochs.
    pub history: Vec<EpochRecord>,
}

#[derive(Serialize, Deserialize)]
struct State {
    config: TrainConfig,
    progress: Progress,
    /// Height and width of the signals that each layer's power iteration is for.
    power_sizes: BTreeMap<String, (usize, usize)>,
}

/// What happens in a training, for those who watch.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step's loss has come back; [`Trainer::progress`] has the epoch so far.
    Step {
        /// Steps of this epoch.
        steps: usize,
    },
    /// An epoch has been evaluated; the network is as it is after it.
    Epoch {
        /// Its figures.
        record: &'a EpochRecord,
        /// Whether its accuracy is the best so far.
        best: bool,
    },
}

/// A network in training.
#[derive(Debug)]
pub struct Trainer {
    gpu: Gpu,
    network: Network,
    recipe: Recipe,
    config: TrainConfig,
    optimizer: Sgd,
    progress: Progress,
}

impl Trainer {
    /// Starts anew, with values drawn from the seed of `config`.
    ///
    /// # Errors
    /// [`Error::Argument`] for values outside their ranges, [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, recipe: Recipe, config: TrainConfig) -> Result<Self> {
        let network = Network::new(gpu, &recipe.model, config.seed)?;
        Self::with_network(gpu, network, recipe, config)
    }

    /// Starts from a network that has been trained before.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn with_network(gpu: &Gpu, mut network: Network, recipe: Recipe, config: TrainConfig) -> Result<Self> {
        config.check()?;
        // Statistics for other lambdas do not belong to the weights to come.
        network.forget_recalibration();
        let optimizer = Sgd::new(config.rule(), &network.parameters())?;
        Ok(Self { gpu: gpu.clone(), network, recipe, config, optimizer, progress: Progress::default() })
    }

    /// Goes on from where [`Trainer::save`] was called, bit for bit as if it had not stopped.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Weights`] where the file is not a saved training.
    pub fn resume(gpu: &Gpu, path: &Path) -> Result<Self> {
        let SavedTraining { network, recipe, state, mut more } = checkpoint::load_training::<State>(path, gpu)?;
        let mut trainer = Self::with_network(gpu, network, recipe, state.config)?;
        let mut take = |key: String| {
            let missing = || Error::Weights { path: path.into(), name: key.clone(), reason: "is missing".into() };
            more.remove(&key).ok_or_else(missing)
        };
        let names = trainer.optimizer.velocities().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let saved = names.iter().map(|name| {
            let (shape, values) = take(format!("velocity.{name}"))?;
            Tensor::from_slice(gpu, &shape, &values)
        });
        trainer.optimizer.restore(saved.collect::<Result<_>>()?)?;
        for csc in trainer.network.sparse_layers_mut() {
            if let Some(&size) = state.power_sizes.get(&csc.weight.name) {
                let (shape, values) = take(format!("power.{}", csc.weight.name))?;
                csc.restore_power_vector(Tensor::from_slice(gpu, &shape, &values)?, size)?;
            }
        }
        trainer.progress = state.progress;
        Ok(trainer)
    }

    /// The network as it is now.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    /// What it is.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// Changes after how many steps in all it stops.
    pub fn set_steps(&mut self, steps: Option<usize>) {
        self.config.steps = steps;
    }

    /// How it is trained.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// How far it is.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Writes all that [`Trainer::resume`] needs.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut more = BTreeMap::new();
        for (name, velocity) in self.optimizer.velocities() {
            more.insert(format!("velocity.{name}"), (velocity.shape().to_vec(), velocity.to_vec()?));
        }
        let mut power_sizes = BTreeMap::new();
        for csc in self.network.sparse_layers() {
            if let Some((vector, size)) = csc.power_vector() {
                power_sizes.insert(csc.weight.name.clone(), size);
                more.insert(format!("power.{}", csc.weight.name), (vector.shape().to_vec(), vector.to_vec()?));
            }
        }
        let state = State { config: self.config.clone(), progress: self.progress.clone(), power_sizes };
        checkpoint::save_training(path, &self.network, &self.recipe, &state, more)
    }

    /// Trains until the end, or until `stop` says so, which is asked after each step.
    ///
    /// # Errors
    /// [`Error::Shape`] where the data do not fit the network, [`Error::NotFinite`] where the loss is not a number any
    /// more, and whatever `watch` or the device report.
    pub fn run(
        &mut self,
        train: &Dataset,
        test: &Dataset,
        stop: &dyn Fn() -> bool,
        watch: &mut dyn FnMut(&mut Trainer, Event) -> Result<()>,
    ) -> Result<()> {
        let batch = self.config.batch.min(train.len());
        if batch == 0 || test.is_empty() {
            return Err(Error::argument("data", &train.name, "holds no images"));
        }
        self.normalization(train).check(train.channels)?;
        let steps = train.len() / batch;
        while self.progress.epoch < self.config.epochs && !self.out_of_steps() {
            let started = (Instant::now(), self.progress.step_of_epoch);
            let finished = self.epoch(train, batch, steps, stop, watch)?;
            if !finished {
                return Ok(());
            }
            let images = (self.progress.step_of_epoch - started.1) * batch;
            self.finish_epoch(test, images as f64 / started.0.elapsed().as_secs_f64(), steps, watch)?;
        }
        Ok(())
    }

    fn out_of_steps(&self) -> bool {
        self.config.steps.is_some_and(|most| self.progress.step >= most)
    }

    /// The rest of the current epoch; false where it was stopped on the way.
    fn epoch(
        &mut self,
        train: &Dataset,
        batch: usize,
        steps: usize,
        stop: &dyn Fn() -> bool,
        watch: &mut dyn FnMut(&mut Trainer, Event) -> Result<()>,
    ) -> Result<bool> {
        let TrainConfig { seed, augment, shuffle, .. } = self.config;
        let epoch = self.progress.epoch;
        let normalization = self.normalization(train);
        let order = epoch_order(train.len(), seed, epoch as u64, shuffle);
        let plan = order.chunks_exact(batch).skip(self.progress.step_of_epoch);
        std::thread::scope(|scope| {
            let (sender, batches) = sync_channel(2);
            scope.spawn(move || {
                for indices in plan {
                    let prepared = fill_batch(train, indices, &normalization, augment, seed, epoch as u64);
                    if sender.send(prepared).is_err() {
                        break;
                    }
                }
            });
            let mut flight = VecDeque::new();
            let mut stopped = false;
            for (pixels, labels) in batches {
                let x = Tensor::from_slice(&self.gpu, &[batch, train.height, train.width, train.channels], &pixels)?;
                flight.push_back(self.step(&x, &labels, steps)?.read()?);
                self.progress.step += 1;
                self.progress.step_of_epoch += 1;
                stopped = stop() || self.out_of_steps();
                let keep = if stopped { 0 } else { STEPS_IN_FLIGHT };
                self.land(&mut flight, keep, batch, steps, watch)?;
                if stopped {
                    break;
                }
            }
            self.land(&mut flight, 0, batch, steps, watch)?;
            Ok(!stopped || self.progress.step_of_epoch == steps || self.out_of_steps())
        })
    }

    /// Waits until at most `keep` steps are on their way.
    fn land(
        &mut self,
        flight: &mut VecDeque<Pending>,
        keep: usize,
        batch: usize,
        steps: usize,
        watch: &mut dyn FnMut(&mut Trainer, Event) -> Result<()>,
    ) -> Result<()> {
        while flight.len() > keep {
            let Some(pending) = flight.pop_front() else { break };
            let metrics = pending.wait()?;
            if !metrics[0].is_finite() {
                return Err(Error::NotFinite {
                    what: "the training loss".into(),
                    value: metrics[0],
                    index: self.progress.step,
                    hint: "train with a smaller --lr".into(),
                });
            }
            self.progress.tally.add(&metrics, batch);
            watch(self, Event::Step { steps })?;
        }
        Ok(())
    }

    fn finish_epoch(
        &mut self,
        test: &Dataset,
        images_per_s: f64,
        steps: usize,
        watch: &mut dyn FnMut(&mut Trainer, Event) -> Result<()>,
    ) -> Result<()> {
        let normalization = self.normalization(test);
        let tested = evaluate(&mut self.network, test, &normalization, self.config.batch)?;
        let tally = self.progress.tally;
        let record = EpochRecord {
            epoch: self.progress.epoch + 1,
            step: self.progress.step,
            rate: self.rate(self.progress.step.saturating_sub(1), steps),
            train_loss: tally.mean_loss(),
            train_accuracy: tally.accuracy(),
            test_loss: tested.mean_loss(),
            test_accuracy: tested.accuracy(),
            images_per_s,
        };
        let best = self.progress.history.iter().all(|r| r.test_accuracy < record.test_accuracy);
        self.progress.history.push(record.clone());
        // An epoch that ended early for want of steps can be gone on with.
        if self.progress.step_of_epoch == steps {
            self.progress.epoch += 1;
            self.progress.step_of_epoch = 0;
            self.progress.tally = Tally::default();
        }
        watch(self, Event::Epoch { record: &record, best })
    }

    /// The next training step, at the rate of the schedule.
    fn step(&mut self, x: &Tensor, labels: &[u32], steps_an_epoch: usize) -> Result<Tensor> {
        let rate = Tensor::from_slice(&self.gpu, &[1], &[self.rate(self.progress.step, steps_an_epoch)])?;
        train_step(&mut self.network, &self.optimizer, x, labels, &rate)
    }

    fn rate(&self, step: usize, steps_an_epoch: usize) -> f32 {
        self.config.schedule.rate(self.config.rate, step, self.config.epochs * steps_an_epoch)
    }

    fn normalization(&self, data: &Dataset) -> Normalization {
        self.recipe.normalization.clone().unwrap_or_else(|| Normalization::default_for(&data.name, data.channels))
    }
}

/// One training step: forward, cross-entropy, backward, descent. The metrics of [`crate::ops::CrossEntropy`].
///
/// # Errors
/// [`Error::Shape`], [`Error::Label`], [`Error::OutOfMemory`] with the largest batch that would fit; what statistics the
/// network runs have then moved.
pub fn train_step(network: &mut Network, optimizer: &Sgd, x: &Tensor, labels: &[u32], rate: &Tensor) -> Result<Tensor> {
    let step = |network: &mut Network| {
        let tape = Tape::new();
        let pass = Pass::train(&tape);
        let logits = network.forward(&pass, &tape.constant(x))?;
        let entropy = tape.cross_entropy(&logits, labels)?;
        let leaves = pass.leaves();
        optimizer.step(&leaves, &tape.backward(&entropy.loss)?, rate)?;
        Ok(entropy.metrics)
    };
    step(network).map_err(|error| memory::with_largest_batch(error, network, x.shape(), memory::Use::Train))
}

/// Loss and accuracy of a network on a data set, in evaluation mode.
///
/// # Errors
/// [`Error::Shape`] where the data do not fit the network, [`Error::Label`], [`Error::OutOfMemory`].
pub fn evaluate(network: &mut Network, data: &Dataset, normalization: &Normalization, batch: usize) -> Result<Tally> {
    check_fit(network.config(), data)?;
    let gpu = network.gpu().clone();
    evaluate_with(&gpu, data, normalization, batch, &mut |images| {
        let scores = network.predict(images, None);
        scores.map_err(|error| memory::with_largest_batch(error, network, images.shape(), memory::Use::Infer))
    })
}

/// Loss and accuracy of whatever turns normalised images `[batch, height, width, channels]` into class scores.
///
/// # Errors
/// [`Error::Argument`] for a normalisation of other channels, [`Error::OutOfMemory`], and those of `scores`.
pub fn evaluate_with(
    gpu: &Gpu,
    data: &Dataset,
    normalization: &Normalization,
    batch: usize,
    scores: &mut dyn FnMut(&Tensor) -> Result<Tensor>,
) -> Result<Tally> {
    normalization.check(data.channels)?;
    let batch = batch.clamp(1, data.len().max(1));
    let order = (0..data.len() as u32).collect::<Vec<_>>();
    let mut flight = VecDeque::new();
    let mut tally = Tally::default();
    for indices in order.chunks(batch) {
        let (x, labels) = filled_batch(gpu, data, indices, normalization, batch)?;
        flight.push_back((scores(&x)?.read()?, labels, indices.len()));
        while flight.len() > STEPS_IN_FLIGHT {
            count(&mut tally, flight.pop_front())?;
        }
    }
    while !flight.is_empty() {
        count(&mut tally, flight.pop_front())?;
    }
    Ok(tally)
}

/// Images on the device, filled up with the first of them, so that every batch has one shape, and their labels.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn filled_batch(
    gpu: &Gpu,
    data: &Dataset,
    indices: &[u32],
    normalization: &Normalization,
    batch: usize,
) -> Result<(Tensor, Vec<u32>)> {
    let mut filled = indices.to_vec();
    filled.resize(batch, indices[0]);
    let (pixels, labels) = fill_batch(data, &filled, normalization, None, 0, 0);
    Ok((Tensor::from_slice(gpu, &[batch, data.height, data.width, data.channels], &pixels)?, labels))
}

/// Adds the first samples of a batch of logits to the tally, on the host.
fn count(tally: &mut Tally, landed: Option<(Pending, Vec<u32>, usize)>) -> Result<()> {
    let Some((pending, labels, samples)) = landed else { return Ok(()) };
    let logits = pending.wait()?;
    // A score that is no number is not below the others either: it would count as right.
    check_finite("the class scores", &logits, "the images or the weights are far outside of what was trained on")?;
    let classes = logits.len() / labels.len();
    for (scores, &label) in logits.chunks_exact(classes).zip(&labels).take(samples) {
        let label = label as usize;
        let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total = scores.iter().map(|s| f64::from(s - top).exp()).sum::<f64>();
        let better = |(c, s): (usize, &f32)| *s > scores[label] || (*s == scores[label] && c < label);
        let rank = scores.iter().enumerate().filter(|&(c, s)| better((c, s))).count();
        tally.loss += total.ln() - f64::from(scores[label] - top);
        tally.top1 += f64::from(u8::from(rank == 0));
        tally.top5 += f64::from(u8::from(rank < 5));
        tally.samples += 1;
    }
    Ok(())
}

/// # Errors
/// [`Error::Shape`] or [`Error::Label`] where the data have other channels or more classes than the network.
pub fn check_fit(model: &ModelConfig, data: &Dataset) -> Result<()> {
    if data.channels != model.in_channels {
        let reason = format!("{} has {} channels, the network takes {}", data.name, data.channels, model.in_channels);
        return Err(Error::shape("network", reason, &[&[data.len(), data.height, data.width, data.channels]]));
    }
    let outside = data.labels.iter().position(|&l| usize::from(l) >= model.classes);
    match outside {
        Some(index) => Err(Error::Label { label: u32::from(data.labels[index]), index, classes: model.classes }),
        None => Ok(()),
    }
}
