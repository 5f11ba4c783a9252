//! A training that is compared with others.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use toml::{Table, Value};

use super::shown;
use crate::checkpoint::Recipe;
use crate::cli::train::{RECIPE, TRAINING};
use crate::error::{Error, Result};
use crate::files::{TensorFile, read_safetensors};
use crate::train::{EpochRecord, State};

/// What of a network's tensors is not trained.
const NOT_TRAINED: [&str; 4] = ["running_mean", "running_var", "num_batches_tracked", "step_size"];

/// A training, read from its folder.
pub(super) struct Entry {
    pub name: String,
    pub recipe: Recipe,
    state: State,
    parameters: usize,
    /// The keys of its recipe; none if that cannot be read.
    pub settings: Option<BTreeMap<String, String>>,
    /// What is wrong with the folder, a sentence each.
    pub notes: Vec<String>,
}

/// The figures of a training.
#[derive(Serialize)]
pub(super) struct Figures {
    pub run: String,
    pub model: String,
    pub width: usize,
    pub data: String,
    pub parameters: usize,
    pub epochs: usize,
    pub epochs_wanted: usize,
    pub best_test_accuracy: Option<f64>,
    pub best_epoch: Option<usize>,
    pub last_test_accuracy: Option<f64>,
    pub last_test_top5: Option<f64>,
    pub last_test_loss: Option<f64>,
    /// The mean of the epochs.
    pub images_per_s: Option<f64>,
    /// All epochs with their evaluation, as far as it was recorded.
    pub seconds: f64,
    /// The most bytes held on the device at once, where it was recorded.
    pub peak_bytes: Option<u64>,
    pub adapters: Vec<String>,
}

impl Entry {
    /// # Errors
    /// [`Error::File`] for a folder without a training, or with a damaged one.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(TRAINING);
        if !path.is_file() {
            let reason = format!(
                "holds no training: there is no {TRAINING} in it, which the end of the first epoch writes, or --save-every before"
            );
            return Err(Error::file(folder, reason));
        }
        let file = read_safetensors(&path)?;
        let (state, recipe) = State::of(&path, &file)?;
        let mut notes = Vec::new();
        let name = shown(folder);
        if state.progress.history.is_empty() {
            notes.push(format!("no epoch of {name} has ended yet"));
        }
        notes.extend(metrics(folder, &state.progress.history).err());
        let settings = settings(folder).map_err(|note| notes.push(note)).ok();
        Ok(Self { name, parameters: parameters(&file), recipe, state, settings, notes })
    }

    pub(super) fn history(&self) -> &[EpochRecord] {
        &self.state.progress.history
    }

    /// What tells the images that it was tested on from others.
    pub(super) fn images(&self) -> &str {
        self.recipe.tested.as_deref().unwrap_or(&self.recipe.data)
    }

    /// The highest test accuracy, below all others if there is none.
    pub(super) fn best(&self) -> f64 {
        self.best_epoch().map_or(-1.0, |record| record.test_accuracy)
    }

    /// The first epoch of the highest test accuracy.
    pub(super) fn best_epoch(&self) -> Option<&EpochRecord> {
        self.history().iter().reduce(|best, next| if next.test_accuracy > best.test_accuracy { next } else { best })
    }

    pub(super) fn figures(&self) -> Figures {
        let (history, model) = (self.history(), &self.recipe.model);
        let (last, best) = (history.last(), self.best_epoch());
        let mut adapters = history.iter().map(|record| record.adapter.clone()).collect::<Vec<_>>();
        adapters.retain(|name| !name.is_empty());
        adapters.dedup();
        let speed = history.iter().map(|record| record.images_per_s).sum::<f64>() / history.len() as f64;
        Figures {
            run: self.name.clone(),
            model: model.name(),
            width: model.width,
            data: self.recipe.data.clone(),
            parameters: self.parameters,
            epochs: last.map_or(0, |record| record.epoch),
            epochs_wanted: self.state.config.epochs,
            best_test_accuracy: best.map(|record| record.test_accuracy),
            best_epoch: best.map(|record| record.epoch),
            last_test_accuracy: last.map(|record| record.test_accuracy),
            last_test_top5: last.and_then(|record| record.test_top5),
            last_test_loss: last.map(|record| record.test_loss),
            images_per_s: last.map(|_| speed),
            peak_bytes: history.iter().map(|record| record.peak_bytes).max().filter(|bytes| *bytes > 0),
            seconds: history.iter().map(|record| record.seconds).sum(),
            adapters,
        }
    }
}

/// Number of trained values of the network, without what else the file holds.
fn parameters(file: &TensorFile) -> usize {
    let attached = |name: &str| file.metadata.keys().any(|key| name.starts_with(&format!("{key}.")));
    let trained = |name: &str| !NOT_TRAINED.iter().any(|end| name.ends_with(end));
    let own = file.tensors.iter().filter(|(name, _)| trained(name) && !attached(name));
    own.map(|(_, (_, values))| values.len()).sum()
}

/// Whether metrics.jsonl says what the state of the training says, from which the figures are.
fn metrics(folder: &Path, history: &[EpochRecord]) -> std::result::Result<(), String> {
    let path = folder.join("metrics.jsonl");
    let odd = |what: String| format!("{} {what}: the figures are those of {TRAINING}", path.display());
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) if history.is_empty() => return Ok(()),
        Err(error) => return Err(odd(format!("cannot be read ({error})"))),
    };
    let mut found = Vec::new();
    for (line, text) in text.lines().enumerate() {
        let record = serde_json::from_str::<EpochRecord>(text);
        found.push(record.map_err(|error| odd(format!("is damaged in line {} ({error})", line + 1)))?);
    }
    match found == history {
        true => Ok(()),
        false => Err(odd(format!("has {} epochs, but not the {} that were saved", found.len(), history.len()))),
    }
}

/// The keys of the recipe.
fn settings(folder: &Path) -> std::result::Result<BTreeMap<String, String>, String> {
    let path = folder.join(RECIPE);
    let unknown = |what: String| format!("{} {what}: how it differs from others is not known", path.display());
    let text = std::fs::read_to_string(&path).map_err(|e| unknown(format!("cannot be read ({e})")))?;
    let table = text.parse::<Table>().map_err(|e| unknown(format!("is damaged ({})", e.message())))?;
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Ok(table.into_iter().map(|(key, value)| (key, text(value))).collect())
}
