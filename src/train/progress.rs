//! Progress and results of training.

use serde::{Deserialize, Serialize};

use super::Departure;

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
    pub(super) fn add(&mut self, metrics: &[f32], samples: usize) {
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

    /// Share of samples whose label is among the best five classes.
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
    /// Learning rate of the last step.
    #[serde(alias = "rate")]
    pub learning_rate: f32,
    /// Mean loss over the epoch, of the network as it was at each step.
    pub train_loss: f64,
    /// Share of training images that were right, over the epoch in the same way.
    pub train_accuracy: f64,
    /// Share of training images whose class was among the best five; none in files from before it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_top5: Option<f64>,
    /// Mean loss on the test set, after the epoch.
    pub test_loss: f64,
    /// Share of test images that are right, after the epoch.
    pub test_accuracy: f64,
    /// Share of test images whose class is among the best five; none in files from before it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_top5: Option<f64>,
    /// Training images per second.
    pub images_per_s: f64,
    /// Seconds that the epoch took, with its evaluation; of an epoch that was resumed on the way, from there on.
    #[serde(default)]
    pub seconds: f64,
    /// Share of the time of the training steps, without the evaluation, in which the next batch was not ready when it was
    /// wanted: 0 to 1. The device may still have had up to three steps to do, so that it was idle for at most this share.
    #[serde(default)]
    pub data_wait: f64,
    /// What it ran on.
    #[serde(default)]
    pub adapter: String,
    /// The most bytes that were held on the device at once, from the start of the program on.
    #[serde(default)]
    pub peak_bytes: u64,
    /// How far the dictionaries are from orthogonal ones, after the epoch, where [`TrainConfig::orthogonal`](super::TrainConfig)
    /// draws them towards these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orthogonality: Option<Departure>,
}

/// How far training has come; resumed training continues from here.
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
    /// The epochs that have been tested. The last of them may have been cut short by [`TrainConfig::steps`](super::TrainConfig);
    /// once training goes on, its record makes way for that of the whole epoch.
    pub history: Vec<EpochRecord>,
}

impl Progress {
    /// The records that stay as training goes on: those of whole epochs.
    pub fn kept(&self) -> &[EpochRecord] {
        let whole = self.history.iter().take_while(|record| record.epoch <= self.epoch).count();
        &self.history[..whole]
    }
}
