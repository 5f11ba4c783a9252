//! The flags of `sdnet train`.

use std::path::PathBuf;

use clap::Args;

use super::method::MethodArgs;
use crate::cli::args::{AdapterArgs, DataArgs, ModelArgs, not_negative, one_of};
use crate::data::{Augment, DataSource, Dataset};
use crate::error::{Error, Result};
use crate::ops::Orthogonality;
use crate::optim::RateSchedule;
use crate::train::{Keep, Start, TrainConfig};

#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
    /// File of flags, one `key = value` a line (TOML); flags given here override it. A run's folder holds its own, recipe.toml
    #[arg(long, value_name = "FILE.toml", conflicts_with = "resume")]
    pub recipe: Option<PathBuf>,
    /// Folder for weights, metrics and pictures
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
    /// Number of passes over the training images [default: 10]
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Images per step; the last batch of an epoch may be smaller [default: 64]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Learning rate in the first step [default: 0.1; with --optimizer adamw 0.001]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub lr: Option<f32>,
    /// How the learning rate falls with each step: cosine lowers it to --final-lr along half a cosine, step divides it by ten
    /// after one half and again after three quarters of the training, multistep does so after each of --milestones, constant
    /// leaves it as it is [default: cosine]
    #[arg(long, value_parser = one_of::<RateSchedule>(RateSchedule::ALL.map(RateSchedule::name)))]
    pub schedule: Option<RateSchedule>,
    /// With --schedule multistep: epochs after which the learning rate is divided by ten
    #[arg(long, value_name = "N[,N..]", value_delimiter = ',')]
    pub milestones: Vec<usize>,
    /// With --schedule cosine: where the learning rate ends [default: 0]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub final_lr: Option<f32>,
    /// Epochs in which the learning rate first rises to --lr, step by step [default: 0]
    #[arg(long, value_name = "N")]
    pub warmup: Option<usize>,
    /// With --optimizer sgd: share of the velocity that a step keeps, less than 1 [default: 0.9]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub momentum: Option<f32>,
    /// With --optimizer sgd: use plain momentum, not Nesterov's
    #[arg(long)]
    pub no_nesterov: bool,
    /// Weight decay [default: 0.0005; with --optimizer adamw 0.01]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub weight_decay: Option<f32>,
    /// Add this multiple of every sparse coding layer's |x - A z|^2 / n_dict + lambda |z|_1 + mu/2 |z|^2, summed over the batch,
    /// to the loss that is minimised; the loss that is shown stays the cross-entropy [default: 0]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub dictionary_loss: Option<f32>,
    /// Draw the dictionary of every sparse coding layer towards an orthogonal one: add this multiple of |R - I|^2, R being the
    /// correlations of its atoms with each other, to the loss that is minimised; the loss that is shown stays the cross-entropy.
    /// metrics.jsonl says how far the dictionaries are, and how near they can come [default: 0]
    #[arg(long, value_name = "WEIGHT", value_parser = not_negative)]
    pub orthogonal: Option<f32>,
    /// With --orthogonal: which shifts of the atoms. block-toeplitz: all that the stride makes; kernel: none, the atoms alone;
    /// published: those of the publication's code, its norm not squared, all layers but the first [default: block-toeplitz]
    #[arg(long, value_name = "FORM", value_parser = one_of::<Orthogonality>(Orthogonality::ALL.map(Orthogonality::name)))]
    pub orthogonal_form: Option<Orthogonality>,
    #[command(flatten)]
    pub method: MethodArgs,
    /// Seed of the initial weights, the order of images and the augmentation [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Crop images at random (with padding 4, or 2 for images of less than 32 pixels) and flip half of them; this is the
    /// default
    #[arg(long, conflicts_with = "no_augment")]
    pub augment: bool,
    /// Train on the images as they are
    #[arg(long)]
    pub no_augment: bool,
    /// Crop this share of the image's area or more at random, and resize it, in place of crops with padding [default: 0.25 with
    /// --size]
    #[arg(long, value_name = "X", conflicts_with = "no_augment")]
    pub least_area: Option<f32>,
    /// Keep the same order of images in every epoch
    #[arg(long)]
    pub no_shuffle: bool,
    /// Stop after this many steps
    #[arg(long, value_name = "N")]
    pub steps: Option<usize>,
    /// Save the training after every N steps too, not only after each epoch, so that less is lost if the program is killed
    #[arg(long, value_name = "N")]
    pub save_every: Option<usize>,
    /// Which weights to keep: both (best.safetensors, of the highest test accuracy, and last.safetensors), best, last, or all
    /// (those of every epoch besides, epoch-0001.safetensors and so on) [default: both]
    #[arg(long, value_parser = one_of::<Keep>(Keep::ALL.map(Keep::name)))]
    pub keep: Option<Keep>,
    /// Start from the weights in this file, with its classes and its normalisation; the options of sparse coding layers may
    /// differ from the file's, but for --n-dict
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// With --init: make the last layer anew, for the classes of the images, whatever those of the file are
    #[arg(long, requires = "init", conflicts_with = "resume")]
    pub new_head: bool,
    /// With --init or --resume: train the last layer only; all before it stays as it is
    #[arg(long, conflicts_with = "body_rate")]
    pub freeze: bool,
    /// With --init or --resume: learning rate of all but the last layer, as a multiple of --lr [default: 1]
    #[arg(long, value_name = "X", value_parser = not_negative)]
    pub body_rate: Option<f32>,
    /// Continue the training in the output folder, with the flags and the images that it was started with. --epochs, --lr,
    /// --schedule, --milestones, --final-lr, --warmup, --momentum, --no-nesterov, --beta1, --beta2, --weight-decay, --clip-norm,
    /// --label-smoothing, --dictionary-loss, --orthogonal, --orthogonal-form, --body-rate, --freeze, --save-every, --keep, --steps
    /// and --tensorboard may differ and count from here on; --data, --root and --pixels say where the images are now
    #[arg(long, conflicts_with_all = ["init", "overwrite"])]
    pub resume: bool,
    /// Replace the training that the output folder holds, once the first step of the new one is done
    #[arg(long)]
    pub overwrite: bool,
    /// Also log every epoch for TensorBoard, in the output folder: losses, accuracies, learning rate, speed; of every sparse coding
    /// layer, step size, share of codes that are not zero, and relative residual; with --orthogonal, how far the dictionaries are
    /// from orthogonal ones; the first layer's atoms. A training that is resumed goes on doing so
    #[arg(long)]
    pub tensorboard: bool,
    /// Print one JSON object per epoch instead of text
    #[arg(long)]
    pub json: bool,
}

impl TrainArgs {
    /// How to train on these images, which come from `source`.
    ///
    /// # Errors
    /// [`Error::Argument`] for a body of its own learning rate where nothing has been trained before, or a flag of another
    /// optimizer.
    pub fn config(&self, train: &Dataset, source: DataSource) -> Result<TrainConfig> {
        if let (Some(rate), None) = (self.body_rate(), &self.init) {
            let (flag, given) = if self.freeze { ("freeze", String::new()) } else { ("body-rate", rate.to_string()) };
            return Err(Error::argument(flag, given, "needs weights that were trained before: --init or --resume"));
        }
        if let Some(least) = self.least_area.filter(|least| !(*least > 0.0 && *least <= 1.0)) {
            return Err(Error::argument("least-area", least, "must be more than 0 and at most 1"));
        }
        let optimizer = self.method.optimizer.unwrap_or_default();
        self.method.check(optimizer, self.momentum, self.no_nesterov)?;
        self.check_form(self.orthogonal.unwrap_or_default())?;
        let augment = |usual: Augment| match self.least_area {
            Some(_) => Augment { pad: 0, least_area: self.least_area, ..usual },
            None => usual,
        };
        let usual = TrainConfig {
            augment: (!self.no_augment).then(|| augment(Augment::usual_for(train))),
            shuffle: !self.no_shuffle,
            source: Some(source),
            start: self.start()?,
            ..TrainConfig::of(optimizer)
        };
        Ok(self.applied_to(usual))
    }

    /// The weights that a training starts from, by a path that holds in other folders too.
    fn start(&self) -> Result<Option<Start>> {
        let Some(init) = &self.init else { return Ok(None) };
        let weights = std::path::absolute(init).map_err(|e| Error::io(init, e))?;
        Ok(Some(Start { weights, new_head: self.new_head }))
    }

    /// Demands values that make sense whatever the images are, before these are read.
    ///
    /// # Errors
    /// As [`TrainArgs::config`] and [`TrainConfig::check`].
    pub fn check(&self) -> Result<()> {
        self.config(&Dataset::default(), DataSource::default())?.check()
    }

    /// Refuses a form of orthogonality where none is asked for.
    fn check_form(&self, orthogonal: f32) -> Result<()> {
        match self.orthogonal_form.filter(|_| orthogonal == 0.0) {
            Some(form) => Err(Error::argument("orthogonal-form", form, "has no effect without --orthogonal")),
            None => Ok(()),
        }
    }

    fn body_rate(&self) -> Option<f32> {
        if self.freeze { Some(0.0) } else { self.body_rate }
    }

    /// How to go on with a training.
    ///
    /// # Errors
    /// [`Error::Argument`] for a flag that cannot change on the way.
    pub fn resumed(&self, recorded: &TrainConfig) -> Result<TrainConfig> {
        let given = |flag: bool| flag.then(String::new);
        let fixed = [
            ("batch", self.batch.map(|batch| batch.to_string()), recorded.batch.to_string()),
            ("seed", self.seed.map(|seed| seed.to_string()), recorded.seed.to_string()),
            ("augment", given(self.augment && recorded.augment.is_none()), "--no-augment".into()),
            ("no-augment", given(self.no_augment && recorded.augment.is_some()), "--augment".into()),
            (
                "least-area",
                self.least_area.map(|x| x.to_string()),
                recorded.augment.and_then(|a| a.least_area).map_or_else(|| "none".into(), |x| x.to_string()),
            ),
            ("no-shuffle", given(self.no_shuffle && recorded.shuffle), "another order in each epoch".into()),
        ];
        for (flag, given, was) in fixed.into_iter().chain(self.method.fixed(recorded)) {
            if let Some(given) = given.filter(|given| *given != was) {
                let reason = format!("the training was started with {was}, which cannot change; leave the flag out");
                return Err(Error::argument(flag, given, reason));
            }
        }
        self.method.check(recorded.optimizer, self.momentum, self.no_nesterov)?;
        self.check_form(self.orthogonal.unwrap_or(recorded.orthogonal))?;
        Ok(self.applied_to(recorded.clone()))
    }

    fn applied_to(&self, config: TrainConfig) -> TrainConfig {
        let config = self.method.applied_to(config);
        TrainConfig {
            epochs: self.epochs.unwrap_or(config.epochs),
            batch: self.batch.unwrap_or(config.batch),
            learning_rate: self.lr.unwrap_or(config.learning_rate),
            schedule: self.schedule.unwrap_or(config.schedule),
            milestones: if self.milestones.is_empty() { config.milestones } else { self.milestones.clone() },
            final_rate: self.final_lr.unwrap_or(config.final_rate),
            warmup: self.warmup.unwrap_or(config.warmup),
            nesterov: config.nesterov && !self.no_nesterov,
            momentum: self.momentum.unwrap_or(config.momentum),
            weight_decay: self.weight_decay.unwrap_or(config.weight_decay),
            dictionary_loss: self.dictionary_loss.unwrap_or(config.dictionary_loss),
            orthogonal: self.orthogonal.unwrap_or(config.orthogonal),
            orthogonal_form: self.orthogonal_form.unwrap_or(config.orthogonal_form),
            seed: self.seed.unwrap_or(config.seed),
            body_rate: self.body_rate().unwrap_or(config.body_rate),
            steps: self.steps,
            save_every: self.save_every.or(config.save_every),
            keep: self.keep.unwrap_or(config.keep),
            ..config
        }
    }
}
