//! Recipes: the flags of a training in a file.

use std::ffi::OsString;
use std::path::Path;

use clap::CommandFactory;
use toml::{Table, Value};

use super::tensorboard;
use crate::cli::args::{coding, float};
use crate::cli::command::Arguments;
use crate::error::{Error, Result};
use crate::files::write_bytes;
use crate::models::ModelConfig;
use crate::optim::OptimizerKind;
use crate::train::{TrainConfig, Trainer};

/// The recipe of a run, as it was carried out.
pub const RECIPE: &str = "recipe.toml";

/// Flags that a recipe cannot hold.
const NEVER: [&str; 3] = ["recipe", "resume", "help"];

/// The arguments with those of the file that `train --recipe FILE` names in front, so that flags override them.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] for a file that is not TOML, or a key that is no flag, which names the nearest one.
pub fn expanded(arguments: Vec<OsString>) -> Result<Vec<OsString>> {
    let Some(train) = arguments.iter().skip(1).position(|a| !a.to_string_lossy().starts_with('-')).map(|at| at + 1)
    else {
        return Ok(arguments);
    };
    let Some(file) = (arguments[train] == "train").then(|| named(&arguments[train + 1..])).flatten() else {
        return Ok(arguments);
    };
    let path = Path::new(&file);
    let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    let table = text.parse::<Table>().map_err(|e| Error::file(path, format!("is no recipe: {}", e.message())))?;
    let flags = flags(path, &table)?.into_iter().map(OsString::from);
    let (before, after) = arguments.split_at(train + 1);
    Ok(before.iter().cloned().chain(flags).chain(after.iter().cloned()).collect())
}

/// The file that `--recipe` names.
fn named(arguments: &[OsString]) -> Option<OsString> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--recipe" {
            return arguments.next().cloned();
        }
        if let Some(file) = argument.to_str().and_then(|argument| argument.strip_prefix("--recipe=")) {
            return Some(file.into());
        }
    }
    None
}

fn flags(path: &Path, table: &Table) -> Result<Vec<String>> {
    let command = Arguments::command();
    let train = command.find_subcommand("train").into_iter().flat_map(|train| train.get_arguments());
    let known = train.filter_map(|a| a.get_long()).filter(|name| !NEVER.contains(name)).collect::<Vec<_>>();
    let mut flags = Vec::new();
    for (key, value) in table {
        if !known.contains(&&**key) {
            let nearest = known.iter().max_by(|a, b| strsim::jaro(key, a).total_cmp(&strsim::jaro(key, b)));
            let nearest = nearest.map_or(String::new(), |name| format!("; the nearest one is {name}"));
            return Err(Error::file(
                path,
                format!("{key} is not a key of recipes, which are the flags of train{nearest}"),
            ));
        }
        match text(value) {
            Some(_) if *value == Value::Boolean(false) => {}
            Some(_) if *value == Value::Boolean(true) => flags.push(format!("--{key}")),
            Some(text) => flags.push(format!("--{key}={text}")),
            None => return Err(Error::file(path, format!("{key} is neither a value nor a list of values"))),
        }
    }
    Ok(flags)
}

/// A value, or a list of them, as on the command line.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => Some(items.iter().map(text).collect::<Option<Vec<_>>>()?.join(",")),
        Value::Table(_) | Value::Datetime(_) => None,
        other => Some(other.to_string()),
    }
}

/// Writes what a training was told, or has chosen for itself, as a recipe of its own.
pub fn write(folder: &Path, trainer: &Trainer) -> Result<()> {
    let (config, recipe) = (trainer.config(), trainer.recipe());
    let mut table = Table::new();
    let mut put = |key: &str, value: Value| drop(table.insert(key.to_owned(), value));
    model(&recipe.model, &mut put);
    if let Some(source) = &config.source {
        put("data", source.name.clone().into());
        source.root.iter().for_each(|root| put("root", root.display().to_string().into()));
        source.size.iter().for_each(|[height, width]| put("size", format!("{height}x{width}").into()));
        source.background.iter().for_each(|[r, g, b]| put("background", format!("#{r:02x}{g:02x}{b:02x}").into()));
        source.pixels.iter().for_each(|pixels| put("pixels", pixels.name().into()));
        source.hold_out.iter().for_each(|hold_out| put("hold-out", hold_out.to_string().into()));
    }
    if let Some(normalization) = &recipe.normalization {
        put("mean", normalization.mean.iter().map(|x| float(*x)).collect::<Vec<_>>().into());
        put("std", normalization.std.iter().map(|x| float(*x)).collect::<Vec<_>>().into());
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
    put("erase", float(config.erase));
    config.ema.iter().for_each(|decay| put("ema", (*decay).into()));
    let given = [("clip-norm", config.clip_norm), ("mixup", config.mixup), ("cutmix", config.cutmix)];
    given.into_iter().for_each(|(key, value)| value.into_iter().for_each(|value| put(key, float(value))));
}

fn model(model: &ModelConfig, put: &mut dyn FnMut(&str, Value)) {
    put("model", model.name().into());
    put("width", (model.width as i64).into());
    put("stem", model.stem.name().into());
    put("no-shortcut", (!model.shortcut).into());
    coding(model).into_iter().for_each(|(key, value)| put(key, value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn arguments(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn every_recipe_of_the_repository_is_one() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let line = format!("sdnet train --recipe {} --epochs 3 --out x", path.display());
            let all = expanded(arguments(&line)).unwrap();
            assert!(all.contains(&"--momentum=0.9".into()), "{all:?}");
            Arguments::try_parse_from(all).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            count += 1;
        }
        assert_eq!(count, 4);
    }

    #[test]
    fn keys_are_flags_and_unknown_ones_name_the_nearest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.toml");
        let expand = |toml: &str| {
            std::fs::write(&path, toml).unwrap();
            expanded(arguments(&format!("sdnet train --recipe={} --lr 0.2", path.display())))
        };
        let all = expand("lr = 0.1\nmilestones = [3, 6]\nno-shuffle = true\njson = false").unwrap();
        let all = all.iter().map(|a| a.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all[2..5], ["--lr=0.1", "--milestones=3,6", "--no-shuffle"]);
        assert_eq!(all[6..], ["--lr", "0.2"]);
        for (toml, words) in [
            ("epoch = 3", &["r.toml", "epoch is not", "epochs"][..]),
            ("weight_decay = 3", &["weight-decay"]),
            ("resume = true", &["resume is not"]),
            ("lr = { a = 1 }", &["lr is neither"]),
            ("lr =", &["is no recipe"]),
        ] {
            let message = expand(toml).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        }
        assert_eq!(expanded(arguments("sdnet eval --recipe x")).unwrap(), arguments("sdnet eval --recipe x"));
        assert!(expanded(arguments("sdnet train --recipe none.toml")).unwrap_err().to_string().contains("none.toml"));
    }
}
