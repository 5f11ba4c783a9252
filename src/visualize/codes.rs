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
    let (tape, seen) = (Tape::idle(), Rc::new(Seen::default()));
    model.forward(&Pass::eval(&tape).with_hook(seen.clone()), &tape.constant(images))?;
    let seen = seen.0.borrow();
    let of = |(layer, csc): (String, &Csc)| {
        let (_, input, codes) = seen.iter().find(|(id, ..)| *id == csc.weight().id())?;
        Some(Coded { layer, input: input.clone(), codes: codes.clone() })
    };
    Ok(sparse_layers(model).into_iter().filter_map(of).collect())
}

/// Keeps what every layer took and gave, with the dictionary's id.
#[derive(Default)]
struct Seen(RefCell<Vec<(u64, Tensor, Tensor)>>);

impl Hook for Seen {
    fn coded(&self, layer: &Csc, x: &Tensor, z: &Tensor) -> Result<()> {
        self.0.borrow_mut().push((layer.weight().id(), x.clone(), z.clone()));
        Ok(())
    }
}
