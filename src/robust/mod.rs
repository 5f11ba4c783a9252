//! Robust inference: what a sparse layer is for (arXiv 2210.12945, section 4).
//!
//! The lambda of a trained network's sparse coding layers is chosen for the noise at hand, without training again.

pub mod corrupt;
mod rule;

pub use rule::LambdaRule;

use crate::error::Result;
use crate::gpu::Gpu;
use crate::layers::Pass;
use crate::models::Network;
use crate::tape::Var;

/// What robust inference and attacks need of a model.
pub trait Classifier {
    /// The device that holds it.
    fn gpu(&self) -> &Gpu;

    /// Class scores `[n, classes]` of images `[n, h, w, channels]`, already normalised.
    ///
    /// # Errors
    /// [`crate::error::Error::Shape`] for images that do not fit the model, [`crate::error::Error::OutOfMemory`].
    fn scores(&mut self, pass: &Pass, images: &Var) -> Result<Var>;
}

impl Classifier for Network {
    fn gpu(&self) -> &Gpu {
        Network::gpu(self)
    }

    fn scores(&mut self, pass: &Pass, images: &Var) -> Result<Var> {
        self.forward(pass, images)
    }
}
