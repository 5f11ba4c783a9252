//! Robust inference with sparse coding layers (arXiv 2210.12945, section 4).
//!
//! The lambda of a trained network's sparse coding layers is chosen for the noise at hand, without retraining, for
//! each image separately:
//!
//! 1. [`recalibrate`](recalibrate::recalibrate) sees clean training images, but no noise or labels. It learns the
//!    first layer's residual on clean images, and how every batch norm's statistics change with lambda.
//! 2. Pixels that the first layer cannot explain are clipped ([`Classifier::clip`]).
//! 3. A [`Look`] at the clipped image, by the first layer at its trained lambda, estimates its noise: from the residual
//!    in excess of that of clean images, and where the image is quietest.
//! 4. A [`LambdaRule`] turns this into a lambda: by a fit to best lambdas ([`Calibration`]), or a rule that needs no
//!    noise to learn from ([`LambdaRule::label_free`]).
//!
//! [`corrupt`] makes noisy images, [`sweep`] tests lambdas and rules on them. [`attack`] looks for images that still
//! fool a network.

mod adapted;
#[cfg(feature = "train")]
pub mod attack;
#[cfg(feature = "train")]
mod calibrate;
mod clip;
#[cfg(feature = "train")]
pub mod corrupt;
mod look;
#[cfg(feature = "train")]
pub mod recalibrate;
mod rule;
#[cfg(feature = "train")]
pub mod sweep;
mod verdict;

pub use adapted::{Adapted, CleanResidual, LambdaLayers, Recalibration, Statistics, Table, Tables};
#[cfg(feature = "train")]
pub use calibrate::{Calibration, Fit, Point};
pub use clip::clip;
pub use look::Look;
pub use rule::{LambdaRule, Line, Prepared, Residual};
pub use verdict::{Verdict, accuracy, verdicts};

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::{Csc, Pass};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// What robust inference and attacks need of a model. [`Adapted`] is one around any [`Model`](crate::models::Model).
pub trait Classifier {
    /// The device that holds it.
    fn gpu(&self) -> &Gpu;

    /// Class scores `[n, classes]` of images `[n, h, w, channels]`, already normalised.
    ///
    /// # Errors
    /// [`Error::Shape`] for images that do not fit the model, [`Error::OutOfMemory`].
    fn scores(&self, pass: &Pass, images: &Var) -> Result<Var>;

    /// The pass at these lambdas, one a sample, and with the batch-norm statistics that go with them; as it is by default.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    fn at<'t>(&self, pass: Pass<'t>, _lambdas: &[f32]) -> Result<Pass<'t>> {
        Ok(pass)
    }

    /// Its sparse coding layers, by number; none by default.
    fn sparse_layer(&self, _index: usize) -> Option<&Csc> {
        None
    }

    /// Images with outliers, such as salt and pepper, clipped to near the first layer's reconstruction; unchanged by
    /// default.
    ///
    /// # Errors
    /// As [`Classifier::scores`].
    fn clip(&self, _tape: &Tape, images: &Var) -> Result<Var> {
        Ok(images.clone())
    }

    /// A look at each image by the first sparse coding layer at its trained lambda.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model without sparse coding layers; and as [`Classifier::scores`].
    fn look(&self, images: &Tensor) -> Result<Vec<Look>> {
        let what = format!("a look at {} images", images.shape()[0]);
        Err(Error::argument("model", what, "needs a network whose first layer is a sparse coding layer"))
    }

    /// What is known about it at lambdas other than those it was trained with.
    fn adaptation(&self) -> Option<Adaptation> {
        None
    }
}

/// What is known about a recalibrated model at other lambdas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptation {
    /// The smallest and the largest lambda it was recalibrated for.
    pub range: (f32, f32),
    /// The residual of clean images.
    pub clean: CleanResidual,
}
