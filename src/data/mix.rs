//! Mixup (arXiv 1710.09412) and CutMix (arXiv 1905.04899).

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};

use super::random::{Purpose, stream};
use crate::error::{Error, Result};

/// Mixes each sample of a batch with another one, and their labels in the same proportion.
///
/// - Mixup: `w x + (1 - w) other`, `w` from Beta(alpha, alpha).
/// - CutMix: a rectangle of `x` shows `other`. Before it is cut at the borders, its share of the area is `1 - b`, `b` from
///   Beta(alpha, alpha), and its shape that of the image; its centre is uniform. `w` is the share of `x` that is left.
///
/// The other one is the sample before it in the batch, that of the first being the last. A batch has one `w` and one rectangle.
/// With both, one of the two is chosen at random for each batch. As torchvision's `MixUp`, `CutMix` and `RandomChoice`.
#[derive(Clone, Copy, Debug)]
pub struct Mixing {
    mixup: Option<Beta<f64>>,
    cutmix: Option<Beta<f64>>,
}

/// A way to mix.
enum Kind {
    Mixup,
    Cutmix,
}

impl Mixing {
    /// Mixing with these alphas; none where there are none.
    ///
    /// # Errors
    /// [`Error::Argument`] for an alpha that is not a finite positive number.
    pub fn new(mixup: Option<f32>, cutmix: Option<f32>) -> Result<Self> {
        let beta = |name: &'static str, alpha: Option<f32>| {
            let wrong = |alpha: f32| Error::argument(name, alpha, "must be a finite positive number");
            alpha.map(|alpha| match Beta::new(alpha.into(), alpha.into()) {
                Ok(beta) if alpha.is_finite() => Ok(beta),
                _ => Err(wrong(alpha)),
            })
        };
        Ok(Self { mixup: beta("mixup", mixup).transpose()?, cutmix: beta("cutmix", cutmix).transpose()? })
    }

    /// Mixes a batch `[n, height, width, channels]`, `image` being the last three, in place. Returns `w`, the weight of each sample's
    /// own label; the rest is that of the sample before it. Depends on (`seed`, `epoch`, `batch`, the number of the batch in its
    /// epoch).
    pub fn mix(&self, pixels: &mut [f32], image: [usize; 3], seed: u64, epoch: u64, batch: u64) -> f32 {
        let mut rng = stream(Purpose::Mix, seed, epoch, batch);
        let (kind, beta) = match (self.mixup, self.cutmix) {
            (None, None) => return 1.0,
            (Some(beta), None) => (Kind::Mixup, beta),
            (None, Some(beta)) => (Kind::Cutmix, beta),
            (Some(mixup), Some(cutmix)) => {
                if rng.random() {
                    (Kind::Mixup, mixup)
                } else {
                    (Kind::Cutmix, cutmix)
                }
            }
        };
        let mut others = pixels.to_vec();
        others.rotate_right(image.iter().product::<usize>().min(pixels.len()));
        match kind {
            Kind::Mixup => {
                let weight = beta.sample(&mut rng) as f32;
                pixels.iter_mut().zip(others).for_each(|(x, other)| *x = weight * *x + (1.0 - weight) * other);
                weight
            }
            Kind::Cutmix => cut(&mut rng, beta, pixels, &others, image),
        }
    }
}

/// CutMix; returns the share of each sample that is left.
fn cut(rng: &mut impl Rng, beta: Beta<f64>, pixels: &mut [f32], others: &[f32], image: [usize; 3]) -> f32 {
    let [height, width, channels] = image;
    let half = 0.5 * (1.0 - beta.sample(rng)).sqrt();
    let mut side = |length: usize| {
        let (center, reach) = (rng.random_range(0..length), (half * length as f64) as usize);
        (center.saturating_sub(reach), (center + reach).min(length))
    };
    let ((top, bottom), (left, right)) = (side(height), side(width));
    let rows = pixels.chunks_exact_mut(width * channels).zip(others.chunks_exact(width * channels));
    for (_, (row, other)) in rows.enumerate().filter(|(y, _)| (top..bottom).contains(&(y % height))) {
        row[left * channels..right * channels].copy_from_slice(&other[left * channels..right * channels]);
    }
    (1.0 - ((bottom - top) * (right - left)) as f64 / (height * width) as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: [usize; 3] = [8, 10, 3];
    const SIZE: usize = 240;

    /// Four samples, filled with 0, 1, 2 and 3, mixed.
    fn mixed(mixing: &Mixing, batch: u64) -> (Vec<f32>, f32) {
        let mut pixels = (0..4 * SIZE).map(|i| (i / SIZE) as f32).collect::<Vec<_>>();
        let weight = mixing.mix(&mut pixels, IMAGE, 5, 2, batch);
        (pixels, weight)
    }

    #[test]
    fn mixup_is_the_mixture_with_the_sample_before() {
        let mixing = Mixing::new(Some(0.4), None).unwrap();
        let mut weights = Vec::new();
        for batch in 0..2000 {
            let (pixels, weight) = mixed(&mixing, batch);
            for (i, sample) in pixels.chunks_exact(SIZE).enumerate() {
                let want = weight * i as f32 + (1.0 - weight) * ((i + 3) % 4) as f32;
                assert!(sample.iter().all(|v| *v == want));
            }
            weights.push(f64::from(weight));
        }
        // Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1)).
        let mean = weights.iter().sum::<f64>() / 2000.0;
        let variance = weights.iter().map(|w| (w - mean) * (w - mean)).sum::<f64>() / 2000.0;
        assert!((mean - 0.5).abs() < 0.03 && (variance - 1.0 / 7.2).abs() < 0.01, "{mean} {variance}");
    }

    #[test]
    fn cutmix_shows_the_sample_before_in_a_rectangle_and_weighs_by_its_area() {
        let mixing = Mixing::new(None, Some(1.0)).unwrap();
        let mut shares = Vec::new();
        for batch in 0..500 {
            let (pixels, weight) = mixed(&mixing, batch);
            for (i, sample) in pixels.chunks_exact(SIZE).enumerate() {
                let other = ((i + 3) % 4) as f32;
                let cut = (0..SIZE).filter(|at| sample[*at] == other).collect::<Vec<_>>();
                assert!(sample.iter().all(|v| *v == i as f32 || *v == other));
                assert!((weight - (1.0 - cut.len() as f32 / SIZE as f32)).abs() < 1e-6);
                let rows = cut.iter().map(|at| at / 30).collect::<std::collections::BTreeSet<_>>();
                let columns = cut.iter().map(|at| at % 30).collect::<std::collections::BTreeSet<_>>();
                assert_eq!(rows.len() * columns.len(), cut.len(), "not a rectangle");
            }
            shares.push(weight);
        }
        // With reaches in whole pixels, at most 6 of 8 rows and 8 of 10 columns are cut.
        assert!(shares.contains(&0.4) && shares.contains(&1.0));
    }

    #[test]
    fn with_both_each_gets_half_of_the_batches() {
        let both = Mixing::new(Some(0.4), Some(1.0)).unwrap();
        // Only mixup gives values that are not whole numbers.
        let is_mixup = |batch| mixed(&both, batch).0.iter().any(|v| v.fract() != 0.0);
        let count = (0..400).filter(|batch| is_mixup(*batch)).count();
        assert!((150..250).contains(&count), "{count}");
    }

    #[test]
    fn batches_are_seeded_and_without_alphas_nothing_happens() {
        let both = Mixing::new(Some(0.4), Some(1.0)).unwrap();
        assert_eq!(mixed(&both, 3), mixed(&both, 3));
        assert!((0..20).any(|batch| mixed(&both, batch) != mixed(&both, 20)));
        let (pixels, weight) = mixed(&Mixing::new(None, None).unwrap(), 3);
        assert!(weight == 1.0 && pixels[SIZE] == 1.0 && pixels[0] == 0.0);
    }

    #[test]
    fn alphas_that_are_none_are_refused_by_name() {
        for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert!(Mixing::new(Some(wrong), None).unwrap_err().to_string().contains("mixup"), "{wrong}");
            assert!(Mixing::new(None, Some(wrong)).unwrap_err().to_string().contains("cutmix"), "{wrong}");
        }
    }
}
