//! The set of allowed adversarial images.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::named::named;

/// The norm of a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// The largest change of any value.
    #[default]
    Linf,
    /// The square root of the sum of squared changes of an image.
    L2,
}

named!(Norm as "norm" { Linf = "linf", L2 = "l2" });

/// The images within `epsilon` of a clean one, in units of a full-scale pixel.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ball {
    /// The norm.
    pub norm: Norm,
    /// The radius.
    pub epsilon: f32,
}

impl Ball {
    /// # Errors
    /// [`Error::Argument`] unless the radius is finite and not negative and, for L-inf, at most 1.
    pub fn check(&self) -> Result<()> {
        let most = if self.norm == Norm::Linf { 1.0 } else { f32::MAX };
        if (0.0..=most).contains(&self.epsilon) {
            return Ok(());
        }
        let reason = "must be in units of a full-scale pixel, such as 8/255: not negative and, for linf, at most 1";
        Err(Error::argument("epsilon", self.epsilon, reason))
    }

    /// Projects a sample onto the ball around `clean`, then onto `[0, 1]`, which
    /// never leaves a ball around an image in `[0, 1]`.
    pub fn project(&self, clean: &[f32], sample: &mut [f32]) {
        let scale = match self.norm {
            Norm::Linf => 1.0,
            Norm::L2 => {
                let length = length(sample.iter().zip(clean).map(|(s, c)| s - c));
                if length > f64::from(self.epsilon) { (f64::from(self.epsilon) / length) as f32 } else { 1.0 }
            }
        };
        for (s, c) in sample.iter_mut().zip(clean) {
            let change = match self.norm {
                Norm::Linf => (*s - c).clamp(-self.epsilon, self.epsilon),
                Norm::L2 => scale * (*s - c),
            };
            *s = (c + change).clamp(0.0, 1.0);
        }
    }

    /// A random change of `len` values: uniform in the ball for L-inf; for L2 in the direction of a uniform point of a
    /// cube, with a length uniform in `[0, epsilon]`.
    pub(super) fn random(&self, len: usize, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let mut change = (0..len).map(|_| rng.random_range(-1.0..=1.0)).collect::<Vec<f32>>();
        let scale = match self.norm {
            Norm::Linf => self.epsilon,
            Norm::L2 => {
                let radius = f64::from(self.epsilon) * rng.random_range(0.0..=1.0);
                (radius / length(change.iter().copied()).max(f64::MIN_POSITIVE)) as f32
            }
        };
        change.iter_mut().for_each(|c| *c *= scale);
        change
    }

    /// A step of length `size` in this norm along `direction`: its sign for L-inf, its unit vector for L2. No step
    /// if the direction is zero.
    pub(super) fn step(&self, size: f32, direction: &[f32], sample: &mut [f32]) {
        let per_unit = 1.0 / length(direction.iter().copied());
        for (s, &d) in sample.iter_mut().zip(direction) {
            *s += match self.norm {
                _ if d == 0.0 => 0.0,
                Norm::Linf => size.copysign(d),
                Norm::L2 => size * (f64::from(d) * per_unit) as f32,
            };
        }
    }
}

/// The l2 norm.
pub(super) fn length(values: impl Iterator<Item = f32>) -> f64 {
    values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;

    use super::*;

    /// A clean image, a point anywhere, and a ball.
    fn cases() -> impl Strategy<Value = (Vec<f32>, Vec<f32>, Ball)> {
        let pair = (prop_oneof![Just(0.0), Just(1.0), 0.0..=1.0_f32], -3.0..=3.0_f32);
        let norm = prop_oneof![Just(Norm::Linf), Just(Norm::L2)];
        (proptest::collection::vec(pair, 1..40), norm, 0.0..=1.0_f32).prop_map(|(pairs, norm, epsilon)| {
            let (clean, point) = pairs.into_iter().unzip();
            (clean, point, Ball { norm, epsilon })
        })
    }

    fn distance(norm: Norm, a: &[f32], b: &[f32]) -> f64 {
        let change = a.iter().zip(b).map(|(a, b)| a - b);
        match norm {
            Norm::Linf => change.fold(0.0, |most, c| most.max(f64::from(c.abs()))),
            Norm::L2 => length(change),
        }
    }

    /// Rounding of the sum of two numbers up to 1 in f32.
    const ROUNDING: f64 = 1e-6;

    proptest! {
        #[test]
        fn projections_are_in_the_ball_and_in_the_box((clean, point, ball) in cases()) {
            let mut projected = point;
            ball.project(&clean, &mut projected);
            prop_assert!(projected.iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!(distance(ball.norm, &projected, &clean) <= f64::from(ball.epsilon) + ROUNDING);
        }

        #[test]
        fn points_of_ball_and_box_stay_where_they_are((clean, point, ball) in cases()) {
            let mut once = point;
            ball.project(&clean, &mut once);
            let mut twice = once.clone();
            ball.project(&clean, &mut twice);
            prop_assert!(distance(Norm::Linf, &once, &twice) <= ROUNDING);
        }

        #[test]
        fn random_changes_are_in_the_ball((clean, _, ball) in cases(), seed in 0..1000_u64) {
            let change = ball.random(clean.len(), &mut ChaCha8Rng::seed_from_u64(seed));
            let zero = vec![0.0; clean.len()];
            prop_assert!(distance(ball.norm, &change, &zero) <= f64::from(ball.epsilon) + ROUNDING);
        }

        #[test]
        fn steps_are_as_long_as_asked((clean, point, ball) in cases()) {
            let mut moved = clean.clone();
            ball.step(0.25, &point, &mut moved);
            let wanted = if point.iter().all(|p| *p == 0.0) { 0.0 } else { 0.25 };
            prop_assert!((distance(ball.norm, &moved, &clean) - wanted).abs() < ROUNDING);
        }
    }

    #[test]
    fn projections_are_the_nearest_points() {
        let clean = [0.5, 0.5, 0.95];
        let mut sample = [0.9, 0.45, 2.0];
        Ball { norm: Norm::Linf, epsilon: 0.125 }.project(&clean, &mut sample);
        assert_eq!(sample, [0.625, 0.45, 1.0]);
        let mut sample = [0.5 + 0.3, 0.5 - 0.4, 0.95];
        Ball { norm: Norm::L2, epsilon: 0.25 }.project(&clean, &mut sample);
        assert!(distance(Norm::Linf, &sample, &[0.65, 0.3, 0.95]) < ROUNDING);
    }

    #[test]
    fn radii_that_are_none_are_refused() {
        let refused = |norm, epsilon| Ball { norm, epsilon }.check().is_err();
        for epsilon in [-0.1, f32::NAN, f32::INFINITY] {
            assert!(refused(Norm::Linf, epsilon) && refused(Norm::L2, epsilon), "{epsilon}");
        }
        assert!(refused(Norm::Linf, 8.0) && !refused(Norm::L2, 8.0) && !refused(Norm::Linf, 0.0));
    }
}
