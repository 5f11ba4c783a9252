//! Which lambda a sample gets, and with it which batch-norm statistics.

use serde::{Deserialize, Serialize};

use super::{Adapted, Classifier};
use crate::checks::check_not_negative;
use crate::data::Batch;
use crate::error::{Error, Result};
use crate::layers::Pass;
use crate::models::Model;
use crate::named::named;
use crate::tape::Var;

/// How lambda is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum LambdaRule {
    /// The one that each layer was trained with.
    #[default]
    Trained,
    /// This one, for every sample.
    Fixed(f32),
    /// From what is measured in each sample, within the range that the model was recalibrated for.
    Auto(Measure, Line),
}

/// What lambda is chosen by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Measure {
    /// The standard deviation of the noise beyond that of clean images, estimated from pixels: the root of the tenth percentile,
    /// over windows of 5 x 5 pixels, of the mean square of their second differences. In units of normalised pixels.
    #[default]
    Noise,
    /// The root mean square of what the first layer leaves at its trained lambda, `sqrt(|x - A z|^2 / dim x)`, which is what the
    /// paper goes by.
    Residual,
}

named!(Measure as "measure" { Noise = "noise", Residual = "residual" });

/// `lambda = slope * measure + intercept`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Per unit of what is measured.
    pub slope: f64,
    /// Where that is zero.
    pub intercept: f64,
}

impl Line {
    /// The least-squares line through points (x, y); constant if x does not vary.
    #[cfg(feature = "train")]
    pub(super) fn through(points: &[(f64, f64)]) -> Self {
        let mean = |f: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(f).sum::<f64>() / points.len().max(1) as f64;
        let (center, middle) = (mean(&|p| p.0), mean(&|p| p.1));
        let spread = mean(&|p| (p.0 - center).powi(2));
        let slope = if spread > 0.0 { mean(&|p| (p.0 - center) * (p.1 - middle)) / spread } else { 0.0 };
        Self { slope, intercept: middle - slope * center }
    }

    /// `slope * x + intercept`.
    pub(super) fn at(&self, x: f64) -> f64 {
        self.slope * x + self.intercept
    }

    /// The sum of squared residuals of points.
    #[cfg(feature = "train")]
    pub(super) fn squares(&self, points: &[(f64, f64)]) -> f64 {
        points.iter().map(|p| (p.1 - self.at(p.0)).powi(2)).sum()
    }
}

impl LambdaRule {
    /// The rule that needs no labels: the lambda of the training plus the model's own factor
    /// ([`lambda_by_noise`](super::Recalibration::lambda_by_noise)) of the estimate of the noise.
    ///
    /// # Errors
    /// [`Error::Argument`] for a model without sparse coding layers, or one that was not recalibrated.
    pub fn label_free<M: Model>(model: &Adapted<M>) -> Result<Self> {
        let name = || model.model().name();
        let reason = "has no sparse coding layer, and so no lambda";
        let trained = model.trained_lambda().ok_or_else(|| Error::argument("model", name(), reason))?;
        model.check_up_to_date(true)?;
        let reason = "needs to know what clean images are like: recalibrate the network first";
        let recalibration = model.recalibration().ok_or_else(|| Error::argument("model", name(), reason))?;
        Ok(Self::Auto(Measure::Noise, Line { slope: recalibration.lambda_by_noise, intercept: trained.into() }))
    }

    /// Makes the normalised `images` what the model sees: repaired ([`Classifier::repair`]), unless it runs as trained.
    ///
    /// # Errors
    /// As [`Classifier::repair`].
    pub fn repair(&self, model: &dyn Classifier, images: &mut Batch) -> Result<()> {
        if self.repairs() { model.repair(images) } else { Ok(()) }
    }

    /// Whether impulse noise is repaired first: unless the model runs as trained.
    pub(super) fn repairs(&self) -> bool {
        *self != Self::Trained
    }

    /// One lambda for each of the normalised `images`; `None` where each layer keeps its own.
    ///
    /// # Errors
    /// [`Error::Argument`] for a lambda that is negative or not finite, or where lambda is to be chosen for a model that was not
    /// recalibrated; those of [`Classifier::measure`].
    pub fn choose(&self, model: &dyn Classifier, mut images: Batch) -> Result<Option<Vec<f32>>> {
        self.repair(model, &mut images)?;
        self.decide(model, images.shape()[0], &self.measured(model, &images)?)
    }

    /// The normalised `images` as the model sees them ([`LambdaRule::repair`]), on the device, and the passes with the lambda of
    /// each and the matching statistics.
    ///
    /// # Errors
    /// As [`LambdaRule::choose`].
    pub fn prepare<'t>(&self, model: &dyn Classifier, mut images: Batch, pass: Pass<'t>) -> Result<Prepared<'t>> {
        self.repair(model, &mut images)?;
        let lambdas = self.decide(model, images.shape()[0], &self.measured(model, &images)?)?;
        let images = pass.tape().constant(&images.upload(model.gpu())?);
        let passes = Self::at(model, pass, lambdas.as_deref())?;
        Ok(Prepared { images, passes, lambdas })
    }

    /// The passes at lambdas that were decided before, if any.
    pub(super) fn at<'t>(model: &dyn Classifier, pass: Pass<'t>, lambdas: Option<&[f32]>) -> Result<Vec<Pass<'t>>> {
        match lambdas {
            Some(lambdas) => model.at(pass, lambdas),
            None => Ok(vec![pass]),
        }
    }

    /// What must be measured to choose lambda.
    pub(super) fn measure(&self) -> Option<Measure> {
        if let Self::Auto(measure, _) = self { Some(*measure) } else { None }
    }

    /// That, of each of the repaired images; nothing where nothing must be.
    pub(super) fn measured(&self, model: &dyn Classifier, images: &Batch) -> Result<Vec<f64>> {
        self.measure().map_or(Ok(Vec::new()), |measure| model.measure(images, measure))
    }

    /// The lambda of each of `count` images, from what was measured; `None` where each layer keeps its own.
    pub(super) fn decide(&self, model: &dyn Classifier, count: usize, measured: &[f64]) -> Result<Option<Vec<f32>>> {
        self.lambdas(count, measured, model.lambdas())
    }

    /// The lambda of each sample.
    fn lambdas(&self, count: usize, measured: &[f64], range: Option<(f32, f32)>) -> Result<Option<Vec<f32>>> {
        match *self {
            Self::Trained => Ok(None),
            Self::Fixed(lambda) => check_not_negative("lambda", lambda).map(|()| Some(vec![lambda; count])),
            Self::Auto(_, line) => {
                let reason = "needs to know what clean images are like: recalibrate the network first";
                let (least, most) = range.ok_or_else(|| Error::argument("lambda", "auto", reason))?;
                Ok(Some(measured.iter().map(|value| (line.at(*value) as f32).clamp(least, most)).collect()))
            }
        }
    }
}

/// Images and passes, ready for [`Prepared::scores`].
#[derive(Debug)]
pub struct Prepared<'t> {
    /// The images as the model gets to see them.
    pub images: Var,
    /// The passes whose scores are averaged ([`Classifier::at`]), at least one.
    pub passes: Vec<Pass<'t>>,
    /// The lambda of each image; `None` where each layer keeps its own.
    pub lambdas: Option<Vec<f32>>,
}

impl Prepared<'_> {
    /// The mean of the class scores over the passes, `[n, classes]`: as good as the geometric mean of the class probabilities.
    ///
    /// # Errors
    /// As [`Classifier::scores`].
    pub fn scores(&self, model: &dyn Classifier) -> Result<Var> {
        mean_scores(model, &self.passes, &self.images)
    }
}

/// The mean of the class scores over passes.
pub(super) fn mean_scores(model: &dyn Classifier, passes: &[Pass], images: &Var) -> Result<Var> {
    let Some((first, others)) = passes.split_first() else {
        return Err(Error::argument("passes", 0, "at least one is needed"));
    };
    let scores = model.scores(first, images)?;
    if others.is_empty() {
        return Ok(scores);
    }
    let tape = first.tape();
    let sum = others.iter().try_fold(scores, |sum, pass| tape.add(&sum, &model.scores(pass, images)?))?;
    tape.scale(&sum, 1.0 / passes.len() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: Option<(f32, f32)> = Some((0.1, 1.0));

    fn close(got: &[f32], want: &[f32]) -> bool {
        got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6)
    }

    #[test]
    fn a_fixed_lambda_is_that_of_every_sample_and_the_trained_one_of_none() {
        assert_eq!(LambdaRule::Trained.lambdas(3, &[], None).unwrap(), None);
        assert_eq!(LambdaRule::Fixed(0.25).lambdas(2, &[], None).unwrap(), Some(vec![0.25, 0.25]));
        for bad in [-0.1, f32::NAN, f32::INFINITY] {
            assert!(LambdaRule::Fixed(bad).lambdas(2, &[], None).is_err());
        }
    }

    #[test]
    fn a_line_adds_to_the_trained_lambda_within_the_range() {
        let rule = LambdaRule::Auto(Measure::Noise, Line { slope: 4.0, intercept: f64::from(0.1_f32) });
        let noise = [0.0, 0.05, 0.1, 5.0];
        let lambdas = rule.lambdas(4, &noise, RANGE).unwrap().unwrap();
        assert!(close(&lambdas, &[0.1, 0.3, 0.5, 1.0]), "{lambdas:?}");
        let below = LambdaRule::Auto(Measure::Residual, Line { slope: 1.0, intercept: -3.0 });
        assert_eq!(below.lambdas(4, &noise, RANGE).unwrap().unwrap(), [0.1, 0.1, 0.1, 1.0]);
        let message = rule.lambdas(4, &noise, None).unwrap_err().to_string();
        assert!(message.contains("recalibrate"), "{message}");
    }
}
