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
    /// Share of the velocity that is kept at each step.
    pub momentum: f32,
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

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch: 64,
            learning_rate: 0.1,
            schedule: RateSchedule::Cosine,
            momentum: 0.9,
            weight_decay: 5e-4,
            seed: 0,
            augment: None,
            shuffle: true,
            body_rate: 1.0,
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
        if self.batch == 0 {
            return Err(Error::argument("batch", 0, "at least one image a step is needed"));
        }
        check_not_negative("learning_rate", self.learning_rate)?;
        check_not_negative("momentum", self.momentum)?;
        if self.momentum >= 1.0 {
            return Err(Error::argument("momentum", self.momentum, "must be less than 1, or velocities never fall"));
        }
        check_not_negative("weight_decay", self.weight_decay)
    }

    pub(super) fn rule(&self) -> SgdRule {
        SgdRule { momentum: self.momentum, weight_decay: self.weight_decay, nesterov: self.momentum > 0.0 }
    }
}
