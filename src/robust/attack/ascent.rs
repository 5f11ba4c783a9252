//! Gradient ascent, step by step.

use super::{Ball, Images};
use crate::error::{Error, Result};

/// The settings of a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepRule {
    /// The set of allowed images.
    pub ball: Ball,
    /// Length of a step in the ball's norm.
    pub size: f32,
    /// Fraction of the velocity kept.
    pub momentum: f32,
}

/// Images in ascent: `v <- momentum v + g / |g|_1`, then a step along `v` (its sign for L-inf, its unit vector
/// for L2), back into the ball and into `[0, 1]` (arXiv 1710.06081; without momentum arXiv 1706.06083).
#[derive(Clone, Debug)]
pub struct Ascent<'a> {
    clean: &'a Images,
    rule: StepRule,
    pixels: Vec<f32>,
    velocity: Vec<f32>,
}

impl<'a> Ascent<'a> {
    /// Starts at the point of ball and box nearest to `start`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `start` does not have as many values as the clean images.
    pub fn new(clean: &'a Images, start: Vec<f32>, rule: StepRule) -> Result<Self> {
        same_length(clean, &start)?;
        let velocity = vec![0.0; start.len()];
        let mut ascent = Self { clean, rule, pixels: start, velocity };
        ascent.project();
        Ok(ascent)
    }

    /// The current images.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }

    /// Takes a step, given the gradient of each sample's loss at the current images.
    ///
    /// # Errors
    /// [`Error::Shape`] if the gradient does not have as many values as the images.
    pub fn step(&mut self, gradient: &[f32]) -> Result<()> {
        same_length(self.clean, gradient)?;
        let StepRule { ball, size, momentum } = self.rule;
        let len = self.clean.image_len();
        let velocities = self.velocity.chunks_exact_mut(len).zip(gradient.chunks_exact(len));
        for (sample, (velocity, gradient)) in self.pixels.chunks_exact_mut(len).zip(velocities) {
            let magnitude = gradient.iter().map(|g| f64::from(g.abs())).sum::<f64>().max(f64::MIN_POSITIVE);
            for (v, &g) in velocity.iter_mut().zip(gradient) {
                *v = momentum * *v + (f64::from(g) / magnitude) as f32;
            }
            ball.step(size, velocity, sample);
        }
        self.project();
        Ok(())
    }

    fn project(&mut self) {
        let len = self.clean.image_len();
        let samples = self.pixels.chunks_exact_mut(len).zip(self.clean.pixels.chunks_exact(len));
        samples.for_each(|(sample, clean)| self.rule.ball.project(clean, sample));
    }
}

fn same_length(images: &Images, values: &[f32]) -> Result<()> {
    if values.len() != images.pixels.len() {
        let reason = "needs as many values as the images have";
        return Err(Error::shape("attack", reason, &[&images.shape, &[values.len()]]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::robust::attack::Norm;

    fn images() -> Images {
        Images::new([2, 1, 2, 1], vec![0.5; 4], vec![0, 0]).unwrap()
    }

    fn rule(norm: Norm, momentum: f32) -> StepRule {
        StepRule { ball: Ball { norm, epsilon: 0.25 }, size: 0.125, momentum }
    }

    #[test]
    fn steps_go_along_the_gradient_of_each_sample_and_end_at_the_ball() {
        let images = images();
        let mut ascent = Ascent::new(&images, images.pixels.clone(), rule(Norm::Linf, 0.0)).unwrap();
        ascent.step(&[1e-20, -3.0, 0.0, 0.0]).unwrap();
        assert_eq!(ascent.pixels(), [0.625, 0.375, 0.5, 0.5], "a zero gradient moves nothing");
        (0..3).for_each(|_| ascent.step(&[1.0, -3.0, 0.0, 2.0]).unwrap());
        assert_eq!(ascent.pixels(), [0.75, 0.25, 0.5, 0.75]);
        let mut ascent = Ascent::new(&images, images.pixels.clone(), rule(Norm::L2, 0.0)).unwrap();
        ascent.step(&[3.0, -4.0, 0.0, 7.0]).unwrap();
        let want = [0.575, 0.4, 0.5, 0.625];
        assert!(ascent.pixels().iter().zip(want).all(|(p, w)| (p - w).abs() < 1e-6), "{:?}", ascent.pixels());
    }

    #[test]
    fn momentum_outlasts_a_weaker_gradient() {
        let images = images();
        let along = |momentum| {
            let mut ascent = Ascent::new(&images, images.pixels.clone(), rule(Norm::Linf, momentum)).unwrap();
            ascent.step(&[0.8, 0.2, 1.0, 0.0]).unwrap();
            ascent.step(&[-0.2, 0.8, 1.0, 0.0]).unwrap();
            ascent.pixels()[0]
        };
        assert_eq!((along(0.0), along(1.0)), (0.5, 0.75));
    }

    #[test]
    fn other_lengths_are_refused() {
        let images = images();
        assert!(Ascent::new(&images, vec![0.5; 3], rule(Norm::L2, 0.0)).is_err());
        let mut ascent = Ascent::new(&images, vec![0.5; 4], rule(Norm::L2, 0.0)).unwrap();
        assert!(matches!(ascent.step(&[0.0; 5]), Err(Error::Shape { op: "attack", .. })));
    }
}
