//! What the folder of a training holds.

use std::path::Path;

use super::files::{FIGURES, MISTAKES, Tested};
use crate::checkpoint::Recipe;
use crate::cli::train::TRAINING;
use crate::error::{Error, Result};
use crate::train::{EpochRecord, State};

/// A training, read from its folder.
pub(super) struct Run {
    /// The folder.
    pub name: String,
    pub state: State,
    pub recipe: Recipe,
    /// How good its weights are, if an epoch has ended since that is recorded.
    pub tested: Option<Tested>,
    /// Pictures that are there: what they show, and the bytes of a PNG file.
    pub pictures: Vec<(&'static str, Vec<u8>)>,
}

impl Run {
    /// # Errors
    /// [`Error::File`] for a folder without a training; for damaged files, that of what reads them.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let training = folder.join(TRAINING);
        if !training.is_file() {
            return Err(Error::file(folder, format!("holds no training: there is no {TRAINING} in it")));
        }
        let (state, recipe) = State::read(&training)?;
        if state.progress.history.is_empty() {
            return Err(Error::file(folder, "no epoch of this training has ended yet: there is nothing to report"));
        }
        let figures = optional(&folder.join(FIGURES))?;
        let damaged = |e: serde_json::Error| Error::file(folder.join(FIGURES), format!("is damaged: {e}"));
        let tested = figures.map(|json| serde_json::from_slice(&json).map_err(damaged)).transpose()?;
        let mut pictures = Vec::new();
        for (title, name) in [
            ("The most confident mistakes", MISTAKES),
            ("Test images, and what the network says of them at the end", "predictions.png"),
            ("Atoms of the first layer", "atoms.png"),
        ] {
            pictures.extend(optional(&folder.join(name))?.map(|png| (title, png)));
        }
        Ok(Self { name: folder.display().to_string(), state, recipe, tested, pictures })
    }

    pub(super) fn history(&self) -> &[EpochRecord] {
        &self.state.progress.history
    }

    /// The highest test accuracy.
    pub(super) fn best(&self) -> f64 {
        self.history().iter().map(|record| record.test_accuracy).fold(0.0, f64::max)
    }
}

/// The content of a file, if there is one.
fn optional(path: &Path) -> Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io(path, error)),
    }
}
