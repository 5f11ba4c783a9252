//! Which lambda a sample gets.

use super::Classifier;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// How lambda is chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum LambdaRule {
    /// The one that each layer was trained with.
    #[default]
    Trained,
    /// This one, for every sample.
    Fixed(f32),
}

impl LambdaRule {
    /// One lambda for each of the normalised `images`, as [`crate::layers::Pass::lambda`] takes it; `None` where each
    /// layer keeps its own. Statistics that belong to the lambda are the model's business.
    ///
    /// # Errors
    /// [`Error::Argument`] for a lambda that is negative or not finite, [`Error::OutOfMemory`].
    pub fn choose(&self, model: &mut dyn Classifier, images: &Tensor) -> Result<Option<Tensor>> {
        match *self {
            Self::Trained => Ok(None),
            Self::Fixed(lambda) if lambda.is_finite() && lambda >= 0.0 => {
                Ok(Some(Tensor::full(model.gpu(), &images.shape()[..1], lambda)?))
            }
            Self::Fixed(lambda) => {
                Err(Error::argument("lambda", lambda, "must be a finite number that is not negative"))
            }
        }
    }
}
