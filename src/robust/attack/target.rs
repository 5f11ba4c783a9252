//! The target of an attack.

use super::Images;
use super::objective::Objective;
use crate::checks::check_finite;
use crate::data::{Batch, Normalization};
use crate::error::Result;
use crate::layers::Pass;
use crate::ops::check_labels;
use crate::robust::rule::mean_scores;
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
    /// What is ascended, of each sample.
    pub values: Vec<f64>,
    /// Its gradient with respect to the sample's own pixels.
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
        let tape = Tape::idle();
        let ready = self.rule.prepare(self.model, self.normalised(images, pixels)?, Pass::eval(&tape))?;
        finite(ready.scores(self.model)?.value())
    }

    /// Scores, and the gradients of the cross-entropy, at `pixels`, with the lambda and statistics chosen for the pixels `seen`,
    /// which are held constant: neither the choice of lambda nor the repair of impulse noise is differentiated.
    ///
    /// # Errors
    /// Those of the model and of the rule; [`crate::error::Error::Label`]; [`crate::error::Error::NoGradient`] where
    /// the scores do not depend on the images; [`crate::error::Error::NotFinite`].
    pub fn gradient(&self, images: &Images, pixels: &[f32], seen: &[f32]) -> Result<Found> {
        self.ascent(images, pixels, seen, &Objective::CrossEntropy)
    }

    /// [`Target::gradient`] of any objective.
    pub(super) fn ascent(&self, images: &Images, pixels: &[f32], seen: &[f32], objective: &Objective) -> Result<Found> {
        let mut shown = self.normalised(images, pixels)?;
        self.rule.repair(self.model, &mut shown)?;
        let measured = if seen == pixels {
            self.rule.measured(self.model, &shown)?
        } else {
            let mut seen = self.normalised(images, seen)?;
            self.rule.repair(self.model, &mut seen)?;
            self.rule.measured(self.model, &seen)?
        };
        // The gradient of repaired images stands for that of the images: straight through the repair.
        let tape = Tape::new();
        let x = tape.leaf(&shown.upload(self.model.gpu())?);
        let lambdas = self.rule.decide(self.model, images.len(), &measured)?;
        let passes = LambdaRule::at(self.model, Pass::eval(&tape).frozen(), lambdas.as_deref())?;
        let logits = mean_scores(self.model, &passes, &x)?;
        let scores = finite(logits.value())?;
        check_labels(&images.labels, scores.len() / images.len())?;
        let (values, upstream) = objective.of(&scores, &images.labels)?;
        let upstream = Tensor::from_slice(self.model.gpu(), logits.value().shape(), &upstream)?;
        let mut gradient = tape.backward_from(&logits, &upstream)?.of("images", &x)?.to_vec()?;
        check_finite("the gradient of the images", &gradient, "the weights are far outside of what training gives")?;
        // x = (pixel - mean) / std.
        let std = &self.normalization.std;
        gradient.iter_mut().enumerate().for_each(|(i, g)| *g /= std[i % std.len()]);
        Ok(Found { scores, values, gradient })
    }

    fn normalised(&self, images: &Images, pixels: &[f32]) -> Result<Batch> {
        let channels = images.shape[3];
        self.normalization.check(channels)?;
        let Normalization { mean, std } = self.normalization;
        let x = pixels.iter().enumerate().map(|(i, p)| (p - mean[i % channels]) / std[i % channels]);
        Batch::new(images.shape, x.collect())
    }
}

fn finite(scores: &Tensor) -> Result<Vec<f32>> {
    let scores = scores.to_vec()?;
    check_finite("the class scores", &scores, "the weights are far outside of what training gives")?;
    Ok(scores)
}
