//! A pass that ends at a sparse coding layer.

use crate::error::{Error, Result};
use crate::layers::{BatchNorm, Conv, Csc, Filters, Graph, Linear, Pass, sparse_layers};
use crate::models::Network;
use crate::ops::{Blur, Window};
use crate::tape::Var;

/// The codes that the layer of this name has for images that are already normalised; nothing behind it is computed.
///
/// # Errors
/// [`Error::Argument`] for a layer that the network does not have, else as [`crate::models::Model::forward`].
pub(super) fn codes_of(network: &Network, pass: &Pass, layer: &str, images: &Var) -> Result<Var> {
    let unknown = || Error::argument("layer", layer, "is no sparse coding layer of the network");
    let (_, csc) = sparse_layers(network).into_iter().find(|(name, _)| name == layer).ok_or_else(unknown)?;
    let mut until = Until { pass, last: csc.weight().id(), found: None };
    network.add_to(&mut until, images)?;
    until.found.ok_or_else(unknown)
}

/// A pass in which no layer behind the last one does anything.
struct Until<'a, 't> {
    pass: &'a Pass<'t>,
    /// The id of its dictionary.
    last: u64,
    found: Option<Var>,
}

impl Until<'_, '_> {
    /// What a layer makes of `x`, unless the last one has been met.
    fn add(&mut self, x: &Var, layer: impl FnOnce(&mut &Pass) -> Result<Var>) -> Result<Var> {
        if self.found.is_some() { Ok(x.clone()) } else { layer(&mut { self.pass }) }
    }
}

impl Graph for Until<'_, '_> {
    type Value = Var;

    fn conv(&mut self, layer: &Conv, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.conv(layer, x))
    }

    fn filters(&mut self, layer: &Filters, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.filters(layer, x))
    }

    fn csc(&mut self, layer: &Csc, x: &Var) -> Result<Var> {
        let codes = self.add(x, |pass| pass.csc(layer, x))?;
        if layer.weight().id() == self.last {
            self.found = Some(codes.clone());
        }
        Ok(codes)
    }

    fn batch_norm(&mut self, layer: &BatchNorm, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.batch_norm(layer, x))
    }

    fn batch_norm_relu(&mut self, layer: &BatchNorm, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.batch_norm_relu(layer, x))
    }

    fn add_relu(&mut self, a: &Var, b: &Var) -> Result<Var> {
        self.add(a, |pass| pass.add_relu(a, b))
    }

    fn max_pool(&mut self, window: Window, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.max_pool(window, x))
    }

    fn blur(&mut self, blur: Blur, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.blur(blur, x))
    }

    fn modulus(&mut self, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.modulus(x))
    }

    fn concatenate(&mut self, a: &Var, b: &Var) -> Result<Var> {
        self.add(a, |pass| pass.concatenate(a, b))
    }

    fn global_average_pool(&mut self, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.global_average_pool(x))
    }

    fn linear(&mut self, layer: &Linear, x: &Var) -> Result<Var> {
        self.add(x, |pass| pass.linear(layer, x))
    }
}
