//! How far a network's dictionaries are from orthogonal ones.

use serde::{Deserialize, Serialize};

use crate::checks::check_finite;
use crate::error::Result;
use crate::layers::{Csc, sparse_layers};
use crate::models::Model;
use crate::ops::{Orthogonality, orthogonality};

/// The sparse coding layers whose dictionaries are drawn towards orthogonality.
pub(super) fn orthogonal_layers<M: Model + ?Sized>(model: &M, form: Orthogonality) -> Vec<&Csc> {
    let left_out = usize::from(form == Orthogonality::Published);
    sparse_layers(model).into_iter().skip(left_out).map(|(_, layer)| layer).collect()
}

/// How far dictionaries are from orthogonal ones, summed over layers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    /// [`crate::ops::orthogonality`].
    pub loss: f64,
    /// The least that it can be for atoms of unit norm ([`Orthogonality::least`]): more than 0 where there are more atoms than values
    /// that they code.
    pub least: f64,
}

impl Departure {
    /// That of a network's layers, their atoms projected to unit norm, as the next pass of training will do.
    ///
    /// # Errors
    /// [`crate::error::Error::NotFinite`] for dictionaries that are not finite any more, and whatever the device reports.
    pub fn of<M: Model + ?Sized>(model: &M, form: Orthogonality) -> Result<Self> {
        orthogonal_layers(model, form).into_iter().map(|layer| Self::of_layer(layer, form)).sum()
    }

    /// That of one layer.
    ///
    /// # Errors
    /// As [`Departure::of`].
    pub fn of_layer(layer: &Csc, form: Orthogonality) -> Result<Self> {
        let stride = layer.config().geometry.stride;
        let loss = orthogonality(&layer.unit_atoms()?, stride, form)?.to_vec()?;
        let shape = <[usize; 4]>::try_from(layer.weight().shape()).unwrap_or_default();
        let hint = "train with a smaller weight of orthogonality, or at a smaller learning rate";
        check_finite("the orthogonality of the dictionaries", &loss, hint)?;
        Ok(Self { loss: loss.iter().copied().map(f64::from).sum(), least: form.least(shape, stride) })
    }
}

impl std::iter::Sum for Departure {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self { loss: sum.loss + one.loss, least: sum.least + one.least })
    }
}
