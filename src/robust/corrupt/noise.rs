//! Noise, and squares that hide a part of an image.

use rand::Rng;
use rand_distr::{Distribution, Poisson, StandardNormal, StandardUniform};

use super::Kind;

/// A byte with noise of this kind and level; unchanged for what is no noise.
pub fn value(kind: Kind, level: f64, pixel: u8, rng: &mut impl Rng) -> u8 {
    let v = f64::from(pixel) / 255.0;
    let normal = |rng: &mut _| -> f64 { StandardNormal.sample(rng) };
    let noisy = match kind {
        Kind::Gaussian => v + level * normal(rng),
        Kind::Speckle => v + level * v * normal(rng),
        // A black pixel gives no photons, and Poisson with mean 0 is not defined.
        Kind::Shot => Poisson::new(level * v).map_or(v, |photons| photons.sample(rng) / level),
        Kind::Impulse => {
            let u: f64 = StandardUniform.sample(rng);
            if u < level / 2.0 {
                0.0
            } else if u > 1.0 - level / 2.0 {
                1.0
            } else {
                return pixel;
            }
        }
        _ => return pixel,
    };
    (255.0 * noisy.clamp(0.0, 1.0)).round() as u8
}

/// Blackens a square of side `2 half + 1` that lies inside the image where it fits, and in its middle where it does not.
pub fn occlude(pixels: &mut [u8], [height, width, channels]: [usize; 3], half: usize, rng: &mut impl Rng) {
    let mut range = |size: usize| {
        let u: f64 = StandardUniform.sample(rng);
        let places = size.saturating_sub(2 * half).max(1);
        let center = (size - places) / 2 + (u * places as f64) as usize;
        center.saturating_sub(half)..(center + half + 1).min(size)
    };
    let (rows, columns) = (range(height), range(width));
    for row in rows {
        let start = row * width;
        pixels[(start + columns.start) * channels..(start + columns.end) * channels].fill(0);
    }
}
