//! Robust inference: what a sparse layer is for (arXiv 2210.12945, section 4).
//!
//! The lambda of a trained network's sparse coding layers is chosen for the noise at hand, without training again, for
//! every image on its own:
//!
//! 1. [`recalibrate`](recalibrate::recalibrate) sees clean training images, no noise and no labels. It learns what the
//!    first layer leaves of a clean image, and how what every batch norm sees changes with lambda.
//! 2. Pixels that the first layer cannot explain are clipped ([`Classifier::clip`]).
//! 3. A [`Look`] at what this leaves of an image, the first layer alone at its trained lambda, tells by what is left beyond
//!    that of clean images, where the image is quiet, how noisy it is.
//! 4. A [`LambdaRule`] turns this into a lambda: by a fit to best lambdas ([`Calibration`]), or by a rule that needs no
//!    noise to learn from ([`LambdaRule::label_free`]).
//!
//! [`corrupt`] makes noisy images, [`sweep`] judges all lambdas and rules on them. [`attack`] looks for images that a
//! network falls for all the same.

pub mod attack;
mod calibrate;
pub mod corrupt;
mod look;
pub mod recalibrate;
mod rule;
pub mod sweep;
mod verdict;

pub use calibrate::{Calibration, Fit, Point};
pub use look::Look;
pub use rule::{LambdaRule, Line, Residual};
pub use verdict::{Verdict, accuracy, verdicts};

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::Pass;
use crate::models::{CleanResidual, Network, Statistics};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// What robust inference and attacks need of a model.
pub trait Classifier {
    /// The device that holds it.
    fn gpu(&self) -> &Gpu;

    /// Class scores `[n, classes]` of images `[n, h, w, channels]`, already normalised.
    ///
    /// # Errors
    /// [`Error::Shape`] for images that do not fit the model, [`Error::OutOfMemory`].
    fn scores(&mut self, pass: &Pass, images: &Var) -> Result<Var>;

    /// The images with outliers, such as salt and pepper, moved to what the first layer makes of them; as they are by
    /// default.
    ///
    /// # Errors
    /// As [`Classifier::scores`].
    fn clip(&mut self, _tape: &Tape, images: &Var) -> Result<Var> {
        Ok(images.clone())
    }

    /// What the first sparse coding layer makes of each image at the lambda it was trained with.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model without sparse coding layers; else as [`Classifier::scores`].
    fn look(&mut self, images: &Tensor) -> Result<Vec<Look>> {
        let what = format!("a look at {} images", images.shape()[0]);
        Err(Error::argument("model", what, "needs a network whose first layer is a sparse coding layer"))
    }

    /// What is known of it at other lambdas than those it was trained with.
    fn adaptation(&self) -> Option<Adaptation> {
        None
    }
}

/// What a model that was recalibrated knows of itself at other lambdas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptation {
    /// The smallest and the largest lambda it was recalibrated for.
    pub range: (f32, f32),
    /// What is left of clean images.
    pub clean: CleanResidual,
    /// The batch-norm statistics it is to use.
    pub statistics: Statistics,
}

impl Classifier for Network {
    fn gpu(&self) -> &Gpu {
        Network::gpu(self)
    }

    fn scores(&mut self, pass: &Pass, images: &Var) -> Result<Var> {
        self.forward(pass, images)
    }

    fn clip(&mut self, tape: &Tape, images: &Var) -> Result<Var> {
        Network::clip(self, tape, images)
    }

    fn look(&mut self, images: &Tensor) -> Result<Vec<Look>> {
        let (measures, left) = self.first_look(images)?;
        Look::all(&measures, &left)
    }

    fn adaptation(&self) -> Option<Adaptation> {
        let recalibration = self.recalibration()?;
        let (first, last) = (recalibration.lambdas.first()?, recalibration.lambdas.last()?);
        Some(Adaptation { range: (*first, *last), clean: recalibration.clean, statistics: self.statistics() })
    }
}
