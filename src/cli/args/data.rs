//! Which images, and how their pixels are normalised.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::checkpoint::Recipe;
use crate::cli::report::note;
use crate::data::{DataSource, Dataset, Normalization, Split, load};
use crate::error::{Error, Result};

/// Which images, and how their pixels are normalised.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Data set: fashion-mnist, fashion-mnist-small (the bundled subset), cifar10, cifar100, or a folder that holds IDX
    /// files or one folder of images per class [default: what the network was trained on; for a new one, fashion-mnist]
    #[arg(long, value_name = "NAME|FOLDER")]
    pub data: Option<String>,
    /// Folder that holds the files of the named data set
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
    /// Resize and crop images to this many pixels, N for squares or HEIGHTxWIDTH; in training, crop them at random. For folders
    /// of images of any size [default: what the network was trained with; without it, all images must have one size]
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    pub size: Option<[usize; 2]>,
    /// Mean to subtract from pixels in [0, 1]: one number per channel, or one for all [default: what the network was
    /// trained with, or the usual value for the data set]
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',', allow_negative_numbers = true)]
    pub mean: Option<Vec<f32>>,
    /// Standard deviation to divide by after that: one number per channel, or one for all [default: what the network was
    /// trained with, or the usual value for the data set]
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',')]
    pub std: Option<Vec<f32>>,
}

impl DataArgs {
    /// What the flags say, else what is recorded, else fashion-mnist. Other data come at the recorded size.
    pub fn source(&self, recorded: Option<&DataSource>) -> DataSource {
        let size = self.size.or(recorded.and_then(|source| source.size));
        let place = recorded.filter(|source| self.data.is_none() && !source.name.is_empty());
        let name = self.data.clone().or(place.map(|source| source.name.clone()));
        let root = self.root.clone().or(place.and_then(|source| source.root.clone()));
        DataSource { name: name.unwrap_or_else(|| "fashion-mnist".into()), root, size }
    }

    /// Images for a network from a file, with their labels in its numbering.
    ///
    /// # Errors
    /// Those of [`load`]; [`Error::Classes`] for images of a class that the network does not know.
    pub fn load_for(&self, split: Split, recipe: &Recipe) -> Result<Dataset> {
        let size = recipe.size.filter(|_| recipe.resized);
        let recorded = DataSource { name: recipe.data.clone(), size, ..DataSource::default() };
        let data = load_aloud(&self.source(Some(&recorded)), split)?.in_classes(&recipe.class_names)?;
        if let Some([height, width]) = recipe.size.filter(|size| *size != [data.height, data.width]) {
            note(format_args!(
                "note: the network was trained on images of {height}x{width} pixels; those of {} have {}x{}",
                data.name, data.height, data.width
            ));
        }
        Ok(data)
    }

    /// `--mean` and `--std` where they are given, else what the weights file has recorded, else the usual values for the
    /// data.
    ///
    /// # Errors
    /// [`Error::Argument`] for numbers that do not fit the channels of the data.
    pub fn normalization(&self, data: &Dataset, recorded: Option<Normalization>) -> Result<Normalization> {
        let base = recorded.unwrap_or_else(|| Normalization::default_for(&data.name, data.channels));
        let mean = per_channel("mean", self.mean.as_deref(), data.channels)?.unwrap_or(base.mean);
        let std = per_channel("std", self.std.as_deref(), data.channels)?.unwrap_or(base.std);
        let normalization = Normalization { mean, std };
        normalization.check(data.channels)?;
        Ok(normalization)
    }
}

/// Reads a split, and says what was left out or changed.
///
/// # Errors
/// Those of [`load`].
pub fn load_aloud(source: &DataSource, split: Split) -> Result<Dataset> {
    let data = load(source, split)?;
    data.notes.iter().for_each(|text| note(format_args!("note: {text}")));
    Ok(data)
}

/// Parses 32 or 32x48.
fn size(text: &str) -> std::result::Result<[usize; 2], String> {
    let number = |part: &str| part.parse::<usize>().map_err(|_| format!("{part:?} is not a number of pixels"));
    match text.split_once('x') {
        Some((height, width)) => Ok([number(height)?, number(width)?]),
        None => number(text).map(|side| [side; 2]),
    }
}

/// Demands that another network numbers its classes as these data are labelled.
///
/// # Errors
/// [`Error::Argument`] with this flag.
pub fn check_classes(flag: &'static str, path: &Path, recipe: &Recipe, data: &Dataset) -> Result<()> {
    if data.is_labelled_as(&recipe.class_names) {
        return Ok(());
    }
    let reason = "has other classes than the network, or the same in another order";
    Err(Error::argument(flag, path.display(), reason))
}

/// One number for each channel, where any are given.
fn per_channel(name: &'static str, given: Option<&[f32]>, channels: usize) -> Result<Option<Vec<f32>>> {
    match given {
        None => Ok(None),
        Some([one]) => Ok(Some(vec![*one; channels])),
        Some(all) if all.len() == channels => Ok(Some(all.to_vec())),
        Some(all) => {
            let reason = format!("one number, or one for each of {channels} channels");
            Err(Error::argument(name, format!("{all:?}"), reason))
        }
    }
}
