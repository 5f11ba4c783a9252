//! The flags of `sdnet train` for methods beyond plain descent; all are off by default.

use clap::Args;

use crate::cli::args::{not_negative, one_of};
use crate::error::{Error, Result};
use crate::optim::OptimizerKind;
use crate::train::TrainConfig;

#[derive(Debug, Args)]
pub struct MethodArgs {
    /// Rule of descent: sgd, with momentum, or adamw, Adam with decoupled weight decay [default: sgd]
    #[arg(long, value_parser = one_of::<OptimizerKind>(OptimizerKind::ALL.map(OptimizerKind::name)))]
    pub optimizer: Option<OptimizerKind>,
    /// With --optimizer adamw: share of the first moment that a step keeps, less than 1 [default: 0.9]
    #[arg(long, value_name = "X")]
    pub beta1: Option<f64>,
    /// With --optimizer adamw: share of the second moment that a step keeps, less than 1 [default: 0.999]
    #[arg(long, value_name = "X")]
    pub beta2: Option<f64>,
    /// Scale gradients down to this l2 norm, of all trained parameters together, where it is greater
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub clip_norm: Option<f32>,
    /// Batches per step, which follows the mean of their gradients; the last step of an epoch takes those that are left. --steps and
    /// --save-every count steps. Batch norm sees one batch at a time [default: 1]
    #[arg(long, value_name = "N")]
    pub accumulate: Option<usize>,
    /// Average weights and running statistics over the steps with this decay, such as 0.999; the averaged network is tested and
    /// kept
    #[arg(long, value_name = "DECAY")]
    pub ema: Option<f64>,
    /// Share of each target that is spread evenly over all classes, less than 1; the training loss is with it, the test loss
    /// without [default: 0]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub label_smoothing: Option<f32>,
    /// Mix each image with another one of its batch, and their labels, by a share from Beta(ALPHA, ALPHA), such as 0.2; with
    /// --cutmix too, one of both at random for each batch. The training accuracy is that of the label with the greater share
    #[arg(long, value_name = "ALPHA")]
    pub mixup: Option<f32>,
    /// Show another image of the batch in a rectangle of each image, of an area from Beta(ALPHA, ALPHA), such as 1, and mix their
    /// labels by area
    #[arg(long, value_name = "ALPHA")]
    pub cutmix: Option<f32>,
    /// Add normal noise to training images, of a standard deviation uniform between 0 and this (white is 1) [default: 0]
    #[arg(long, value_name = "SIGMA", value_parser = not_negative)]
    pub noise: Option<f32>,
    /// Probability of erasing a rectangle of 2 to 33 % of a training image, to the mean of the normalisation [default: 0]
    #[arg(long, value_name = "P", value_parser = not_negative)]
    pub erase: Option<f32>,
}

/// A flag, its value where it is given, and what it was when the training was started.
type Fixed = (&'static str, Option<String>, String);

impl MethodArgs {
    /// Refuses flags of the other optimizer; `momentum` and `no_nesterov` are those of sgd.
    ///
    /// # Errors
    /// [`Error::Argument`] naming the flag.
    pub fn check(&self, optimizer: OptimizerKind, momentum: Option<f32>, no_nesterov: bool) -> Result<()> {
        let sgd = [("momentum", momentum.map(|x| x.to_string())), ("no-nesterov", no_nesterov.then(String::new))];
        let adamw = [("beta1", self.beta1.map(|x| x.to_string())), ("beta2", self.beta2.map(|x| x.to_string()))];
        let (others, owner) = match optimizer {
            OptimizerKind::Sgd => (adamw, OptimizerKind::AdamW),
            OptimizerKind::AdamW => (sgd, OptimizerKind::Sgd),
        };
        match others.into_iter().find_map(|(flag, given)| Some((flag, given?))) {
            Some((flag, given)) => {
                Err(Error::argument(flag, given, format!("is for --optimizer {owner}, but this is {optimizer}")))
            }
            None => Ok(()),
        }
    }

    /// Those that cannot change in the course of a training.
    pub fn fixed(&self, recorded: &TrainConfig) -> [Fixed; 7] {
        let text = |value: Option<f32>| value.map(|value| value.to_string());
        let or_none = |value: Option<String>| value.unwrap_or_else(|| "none".into());
        [
            ("optimizer", self.optimizer.map(|kind| kind.to_string()), recorded.optimizer.to_string()),
            ("accumulate", self.accumulate.map(|n| n.to_string()), recorded.accumulate.to_string()),
            ("ema", self.ema.map(|x| x.to_string()), or_none(recorded.ema.map(|x| x.to_string()))),
            ("mixup", text(self.mixup), or_none(text(recorded.mixup))),
            ("cutmix", text(self.cutmix), or_none(text(recorded.cutmix))),
            ("noise", text(self.noise), recorded.noise.to_string()),
            ("erase", text(self.erase), recorded.erase.to_string()),
        ]
    }

    /// The configuration with what is given.
    pub fn applied_to(&self, config: TrainConfig) -> TrainConfig {
        TrainConfig {
            optimizer: self.optimizer.unwrap_or(config.optimizer),
            beta1: self.beta1.unwrap_or(config.beta1),
            beta2: self.beta2.unwrap_or(config.beta2),
            clip_norm: self.clip_norm.or(config.clip_norm),
            accumulate: self.accumulate.unwrap_or(config.accumulate),
            ema: self.ema.or(config.ema),
            label_smoothing: self.label_smoothing.unwrap_or(config.label_smoothing),
            mixup: self.mixup.or(config.mixup),
            cutmix: self.cutmix.or(config.cutmix),
            noise: self.noise.unwrap_or(config.noise),
            erase: self.erase.unwrap_or(config.erase),
            ..config
        }
    }
}
