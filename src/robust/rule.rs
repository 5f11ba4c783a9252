//! Which lambda a sample gets, and with it which batch-norm statistics.

use serde::{Deserialize, Serialize};

use super::{Adaptation, Classifier, Look};
use crate::checks::check_not_negative;
use crate::error::{Error, Result};
use crate::layers::Pass;
use crate::named::named;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// Factor of the noise ([`Look::noise`]) that the label-free rule adds to the trained lambda.
///
/// Atoms have unit norm, so white noise of deviation sigma has that deviation in every value of `A^T x` too, and lambda is
/// the threshold there. At the trained lambda the codes absorb part of the noise: about 0.3 sigma is left, so that this
/// adds about 0.75 sigma. Chosen on two networks; see `docs/robustness.md`.
const LAMBDA_BY_NOISE: f64 = 2.5;

/// How lambda is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum LambdaRule {
    /// The one that each layer was trained with.
    #[default]
    Trained,
    /// This one, for every sample.
    Fixed(f32),
    /// From each sample's residual in a first look, within the range that the model was recalibrated for.
    Auto(Residual, Line),
}

/// Which residual of a look a rule uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Residual {
    /// The estimate of noise: [`Look::noise`].
    #[default]
    Excess,
    /// The whole residual: [`Look::plain_residual`].
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
    /// Per unit of residual.
    pub slope: f64,
    /// At a residual of zero.
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
    /// The rule that needs neither labels nor noise: the trained lambda plus two and a half times the estimate
    /// of the noise. It rests on clean images only, by [`super::recalibrate::recalibrate`].
    pub fn label_free(trained: f32) -> Self {
        Self::Auto(Residual::Excess, Line { slope: LAMBDA_BY_NOISE, intercept: trained.into() })
    }

    /// The normalised `images` as the model sees them: clipped ([`Classifier::clip`]), unless it runs as trained.
    ///
    /// # Errors
    /// As [`Classifier::clip`].
    pub fn clip(&self, model: &dyn Classifier, tape: &Tape, images: &Var) -> Result<Var> {
        if self.clips() { model.clip(tape, images) } else { Ok(images.clone()) }
    }

    /// Whether outliers are clipped first: unless the model runs as trained.
    pub(super) fn clips(&self) -> bool {
        *self != Self::Trained
    }

    /// One lambda for each of the normalised `images`; `None` where each layer keeps its own.
    ///
    /// # Errors
    /// [`Error::Argument`] for a lambda that is negative or not finite, or for a residual rule if the model was not
    /// recalibrated; those of [`Classifier::look`].
    pub fn choose(&self, model: &dyn Classifier, images: &Tensor) -> Result<Option<Vec<f32>>> {
        let tape = Tape::idle();
        Ok(self.prepare(model, &tape.constant(images), Pass::eval(&tape))?.lambdas)
    }

    /// The normalised `images` as the model sees them ([`LambdaRule::clip`]), and the pass with the lambda of each
    /// and the matching statistics.
    ///
    /// # Errors
    /// As [`LambdaRule::choose`].
    pub fn prepare<'t>(&self, model: &dyn Classifier, images: &Var, pass: Pass<'t>) -> Result<Prepared<'t>> {
        let images = self.clip(model, pass.tape(), images)?;
        let looks = if self.needs_look() { model.look(images.value())? } else { Vec::new() };
        let lambdas = self.decide(model, images.value().shape()[0], &looks)?;
        let pass = Self::at(model, pass, lambdas.as_deref())?;
        Ok(Prepared { images, pass, lambdas })
    }

    /// The pass at lambdas that were decided before, if any.
    pub(super) fn at<'t>(model: &dyn Classifier, pass: Pass<'t>, lambdas: Option<&[f32]>) -> Result<Pass<'t>> {
        match lambdas {
            Some(lambdas) => model.at(pass, lambdas),
            None => Ok(pass),
        }
    }

    /// Whether choosing lambda needs a look.
    pub(super) fn needs_look(&self) -> bool {
        matches!(self, Self::Auto(..))
    }

    /// The lambda of each of `count` images, from looks that were taken before at clipped images; `None` where each layer
    /// keeps its own.
    pub(super) fn decide(&self, model: &dyn Classifier, count: usize, looks: &[Look]) -> Result<Option<Vec<f32>>> {
        self.lambdas(count, looks, model.adaptation().as_ref())
    }

    /// The lambda of each sample.
    fn lambdas(&self, count: usize, looks: &[Look], adaptation: Option<&Adaptation>) -> Result<Option<Vec<f32>>> {
        match *self {
            Self::Trained => Ok(None),
            Self::Fixed(lambda) => check_not_negative("lambda", lambda).map(|()| Some(vec![lambda; count])),
            Self::Auto(residual, line) => {
                let reason = "needs to know what is left of clean images: recalibrate the network first";
                let a = adaptation.ok_or_else(|| Error::argument("lambda", "auto", reason))?;
                let (least, most) = a.range;
                let lambda = |look| line.at(residual.of(look, a)) as f32;
                Ok(Some(looks.iter().map(|look| lambda(look).clamp(least, most)).collect()))
            }
        }
    }
}

/// Images and a pass, ready for [`Classifier::scores`].
#[derive(Debug)]
pub struct Prepared<'t> {
    /// The images as the model gets to see them.
    pub images: Var,
    /// The pass.
    pub pass: Pass<'t>,
    /// The lambda of each image; `None` where each layer keeps its own.
    pub lambdas: Option<Vec<f32>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::CleanResidual;

    /// A model with trained lambda 0.1 that leaves a third of clean images.
    fn adaptation() -> Adaptation {
        let clean = CleanResidual { base: 1.0 / 3.0, ..CleanResidual::default() };
        Adaptation { range: (0.1, 1.0), clean }
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
        let lambdas = rule.lambdas(4, &looks, Some(&adaptation())).unwrap().unwrap();
        assert!(close(&lambdas, &[0.1, 0.35, 0.6, 1.0]), "{lambdas:?}");
        let below = LambdaRule::Auto(Residual::Excess, Line { slope: 1.0, intercept: -3.0 });
        assert_eq!(below.lambdas(4, &looks, Some(&adaptation())).unwrap().unwrap(), [0.1, 0.1, 0.1, 1.0]);
        let message = rule.lambdas(4, &looks, None).unwrap_err().to_string();
        assert!(message.contains("recalibrate"), "{message}");
    }

    #[test]
    fn the_plain_residual_is_all_that_is_left() {
        let rule = LambdaRule::Auto(Residual::Plain, Line { slope: 0.5, intercept: 0.1 });
        let lambdas = rule.lambdas(1, &[look(0.0)], Some(&adaptation())).unwrap().unwrap();
        assert!(close(&lambdas, &[0.6]), "{lambdas:?}");
    }
}
