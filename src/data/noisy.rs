//! Noise on training images.

use rand::RngExt;
use rand_distr::StandardNormal;

use super::Normalization;
use super::random::{Purpose, stream};

/// Adds normal noise to each sample of a batch, of a deviation uniform between 0 and `most` (white is 1), clipped to [0, 1].
///
/// `pixels` are normalised samples of `size` values. What happens to a sample depends only on (`seed`, `epoch`, its index), not on
/// its batch.
pub fn add_noise(
    pixels: &mut [f32],
    size: usize,
    indices: &[u32],
    most: f32,
    normalization: &Normalization,
    seed: u64,
    epoch: u64,
) {
    let Normalization { mean, std } = normalization;
    for (&index, sample) in indices.iter().zip(pixels.chunks_exact_mut(size.max(1))) {
        let mut rng = stream(Purpose::Noise, seed, epoch, index.into());
        let deviation = most * rng.random::<f32>();
        for (i, value) in sample.iter_mut().enumerate() {
            let (mean, std) = (mean[i % mean.len()], std[i % std.len()]);
            let draw: f32 = rng.sample(StandardNormal);
            *value = ((*value * std + mean + deviation * draw).clamp(0.0, 1.0) - mean) / std;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_up_to_as_strong_as_asked_for_and_depends_on_the_sample_alone() {
        let normalization = Normalization { mean: vec![0.5, 0.25], std: vec![0.5, 0.1] };
        let grey = (0..3 * 2000).map(|i| [0.0, 2.5][i % 2]).collect::<Vec<f32>>();
        let noisy = |samples: &[u32], epoch| {
            let mut pixels = grey[..2000 * samples.len()].to_vec();
            add_noise(&mut pixels, 2000, samples, 0.1, &normalization, 3, epoch);
            pixels
        };
        let all = noisy(&[0, 1, 2], 0);
        assert!(
            all[2000..4000] == noisy(&[1], 0)[..] && all[..2000] != all[2000..4000] && noisy(&[1], 1) != noisy(&[1], 0)
        );
        let mut deviations = all.chunks(2000).map(|sample| {
            let of = |channel: usize| {
                let values =
                    sample.iter().skip(channel).step_by(2).map(|v| (v - [0.0, 2.5][channel]) * [0.5, 0.1][channel]);
                (values.map(|v| v * v).sum::<f32>() / 1000.0).sqrt()
            };
            assert!((of(0) / of(1) - 1.0).abs() < 0.15, "{} and {}", of(0), of(1));
            of(0)
        });
        assert!(deviations.all(|d| d > 0.0 && d < 0.11));
        let mut white = vec![1.0; 100];
        add_noise(&mut white, 100, &[0], 1.0, &Normalization { mean: vec![0.5], std: vec![0.5] }, 0, 0);
        assert!(white.iter().all(|v| (-1.0..=1.0).contains(v)) && white.iter().any(|v| *v < 1.0));
    }
}
