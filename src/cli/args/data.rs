//! Which images, and how their pixels are normalised.

use std::path::PathBuf;

use clap::Args;

use crate::data::{DataSource, Dataset, Normalization, Split, load};
use crate::error::{Error, Result};

/// Which images, and how their pixels are normalised.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Data set: fashion-mnist, fashion-mnist-small (the bundled subset), cifar10, cifar100, or a folder that holds IDX
    /// files or one folder of images per class
    #[arg(long, value_name = "NAME|FOLDER", default_value = "fashion-mnist")]
    pub data: String,
    /// Folder that holds the files of the named data set
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
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
    /// # Errors
    /// Those of [`load`].
    pub fn load(&self, split: Split) -> Result<Dataset> {
        load(&DataSource { name: self.data.clone(), root: self.root.clone() }, split)
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
