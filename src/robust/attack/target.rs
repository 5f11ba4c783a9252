//! The target of an attack.

use super::Images;
use crate::checks::check_finite;
use crate::data::Normalization;
use crate::error::Result;
use crate::layers::Pass;
use crate::robust::{Classifier, LambdaRule};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// A classifier of pixels in `[0, 1]`: a model behind its normalisation and its choice of lambda.
pub struct Target<'a> {
    model: &'a dyn Classifier,
    normalization: &'a Normalization,
    rule: LambdaRule,
}

/// The result of a forward and backward pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Class scores `[n, classes]`.
    pub scores: Vec<f32>,
    /// The gradient of each sample's cross-entropy with respect to its own pixels.
    pub gradient: Vec<f32>,
}

impl<'a> Target<'a> {
    /// A model with this normalisation and choice of lambda.
    pub fn new(model: &'a dyn Classifier, normalization: &'a Normalization, rule: LambdaRule) -> Self {
        Self { model, normalization, rule }
    }

    /// Class scores `[n, classes]` of `pixels`, at the lambda and the statistics chosen for them.
    ///
    /// # Errors
    /// Those of the model and of the rule; [`crate::error::Error::NotFinite`].
    pub fn scores(&self, images: &Images, pixels: &[f32]) -> Result<Vec<f32>> {
        let x = self.normalised(images, pixels)?;
        let tape = Tape::idle();
        let ready = self.rule.prepare(self.model, &tape.constant(&x), Pass::eval(&tape))?;
        finite(self.model.scores(&ready.pass, &ready.images)?.value())
    }

    /// Scores and gradients at `pixels`, with the lambda and statistics chosen for the pixels `seen`, which are held
    /// constant: the choice by a first look is not differentiated.
    ///
    /// # Errors
    /// Those of the model and of the rule; [`crate::error::Error::Label`]; [`crate::error::Error::NoGradient`] where
    /// the scores do not depend on the images; [`crate::error::Error::NotFinite`].
    pub fn gradient(&self, images: &Images, pixels: &[f32], seen: &[f32]) -> Result<Found> {
        let tape = Tape::new();
        let x = tape.leaf(&self.normalised(images, pixels)?);
        let clipped = self.rule.clip(self.model, &tape, &x)?;
        let looks = if !self.rule.needs_look() {
            Vec::new()
        } else if seen == pixels {
            self.model.look(clipped.value())?
        } else {
            let idle = Tape::idle();
            let seen = idle.constant(&self.normalised(images, seen)?);
            self.model.look(self.rule.clip(self.model, &idle, &seen)?.value())?
        };
        let lambdas = self.rule.decide(self.model, images.len(), &looks)?;
        let pass = LambdaRule::at(self.model, Pass::eval(&tape).frozen(), lambdas.as_deref())?;
        let logits = self.model.scores(&pass, &clipped)?;
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
