//! The projection of a dictionary onto atoms of unit norm.

use crate::error::{Error, Result};
use crate::shaders;
use crate::tensor::Tensor;

/// Divides every atom of `weight: [atoms, k, k, channels]` by its l2 norm (at least 1e-12), in place. Not
/// differentiated.
///
/// # Errors
/// [`Error::Shape`] for an empty dictionary.
pub fn normalize_atoms(weight: &Tensor) -> Result<()> {
    let atoms = *weight.shape().first().unwrap_or(&0);
    if weight.is_empty() {
        return Err(Error::shape("normalize_atoms", "a dictionary has atoms", &[weight.shape()]));
    }
    let constants = [("ATOMS", atoms as f64), ("SIZE", (weight.len() / atoms) as f64)];
    weight.gpu().run(&shaders::NORMALIZE_ATOMS, &constants, &[weight.buffer()], atoms)
}
