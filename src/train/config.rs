//! How to train.

use serde::{Deserialize, Serialize};

use crate::checks::check_not_negative;
use crate::data::{Augment, DataSource};
use crate::error::{Error, Result};
use crate::named::named;
use crate::ops::SgdRule;
use crate::optim::RateSchedule;

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
    /// Share of the velocity that is kept at each step.
    pub momentum: f32,
    /// Whether momentum is Nesterov's.
    #[serde(default = "yes")]
    pub nesterov: bool,
    /// Weight decay: this multiple of each parameter is added to its gradient.
    pub weight_decay: f32,
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
    /// Stop after this many steps in all.
    pub steps: Option<usize>,
    /// Where the images come from, for programs that continue the training. The trainer itself is given the images.
    #[serde(default)]
    pub source: Option<DataSource>,
    /// Ask for a save after every so many steps ([`Event::Save`](super::Event::Save)), beside those after each epoch.
    #[serde(default)]
    pub save_every: Option<usize>,
    /// Which weights are to be kept, for programs that write them.
    #[serde(default)]
    pub keep: Keep,
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
            momentum: 0.9,
            nesterov: true,
            weight_decay: 5e-4,
            seed: 0,
            augment: None,
            shuffle: true,
            body_rate: 1.0,
            dictionary_loss: 0.0,
            steps: None,
            source: None,
            save_every: None,
            keep: Keep::default(),
        }
    }
}

impl TrainConfig {
    /// # Errors
    /// [`Error::Argument`] names the value that is outside its range.
    pub(super) fn check(&self) -> Result<()> {
        let counts = [("epochs", Some(self.epochs)), ("steps", self.steps), ("save-every", self.save_every)];
        if let Some((name, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
            return Err(Error::argument(name, 0, "must be at least 1"));
        }
        check_not_negative("body-rate", self.body_rate)?;
        check_not_negative("dictionary-loss", self.dictionary_loss)?;
        if self.dictionary_loss > 0.0 && self.body_rate == 0.0 {
            let reason = "changes nothing where all but the last layer stays as it is";
            return Err(Error::argument("dictionary-loss", self.dictionary_loss, reason));
        }
        if self.batch == 0 {
            return Err(Error::argument("batch", 0, "at least one image a step is needed"));
        }
        check_not_negative("learning_rate", self.learning_rate)?;
        check_not_negative("momentum", self.momentum)?;
        if self.momentum >= 1.0 {
            return Err(Error::argument("momentum", self.momentum, "must be less than 1, or velocities never fall"));
        }
        self.check_schedule()?;
        check_not_negative("weight_decay", self.weight_decay)
    }

    fn check_schedule(&self) -> Result<()> {
        check_not_negative("final-lr", self.final_rate)?;
        let multistep = self.schedule == RateSchedule::Multistep;
        if multistep == self.milestones.is_empty() {
            let (given, reason) = match multistep {
                true => ("none", "multistep needs the epochs after which the learning rate is divided by ten"),
                false => ("given", "are for the schedule multistep"),
            };
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

    pub(super) fn rule(&self) -> SgdRule {
        SgdRule {
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            nesterov: self.nesterov && self.momentum > 0.0,
        }
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
    fn earlier_files_train_on_as_they_did() {
        let json = serde_json::to_value(config()).unwrap();
        let mut old = json.as_object().unwrap().clone();
        for new in ["milestones", "final_rate", "warmup", "nesterov", "body_rate", "keep", "save_every"] {
            old.remove(new);
        }
        assert_eq!(serde_json::from_value::<TrainConfig>(old.into()).unwrap(), config());
    }
}
