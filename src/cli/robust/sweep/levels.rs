//! The images of a sweep, level by level: test images with noise, or those of a folder of corrupted ones.

use std::borrow::Cow;

use super::args::SweepArgs;
use super::swept::Damage;
use crate::checkpoint::Recipe;
use crate::cli::args::Block;
use crate::data::{Corrupted, Dataset, Split};
use crate::error::{Error, Result};
use crate::robust::corrupt::Corruption;

/// The levels of a sweep.
pub(super) enum Levels {
    /// The same images with every noise, clean ones first.
    Noise { data: Dataset, corruptions: Vec<Option<Corruption>> },
    /// Images of files, of which those of one level are in memory.
    Files { folder: Corrupted, blocks: Vec<Block>, class_names: Vec<String>, images: usize },
}

/// The images of one level.
pub(super) struct Images<'a> {
    pub(super) data: Cow<'a, Dataset>,
    /// What is still to be done to them.
    pub(super) corruption: Option<Corruption>,
    /// What will then have been done to them.
    pub(super) damage: Option<Damage>,
}

impl Levels {
    /// # Errors
    /// [`Error::Argument`] for flags of noise with corrupted images, and the reverse; those of reading data.
    pub(super) fn of(options: &SweepArgs, recipe: &Recipe) -> Result<Self> {
        let input = &options.input.data;
        let most = options.images.unwrap_or(usize::MAX);
        let Some((folder, blocks)) = options.corrupted.chosen(&input.source_for(recipe))? else {
            let data = input.load_for(Split::Test, recipe)?;
            let data = if most < data.len() { data.subset(most) } else { data };
            return Ok(Self::Noise { data, corruptions: options.noise.corruptions()? });
        };
        if let Some((flag, given)) = options.noise.first_given() {
            let reason =
                "is for noise, but the data are corrupted already: --corruption and --severity choose among them";
            return Err(Error::argument(flag, given, reason));
        }
        let images = folder.len().min(most);
        Ok(Self::Files { folder, blocks, class_names: recipe.class_names.clone(), images })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Noise { corruptions, .. } => corruptions.len(),
            Self::Files { blocks, .. } => blocks.len(),
        }
    }

    /// What the data are called.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Noise { data, .. } => data.name.clone(),
            Self::Files { folder, .. } => folder.folder().display().to_string(),
        }
    }

    /// Images of each level.
    pub(super) fn images(&self) -> usize {
        match self {
            Self::Noise { data, .. } => data.len(),
            Self::Files { images, .. } => *images,
        }
    }

    /// A level, by number.
    ///
    /// # Errors
    /// Those of [`Corrupted::images`].
    pub(super) fn get(&self, level: usize) -> Result<Images<'_>> {
        match self {
            Self::Noise { data, corruptions } => {
                let corruption = corruptions[level];
                Ok(Images { data: Cow::Borrowed(data), corruption, damage: corruption.map(Damage::from) })
            }
            Self::Files { folder, blocks, class_names, images } => {
                let Block { name, severity } = &blocks[level];
                let data = folder.images(name, *severity)?.in_classes(class_names)?;
                let data = if *images < data.len() { data.subset(*images) } else { data };
                let damage = Damage { kind: name.clone(), level: *severity as f32 };
                Ok(Images { data: Cow::Owned(data), corruption: None, damage: Some(damage) })
            }
        }
    }
}
