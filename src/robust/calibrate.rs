//! The best lambda as a function of what is measured: straight lines fitted to a sweep over known noise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::corrupt::{Corruption, Kind};
use super::sweep::Level;
use super::{LambdaRule, Line, Measure};
use crate::checkpoint::Recipe;
use crate::error::{Error, Result};

/// The key of a calibration in a recipe.
const CALIBRATION: &str = "calibration";

/// Minimum levels of one noise for a line, not counting clean images.
const LEVELS: usize = 3;

/// A line through points, by least squares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The line.
    #[serde(flatten)]
    pub line: Line,
    /// Standard deviation of lambda about the line, with `points - 2` degrees of freedom.
    pub spread: f64,
    /// Fraction of the variance of lambda that the line explains; 0 if lambda does not vary.
    pub r2: f64,
    /// Number of points.
    pub points: usize,
}

/// One noise at one level.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The noise; none for clean images.
    pub noise: Option<Kind>,
    /// Its level; 0 for clean images.
    pub level: f32,
    /// Mean of what was measured over images.
    pub measured: f64,
    /// Its standard deviation from image to image.
    pub deviation: f64,
    /// The best lambda.
    pub lambda: f32,
}

/// `lambda* = slope * measure + intercept` for each noise, and one for all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// What is measured.
    pub measure: Measure,
    /// Per noise, each including clean images.
    pub by_noise: BTreeMap<Kind, Fit>,
    /// For all of them.
    pub all: Fit,
    /// The fitted points.
    pub points: Vec<Point>,
}

impl Calibration {
    /// Fits levels of a sweep, by corruption, whose runs were these fixed lambdas, in this order.
    ///
    /// The best lambda of a level is where its accuracy, smoothed over neighbours on the grid (weights 1, 2, 1),
    /// is highest: near the peak accuracy is flat, and a few images could decide.
    ///
    /// # Errors
    /// [`Error::Argument`] if a noise has fewer than three levels, or if the levels were not swept over these lambdas while
    /// measuring this.
    pub fn fit(levels: &[(Option<Corruption>, Level)], lambdas: &[f32], measure: Measure) -> Result<Self> {
        let points = levels.iter().map(|(corruption, level)| point(*corruption, level, lambdas));
        let points = points.collect::<Result<Vec<_>>>()?;
        let mut by_noise = BTreeMap::new();
        for noise in points.iter().filter_map(|p| p.noise) {
            let own = points.iter().filter(|p| p.noise == Some(noise)).count();
            if own < LEVELS {
                let reason = format!("{noise}: a line needs at least {LEVELS} levels");
                return Err(Error::argument("levels", own, reason));
            }
            let with_clean = points.iter().filter(|p| p.noise.is_none_or(|n| n == noise));
            by_noise.insert(noise, line(with_clean));
        }
        if by_noise.is_empty() {
            return Err(Error::argument("noise", "none", "a calibration needs at least one noise"));
        }
        Ok(Self { measure, all: line(points.iter()), by_noise, points })
    }

    /// The rule of one noise, or of all.
    ///
    /// # Errors
    /// [`Error::Argument`] for a noise that was not calibrated for.
    pub fn rule(&self, noise: Option<Kind>) -> Result<LambdaRule> {
        let fit = match noise {
            None => &self.all,
            Some(noise) => self.by_noise.get(&noise).ok_or_else(|| {
                let known = self.by_noise.keys().map(|n| n.name()).collect::<Vec<_>>().join(", ");
                Error::argument("lambda", format!("auto-{noise}"), format!("the calibration has {known}"))
            })?,
        };
        Ok(LambdaRule::Auto(self.measure, fit.line))
    }

    /// Stores it with a network.
    ///
    /// # Errors
    /// [`Error::Argument`] for numbers that JSON cannot hold.
    pub fn store(&self, recipe: &mut Recipe) -> Result<()> {
        let value = serde_json::to_value(self).map_err(|e| Error::argument("calibration", "", e.to_string()))?;
        recipe.metadata.insert(CALIBRATION.to_owned(), value);
        Ok(())
    }

    /// The calibration stored with a network.
    ///
    /// # Errors
    /// [`Error::Argument`] for a note that is not one.
    pub fn of(recipe: &Recipe) -> Result<Option<Self>> {
        let read = |value: &serde_json::Value| serde_json::from_value(value.clone());
        let found = recipe.metadata.get(CALIBRATION).map(read).transpose();
        found.map_err(|e| Error::argument("calibration", e.to_string(), "the weights file is damaged: calibrate again"))
    }

    /// Removes the calibration stored with a network.
    pub fn forget(recipe: &mut Recipe) {
        recipe.metadata.remove(CALIBRATION);
    }
}

fn point(corruption: Option<Corruption>, level: &Level, lambdas: &[f32]) -> Result<Point> {
    if level.outcomes.len() != lambdas.len() || lambdas.is_empty() || level.measured.is_empty() {
        let reason = format!("each of {} lambdas needs an outcome, and each image a measurement", lambdas.len());
        return Err(Error::argument("lambdas", level.outcomes.len(), reason));
    }
    let (mean, deviation) = moments(&level.measured);
    let accuracies = level.outcomes.iter().map(|o| o.accuracy()).collect::<Vec<_>>();
    Ok(Point {
        noise: corruption.map(|c| c.kind()),
        level: corruption.map_or(0.0, |c| c.level()),
        measured: mean,
        deviation,
        lambda: lambdas[peak(&accuracies)],
    })
}

/// The index where the smoothed curve is highest; the first of equals.
fn peak(values: &[f64]) -> usize {
    let smooth = |i: usize| {
        let near = [(i.checked_sub(1), 1.0), (Some(i), 2.0), (Some(i + 1), 1.0)];
        let near = near.into_iter().filter_map(|(at, weight)| Some((values.get(at?)?, weight)));
        let (sum, weights) = near.fold((0.0, 0.0), |(sum, all), (v, weight)| (sum + weight * v, all + weight));
        sum / weights
    };
    (1..values.len()).fold(0, |best, i| if smooth(i) > smooth(best) { i } else { best })
}

/// Of points that all measure the same, the line is the mean of their best lambdas.
fn line<'a>(points: impl Iterator<Item = &'a Point>) -> Fit {
    let points = points.map(|p| (p.measured, f64::from(p.lambda))).collect::<Vec<_>>();
    let (_, height) = moments(&points.iter().map(|p| p.1).collect::<Vec<_>>());
    let count = points.len() as f64;
    let line = Line::through(&points);
    let left = line.squares(&points);
    let r2 = if height > 0.0 { 1.0 - left / (count * height * height) } else { 0.0 };
    Fit { line, spread: (left / (count - 2.0)).sqrt(), r2, points: points.len() }
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = |f: &dyn Fn(f64) -> f64| values.iter().map(|v| f(*v)).sum::<f64>() / values.len() as f64;
    let center = mean(&|v| v);
    (center, mean(&|v| (v - center).powi(2)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::sweep::Outcome;

    const LAMBDAS: [f32; 5] = [0.1, 0.2, 0.3, 0.4, 0.5];

    /// A level with this noise estimate in both of its images, whose accuracy peaks at this index.
    fn level(corruption: Option<(Kind, f32)>, noise: f64, peak: usize) -> (Option<Corruption>, Level) {
        let right = |i: usize| 100 - 20 * i.abs_diff(peak);
        let outcome = |i: usize| Outcome { correct: (0..100).map(|n| n < right(i)).collect(), ..Outcome::default() };
        let level = Level { outcomes: (0..5).map(outcome).collect(), measured: vec![noise; 2] };
        (corruption.map(|(noise, level)| Corruption::new(noise, level).unwrap()), level)
    }

    fn levels() -> Vec<(Option<Corruption>, Level)> {
        let gaussian = |l: f32, noise, peak| level(Some((Kind::Gaussian, l)), noise, peak);
        let shot = |l: f32, noise, peak| level(Some((Kind::Shot, l)), noise, peak);
        vec![
            level(None, 0.0, 0),
            gaussian(0.02, 0.1, 1),
            gaussian(0.04, 0.2, 2),
            gaussian(0.06, 0.3, 3),
            shot(60.0, 0.2, 1),
            shot(30.0, 0.4, 2),
            shot(10.0, 0.8, 4),
        ]
    }

    #[test]
    fn lines_are_found_by_noise_and_for_all() {
        let calibration = Calibration::fit(&levels(), &LAMBDAS, Measure::Noise).unwrap();
        let gaussian = calibration.by_noise[&Kind::Gaussian];
        assert!((gaussian.line.slope - 1.0).abs() < 1e-6 && (gaussian.line.intercept - 0.1).abs() < 1e-6);
        assert!(gaussian.r2 > 0.999999 && gaussian.spread < 1e-6 && gaussian.points == 4);
        let shot = calibration.by_noise[&Kind::Shot];
        assert!((shot.line.slope - 0.5).abs() < 1e-6 && (shot.line.intercept - 0.1).abs() < 1e-6);
        assert!(calibration.all.points == 7 && calibration.all.r2 < 0.95 && calibration.all.spread > 0.02);
        assert!((0.4..1.0).contains(&calibration.all.line.slope));
        assert!(calibration.points[0].noise.is_none() && calibration.points[6].level == 10.0);
        assert_eq!(calibration.rule(None).unwrap(), LambdaRule::Auto(Measure::Noise, calibration.all.line));
        assert_eq!(calibration.rule(Some(Kind::Shot)).unwrap(), LambdaRule::Auto(Measure::Noise, shot.line));
        let message = calibration.rule(Some(Kind::Impulse)).unwrap_err().to_string();
        assert!(message.contains("auto-impulse") && message.contains("gaussian, shot"), "{message}");
    }

    #[test]
    fn noise_that_cannot_be_measured_gets_one_lambda() {
        let alike = [0, 2, 4].map(|peak| level(Some((Kind::Speckle, 0.1 + peak as f32 / 10.0)), 0.2, peak));
        let fit = Calibration::fit(&alike, &LAMBDAS, Measure::Noise).unwrap().by_noise[&Kind::Speckle];
        assert!(fit.line.slope == 0.0 && (fit.line.intercept - 0.3).abs() < 1e-7 && fit.r2.abs() < 1e-9);
    }

    #[test]
    fn too_few_points_are_refused() {
        let fit = |levels: &[(Option<Corruption>, Level)]| Calibration::fit(levels, &LAMBDAS, Measure::Noise);
        let refused = |levels: &[(Option<Corruption>, Level)], words: &[&str]| {
            let message = fit(levels).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
        };
        refused(&levels()[..3], &["levels = 2", "gaussian", "3 levels"]);
        refused(&levels()[..6], &["levels = 2", "shot"]);
        refused(&levels()[..1], &["noise"]);
        assert!(fit(&levels()[..4]).is_ok());
        let mut blind = levels();
        blind[2].1.measured.clear();
        refused(&blind, &["measurement"]);
        blind[2].1.outcomes.pop();
        refused(&blind, &["5 lambdas"]);
    }

    #[test]
    fn one_lucky_image_does_not_move_the_peak() {
        assert_eq!(peak(&[0.80, 0.84, 0.86, 0.84, 0.70, 0.861, 0.6]), 2);
        assert_eq!(peak(&[0.9, 0.8, 0.7]), 0);
        assert_eq!(peak(&[0.7, 0.8, 0.9]), 2);
        assert_eq!(peak(&[0.5]), 0);
    }

    #[test]
    fn a_recipe_keeps_it() {
        let calibration = Calibration::fit(&levels(), &LAMBDAS, Measure::Residual).unwrap();
        let mut recipe = Recipe::default();
        assert_eq!(Calibration::of(&recipe).unwrap(), None);
        calibration.store(&mut recipe).unwrap();
        let recipe: Recipe = serde_json::from_str(&serde_json::to_string(&recipe).unwrap()).unwrap();
        let found = Calibration::of(&recipe).unwrap().unwrap();
        assert_eq!((found.measure, found.points.len()), (Measure::Residual, 7));
        assert!(found.by_noise.keys().eq(calibration.by_noise.keys()));
        assert!((found.all.line.slope - calibration.all.line.slope).abs() < 1e-9);
        let mut damaged = recipe.clone();
        damaged.metadata.insert(CALIBRATION.into(), serde_json::json!({"slope": "steep"}));
        assert!(Calibration::of(&damaged).unwrap_err().to_string().contains("calibrate again"));
        let mut empty = recipe;
        Calibration::forget(&mut empty);
        assert_eq!(Calibration::of(&empty).unwrap(), None);
    }
}
