//! The training loop.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::ahead::{Ahead, ahead};
use super::average::Average;
use super::batches::{Batch, Preparation};
use super::departure::orthogonal_layers;
use super::{Departure, EpochRecord, Progress, STEPS_IN_FLIGHT, Tally, TrainConfig, TrainStep, evaluate};
use crate::checkpoint::Recipe;
use crate::data::{Dataset, Normalization, epoch_order};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pending};
use crate::layers::sparse_layers;
use crate::metrics::Judged;
use crate::models::{Architecture, Network};
use crate::optim::{Optimizer, ParameterGradients};
use crate::tensor::Tensor;

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
    pub(super) model: M,
    pub(super) recipe: Recipe<M::Config>,
    pub(super) config: TrainConfig,
    pub(super) step: TrainStep,
    pub(super) average: Option<Average<M>>,
    pub(super) progress: Progress,
}

/// How long an epoch took, up to its evaluation.
struct Speed {
    started: Instant,
    images: usize,
    trained: Duration,
    waited: Duration,
}

/// The metrics of the batches of a step, on their way back, and the numbers of their samples.
type Flight = Vec<(Pending, usize)>;

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
        check_dictionaries(&model, &config)?;
        let mut step = TrainStep::new(config.rule(), &model)?;
        configure(&mut step, &config);
        let average = config.ema.map(|decay| Average::new(&model, decay)).transpose()?;
        Ok(Self { model, recipe, config, step, average, progress: Progress::default() })
    }

    /// The model as it is now.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// The model that is tested and whose weights are to be kept: the one in training or, with [`TrainConfig::ema`], the averaged
    /// one as it was tested last.
    pub fn tested(&self) -> &M {
        self.average.as_ref().map_or(&self.model, Average::network)
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
    /// [`Error::Argument`] for a value outside its range, or one that cannot change once training has begun: the batch and how many
    /// are accumulated, the optimizer, the average, the seed, the augmentation, erasing, mixing and the order of the images.
    pub fn set_config(&mut self, config: TrainConfig) -> Result<()> {
        config.check()?;
        check_dictionaries(&self.model, &config)?;
        let (old, new) = (&self.config, &config);
        let fixed = [
            ("batch", old.batch == new.batch),
            ("accumulate", old.accumulate == new.accumulate),
            ("optimizer", old.optimizer == new.optimizer),
            ("ema", old.ema == new.ema),
            ("seed", old.seed == new.seed),
            ("augment", old.augment == new.augment),
            ("noise", old.noise == new.noise),
            ("erase", old.erase == new.erase),
            ("mixup", old.mixup == new.mixup),
            ("cutmix", old.cutmix == new.cutmix),
            ("shuffle", old.shuffle == new.shuffle),
        ];
        if let Some((name, _)) = fixed.iter().find(|(_, same)| !same).filter(|_| self.progress.step > 0) {
            return Err(Error::argument(name, "another value", "cannot change in the course of a training"));
        }
        if self.progress.step == 0 {
            self.step.optimizer = Optimizer::new(config.rule(), &self.model)?;
            self.average = config.ema.map(|decay| Average::new(&self.model, decay)).transpose()?;
        }
        self.step.optimizer.set_rule(config.rule())?;
        configure(&mut self.step, &config);
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

    /// Trains until the end, or until `stop` says so, which is asked after each step. An epoch shows every image once; its last
    /// batch may be smaller than the others, and its last step may accumulate fewer batches.
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
        let steps = train.len().div_ceil(batch).div_ceil(self.config.accumulate);
        if self.progress.step > 0 {
            self.refresh(train)?;
        }
        while self.progress.epoch < self.config.epochs && !self.out_of_steps() {
            let (started, before) = (Instant::now(), self.progress.tally.samples);
            let Some(waited) = self.epoch(train, batch, steps, stop, watch)? else { return Ok(()) };
            let images = self.progress.tally.samples - before;
            let speed = Speed { started, images, trained: started.elapsed(), waited };
            self.refresh(train)?;
            self.finish_epoch(test, speed, steps, watch)?;
        }
        Ok(())
    }

    /// Demands the images that the training began with, which the recipe remembers.
    fn recognise(&mut self, train: &Dataset, test: &Dataset) -> Result<()> {
        for (data, known, what) in
            [(train, &mut self.recipe.fingerprint, "began with"), (test, &mut self.recipe.tested, "was tested on")]
        {
            let fingerprint = Some(data.fingerprint());
            let other_kind = known.as_ref().is_some_and(|known| data.is_fingerprint_of_other_kind(known));
            if self.progress.step > 0 && other_kind {
                let reason = format!(
                    "whether these are the images that the training {what} cannot be checked, since only one of the two streams \
                     them: load them as it did"
                );
                let pixels = if data.streamed.is_some() { "streamed" } else { "held" };
                return Err(Error::argument("pixels", pixels, reason));
            }
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

    /// The rest of the current epoch, and how long it waited for batches; none where it was stopped on the way.
    fn epoch(
        &mut self,
        train: &Dataset,
        batch: usize,
        steps: usize,
        stop: &dyn Fn() -> bool,
        watch: &mut dyn FnMut(&mut Self, Event) -> Result<()>,
    ) -> Result<Option<Duration>> {
        let TrainConfig { seed, augment, noise, erase, shuffle, accumulate, .. } = self.config;
        let (epoch, mixing) = (self.progress.epoch as u64, self.config.mixing()?);
        let normalization = self.normalization(train);
        let preparation = Preparation { data: train, normalization, augment, noise, erase, mixing, seed, epoch };
        let order = epoch_order(train.len(), seed, epoch, shuffle);
        let plan = order.chunks(batch).enumerate().skip(self.progress.step_of_epoch * accumulate);
        let mut left = plan.len();
        ahead(
            plan,
            |(number, indices)| preparation.batch(number, indices),
            |batches| {
                let mut flight = VecDeque::new();
                let mut stopped = false;
                while left > 0 && !stopped {
                    let count = accumulate.min(left);
                    left -= count;
                    flight.push_back(self.step(batches, count, train, steps)?);
                    self.progress.step += 1;
                    self.progress.step_of_epoch += 1;
                    stopped = stop() || self.out_of_steps();
                    let save = self.config.save_every.is_some_and(|every| self.progress.step.is_multiple_of(every));
                    let keep = if stopped || save { 0 } else { STEPS_IN_FLIGHT };
                    self.wait_for(&mut flight, keep, steps, watch)?;
                    if save && !stopped {
                        watch(self, Event::Save)?;
                    }
                }
                self.wait_for(&mut flight, 0, steps, watch)?;
                let finished = !stopped || self.progress.step_of_epoch >= steps || self.out_of_steps();
                Ok(finished.then_some(batches.waited))
            },
        )
    }

    /// Waits until at most `keep` steps are in flight.
    fn wait_for(
        &mut self,
        flight: &mut VecDeque<Flight>,
        keep: usize,
        steps: usize,
        watch: &mut dyn FnMut(&mut Self, Event) -> Result<()>,
    ) -> Result<()> {
        while flight.len() > keep {
            for (pending, samples) in flight.pop_front().into_iter().flatten() {
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
            }
            watch(self, Event::Step { steps })?;
        }
        Ok(())
    }

    /// Brings the averaged network up to date, if there is one.
    fn refresh(&mut self, train: &Dataset) -> Result<()> {
        let Some(average) = &mut self.average else { return Ok(()) };
        let images = [self.config.batch.min(train.len()), train.height, train.width, train.channels];
        average.refresh(&self.model, &self.step.powers, &images)
    }

    fn finish_epoch(
        &mut self,
        test: &Dataset,
        speed: Speed,
        steps: usize,
        watch: &mut dyn FnMut(&mut Self, Event) -> Result<()>,
    ) -> Result<()> {
        let normalization = self.normalization(test);
        let tested = evaluate(self.tested(), test, &normalization, self.config.batch).map_err(|error| match error {
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
            images_per_s: speed.images as f64 / speed.trained.as_secs_f64(),
            seconds: speed.started.elapsed().as_secs_f64(),
            data_wait: speed.waited.as_secs_f64() / speed.trained.as_secs_f64(),
            adapter: self.gpu().adapter().name.clone(),
            peak_bytes: self.gpu().memory().peak,
            orthogonality: self.orthogonality()?,
        };
        self.progress.history.truncate(self.progress.kept().len());
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

    /// How far the dictionaries are from orthogonal ones, where they are drawn towards these.
    fn orthogonality(&self) -> Result<Option<Departure>> {
        let TrainConfig { orthogonal, orthogonal_form: form, .. } = self.config;
        if orthogonal == 0.0 {
            return Ok(None);
        }
        Departure::of(self.tested(), form).map(Some)
    }

    /// The next training step, over the next `count` batches, at the rate of the schedule.
    fn step(&mut self, batches: &mut Ahead<Batch>, count: usize, data: &Dataset, steps: usize) -> Result<Flight> {
        let mut flight = Flight::new();
        let mut sum: Option<ParameterGradients> = None;
        for _ in 0..count {
            let Some(Batch { pixels, targets }) = batches.next()? else { break };
            let images = [targets.len(), data.height, data.width, data.channels];
            let x = Tensor::from_slice(self.gpu(), &images, &pixels)?;
            let (gradients, metrics) = self.step.gradients(&self.model, &x, &targets, 1.0 / count as f32)?;
            sum = Some(match sum {
                Some(sum) => sum.plus(&gradients)?,
                None => gradients,
            });
            flight.push((metrics.read()?, targets.len()));
        }
        if let Some(gradients) = sum {
            self.step.descend(&self.model, &gradients, self.learning_rate(self.progress.step, steps))?;
        }
        if let Some(average) = &mut self.average {
            average.update(&self.model)?;
        }
        Ok(flight)
    }

    fn learning_rate(&self, step: usize, steps_an_epoch: usize) -> f32 {
        self.config.rate(step, steps_an_epoch)
    }

    fn normalization(&self, data: &Dataset) -> Normalization {
        self.recipe.normalization.clone().unwrap_or_else(|| Normalization::default_for(&data.name, data.channels))
    }
}

/// # Errors
/// [`Error::Argument`] for a loss of dictionaries where there are none.
fn check_dictionaries<M: Architecture>(model: &M, config: &TrainConfig) -> Result<()> {
    let without = sparse_layers(model).is_empty();
    for (name, weight) in [("dictionary-loss", config.dictionary_loss), ("orthogonal", config.orthogonal)] {
        if weight > 0.0 && without {
            return Err(Error::argument(name, weight, format!("{} has no sparse coding layer", model.name())));
        }
    }
    let form = config.orthogonal_form;
    if config.orthogonal > 0.0 && orthogonal_layers(model, form).is_empty() {
        let reason = format!("leaves the first sparse coding layer out, and {} has no other", model.name());
        return Err(Error::argument("orthogonal-form", form, reason));
    }
    Ok(())
}

/// What a step does beside descending.
fn configure(step: &mut TrainStep, config: &TrainConfig) {
    step.body_rate = config.body_rate;
    step.label_smoothing = config.label_smoothing;
    step.clip_norm = config.clip_norm;
    step.dictionary_loss = config.dictionary_loss;
    step.orthogonal = (config.orthogonal, config.orthogonal_form);
}
