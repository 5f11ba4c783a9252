//! Blurs.

use rand::{Rng, RngExt};

use super::plane::{Border, Plane, bell};

/// Radius of the disk and deviation of its edge, by severity.
const DEFOCUS: [(f64, f64); 5] = [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1)];

/// Deviation of the blur, farthest neighbour and rounds, by severity.
const GLASS: [(f64, usize, usize); 5] = [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)];

/// Length and deviation in pixels, by severity.
const MOTION: [(f64, f64); 5] = [(6.0, 1.0), (6.0, 1.5), (6.0, 2.0), (8.0, 2.0), (9.0, 2.5)];

/// How many zoom factors are averaged, a hundredth apart, from 1 on, by severity: as many as NumPy's `arange` gives, to whose
/// first two roundings add one.
const ZOOM: [usize; 5] = [7, 12, 16, 21, 26];

/// The image seen through a lens out of focus: the mean over a disk, whose edge is smoothed.
pub fn defocus(x: &Plane, severity: usize) -> Plane {
    let (radius, edge) = DEFOCUS[severity - 1];
    let inside = |y: i64, x: i64| ((y * y + x * x) as f64 <= radius * radius) as u32 as f64;
    let smoothed = |y: i64, x: i64| {
        let line = |dy: i64| bell(-1..=1, edge).map(|(dx, weight)| weight * inside(y + dy, x + dx)).sum::<f64>();
        bell(-1..=1, edge).map(|(dy, weight)| weight * line(dy)).sum::<f64>()
    };
    let reach = radius as i64 + 1;
    let places = (-reach..=reach).flat_map(|y| (-reach..=reach).map(move |x| (y, x)));
    let disk = places.map(|(y, x)| (y, x, smoothed(y, x))).collect::<Vec<_>>();
    let whole = disk.iter().map(|(_, _, weight)| weight).sum::<f64>();
    let disk = disk.into_iter().map(|(y, x, weight)| (y, x, weight / whole)).collect::<Vec<_>>();
    x.filtered(&disk, Border::AtValue)
}

/// The image seen through frosted glass: blurred, every pixel replaced by a neighbour, and blurred again. `offset` draws a whole
/// number from `-reach` to `reach - 1`. As the published files have it, the neighbour's value is copied, not swapped.
pub fn glass(x: &Plane, severity: usize, mut offset: impl FnMut(usize) -> i64) -> Plane {
    let (sigma, reach, rounds) = GLASS[severity - 1];
    let mut shuffled = x.gaussian(sigma, 4.0, Border::Nearest).map(|value| (255.0 * value).floor() / 255.0);
    let Plane { height, width, channels, .. } = *x;
    for _ in 0..rounds {
        for h in (reach + 1..=height.saturating_sub(reach)).rev() {
            for w in (reach + 1..=width.saturating_sub(reach)).rev() {
                let (dx, dy) = (offset(reach), offset(reach));
                let from = [h as i64 + dy, w as i64 + dx];
                for c in 0..channels {
                    shuffled.values[(h * width + w) * channels + c] = shuffled.at(from[0], from[1], c, Border::Nearest);
                }
            }
        }
    }
    shuffled.gaussian(sigma, 4.0, Border::Nearest)
}

/// The image moved while it was taken, in the direction of `angle` degrees.
pub fn motion(x: &Plane, severity: usize, angle: f64) -> Plane {
    let (radius, sigma) = MOTION[severity - 1];
    moved(x, radius, sigma, angle)
}

/// A trail of `2 radius + 1` pixels behind every pixel, whose weights fall as half a Gaussian, as that of ImageMagick's
/// MotionBlurImage.
pub fn moved(x: &Plane, radius: f64, sigma: f64, angle: f64) -> Plane {
    let last = 2 * radius.ceil() as i64;
    let (sine, cosine) = angle.to_radians().sin_cos();
    let offset = |i: i64, along: f64| (i as f64 * along - 0.5).ceil() as i64;
    let trail = bell(0..=last, sigma).map(|(i, weight)| (offset(i, sine), offset(i, cosine), weight));
    x.filtered(&trail.collect::<Vec<_>>(), Border::Nearest)
}

/// A direction for [`motion`], in degrees.
pub fn motion_angle(rng: &mut impl Rng) -> f64 {
    rng.random_range(-45.0..45.0)
}

/// The image while the lens zooms in: the mean over zoom factors, the image itself counted once more.
pub fn zoom(x: &Plane, severity: usize) -> Plane {
    let count = ZOOM[severity - 1];
    let mut sum = x.clone();
    for step in 0..count {
        let zoomed = x.zoomed(1.0 + step as f64 / 100.0);
        sum.values.iter_mut().zip(zoomed.values).for_each(|(sum, value)| *sum += value);
    }
    sum.map(|value| value / (count + 1) as f64)
}
