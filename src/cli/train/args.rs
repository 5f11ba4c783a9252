//! The flags of `sdnet train`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{AdapterArgs, DataArgs, ModelArgs, not_negative, one_of};
use crate::data::{Augment, Dataset};
use crate::optim::RateSchedule;
use crate::train::TrainConfig;

#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// Folder for weights, metrics and pictures
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Number of passes over the training images
    #[arg(long, default_value_t = 10)]
    pub epochs: usize,
    /// Images per step
    #[arg(long, default_value_t = 64)]
    pub batch: usize,
    /// Learning rate in the first step
    #[arg(long, default_value_t = 0.1, value_parser = not_negative, allow_negative_numbers = true)]
    pub lr: f32,
    /// How the learning rate falls: cosine lowers it to zero along half a cosine, step divides it by ten after one half
    /// and again after three quarters of the training
    #[arg(
        long,
        value_parser = one_of::<RateSchedule>(RateSchedule::ALL.map(RateSchedule::name)),
        default_value_t = RateSchedule::Cosine
    )]
    pub schedule: RateSchedule,
    /// Share of the velocity that a step keeps (Nesterov momentum)
    #[arg(long, default_value_t = 0.9, value_parser = not_negative, allow_negative_numbers = true)]
    pub momentum: f32,
    /// Weight decay
    #[arg(long, default_value_t = 5e-4, value_parser = not_negative, allow_negative_numbers = true)]
    pub weight_decay: f32,
    /// Seed of the initial weights, the order of images and the augmentation
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Crop images at random (with padding 4, or 2 for images of less than 32 pixels) and flip half of them; this is the
    /// default
    #[arg(long, overrides_with = "no_augment")]
    pub augment: bool,
    /// Train on the images as they are
    #[arg(long)]
    pub no_augment: bool,
    /// Keep the same order of images in every epoch
    #[arg(long)]
    pub no_shuffle: bool,
    /// Stop after this many steps
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Start from the weights in this file
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// Continue the training in the output folder; apart from --steps, the flags are those that it was started with
    #[arg(long)]
    pub resume: bool,
    /// Print one JSON object per epoch instead of text
    #[arg(long)]
    pub json: bool,
}

impl TrainArgs {
    /// How to train on these images.
    pub fn config(&self, train: &Dataset) -> TrainConfig {
        TrainConfig {
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.lr,
            schedule: self.schedule,
            momentum: self.momentum,
            weight_decay: self.weight_decay,
            seed: self.seed,
            augment: (!self.no_augment).then(|| Augment::usual_for(train)),
            shuffle: !self.no_shuffle,
            steps: self.steps,
        }
    }
}
