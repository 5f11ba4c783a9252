//! The gradients of a model's parameters.

use crate::error::Result;
use crate::layers::{Leaves, Walk, parameters};
use crate::ops::clip_norm;
use crate::tape::Gradients;
use crate::tensor::Tensor;

/// A gradient for each trained parameter of a model, in the order of [`parameters`].
#[derive(Debug)]
pub struct ParameterGradients(Vec<Option<Tensor>>);

impl ParameterGradients {
    /// Those that a backward pass has found, of the parameters whose names are `trained`.
    ///
    /// # Errors
    /// [`crate::error::Error::NoGradient`] names a parameter that the loss does not depend on.
    pub fn new<W: Walk + ?Sized>(
        model: &W,
        leaves: &Leaves,
        gradients: &Gradients,
        trained: impl Fn(&str) -> bool,
    ) -> Result<Self> {
        let of = |(name, parameter): (String, &Tensor)| {
            trained(&name).then(|| leaves.gradient(gradients, &name, parameter).cloned()).transpose()
        };
        Ok(Self(parameters(model).into_iter().map(of).collect::<Result<_>>()?))
    }

    /// In the order of the parameters; none of a parameter that is not trained.
    pub fn iter(&self) -> impl Iterator<Item = Option<&Tensor>> {
        self.0.iter().map(Option::as_ref)
    }

    /// The sums with the gradients of the same parameters from another batch.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`] for those of another model, [`crate::error::Error::OutOfMemory`].
    pub fn plus(&self, other: &Self) -> Result<Self> {
        let sum = |(a, b): (&Option<Tensor>, &Option<Tensor>)| match (a, b) {
            (Some(a), Some(b)) => a.add(b).map(Some),
            (a, b) => Ok(a.clone().or_else(|| b.clone())),
        };
        Ok(Self(self.0.iter().zip(&other.0).map(sum).collect::<Result<_>>()?))
    }

    /// Scaled so that the l2 norm of all of them together is at most `most` ([`clip_norm`]).
    ///
    /// # Errors
    /// As [`clip_norm`].
    pub fn clipped(&self, most: f32) -> Result<Self> {
        let mut clipped = clip_norm(&self.0.iter().flatten().collect::<Vec<_>>(), most)?.into_iter();
        Ok(Self(self.0.iter().map(|gradient| gradient.as_ref().and_then(|_| clipped.next())).collect()))
    }
}
