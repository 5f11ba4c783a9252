//! What a training saves, and how it goes on from there.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Progress, TrainConfig, Trainer};
use crate::checkpoint::{self, Attachment, Attachments, Checkpoint, Recipe, TRAINING};
use crate::error::{Error, Result};
use crate::files::{NamedTensors, TensorFile, read_safetensors};
use crate::gpu::Gpu;
use crate::layers::sparse_layers;
use crate::models::Architecture;
use crate::tensor::Tensor;

/// What a saved training says beside its tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// How it trains.
    pub config: TrainConfig,
    /// How far it has come.
    pub progress: Progress,
}

impl State {
    /// Reads a file of [`Trainer::save`], without a device: its state and the description of its network.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::File`] where the file is not a saved training.
    pub fn read(path: &Path) -> Result<(Self, Recipe)> {
        Self::of(path, &read_safetensors(path)?)
    }

    /// [`State::read`] of a file that has been read from `path`.
    ///
    /// # Errors
    /// [`Error::File`] where the file is not a saved training.
    pub fn of(path: &Path, file: &TensorFile) -> Result<(Self, Recipe)> {
        let description = |name: &str| {
            let json = file.metadata.get(name).cloned();
            json.map(|json| Attachment { json, ..Attachment::default() }).ok_or_else(|| Error::file(path, NOT_SAVED))
        };
        Ok((description(TRAINING)?.description(path)?, description(checkpoint::RECIPE)?.description(path)?))
    }
}

const NOT_SAVED: &str = "is not a saved training";

/// The names of power vectors and averages in a saved training begin with these.
const POWER: &str = "power.";
const AVERAGE: &str = "ema.";

impl<M: Architecture> Trainer<M> {
    /// Continues from where [`Trainer::save`] was called, bit for bit as if training had not stopped.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Weights`] where the file is not a saved training.
    pub fn resume(gpu: &Gpu, path: &Path) -> Result<Self> {
        let Checkpoint { model, recipe, mut attachments } = checkpoint::read(path, gpu, None)?;
        let Some(Attachment { json, mut tensors }) = attachments.remove(TRAINING) else {
            return Err(Error::file(path, NOT_SAVED));
        };
        let State { config, progress } = Attachment { json, ..Attachment::default() }.description(path)?;
        let mut trainer = Self::with_model(model, recipe, config)?;
        trainer.progress = progress;
        trainer.restore(gpu, &mut tensors).map_err(|error| in_attachment(path, error))?;
        Ok(trainer)
    }

    /// Takes what the training keeps beside its model out of the map.
    fn restore(&mut self, gpu: &Gpu, tensors: &mut NamedTensors) -> Result<()> {
        self.step.optimizer.restore(tensors)?;
        // There are none where the body has not been trained yet.
        if tensors.keys().any(|name| name.starts_with(POWER)) {
            for (name, csc) in sparse_layers(&self.model) {
                let name = format!("{POWER}{name}");
                let missing = || Error::Weights { path: "".into(), name: name.clone(), reason: "is missing".into() };
                let (shape, values) = tensors.remove(&name).ok_or_else(missing)?;
                self.step.powers.set(csc, Tensor::from_slice(gpu, &shape, &values)?);
            }
        }
        match &mut self.average {
            Some(average) if self.progress.step > 0 => average.restore(AVERAGE, tensors),
            _ => Ok(()),
        }
    }

    /// Writes everything that [`Trainer::resume`] needs.
    ///
    /// # Errors
    /// [`Error::Io`] where the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors = self.step.optimizer.state()?;
        for (name, csc) in sparse_layers(&self.model) {
            if let Some(vector) = self.step.powers.get(csc) {
                tensors.insert(format!("{POWER}{name}"), (vector.shape().to_vec(), vector.to_vec()?));
            }
        }
        if let Some(average) = &self.average {
            tensors.extend(average.state(AVERAGE)?);
        }
        let state = State { config: self.config.clone(), progress: self.progress.clone() };
        let training = Attachment::new(TRAINING, &state, tensors)?;
        let attachments = Attachments::from([(TRAINING.to_owned(), training)]);
        checkpoint::save(path, &self.model, &self.recipe, &attachments)
    }
}

/// Names the file, and the tensor as the file has it.
fn in_attachment(path: &Path, error: Error) -> Error {
    match error {
        Error::Weights { name, reason, .. } => {
            Error::Weights { path: path.into(), name: format!("{TRAINING}.{name}"), reason }
        }
        other => other,
    }
}
