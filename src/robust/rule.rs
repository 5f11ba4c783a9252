//! Which lambda a sample gets, and with it which batch-norm statistics.

use serde::{Deserialize, Serialize};

use super::{Adaptation, Classifier, Look};
use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::Pass;
use crate::models::Statistics;
use crate::named::named;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// What the label-free rule adds to the trained lambda for the noise that is left ([`Look::noise`]).
///
/// Atoms have unit norm, so white noise of deviation sigma has that deviation in every value of `A^T x` too, and lambda is
/// the threshold there. At the trained lambda the codes take part of the noise: about 0.3 sigma is left of it, so that this
/// is some 0.75 sigma. Chosen on two networks, see `docs/robustness.md`.
const LAMBDA_BY_NOISE: f64 = 2.5;

/// How lambda is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum LambdaRule {
    /// The one that each layer was trained with.
    #[default]
    Trained,
    /// This one, for every sample.
    Fixed(f32),
    /// By each sample's residual in a first look, within the range that the model was recalibrated for.
    Auto(Residual, Line),
}

/// What a rule takes for the residual of a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Residual {
    /// What is left of noise where the image is quiet: [`Look::noise`].
    #[default]
    Excess,
    /// All that is left: [`Look::plain_residual`].
    Plain,
}

named!(Residual as "residual" { Excess = "excess", Plain = "plain" });

impl Residual {
    /// The residual of a look.
    pub fn of(self, look: &Look, adaptation: &Adaptation) -> f64 {
        match self {
            Residual::Excess => look.noise(&adaptation.clean),
            Residual::Plain => look.plain_residual(),
        }
    }
}

/// `lambda = slope * residual + intercept`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// By residual.
    pub slope: f64,
    /// Where nothing is left.
    pub intercept: f64,
}

impl Line {
    /// The line through points (x, y) by least squares; level where x does not vary.
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

    /// The sum of the squared distances of points from it.
    pub(super) fn squares(&self, points: &[(f64, f64)]) -> f64 {
        points.iter().map(|p| (p.1 - self.at(p.0)).powi(2)).sum()
    }
}

impl LambdaRule {
    /// The rule that no label and no noise is needed for: the lambda of the training and two and a half times what is left
    /// of noise. It rests on clean images alone, by [`super::recalibrate::recalibrate`].
    pub fn label_free(trained: f32) -> Self {
        Self::Auto(Residual::Excess, Line { slope: LAMBDA_BY_NOISE, intercept: trained.into() })
    }

    /// The normalised `images` as the model gets to see them: clipped ([`Classifier::clip`]), unless it is as trained.
    ///
    /// # Errors
    /// As [`Classifier::clip`].
    pub fn clip(&self, model: &mut dyn Classifier, tape: &Tape, images: &Var) -> Result<Var> {
        if self.clips() { model.clip(tape, images) } else { Ok(images.clone()) }
    }

    /// Whether outliers are clipped first: not where the model runs as trained.
    pub(super) fn clips(&self) -> bool {
        *self != Self::Trained
    }

    /// One lambda for each of the normalised `images`, as [`Pass::lambda`] takes it; `None` where each layer keeps its
    /// own.
    ///
    /// # Errors
    /// [`Error::Argument`] for a lambda that is negative or not finite, or for a rule by residual and a model that was not
    /// recalibrated; those of [`Classifier::look`].
    pub fn choose(&self, model: &mut dyn Classifier, images: &Tensor) -> Result<Option<Tensor>> {
        let tape = Tape::idle();
        Ok(self.prepare(model, &tape.constant(images), Pass::eval(&tape))?.1.lambda)
    }

    /// The normalised `images` as the model gets to see them ([`LambdaRule::clip`]), and the pass with the lambda of each
    /// and the statistics that go with it.
    ///
    /// # Errors
    /// As [`LambdaRule::choose`].
    pub fn prepare<'t>(&self, model: &mut dyn Classifier, images: &Var, pass: Pass<'t>) -> Result<(Var, Pass<'t>)> {
        let images = self.clip(model, pass.tape, images)?;
        let pass = self.adapt(model, images.value(), pass)?;
        Ok((images, pass))
    }

    /// The pass of [`LambdaRule::prepare`], for images that were clipped before.
    pub(super) fn adapt<'t>(&self, model: &mut dyn Classifier, clipped: &Tensor, pass: Pass<'t>) -> Result<Pass<'t>> {
        let looks = if self.needs_look() { model.look(clipped)? } else { Vec::new() };
        match self.decide(model, clipped.shape()[0], &looks)? {
            Some(choice) => choice.apply(model.gpu(), pass),
            None => Ok(pass),
        }
    }

    /// Whether it takes a look to choose lambda.
    pub(super) fn needs_look(&self) -> bool {
        matches!(self, Self::Auto(..))
    }

    /// What [`LambdaRule::adapt`] puts into the pass, from looks that were taken before at clipped images.
    pub(super) fn decide(&self, model: &dyn Classifier, count: usize, looks: &[Look]) -> Result<Option<Choice>> {
        let adaptation = model.adaptation();
        let lambdas = self.lambdas(count, looks, adaptation.as_ref())?;
        let own = adaptation.is_some_and(|a| a.statistics == Statistics::Own);
        Ok(lambdas.map(|lambdas| Choice { lambdas, own }))
    }

    /// The lambda of each sample.
    fn lambdas(&self, count: usize, looks: &[Look], adaptation: Option<&Adaptation>) -> Result<Option<Vec<f32>>> {
        match *self {
            Self::Trained => Ok(None),
            Self::Fixed(lambda) if lambda.is_finite() && lambda >= 0.0 => Ok(Some(vec![lambda; count])),
            Self::Fixed(lambda) => {
                Err(Error::argument("lambda", lambda, "must be a finite number that is not negative"))
            }
            Self::Auto(residual, line) => {
                let reason = "needs to know what is left of clean images: run `sdnet robust recalibrate` first";
                let a = adaptation.ok_or_else(|| Error::argument("lambda", "auto", reason))?;
                let (least, most) = a.range;
                let lambda = |look| line.at(residual.of(look, a)) as f32;
                Ok(Some(looks.iter().map(|look| lambda(look).clamp(least, most)).collect()))
            }
        }
    }
}

/// What was chosen for each sample.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Choice {
    /// Its lambda.
    pub(super) lambdas: Vec<f32>,
    /// Whether it gets the statistics of its lambda, and not those of the training.
    own: bool,
}

impl Choice {
    /// The pass with it.
    pub(super) fn apply<'t>(&self, gpu: &Gpu, mut pass: Pass<'t>) -> Result<Pass<'t>> {
        let lambda = Tensor::from_slice(gpu, &[self.lambdas.len()], &self.lambdas)?;
        pass.statistics = self.own.then(|| lambda.clone());
        pass.lambda = Some(lambda);
        Ok(pass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::CleanResidual;

    /// A model of trained lambda 0.1 that leaves a third of clean images.
    fn adaptation(statistics: Statistics) -> Adaptation {
        let clean = CleanResidual { base: 1.0 / 3.0, ..CleanResidual::default() };
        Adaptation { range: (0.1, 1.0), clean, statistics }
    }

    /// A look at noise of this deviation.
    fn look(noise: f64) -> Look {
        Look { signal: 300.0, residual: 100.0 + 100.0 * noise * noise, quiet: noise * noise, active: 0.2, size: 100 }
    }

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
    fn the_label_free_rule_adds_to_the_trained_lambda_within_the_range() {
        let rule = LambdaRule::label_free(0.1);
        let looks = [look(0.0), look(0.1), look(0.2), look(5.0)];
        let lambdas = rule.lambdas(4, &looks, Some(&adaptation(Statistics::Own))).unwrap().unwrap();
        assert!(close(&lambdas, &[0.1, 0.35, 0.6, 1.0]), "{lambdas:?}");
        let below = LambdaRule::Auto(Residual::Excess, Line { slope: 1.0, intercept: -3.0 });
        assert_eq!(
            below.lambdas(4, &looks, Some(&adaptation(Statistics::Own))).unwrap().unwrap(),
            [0.1, 0.1, 0.1, 1.0]
        );
        let message = rule.lambdas(4, &looks, None).unwrap_err().to_string();
        assert!(message.contains("recalibrate"), "{message}");
    }

    #[test]
    fn the_plain_residual_is_all_that_is_left() {
        let rule = LambdaRule::Auto(Residual::Plain, Line { slope: 0.5, intercept: 0.1 });
        let lambdas = rule.lambdas(1, &[look(0.0)], Some(&adaptation(Statistics::Own))).unwrap().unwrap();
        assert!(close(&lambdas, &[0.6]), "{lambdas:?}");
    }
}
