//! Robust inference with sparse coding layers (arXiv 2210.12945, section 4).
//!
//! The lambda of a trained network's sparse coding layers is chosen for the noise at hand, without retraining, for
//! each image separately:
//!
//! 1. [`recalibrate`](recalibrate::recalibrate) sees clean training images, but no noise or labels. It learns what they are
//!    like ([`CleanImages`]), and how every batch norm's statistics change with lambda.
//! 2. Impulse noise is repaired where there is any ([`Classifier::repair`]).
//! 3. The noise that is left is estimated from the quietest places of the image ([`Measure`]).
//! 4. A [`LambdaRule`] turns this into a lambda: by a fit to best lambdas ([`Calibration`]), or a rule that needs no
//!    labels ([`LambdaRule::label_free`]).
//!
//! [`corrupt`] makes noisy images, [`sweep`] tests lambdas and rules on them. [`attack`] looks for images that still
//! fool a network. [`certificate`] says how far an image may change without its first code changing its support.

mod adapted;
#[cfg(feature = "train")]
pub mod attack;
#[cfg(feature = "train")]
mod by_noise;
#[cfg(feature = "train")]
mod calibrate;
#[cfg(feature = "train")]
pub mod certificate;
mod clean;
#[cfg(feature = "train")]
pub mod corrupt;
#[cfg(feature = "train")]
mod filter;
mod impulses;
mod noise;
#[cfg(feature = "train")]
pub mod recalibrate;
mod rule;
#[cfg(feature = "train")]
mod scratch;
#[cfg(feature = "train")]
mod stages;
#[cfg(feature = "train")]
pub mod sweep;
mod verdict;

pub use adapted::{Adapted, LambdaLayers, Recalibration, Statistics, Table, Tables};
#[cfg(feature = "train")]
pub use calibrate::{Calibration, Fit, Point};
pub use clean::CleanImages;
#[cfg(feature = "train")]
pub use filter::Filter;
pub use rule::{LambdaRule, Line, Measure, Prepared};
pub use verdict::{Verdict, accuracy, verdicts};

use crate::data::Batch;
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::{Csc, Pass};
use crate::tape::Var;

/// What robust inference and attacks need of a model. [`Adapted`] is one around any [`Model`](crate::models::Model).
pub trait Classifier {
    /// The device that holds it.
    fn gpu(&self) -> &Gpu;

    /// Class scores `[n, classes]` of images `[n, h, w, channels]`, already normalised.
    ///
    /// # Errors
    /// [`Error::Shape`] for images that do not fit the model, [`Error::OutOfMemory`].
    fn scores(&self, pass: &Pass, images: &Var) -> Result<Var>;

    /// The passes at these lambdas, one a sample, with the batch-norm statistics that go with them: one for each kind of
    /// statistics, over which scores are averaged, and never none. The pass as it is by default.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    fn at<'t>(&self, pass: Pass<'t>, _lambdas: &[f32]) -> Result<Vec<Pass<'t>>> {
        Ok(vec![pass])
    }

    /// Its sparse coding layers, by number; none by default.
    fn sparse_layer(&self, _index: usize) -> Option<&Csc> {
        None
    }

    /// Takes impulse noise, such as salt and pepper, out of images: values that stand alone among their neighbours, where an image
    /// has more of them than clean images have, become the median of their neighbours. Leaves them as they are by default.
    ///
    /// # Errors
    /// [`Error::Shape`] for images that do not fit the model; [`Error::Argument`] for a recalibration that has to be renewed.
    fn repair(&self, _images: &mut Batch) -> Result<()> {
        Ok(())
    }

    /// What lambda is chosen by, of each of the normalised images.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model that cannot say, for want of a recalibration or a sparse coding layer; and as
    /// [`Classifier::scores`].
    fn measure(&self, images: &Batch, measure: Measure) -> Result<Vec<f64>> {
        let what = format!("the {measure} of {} images", images.shape()[0]);
        Err(Error::argument("model", what, "needs a network with sparse coding layers"))
    }

    /// The smallest and the largest lambda that it was recalibrated for, if it was.
    fn lambdas(&self) -> Option<(f32, f32)> {
        None
    }
}
