//! How to train.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::checks::check_not_negative;
use crate::data::{Augment, DataSource, Mixing};
use crate::error::{Error, Result};
use crate::named::named;
use crate::ops::{AdamWRule, Orthogonality, SgdRule};
use crate::optim::{OptimizerKind, RateSchedule, Rule};

/// How to train.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    /// Number of passes over the training images.
    pub epochs: usize,
    /// Images per step.
    pub batch: usize,
    /// The full learning rate.
    #[serde(alias = "rate")]
    pub learning_rate: f32,
    /// How the learning rate falls.
    pub schedule: RateSchedule,
    /// Epochs after each of which [`RateSchedule::Multistep`] divides the learning rate by ten.
    #[serde(default)]
    pub milestones: Vec<usize>,
    /// Where [`RateSchedule::Cosine`] ends.
    #[serde(default)]
    pub final_rate: f32,
    /// Epochs in which the learning rate first rises to the full one, by the same amount at each step.
    #[serde(default)]
    pub warmup: usize,
    /// How parameters follow their gradients.
    #[serde(default)]
    pub optimizer: OptimizerKind,
    /// [`OptimizerKind::Sgd`]: share of the velocity that is kept at each step.
    pub momentum: f32,
    /// [`OptimizerKind::Sgd`]: whether momentum is Nesterov's.
    #[serde(default = "yes")]
    pub nesterov: bool,
    /// [`OptimizerKind::AdamW`]: share of the first moment that is kept at each step.
    #[serde(default = "beta1")]
    pub beta1: f64,
    /// [`OptimizerKind::AdamW`]: share of the second moment that is kept at each step.
    #[serde(default = "beta2")]
    pub beta2: f64,
    /// Weight decay: this multiple of each parameter is added to its gradient, or, with [`OptimizerKind::AdamW`], subtracted from
    /// it times the learning rate.
    pub weight_decay: f32,
    /// Largest l2 norm of the gradients of all trained parameters together, after accumulation; larger ones are scaled down.
    #[serde(default)]
    pub clip_norm: Option<f32>,
    /// Batches per step, which follows the mean of their gradients. Steps, not batches, are what schedules, `steps` and `save_every`
    /// count. The last step of an epoch takes the batches that are left, and their mean. Batch norm takes the statistics of each
    /// batch alone.
    #[serde(default = "one_batch")]
    pub accumulate: usize,
    /// Decay of an exponential moving average of the parameters and the running statistics over the steps. The averaged network
    /// is the one that is tested and saved as weights.
    #[serde(default)]
    pub ema: Option<f64>,
    /// Share of every target that is spread evenly over all classes. Test losses are without.
    #[serde(default)]
    pub label_smoothing: f32,
    /// Alpha of mixup ([`Mixing`]).
    #[serde(default)]
    pub mixup: Option<f32>,
    /// Alpha of CutMix ([`Mixing`]).
    #[serde(default)]
    pub cutmix: Option<f32>,
    /// The deviation up to which normal noise is added to a sample ([`crate::data::add_noise`]).
    #[serde(default)]
    pub noise: f32,
    /// Probability that a rectangle of a sample is erased ([`crate::data::erase`]).
    #[serde(default)]
    pub erase: f32,
    /// Seed of the initial values, the order of images and their augmentation.
    pub seed: u64,
    /// Random crops and flips.
    pub augment: Option<Augment>,
    /// Whether images are put into a new order each epoch.
    pub shuffle: bool,
    /// The learning rate of all but the last layer, as a multiple of the full one; 0 keeps them as they are.
    #[serde(default = "one")]
    pub body_rate: f32,
    /// The multiple of every sparse coding layer's dictionary loss that is added to the cross-entropy:
    /// `|x - A z|^2 / n_dict + lambda |z|_1 + mu/2 |z|^2`, summed over the batch, as in the authors' code.
    #[serde(default)]
    pub dictionary_loss: f32,
    /// The weight in the loss of how far every sparse coding layer's dictionary is from an orthogonal one
    /// ([`crate::ops::orthogonality`]); 0 adds nothing.
    #[serde(default)]
    pub orthogonal: f32,
    /// Which shifts of its atoms that is about.
    #[serde(default)]
    pub orthogonal_form: Orthogonality,
    /// Stop after this many steps in all.
    pub steps: Option<usize>,
    /// Where the images come from, for programs that continue the training. The trainer itself is given the images.
    #[serde(default)]
    pub source: Option<DataSource>,
    /// The weights that it started from, for programs that say so; none for a training from the start.
    #[serde(default)]
    pub start: Option<Start>,
    /// Ask for a save after every so many steps ([`Event::Save`](super::Event::Save)), beside those after each epoch.
    #[serde(default)]
    pub save_every: Option<usize>,
    /// Which weights are to be kept, for programs that write them.
    #[serde(default)]
    pub keep: Keep,
}

/// The weights that a training started from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// Their file.
    pub weights: PathBuf,
    /// Whether the last layer was made anew.
    pub new_head: bool,
}

/// Which weights of a training are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those of the best epoch and those of the last.
    #[default]
    Both,
    /// Those of the epoch of the highest test accuracy.
    Best,
    /// Those of the last epoch.
    Last,
    /// Those of every epoch, the best and the last among them.
    All,
}

named!(Keep as "keep" { Both = "both", Best = "best", Last = "last", All = "all" });

fn one() -> f32 {
    1.0
}

fn yes() -> bool {
    true
}

fn one_batch() -> usize {
    1
}

fn beta1() -> f64 {
    0.9
}

fn beta2() -> f64 {
    0.999
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch: 64,
            learning_rate: 0.1,
            schedule: RateSchedule::Cosine,
            milestones: Vec::new(),
            final_rate: 0.0,
            warmup: 0,
            optimizer: OptimizerKind::Sgd,
            momentum: 0.9,
            nesterov: true,
            beta1: beta1(),
            beta2: beta2(),
            weight_decay: 5e-4,
            clip_norm: None,
            accumulate: one_batch(),
            ema: None,
            label_smoothing: 0.0,
            mixup: None,
            cutmix: None,
            noise: 0.0,
            erase: 0.0,
            seed: 0,
            augment: None,
            shuffle: true,
            body_rate: 1.0,
            dictionary_loss: 0.0,
            orthogonal: 0.0,
            orthogonal_form: Orthogonality::default(),
            steps: None,
            source: None,
            start: None,
            save_every: None,
            keep: Keep::default(),
        }
    }
}

impl TrainConfig {
    /// The defaults of an optimizer: for [`OptimizerKind::AdamW`], those of PyTorch.
    pub fn of(optimizer: OptimizerKind) -> Self {
        let usual = Self { optimizer, ..Self::default() };
        match optimizer {
            OptimizerKind::Sgd => usual,
            OptimizerKind::AdamW => Self { learning_rate: 1e-3, weight_decay: 1e-2, ..usual },
        }
    }

    /// Demands values within their ranges.
    ///
    /// # Errors
    /// [`Error::Argument`] names the value that is not.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("epochs", Some(self.epochs)),
            ("steps", self.steps),
            ("save-every", self.save_every),
            ("accumulate", Some(self.accumulate)),
        ];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
            return Err(Error::argument(name, 0, "must be at least 1"));
        }
        check_not_negative("body-rate", self.body_rate)?;
        for (name, weight) in [("dictionary-loss", self.dictionary_loss), ("orthogonal", self.orthogonal)] {
            check_not_negative(name, weight)?;
            if weight > 0.0 && self.body_rate == 0.0 {
                let reason = "changes nothing where all but the last layer stays as it is";
                return Err(Error::argument(name, weight, reason));
            }
        }
        if self.batch == 0 {
            return Err(Error::argument("batch", 0, "at least one image a step is needed"));
        }
        check_not_negative("learning_rate", self.learning_rate)?;
        self.check_schedule()?;
        check_not_negative("weight_decay", self.weight_decay)?;
        self.check_shares()?;
        if let Some(most) = self.clip_norm.filter(|most| !(most.is_finite() && *most > 0.0)) {
            return Err(Error::argument("clip-norm", most, "must be a finite positive number, or nothing is learnt"));
        }
        if self.ema.is_some() && self.body_rate == 0.0 {
            return Err(Error::argument("ema", "", "cannot be had with --freeze: there is nothing to average"));
        }
        self.mixing().map(drop)
    }

    /// Demands shares that are shares.
    fn check_shares(&self) -> Result<()> {
        check_not_negative("momentum", self.momentum)?;
        if self.momentum >= 1.0 {
            return Err(Error::argument("momentum", self.momentum, "must be less than 1, or velocities never fall"));
        }
        for (name, share) in [("beta1", Some(self.beta1)), ("beta2", Some(self.beta2)), ("ema", self.ema)] {
            if let Some(share) = share.filter(|share| !(0.0..1.0).contains(share)) {
                return Err(Error::argument(
                    name,
                    share,
                    "must be at least 0 and less than 1, or the past never fades",
                ));
            }
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            let reason = "must be at least 0 and less than 1, or nothing is left of the labels";
            return Err(Error::argument("label-smoothing", self.label_smoothing, reason));
        }
        if !(0.0..=1.0).contains(&self.noise) {
            return Err(Error::argument("noise", self.noise, "is a standard deviation, from 0 to 1, where white is 1"));
        }
        if !(0.0..=1.0).contains(&self.erase) {
            return Err(Error::argument("erase", self.erase, "is a probability, from 0 to 1"));
        }
        Ok(())
    }

    fn check_schedule(&self) -> Result<()> {
        check_not_negative("final-lr", self.final_rate)?;
        let multistep = self.schedule == RateSchedule::Multistep;
        if multistep == self.milestones.is_empty() {
            let reason = match multistep {
                true => "the schedule multistep needs the epochs after which the learning rate is divided by ten",
                false => "are for the schedule multistep",
            };
            let given = self.milestones.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
            return Err(Error::argument("milestones", given, reason));
        }
        if self.final_rate > 0.0 && self.schedule != RateSchedule::Cosine {
            return Err(Error::argument("final-lr", self.final_rate, "is for the schedule cosine"));
        }
        if self.final_rate > self.learning_rate {
            return Err(Error::argument("final-lr", self.final_rate, "is more than the full learning rate"));
        }
        if self.warmup >= self.epochs {
            return Err(Error::argument("warmup", self.warmup, "must be less than the number of epochs"));
        }
        Ok(())
    }

    /// The learning rate of a step, counted from 0.
    pub(super) fn rate(&self, step: usize, steps_an_epoch: usize) -> f32 {
        let (full, warm) = (f64::from(self.learning_rate), self.warmup * steps_an_epoch);
        if step < warm {
            return (full * (step + 1) as f64 / warm as f64) as f32;
        }
        let milestones = self.milestones.iter().map(|epoch| (epoch * steps_an_epoch).saturating_sub(warm));
        let total = (self.epochs * steps_an_epoch).saturating_sub(warm);
        let share = self.schedule.share(step - warm, total, &milestones.collect::<Vec<_>>());
        let last = f64::from(self.final_rate);
        (last + (full - last) * share) as f32
    }

    pub(super) fn rule(&self) -> Rule {
        let weight_decay = self.weight_decay;
        match self.optimizer {
            OptimizerKind::Sgd => {
                let nesterov = self.nesterov && self.momentum > 0.0;
                SgdRule { momentum: self.momentum, weight_decay, nesterov }.into()
            }
            OptimizerKind::AdamW => AdamWRule { beta1: self.beta1, beta2: self.beta2, weight_decay }.into(),
        }
    }

    /// How batches are mixed.
    pub(super) fn mixing(&self) -> Result<Mixing> {
        Mixing::new(self.mixup, self.cutmix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> TrainConfig {
        TrainConfig { epochs: 10, learning_rate: 0.1, ..TrainConfig::default() }
    }

    #[test]
    fn the_rate_rises_and_falls_as_told() {
        let cosine = TrainConfig { warmup: 2, final_rate: 1e-3, ..config() };
        cosine.check().unwrap();
        let rates = (0..50).map(|step| cosine.rate(step, 5)).collect::<Vec<_>>();
        assert!((rates[0] - 0.01).abs() < 1e-8 && (rates[9] - 0.1).abs() < 1e-8 && (rates[10] - 0.1).abs() < 1e-8);
        assert!(rates[9..].windows(2).all(|w| w[1] <= w[0]) && rates[49] > 1e-3 && rates[49] < 1.3e-3, "{rates:?}");
        let steps = TrainConfig { schedule: RateSchedule::Multistep, milestones: vec![3, 6], ..config() };
        steps.check().unwrap();
        for (step, wanted) in [(0, 0.1), (14, 0.1), (15, 0.01), (29, 0.01), (30, 0.001), (49, 0.001)] {
            assert!((steps.rate(step, 5) / wanted - 1.0).abs() < 1e-6, "{step}");
        }
        let constant = TrainConfig { schedule: RateSchedule::Constant, ..config() };
        assert_eq!((constant.rate(0, 5), constant.rate(49, 5)), (0.1, 0.1));
    }

    #[test]
    fn what_does_not_fit_the_schedule_is_refused() {
        let refusal = |config: TrainConfig| config.check().unwrap_err().to_string();
        assert!(refusal(TrainConfig { milestones: vec![1], ..config() }).contains("milestones"));
        assert!(refusal(TrainConfig { schedule: RateSchedule::Multistep, ..config() }).contains("milestones"));
        assert!(
            refusal(TrainConfig { schedule: RateSchedule::Step, final_rate: 0.01, ..config() }).contains("final-lr")
        );
        assert!(refusal(TrainConfig { final_rate: 0.2, ..config() }).contains("final-lr"));
        assert!(refusal(TrainConfig { warmup: 10, ..config() }).contains("warmup"));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let refused = |name: &str, config: TrainConfig| {
            let message = config.check().unwrap_err().to_string();
            assert!(message.starts_with(name), "{message}");
        };
        for wrong in [1.0, -0.1, f64::NAN] {
            refused("beta1", TrainConfig { beta1: wrong, ..config() });
            refused("beta2", TrainConfig { beta2: wrong, ..config() });
            refused("ema", TrainConfig { ema: Some(wrong), ..config() });
            refused("label-smoothing", TrainConfig { label_smoothing: wrong as f32, ..config() });
            refused("mixup", TrainConfig { mixup: Some((wrong - 1.0) as f32), ..config() });
            refused("cutmix", TrainConfig { cutmix: Some((wrong - 1.0) as f32), ..config() });
            refused("clip-norm", TrainConfig { clip_norm: Some((wrong - 1.0) as f32), ..config() });
            refused("noise", TrainConfig { noise: (wrong * 1.5) as f32, ..config() });
            refused("erase", TrainConfig { erase: (wrong * 1.5) as f32, ..config() });
        }
        refused("accumulate", TrainConfig { accumulate: 0, ..config() });
        refused("ema", TrainConfig { ema: Some(0.9), body_rate: 0.0, ..config() });
        let most = TrainConfig { beta1: 0.0, ema: Some(0.0), erase: 1.0, label_smoothing: 0.99, ..config() };
        TrainConfig { mixup: Some(0.2), cutmix: Some(1.0), clip_norm: Some(1.0), ..most }.check().unwrap();
    }

    #[test]
    fn earlier_files_train_on_as_they_did() {
        let json = serde_json::to_value(config()).unwrap();
        let mut old = json.as_object().unwrap().clone();
        let first = ["milestones", "final_rate", "warmup", "nesterov", "body_rate", "keep", "save_every"];
        let later = ["optimizer", "beta1", "beta2", "clip_norm", "accumulate", "ema"];
        for new in first.iter().chain(&later).chain(&[
            "label_smoothing",
            "mixup",
            "cutmix",
            "noise",
            "erase",
            "dictionary_loss",
            "orthogonal",
            "orthogonal_form",
            "start",
        ]) {
            assert!(old.remove(*new).is_some(), "{new}");
        }
        assert_eq!(serde_json::from_value::<TrainConfig>(old.into()).unwrap(), config());
    }
}
