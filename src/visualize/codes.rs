//! Inputs and codes of every sparse coding layer.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::Result;
use crate::layers::{Csc, Hook, Pass, sparse_layers};
use crate::models::Model;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// What a sparse coding layer took and gave in an evaluation pass.
#[derive(Clone, Debug)]
pub struct Coded {
    /// Name of the layer, such as `layer0.0`.
    pub layer: String,
    /// Its input `x`, `[n, height, width, channels]`, repeated where the layer does so.
    pub input: Tensor,
    /// Its codes `z`, `[n, code_h, code_w, atoms]`.
    pub codes: Tensor,
}

/// Inputs and codes of every sparse coding layer, in the order of the walk, for images that are already normalised.
///
/// # Errors
/// As [`Model::forward`].
pub fn coded(model: &impl Model, images: &Tensor) -> Result<Vec<Coded>> {
    let seen = seen(model, images, None)?;
    let of = |(layer, csc): (String, &Csc)| {
        let (_, input, codes) = seen.iter().find(|(id, ..)| *id == csc.weight().id())?;
        Some(Coded { layer, input: input.clone(), codes: codes.clone() })
    };
    Ok(sparse_layers(model).into_iter().filter_map(of).collect())
}

/// Input and codes of one layer alone; none where the model does not code with it.
///
/// # Errors
/// As [`Model::forward`].
pub fn coded_by(model: &impl Model, layer: &Csc, images: &Tensor) -> Result<Option<(Tensor, Tensor)>> {
    let id = layer.weight().id();
    Ok(seen(model, images, Some(id))?.pop().map(|(_, input, codes)| (input, codes)))
}

/// What layers took and gave, each with its dictionary's id.
type Kept = Vec<(u64, Tensor, Tensor)>;

fn seen(model: &impl Model, images: &Tensor, only: Option<u64>) -> Result<Kept> {
    let (tape, seen) = (Tape::idle(), Rc::new(Seen { only, kept: RefCell::default() }));
    model.forward(&Pass::eval(&tape).with_hook(seen.clone()), &tape.constant(images))?;
    Ok(seen.kept.take())
}

/// Keeps what every layer takes and gives, or one alone.
struct Seen {
    only: Option<u64>,
    kept: RefCell<Kept>,
}

impl Hook for Seen {
    fn coded(&self, layer: &Csc, x: &Tensor, z: &Tensor) -> Result<()> {
        let id = layer.weight().id();
        if self.only.is_none_or(|only| only == id) {
            self.kept.borrow_mut().push((id, x.clone(), z.clone()));
        }
        Ok(())
    }
}
