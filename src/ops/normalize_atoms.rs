//! The projection of a dictionary onto atoms of unit norm.

use crate::error::{Error, Result};
use crate::shaders;
use crate::tensor::{Call, Tensor};

/// Divides every atom of `weight: [atoms, kh, kw, channels]` by its l2 norm (at least 1e-12), in place. Not
/// differentiated.
///
/// # Errors
/// [`Error::Shape`] for an empty dictionary.
pub fn normalize_atoms(weight: &Tensor) -> Result<()> {
    let atoms = *weight.shape().first().unwrap_or(&0);
    if weight.is_empty() {
        return Err(Error::shape("normalize_atoms", "a dictionary has atoms", &[weight.shape()]));
    }
    let constants = [("SIZE", (weight.len() / atoms) as f64)];
    Call::on(&[weight]).constants(&constants).each_group(&shaders::NORMALIZE_ATOMS, atoms)
}
