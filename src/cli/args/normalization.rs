//! How pixels are normalised.

use clap::Args;

use crate::data::Normalization;
use crate::error::{Error, Result};

/// How pixels are normalised.
#[derive(Debug, Args)]
pub struct NormalizationArgs {
    /// Mean to subtract from pixels in [0, 1]: one number per channel, or one for all [default: what the network was
    /// trained with, or the usual value for the data set]
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',')]
    pub mean: Option<Vec<f32>>,
    /// Standard deviation to divide by after that: one number per channel, or one for all [default: what the network was
    /// trained with, or the usual value for the data set]
    #[arg(long, value_name = "X[,X..]", value_delimiter = ',')]
    pub std: Option<Vec<f32>>,
}

impl NormalizationArgs {
    /// The first flag that is given, by name.
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [("mean", self.mean.is_some()), ("std", self.std.is_some())];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }

    /// This normalisation with what the flags say of it.
    ///
    /// # Errors
    /// [`Error::Argument`] for numbers that do not fit the channels.
    pub fn applied_to(&self, base: Normalization, channels: usize) -> Result<Normalization> {
        let mean = per_channel("mean", self.mean.as_deref(), channels)?.unwrap_or(base.mean);
        let std = per_channel("std", self.std.as_deref(), channels)?.unwrap_or(base.std);
        let normalization = Normalization { mean, std };
        normalization.check(channels)?;
        Ok(normalization)
    }

    /// What a weights file has recorded, with what the flags say of it; none where neither says enough.
    ///
    /// # Errors
    /// As [`NormalizationArgs::applied_to`].
    pub fn of(&self, recorded: Option<&Normalization>, channels: usize) -> Result<Option<Normalization>> {
        match (recorded, &self.mean, &self.std) {
            (Some(recorded), ..) => self.applied_to(recorded.clone(), channels).map(Some),
            (None, Some(mean), Some(std)) => {
                self.applied_to(Normalization { mean: mean.clone(), std: std.clone() }, channels).map(Some)
            }
            _ => Ok(None),
        }
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
