//! Networks and unfinished trainings as safetensors files. Whatever is written is written aside and renamed.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::data::{Augment, Normalization};
use crate::error::{Error, Result};
use crate::files::{NamedTensors, TensorFile, read_safetensors, write_safetensors};
use crate::gpu::Gpu;
use crate::models::{ModelConfig, Network, Recalibration};

/// The key of a file's metadata that holds the [`Recipe`] as JSON.
const RECIPE: &str = "sdnet";

/// The key of a file's metadata that holds a [`Recalibration`] as JSON, where there is one.
const RECALIBRATED: &str = "recalibrated";

/// Everything beside its tensors that it takes to use a network again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    /// The network.
    pub model: ModelConfig,
    /// What was done to pixels, where it is known.
    pub normalization: Option<Normalization>,
    /// Height and width of the images it was trained on.
    pub size: Option<[usize; 2]>,
    /// Names of the classes.
    pub class_names: Vec<String>,
    /// Name of the data it was trained on.
    pub data: String,
    /// What was done to its training images.
    pub augment: Option<Augment>,
    /// What else is kept with the network, by name.
    pub notes: BTreeMap<String, serde_json::Value>,
}

/// Writes a network: published names, OIHW, and the recipe in the metadata.
///
/// # Errors
/// [`Error::Io`] where the file cannot be written, or whatever the device reports.
pub fn save(path: &Path, network: &Network, recipe: &Recipe) -> Result<()> {
    let mut metadata = metadata(&[(RECIPE, &to_json(path, recipe)?)]);
    if let Some(recalibration) = network.recalibration() {
        metadata.insert(RECALIBRATED.to_owned(), to_json(path, recalibration)?);
    }
    write_safetensors(path, &TensorFile { metadata, tensors: network.tensors()? })
}

/// Reads a network. A file of other origin carries no recipe: `foreign` says then what it is.
///
/// # Errors
/// [`Error::File`] for a file that is truncated, or that has no recipe where none was given; [`Error::Weights`] names
/// a tensor that is missing, unknown or of another shape.
pub fn load(path: &Path, gpu: &Gpu, foreign: Option<&ModelConfig>) -> Result<(Network, Recipe)> {
    let file = read_safetensors(path)?;
    let recipe = match (file.metadata.get(RECIPE), foreign) {
        (_, Some(model)) => Recipe { model: model.clone(), ..Recipe::default() },
        (Some(json), None) => from_json(path, json)?,
        (None, None) => {
            let reason = "carries no description of its network; say what it is with --model, --width, --in-channels, \
                          --classes, --stem and --no-shortcut";
            return Err(Error::file(path, reason));
        }
    };
    let mut tensors = file.tensors;
    tensors.retain(|name, _| !name.ends_with("num_batches_tracked"));
    let mut network = Network::from_tensors(gpu, &recipe.model, &mut tensors).map_err(|e| at(path, e))?;
    if let Some(json) = file.metadata.get(RECALIBRATED) {
        let recalibration = from_json::<Recalibration>(path, json)?;
        network.restore_recalibration(recalibration, &mut tensors).map_err(|e| at(path, e))?;
    }
    match tensors.into_keys().next() {
        Some(name) => {
            let reason = format!("is not part of {} of width {}", recipe.model.name(), recipe.model.width);
            Err(Error::Weights { path: path.into(), name, reason })
        }
        None => Ok((network, recipe)),
    }
}

/// An unfinished training: the network's file with more tensors, each group under a prefix, and `state` as JSON.
///
/// # Errors
/// As [`save`].
pub fn save_training<S: Serialize>(
    path: &Path,
    network: &Network,
    recipe: &Recipe,
    state: &S,
    more: NamedTensors,
) -> Result<()> {
    let json = [(RECIPE, &*to_json(path, recipe)?), ("training", &*to_json(path, state)?)];
    let mut tensors = network.tensors()?;
    tensors.extend(more);
    write_safetensors(path, &TensorFile { metadata: metadata(&json), tensors })
}

/// What [`load_training`] finds.
#[derive(Debug)]
pub struct SavedTraining<S> {
    /// The network.
    pub network: Network,
    /// Its recipe.
    pub recipe: Recipe,
    /// The state.
    pub state: S,
    /// The tensors that are not the network's.
    pub more: NamedTensors,
}

/// Reads what [`save_training`] wrote.
///
/// # Errors
/// As [`load`].
pub fn load_training<S: DeserializeOwned>(path: &Path, gpu: &Gpu) -> Result<SavedTraining<S>> {
    let file = read_safetensors(path)?;
    let find = |key: &str| {
        file.metadata.get(key).ok_or_else(|| Error::file(path, "is not a saved training: train without --resume"))
    };
    let (recipe, state) = (from_json::<Recipe>(path, find(RECIPE)?)?, from_json(path, find("training")?)?);
    let mut more = file.tensors;
    let network = Network::from_tensors(gpu, &recipe.model, &mut more).map_err(|e| at(path, e))?;
    Ok(SavedTraining { network, recipe, state, more })
}

fn metadata(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn to_json<T: Serialize>(path: &Path, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::file(path, e.to_string()))
}

fn from_json<T: DeserializeOwned>(path: &Path, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|e| Error::file(path, format!("its metadata cannot be read: {e}")))
}

/// Names the file in an error about one of its tensors.
fn at(path: &Path, error: Error) -> Error {
    match error {
        Error::Weights { name, reason, .. } => Error::Weights { path: path.into(), name, reason },
        other => other,
    }
}
