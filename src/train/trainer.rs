//! The training loop.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::{EpochRecord, Progress, STEPS_IN_FLIGHT, Tally, TrainConfig, TrainStep, evaluate};
use crate::checkpoint::{self, Attachment, Attachments, Checkpoint, Recipe, TRAINING};
use crate::data::{Dataset, Normalization, epoch_order, fill_batch};
use crate::error::{Error, Result};
use crate::files::{NamedTensors, TensorFile, read_safetensors};
use crate::gpu::{Gpu, Pending};
use crate::layers::sparse_layers;
use crate::metrics::Judged;
use crate::models::{Architecture, Network};
use crate::tensor::Tensor;

/// What a saved training says beside its tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// How it trains.
    pub config: TrainConfig,
    /// How far it has come.
    pub progress: Progress,
}

impl State {
    /// Reads a file of [`Trainer::save`], without a device: its state and the description of its network.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::File`] where the file is not a saved training.
    pub fn read(path: &Path) -> Result<(Self, Recipe)> {
        Self::of(path, &read_safetensors(path)?)
    }

    /// [`State::read`] of a file that has been read from `path`.
    ///
    /// # Errors
    /// [`Error::File`] where the file is not a saved training.
    pub fn of(path: &Path, file: &TensorFile) -> Result<(Self, Recipe)> {
        let description = |name: &str| {
            let json = file.metadata.get(name).cloned();
            json.map(|json| Attachment { json, ..Attachment::default() }).ok_or_else(|| Error::file(path, NOT_SAVED))
        };
        Ok((description(TRAINING)?.description(path)?, description(checkpoint::RECIPE)?.description(path)?))
    }
}

const NOT_SAVED: &str = "is not a saved training";

/// What to do where numbers grow beyond all bounds.
const SMALLER: &str = "train at a smaller learning rate";

/// Events that training reports.
#[derive(Debug)]
pub enum Event<'a> {
    /// A step's loss has come back; [`Trainer::progress`] has the epoch so far.
    Step {
        /// Steps of this epoch.
        steps: usize,
    },
    /// [`TrainConfig::save_every`] steps have been done since the last time; [`Trainer::save`] would save just these.
    Save,
    /// An epoch has been evaluated; the network is as it is after it.
    Epoch {
        /// Its figures.
        record: &'a EpochRecord,
        /// Whether its accuracy is the best so far.
        best: bool,
        /// What the network says of the test images.
        tested: &'a Judged,
    },
}

/// A model in training.
#[derive(Debug)]
pub struct Trainer<M: Architecture = Network> {
    model: M,
    recipe: Recipe<M::Config>,
    config: TrainConfig,
    step: TrainStep,
    progress: Progress,
}

impl<M: Architecture> Trainer<M> {
    /// Starts anew, with values drawn from the seed of `config`.
    ///
    /// # Errors
    /// [`Error::Argument`] for values outside their ranges, [`Error::OutOfMemory`].
    pub fn new(gpu: &Gpu, recipe: Recipe<M::Config>, config: TrainConfig) -> Result<Self> {
        let model = M::new(gpu, &recipe.model, config.seed)?;
        Self::with_model(model, recipe, config)
    }

    /// Starts from a model that has been trained before.
    ///
    /// # Errors
    /// As [`Trainer::new`].
    pub fn with_model(model: M, recipe: Recipe<M::Config>, config: TrainConfig) -> Result<Self> {
        config.check()?;
        let step = TrainStep { body_rate: config.body_rate, ..TrainStep::new(config.rule(), &model)? };
        Ok(Self { model, recipe, config, step, progress: Progress::default() })
    }

    /// Continues from where [`Trainer::save`] was called, bit for bit as if training had not stopped.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Weights`] where the file is not a saved training.
    pub fn resume(gpu: &Gpu, path: &Path) -> Result<Self> {
        let Checkpoint { model, recipe, mut attachments } = checkpoint::read(path, gpu, None)?;
        let Some(Attachment { json, mut tensors }) = attachments.remove(TRAINING) else {
            return Err(Error::file(path, NOT_SAVED));
        };
        let State { config, progress } = Attachment { json, ..Attachment::default() }.description(path)?;
        let mut trainer = Self::with_model(model, recipe, config)?;
        let take = |tensors: &mut NamedTensors, name: String| {
            let found = tensors.remove(&name).map(|(shape, values)| Tensor::from_slice(gpu, &shape, &values));
            let missing = || Error::Weights {
                path: path.into(),
                name: format!("{TRAINING}.{name}"),
                reason: "is missing".into(),
            };
            found.unwrap_or_else(|| Err(missing()))
        };
        let names = trainer.step.optimizer.velocities().iter().map(|(name, _)| format!("velocity.{name}"));
        let saved =
            names.collect::<Vec<_>>().into_iter().map(|name| take(&mut tensors, name)).collect::<Result<_>>()?;
        trainer.step.optimizer.restore(saved)?;
        // There are none where the body has not been trained yet.
        if tensors.keys().any(|name| name.starts_with("power.")) {
            for (name, csc) in sparse_layers(&trainer.model) {
                trainer.step.powers.set(csc, take(&mut tensors, format!("power.{name}"))?);
            }
        }
        trainer.progress = progress;
        Ok(trainer)
    }

    /// The model as it is now.
    pub fn model(&self) -> &M {
        &self.model
    }

    fn gpu(&self) -> &Gpu {
        self.model.gpu()
    }

    /// Its description.
    pub fn recipe(&self) -> &Recipe<M::Config> {
        &self.recipe
    }

    /// Changes how it trains from the next step on.
    ///
    /// # Errors
    /// [`Error::Argument`] for a value outside its range, or one that cannot change once training has begun: the batch, the
    /// seed, the augmentation and the order of the images.
    pub fn set_config(&mut self, config: TrainConfig) -> Result<()> {
        config.check()?;
        let (old, new) = (&self.config, &config);
        let fixed = [
            ("batch", old.batch == new.batch),
            ("seed", old.seed == new.seed),
            ("augment", old.augment == new.augment),
            ("shuffle", old.shuffle == new.shuffle),
        ];
        if let Some((name, _)) = fixed.iter().find(|(_, same)| !same).filter(|_| self.progress.step > 0) {
            return Err(Error::argument(name, "another value", "cannot change in the course of a training"));
        }
        self.step.optimizer.set_rule(config.rule());
        self.step.body_rate = config.body_rate;
        self.config = config;
        Ok(())
    }

    /// The configuration of the training.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The progress so far.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Writes everything that [`Trainer::resume`] needs.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors = NamedTensors::new();
        for (name, velocity) in self.step.optimizer.velocities() {
            tensors.insert(format!("velocity.{name}"), (velocity.shape().to_vec(), velocity.to_vec()?));
        }
        for (name, csc) in sparse_layers(&self.model) {
            if let Some(vector) = self.step.powers.get(csc) {
                tensors.insert(format!("power.{name}"), (vector.shape().to_vec(), vector.to_vec()?));
            }
        }
        let state = State { config: self.config.clone(), progress: self.progress.clone() };
        let training = Attachment::new(TRAINING, &state, tensors)?;
        let attachments = Attachments::from([(TRAINING.to_owned(), training)]);
        checkpoint::save(path, &self.model, &self.recipe, &attachments)
    }

    /// Trains until the end, or until `stop` says so, which is asked after each step. An epoch shows every image once; its last
    /// batch may be smaller than the others.
    ///
    /// # Errors
    /// [`Error::Argument`] for other images than those that a resumed training began with, [`Error::Shape`] where the data do not fit the network, [`Error::NotFinite`] where the loss is not a number any
    /// more, and whatever `watch` or the device report.
    pub fn run(
        &mut self,
        train: &Dataset,
        test: &Dataset,
        stop: &dyn Fn() -> bool,
        watch: &mut dyn FnMut(&mut Self, Event) -> Result<()>,
    ) -> Result<()> {
        let batch = self.config.batch.min(train.len());
        if batch == 0 || test.is_empty() {
            return Err(Error::argument("data", &train.name, "holds no images"));
        }
        self.normalization(train).check(train.channels)?;
        self.recognise(train, test)?;
        let steps = train.len().div_ceil(batch);
        while self.progress.epoch < self.config.epochs && !self.out_of_steps() {
            let started = (Instant::now(), self.progress.tally.samples);
            let finished = self.epoch(train, batch, steps, stop, watch)?;
            if !finished {
                return Ok(());
            }
            let images = self.progress.tally.samples - started.1;
            let images_per_s = images as f64 / started.0.elapsed().as_secs_f64();
            self.finish_epoch(test, started.0, images_per_s, steps, watch)?;
        }
        Ok(())
    }

    /// Demands the images that the training began with, which the recipe remembers.
    fn recognise(&mut self, train: &Dataset, test: &Dataset) -> Result<()> {
        for (data, known, what) in
            [(train, &mut self.recipe.fingerprint, "began with"), (test, &mut self.recipe.tested, "was tested on")]
        {
            let fingerprint = Some(data.fingerprint());
            if self.progress.step > 0 && known.is_some() && *known != fingerprint {
                let reason = format!(
                    "these are not the images of {} that the training {what} ({} images now): a training goes on with the same \
                     images only; start a new one from its weights instead",
                    self.recipe.data,
                    data.len()
                );
                return Err(Error::argument("data", &data.name, reason));
            }
            *known = fingerprint;
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
        watch: &mut dyn FnMut(&mut Self, Event) -> Result<()>,
    ) -> Result<bool> {
        let TrainConfig { seed, augment, shuffle, .. } = self.config;
        let epoch = self.progress.epoch;
        let normalization = self.normalization(train);
        let order = epoch_order(train.len(), seed, epoch as u64, shuffle);
        let plan = order.chunks(batch).skip(self.progress.step_of_epoch);
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
                let x = Tensor::from_slice(
                    self.gpu(),
                    &[labels.len(), train.height, train.width, train.channels],
                    &pixels,
                )?;
                flight.push_back((self.step(&x, &labels, steps)?.read()?, labels.len()));
                self.progress.step += 1;
                self.progress.step_of_epoch += 1;
                stopped = stop() || self.out_of_steps();
                let save = self.config.save_every.is_some_and(|every| self.progress.step.is_multiple_of(every));
                let keep = if stopped || save { 0 } else { STEPS_IN_FLIGHT };
                self.wait_for(&mut flight, keep, steps, watch)?;
                if stopped {
                    break;
                }
                if save {
                    watch(self, Event::Save)?;
                }
            }
            self.wait_for(&mut flight, 0, steps, watch)?;
            Ok(!stopped || self.progress.step_of_epoch >= steps || self.out_of_steps())
        })
    }

    /// Waits until at most `keep` steps are in flight.
    fn wait_for(
        &mut self,
        flight: &mut VecDeque<(Pending, usize)>,
        keep: usize,
        steps: usize,
        watch: &mut dyn FnMut(&mut Self, Event) -> Result<()>,
    ) -> Result<()> {
        while flight.len() > keep {
            let Some((pending, samples)) = flight.pop_front() else { break };
            let metrics = pending.wait()?;
            if !metrics[0].is_finite() {
                return Err(Error::NotFinite {
                    what: "the training loss".into(),
                    value: metrics[0],
                    index: self.progress.step,
                    hint: SMALLER.into(),
                });
            }
            self.progress.tally.add(&metrics, samples);
            watch(self, Event::Step { steps })?;
        }
        Ok(())
    }

    fn finish_epoch(
        &mut self,
        test: &Dataset,
        started: Instant,
        images_per_s: f64,
        steps: usize,
        watch: &mut dyn FnMut(&mut Self, Event) -> Result<()>,
    ) -> Result<()> {
        let normalization = self.normalization(test);
        let tested = evaluate(&self.model, test, &normalization, self.config.batch).map_err(|error| match error {
            Error::NotFinite { what, value, index, .. } => {
                Error::NotFinite { what, value, index, hint: SMALLER.into() }
            }
            other => other,
        })?;
        let tally = self.progress.tally;
        let record = EpochRecord {
            epoch: self.progress.epoch + 1,
            step: self.progress.step,
            learning_rate: self.learning_rate(self.progress.step.saturating_sub(1), steps),
            train_loss: tally.mean_loss(),
            train_accuracy: tally.accuracy(),
            train_top5: Some(tally.top5_accuracy()),
            test_loss: tested.mean_loss(),
            test_accuracy: tested.accuracy(),
            test_top5: Some(tested.top5()),
            images_per_s,
            seconds: started.elapsed().as_secs_f64(),
            adapter: self.gpu().adapter().name.clone(),
        };
        let best = self.progress.history.iter().all(|r| r.test_accuracy < record.test_accuracy);
        self.progress.history.push(record.clone());
        // An epoch that ended early, at the last step allowed, can be continued.
        if self.progress.step_of_epoch >= steps {
            self.progress.epoch += 1;
            self.progress.step_of_epoch = 0;
            self.progress.tally = Tally::default();
        }
        watch(self, Event::Epoch { record: &record, best, tested: &tested })
    }

    /// The next training step, at the rate of the schedule.
    fn step(&self, x: &Tensor, labels: &[u32], steps_an_epoch: usize) -> Result<Tensor> {
        self.step.run(&self.model, x, labels, self.learning_rate(self.progress.step, steps_an_epoch))
    }

    fn learning_rate(&self, step: usize, steps_an_epoch: usize) -> f32 {
        self.config.rate(step, steps_an_epoch)
    }

    fn normalization(&self, data: &Dataset) -> Normalization {
        self.recipe.normalization.clone().unwrap_or_else(|| Normalization::default_for(&data.name, data.channels))
    }
}
