//! An attack that uses scores alone.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::ball::length;
use super::worst::Worst;
use super::{AttackConfig, Ball, Images, Norm, Target, streams};
use crate::error::Result;

/// Fraction of an image covered by the first patches.
const FIRST_SHARE: f64 = 0.3;

/// Fractions of all queries after which the patch area is halved (arXiv 1912.00049, section 3.1).
const HALVINGS: [f64; 9] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8];

/// Random search: starts with stripes at the edge of the ball; then each query changes one random square patch of each
/// sample. A change is kept if the margin grows.
///
/// L-inf: the patch is set to plus or minus epsilon, one sign per channel. L2: plus or minus twice the mean change is
/// added to the patch, and the total change is rescaled to length epsilon.
pub(super) fn search<'a>(target: &Target, images: &'a Images, config: &AttackConfig) -> Result<Worst<'a>> {
    let [_, height, width, channels] = images.shape;
    let canvas = Canvas { ball: config.ball, height, width, channels };
    let mut streams = streams(images, config.seed, 0);
    let mut worst = Worst::new(images, &target.scores(images, &images.pixels)?)?;
    for query in 0..config.queries {
        let len = images.image_len();
        let samples = images.pixels.chunks_exact(len).zip(worst.pixels.chunks_exact(len)).zip(&mut streams);
        let share = (query > 0).then(|| share(query, config.queries));
        let tried = samples.flat_map(|((clean, kept), rng)| match share {
            None => canvas.stripes(clean, rng),
            Some(share) => canvas.patch(clean, kept, share, rng),
        });
        let tried = tried.collect::<Vec<_>>();
        worst.offer(&tried, &target.scores(images, &tried)?)?;
    }
    Ok(worst)
}

/// The fraction of an image that a patch covers.
fn share(query: usize, queries: usize) -> f64 {
    let done = query as f64 / queries as f64;
    FIRST_SHARE / f64::from(1 << HALVINGS.iter().filter(|at| done >= **at).count())
}

struct Canvas {
    ball: Ball,
    height: usize,
    width: usize,
    channels: usize,
}

impl Canvas {
    /// The change per value if all change equally and the image is at the edge of the ball.
    fn mean_change(&self) -> f32 {
        match self.ball.norm {
            Norm::Linf => self.ball.epsilon,
            Norm::L2 => self.ball.epsilon / ((self.height * self.width * self.channels) as f32).sqrt(),
        }
    }

    /// Every column and channel a little brighter or darker.
    fn stripes(&self, clean: &[f32], rng: &mut ChaCha8Rng) -> Vec<f32> {
        let signs = (0..self.width * self.channels).map(|_| sign(rng)).collect::<Vec<_>>();
        let change = (0..clean.len()).map(|i| signs[i % signs.len()] * self.mean_change());
        self.apply(clean, &change.collect::<Vec<_>>())
    }

    /// `kept` with one square patch changed.
    fn patch(&self, clean: &[f32], kept: &[f32], share: f64, rng: &mut ChaCha8Rng) -> Vec<f32> {
        let side = (share * (self.height * self.width) as f64).sqrt().round() as usize;
        let side = side.clamp(1, self.height.min(self.width));
        let top = rng.random_range(0..=self.height - side);
        let left = rng.random_range(0..=self.width - side);
        let signs = (0..self.channels).map(|_| sign(rng)).collect::<Vec<_>>();
        let mut change = kept.iter().zip(clean).map(|(k, c)| k - c).collect::<Vec<_>>();
        for row in top..top + side {
            for column in left..left + side {
                let pixel = &mut change[(row * self.width + column) * self.channels..][..self.channels];
                for (value, sign) in pixel.iter_mut().zip(&signs) {
                    *value = match self.ball.norm {
                        Norm::Linf => sign * self.mean_change(),
                        Norm::L2 => *value + 2.0 * sign * self.mean_change(),
                    };
                }
            }
        }
        if self.ball.norm == Norm::L2 {
            let length = length(change.iter().copied()).max(f64::MIN_POSITIVE);
            change.iter_mut().for_each(|c| *c = (f64::from(*c) / length) as f32 * self.ball.epsilon);
        }
        self.apply(clean, &change)
    }

    fn apply(&self, clean: &[f32], change: &[f32]) -> Vec<f32> {
        let mut sample = clean.iter().zip(change).map(|(p, c)| p + c).collect::<Vec<_>>();
        self.ball.project(clean, &mut sample);
        sample
    }
}

fn sign(rng: &mut ChaCha8Rng) -> f32 {
    if rng.random() { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn patches_shrink() {
        let shares = [0, 1, 30, 500, 999].map(|query| share(query, 1000));
        assert_eq!(shares, [0.3, 0.15, 0.3 / 8.0, 0.3 / 128.0, 0.3 / 512.0]);
    }

    #[test]
    fn proposals_are_at_the_edge_of_the_ball_and_patches_leave_the_rest() {
        let clean = vec![0.5; 6 * 5 * 3];
        for norm in [Norm::Linf, Norm::L2] {
            let canvas = Canvas { ball: Ball { norm, epsilon: 0.25 }, height: 6, width: 5, channels: 3 };
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let size = |sample: &[f32]| {
                let change = sample.iter().zip(&clean).map(|(s, c)| s - c);
                if norm == Norm::Linf { change.map(f32::abs).fold(0.0, f32::max).into() } else { length(change) }
            };
            let stripes = canvas.stripes(&clean, &mut rng);
            assert!((size(&stripes) - 0.25).abs() < 1e-6);
            assert!(stripes.chunks(15).all(|row| row == &stripes[..15]));
            let patch = canvas.patch(&clean, &clean, 0.3, &mut rng);
            assert!((size(&patch) - 0.25).abs() < 1e-6);
            assert_eq!(patch.iter().filter(|p| **p != 0.5).count(), 3 * 3 * 3);
        }
    }
}
