//! Weather.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use super::blur::moved;
use super::plane::Plane;

/// Strength and roughness, by severity.
const FOG: [(f64, f64); 5] = [(0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75)];

/// Shares of the image and of the frost, by severity.
const FROST: [(f64, f64); 5] = [(1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)];

/// Mean and deviation of the noise that flakes are made of, their zoom, the least value that is one, length and deviation of
/// their trails, and the share of the image that does not turn pale; by severity.
const SNOW: [[f64; 7]; 5] = [
    [0.1, 0.2, 1.0, 0.6, 8.0, 3.0, 0.95],
    [0.1, 0.2, 1.0, 0.5, 10.0, 4.0, 0.9],
    [0.15, 0.3, 1.75, 0.55, 10.0, 4.0, 0.9],
    [0.25, 0.3, 2.25, 0.6, 12.0, 6.0, 0.85],
    [0.3, 0.3, 1.25, 0.65, 14.0, 12.0, 0.8],
];

/// A landscape of clouds by midpoint displacement (the diamond-square algorithm) on a torus of `size` pixels a side, a power of
/// two, from 0 to 1. Displacements fall by `roughness` from each step to the next; `draw` gives numbers from -1 to 1.
pub fn clouds(size: usize, roughness: f64, mut draw: impl FnMut() -> f64) -> Plane {
    let mut map = Plane::of(size, size, |_, _| 0.0);
    let (mut step, mut wibble) = (size, 100.0);
    while step >= 2 {
        let half = step / 2;
        let mut fill = |map: &mut Plane, [top, left]: [usize; 2], neighbours: [[usize; 2]; 4]| {
            for y in (0..size).step_by(step) {
                for x in (0..size).step_by(step) {
                    let at = |[dy, dx]: [usize; 2]| map.values[(y + dy) % size * size + (x + dx) % size];
                    let mean = neighbours.map(at).iter().sum::<f64>() / 4.0;
                    map.values[(y + top) * size + x + left] = mean + wibble * wibble * draw();
                }
            }
        };
        // The middles of squares, then those of their upper and left sides, each among two corners and two middles.
        fill(&mut map, [half, half], [[0, 0], [step, 0], [0, step], [step, step]]);
        fill(&mut map, [0, half], [[half, half], [size - half, half], [0, 0], [0, step]]);
        fill(&mut map, [half, 0], [[half, half], [half, size - half], [0, 0], [step, 0]]);
        step = half;
        wibble /= roughness;
    }
    let least = map.values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = map.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = (most - least).max(f64::MIN_POSITIVE);
    map.map(|value| (value - least) / range)
}

/// The clouds of an image, drawn at random: the corner of a landscape that covers it.
pub fn clouds_over(x: &Plane, roughness: f64, rng: &mut impl Rng) -> Plane {
    let size = x.height.max(x.width).next_power_of_two().max(2);
    let all = clouds(size, roughness, || rng.random_range(-1.0..1.0));
    Plane::of(x.height, x.width, |row, column| all.values[row * size + column])
}

/// The image behind clouds of [`fog_roughness`]; the brightest value stays the brightest.
pub fn fog(x: &Plane, severity: usize, clouds: &Plane) -> Plane {
    let (strength, _) = FOG[severity - 1];
    let most = x.values.iter().copied().fold(0.0, f64::max);
    x.with(clouds, |value, cloud| (value + strength * cloud) * most / (most + strength))
}

/// How fast the clouds of [`fog`] smooth.
pub fn fog_roughness(severity: usize) -> f64 {
    FOG[severity - 1].1
}

/// How fast the clouds that frost is made of smooth: slowly, so that there are many ridges.
pub const FROST_ROUGHNESS: f64 = 1.5;

/// The image behind frost. The published one shows photographs of frost; this one shows ridges of clouds, sharpened, in the same
/// shares.
pub fn frost(x: &Plane, severity: usize, clouds: &Plane) -> Plane {
    let (image, frost) = FROST[severity - 1];
    x.with(clouds, |value, cloud| image * value + frost * (1.0 - (2.0 * cloud - 1.0).abs()).powi(2))
}

/// The image in snow: pale, with flakes that fall along `angle` degrees, made of `noise`, a plane of standard normal numbers.
pub fn snow(x: &Plane, severity: usize, noise: &Plane, angle: f64) -> Plane {
    let [mean, deviation, zoom, least, length, trail, kept] = SNOW[severity - 1];
    let flakes = noise.map(|value| mean + deviation * value).zoomed(zoom);
    let flakes = flakes.map(|value| if value < least { 0.0 } else { value });
    let flakes = flakes.map(|value| (255.0 * value.clamp(0.0, 1.0)).floor() / 255.0);
    let flakes = moved(&flakes, length, trail, angle);
    let pale = x.with(&x.grey(), |value, grey| kept * value + (1.0 - kept) * value.max(1.5 * grey + 0.5));
    pale.with(&flakes, |value, flake| value + flake).with(&flakes.turned(), |value, flake| value + flake)
}

/// What [`snow`] is made of.
pub fn snow_draws(x: &Plane, rng: &mut impl Rng) -> (Plane, f64) {
    let noise = Plane::of(x.height, x.width, |_, _| StandardNormal.sample(rng));
    (noise, rng.random_range(-135.0..-45.0))
}
