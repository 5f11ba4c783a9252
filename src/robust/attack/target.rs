//! Whom an attack is made on.

use super::Images;
use crate::data::Normalization;
use crate::error::Result;
use crate::files::check_finite;
use crate::layers::Pass;
use crate::robust::{Classifier, LambdaRule};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// Chooses one lambda a sample for normalised images `[n, height, width, channels]`; `None` leaves each layer its own.
pub type LambdaChoice<'a> = dyn FnMut(&mut dyn Classifier, &Tensor) -> Result<Option<Tensor>> + 'a;

/// The choice that a rule makes.
pub fn by_rule(rule: LambdaRule) -> Box<LambdaChoice<'static>> {
    Box::new(move |model, images| rule.choose(model, images))
}

/// A classifier of pixels in `[0, 1]`: a model behind its normalisation and its choice of lambda.
pub struct Target<'a> {
    model: &'a mut dyn Classifier,
    normalization: &'a Normalization,
    choose: Box<LambdaChoice<'a>>,
}

/// What a pass forward and back has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Class scores `[n, classes]`.
    pub scores: Vec<f32>,
    /// The gradient of each sample's cross-entropy with respect to its own pixels.
    pub gradient: Vec<f32>,
}

impl<'a> Target<'a> {
    /// A model that normalises and defends itself like this.
    pub fn new(model: &'a mut dyn Classifier, normalization: &'a Normalization, choose: Box<LambdaChoice<'a>>) -> Self {
        Self { model, normalization, choose }
    }

    /// Class scores `[n, classes]` of `pixels` at the lambda chosen for them.
    ///
    /// # Errors
    /// Those of the model; [`Error::NotFinite`].
    pub fn scores(&mut self, images: &Images, pixels: &[f32]) -> Result<Vec<f32>> {
        let x = self.normalised(images, pixels)?;
        let tape = Tape::idle();
        let mut pass = Pass::eval(&tape);
        pass.lambda = (self.choose)(self.model, &x)?;
        finite(self.model.scores(&pass, &tape.constant(&x))?.value())
    }

    /// The lambda chosen for `pixels`.
    ///
    /// # Errors
    /// Those of the choice.
    pub fn lambda(&mut self, images: &Images, pixels: &[f32]) -> Result<Option<Tensor>> {
        let x = self.normalised(images, pixels)?;
        (self.choose)(self.model, &x)
    }

    /// Scores and gradients at this lambda, which is held constant.
    ///
    /// # Errors
    /// Those of the model; [`Error::Label`]; [`Error::NoGradient`] where the scores do not depend on the images;
    /// [`Error::NotFinite`].
    pub fn gradient(&mut self, images: &Images, pixels: &[f32], lambda: Option<&Tensor>) -> Result<Found> {
        let tape = Tape::new();
        let mut pass = Pass::eval(&tape).frozen();
        pass.lambda = lambda.cloned();
        let x = tape.leaf(&self.normalised(images, pixels)?);
        let logits = self.model.scores(&pass, &x)?;
        let loss = tape.cross_entropy(&logits, &images.labels)?.loss;
        let scores = finite(logits.value())?;
        let mut gradient = tape.backward(&loss)?.of("images", &x)?.to_vec()?;
        check_finite("the gradient of the images", &gradient, "the weights are far outside of what training gives")?;
        // The loss is a mean over the samples, and x = (pixel - mean) / std.
        let std = &self.normalization.std;
        gradient.iter_mut().enumerate().for_each(|(i, g)| *g *= images.len() as f32 / std[i % std.len()]);
        Ok(Found { scores, gradient })
    }

    fn normalised(&self, images: &Images, pixels: &[f32]) -> Result<Tensor> {
        let channels = images.shape[3];
        self.normalization.check(channels)?;
        let Normalization { mean, std } = self.normalization;
        let x = pixels.iter().enumerate().map(|(i, p)| (p - mean[i % channels]) / std[i % channels]);
        Tensor::from_slice(self.model.gpu(), &images.shape, &x.collect::<Vec<_>>())
    }
}

fn finite(scores: &Tensor) -> Result<Vec<f32>> {
    let scores = scores.to_vec()?;
    check_finite("the class scores", &scores, "the weights are far outside of what training gives")?;
    Ok(scores)
}
