//! Pixels that no sparse code explains.

use crate::error::{Error, Result};
use crate::layers::Csc;
use crate::tape::{Tape, Var};

/// Lambda of the codes that pixels are held against, by that of the training: so large that an outlier alone is worth no
/// code.
const LAMBDA: f32 = 8.0;
/// Rounds of coding and clipping.
const ROUNDS: usize = 4;

/// `x` with every value that is farther than `limit` from its scaled reconstruction by this layer moved to that distance:
/// outliers, such as salt and pepper, that no sparse code explains. Four rounds of coding and [`Tape::clip_residual`], at
/// eight times the layer's own lambda: the codes of the first still follow the outliers, those of the last hardly do. The
/// weights are held constant.
///
/// # Errors
/// [`Error::Argument`] for a limit that is negative or not finite, or a layer that repeats its signal;
/// [`Error::Shape`], [`Error::OutOfMemory`].
pub fn clip(layer: &Csc, tape: &Tape, x: &Var, limit: f32) -> Result<Var> {
    (0..ROUNDS).try_fold(x.clone(), |x, _| clip_once(layer, tape, &x, limit))
}

/// One round of [`clip`]; with a limit of 0 it gives the scaled reconstruction.
///
/// # Errors
/// As [`clip`].
pub(super) fn clip_once(layer: &Csc, tape: &Tape, x: &Var, limit: f32) -> Result<Var> {
    if layer.config().dictionaries > 1 {
        return Err(Error::argument("clip", limit, "is for layers with one dictionary"));
    }
    let codes = layer.codes_at(tape, x, LAMBDA)?;
    let left = layer.residual(tape, x, &codes)?;
    tape.clip_residual(x, &left, limit)
}
