//! What layers are added to.

use super::{BatchNorm, Conv, Csc, Filters, Linear, Pass};
use crate::error::Result;
use crate::ops::{Blur, Window};
use crate::tape::Var;

/// A computation graph that takes the layers of a model one after the other: a [`Pass`], which computes them at once, or the
/// graph of a file. A model that says in these terms what it is made of runs and is exported by the same lines.
///
/// # Errors
/// Every method has those of the graph: a pass has those of the layers.
pub trait Graph {
    /// A value on its way through the graph.
    type Value;

    /// A convolution.
    fn conv(&mut self, layer: &Conv, x: &Self::Value) -> Result<Self::Value>;

    /// A convolution with given filters.
    fn filters(&mut self, layer: &Filters, x: &Self::Value) -> Result<Self::Value>;

    /// The sparse code of `x`.
    fn csc(&mut self, layer: &Csc, x: &Self::Value) -> Result<Self::Value>;

    /// `x`, normalised.
    fn batch_norm(&mut self, layer: &BatchNorm, x: &Self::Value) -> Result<Self::Value>;

    /// `max(., 0)` of [`Graph::batch_norm`].
    fn batch_norm_relu(&mut self, layer: &BatchNorm, x: &Self::Value) -> Result<Self::Value>;

    /// `max(a + b, 0)`, elementwise.
    fn add_relu(&mut self, a: &Self::Value, b: &Self::Value) -> Result<Self::Value>;

    /// The largest value of each window.
    fn max_pool(&mut self, window: Window, x: &Self::Value) -> Result<Self::Value>;

    /// A blur in front of a subsampling.
    fn blur(&mut self, blur: Blur, x: &Self::Value) -> Result<Self::Value>;

    /// The moduli of complex values whose real parts are the first half of the channels.
    fn modulus(&mut self, x: &Self::Value) -> Result<Self::Value>;

    /// The channels of `a`, then those of `b`.
    fn concatenate(&mut self, a: &Self::Value, b: &Self::Value) -> Result<Self::Value>;

    /// The mean over all pixels.
    fn global_average_pool(&mut self, x: &Self::Value) -> Result<Self::Value>;

    /// A linear layer.
    fn linear(&mut self, layer: &Linear, x: &Self::Value) -> Result<Self::Value>;
}

impl Graph for &Pass<'_> {
    type Value = Var;

    fn conv(&mut self, layer: &Conv, x: &Var) -> Result<Var> {
        layer.forward(self, x)
    }

    fn filters(&mut self, layer: &Filters, x: &Var) -> Result<Var> {
        layer.forward(self.tape(), x)
    }

    fn csc(&mut self, layer: &Csc, x: &Var) -> Result<Var> {
        layer.forward(self, x)
    }

    fn batch_norm(&mut self, layer: &BatchNorm, x: &Var) -> Result<Var> {
        layer.forward(self, x)
    }

    fn batch_norm_relu(&mut self, layer: &BatchNorm, x: &Var) -> Result<Var> {
        layer.forward_relu(self, x)
    }

    fn add_relu(&mut self, a: &Var, b: &Var) -> Result<Var> {
        self.tape().add_relu(a, b)
    }

    fn max_pool(&mut self, window: Window, x: &Var) -> Result<Var> {
        self.tape().max_pool(x, window)
    }

    fn blur(&mut self, blur: Blur, x: &Var) -> Result<Var> {
        self.tape().blur(x, blur)
    }

    fn modulus(&mut self, x: &Var) -> Result<Var> {
        self.tape().modulus(x)
    }

    fn concatenate(&mut self, a: &Var, b: &Var) -> Result<Var> {
        self.tape().concatenate(a, b)
    }

    fn global_average_pool(&mut self, x: &Var) -> Result<Var> {
        self.tape().global_average_pool(x)
    }

    fn linear(&mut self, layer: &Linear, x: &Var) -> Result<Var> {
        layer.forward(self, x)
    }
}
