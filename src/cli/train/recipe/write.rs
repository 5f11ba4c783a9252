//! The recipe that a training leaves behind.

use std::path::Path;

use toml::{Table, Value};

use super::RECIPE;
use crate::cli::args::{coding, float, framing};
use crate::cli::train::tensorboard;
use crate::error::Result;
use crate::files::write_bytes;
use crate::models::ModelConfig;
use crate::optim::OptimizerKind;
use crate::train::{Start, TrainConfig, Trainer};

/// Writes what a training was told, or has chosen for itself, as a recipe of its own.
pub fn write(folder: &Path, trainer: &Trainer) -> Result<()> {
    let (config, recipe) = (trainer.config(), trainer.recipe());
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| drop(table.insert(key.to_owned(), value));
    model(&recipe.model, &mut put);
    if let Some(source) = &config.source {
        put("data", source.name.clone().into());
        source.root.iter().for_each(|root| put("root", root.display().to_string().into()));
        framing(source).into_iter().for_each(|(key, value)| put(key, value));
        source.pixels.iter().for_each(|pixels| put("pixels", pixels.name().into()));
    }
    if let Some(normalization) = &recipe.normalization {
        put("mean", normalization.mean.iter().map(|x| float(*x)).collect::<Vec<_>>().into());
        put("std", normalization.std.iter().map(|x| float(*x)).collect::<Vec<_>>().into());
    }
    if let Some(Start { weights, new_head }) = &config.start {
        put("init", weights.display().to_string().into());
        put("new-head", (*new_head).into());
    }
    match config.body_rate {
        1.0 => (),
        0.0 => put("freeze", true.into()),
        rate => put("body-rate", float(rate)),
    }
    put("epochs", (config.epochs as i64).into());
    put("batch", (config.batch as i64).into());
    put("lr", float(config.learning_rate));
    put("schedule", config.schedule.name().into());
    if !config.milestones.is_empty() {
        put("milestones", config.milestones.iter().map(|m| Value::from(*m as i64)).collect::<Vec<_>>().into());
    }
    if config.final_rate > 0.0 {
        put("final-lr", float(config.final_rate));
    }
    put("warmup", (config.warmup as i64).into());
    method(config, &mut put);
    put("weight-decay", float(config.weight_decay));
    put("dictionary-loss", float(config.dictionary_loss));
    put("orthogonal", float(config.orthogonal));
    if config.orthogonal > 0.0 {
        put("orthogonal-form", config.orthogonal_form.name().into());
    }
    // Seeds beyond what TOML can hold are text.
    put("seed", i64::try_from(config.seed).map_or_else(|_| config.seed.to_string().into(), Value::from));
    put("no-augment", config.augment.is_none().into());
    config.augment.and_then(|a| a.least_area).iter().for_each(|least| put("least-area", float(*least)));
    put("no-shuffle", (!config.shuffle).into());
    config.save_every.iter().for_each(|every| put("save-every", (*every as i64).into()));
    put("keep", config.keep.name().into());
    put("tensorboard", (!tensorboard::files_in(folder).is_empty()).into());
    write_bytes(&folder.join(RECIPE), table.to_string().as_bytes())
}

fn method(config: &TrainConfig, put: &mut dyn FnMut(&str, Value)) {
    put("optimizer", config.optimizer.name().into());
    match config.optimizer {
        OptimizerKind::Sgd => {
            put("momentum", float(config.momentum));
            put("no-nesterov", (!config.nesterov).into());
        }
        OptimizerKind::AdamW => {
            put("beta1", config.beta1.into());
            put("beta2", config.beta2.into());
        }
    }
    put("accumulate", (config.accumulate as i64).into());
    put("label-smoothing", float(config.label_smoothing));
    put("noise", float(config.noise));
    put("erase", float(config.erase));
    config.ema.iter().for_each(|decay| put("ema", (*decay).into()));
    let given = [("clip-norm", config.clip_norm), ("mixup", config.mixup), ("cutmix", config.cutmix)];
    given.into_iter().for_each(|(key, value)| value.into_iter().for_each(|value| put(key, float(value))));
}

fn model(model: &ModelConfig, put: &mut dyn FnMut(&str, Value)) {
    put("model", model.name().into());
    put("width", (model.width as i64).into());
    put("stem", model.stem.name().into());
    if model.has_pool() {
        put("pool", model.pool.name().into());
    }
    put("no-shortcut", (!model.shortcut).into());
    coding(model).into_iter().for_each(|(key, value)| put(key, value));
}
