//! What people do to noisy images before a network sees them, to compare with. On the host, image by image.

use super::corrupt::plane::Border;
use super::impulses::{Plane, median};
use super::noise::quiet;
use crate::named::named;

/// A filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// The median of every value and its eight neighbours in the same channel.
    Median,
    /// Non-local means (Buades, Coll and Morel, CVPR 2005), over 5 pixels in all directions, by the distance `d^2` of
    /// patches of 5 x 5 pixels, a mean over pixels and channels: weights `exp(-max(0, d^2 - 2 sigma^2) / (0.8 sigma)^2)`. `sigma` is
    /// the noise where the image is quietest.
    NonLocalMeans,
}

named!(Filter as "filter" { Median = "median", NonLocalMeans = "non-local-means" });

/// How far non-local means look, in pixels.
const SEARCH: isize = 5;
/// Half the side of a patch.
const PATCH: isize = 2;
/// The width of the weights, by the noise.
const WIDTH: f64 = 0.8;

impl Filter {
    /// The filtered image `[height, width, channels]`.
    pub(super) fn apply(self, values: &[f32], size: [usize; 3]) -> Vec<f32> {
        match self {
            Self::Median => {
                let image = Plane { values, size };
                let around = |place: usize| {
                    let [a, b, c, d, e, f, g, h] = image.neighbours(place);
                    median(&mut [a, b, c, d, values[place], e, f, g, h])
                };
                (0..values.len()).map(around).collect()
            }
            Self::NonLocalMeans => non_local_means(values, size, quiet(values, size)),
        }
    }
}

/// Borders are mirrored.
fn non_local_means(values: &[f32], [height, width, channels]: [usize; 3], sigma: f64) -> Vec<f32> {
    if sigma == 0.0 {
        return values.to_vec();
    }
    let (reach, sides) = (SEARCH + PATCH, [height, width]);
    let [rows, columns] = sides
        .map(|side| (-reach..side as isize + reach).map(|i| Border::AtValue.place(i as i64, side)).collect::<Vec<_>>());
    let across = columns.len();
    let wide = rows.iter().flat_map(|y| columns.iter().map(move |x| (y * width + x) * channels));
    let wide = wide.flat_map(|at| values[at..at + channels].iter().map(|v| f64::from(*v))).collect::<Vec<_>>();
    let mut sums = vec![0.0; values.len()];
    let mut weights = vec![0.0; height * width];
    for dy in -SEARCH..=SEARCH {
        for dx in -SEARCH..=SEARCH {
            let shift = (dy * across as isize + dx) * channels as isize;
            let square = |pixel: usize| {
                let at = pixel * channels;
                let moved = at.checked_add_signed(shift).filter(|moved| moved + channels <= wide.len());
                moved.map_or(0.0, |moved| (0..channels).map(|c| (wide[at + c] - wide[moved + c]).powi(2)).sum::<f64>())
            };
            let distances = patch_sums(&(0..rows.len() * across).map(square).collect::<Vec<_>>(), across);
            let in_patch = ((2 * PATCH + 1).pow(2) as usize * channels) as f64;
            for (pixel, weight) in weights.iter_mut().enumerate() {
                let place = (pixel / width + reach as usize) * across + pixel % width + reach as usize;
                let distance = distances[place] / in_patch;
                let w = (-(distance - 2.0 * sigma * sigma).max(0.0) / (WIDTH * sigma).powi(2)).exp();
                *weight += w;
                let from = (place * channels).wrapping_add_signed(shift);
                (0..channels).for_each(|c| sums[pixel * channels + c] += w * wide[from + c]);
            }
        }
    }
    sums.iter().enumerate().map(|(i, sum)| (sum / weights[i / channels]) as f32).collect()
}

/// Sums over a patch about every place of an image with rows of this length; 0 where the patch would leave it.
fn patch_sums(values: &[f64], across: usize) -> Vec<f64> {
    let (patch, rows) = (PATCH as usize, values.len() / across);
    let mut lines = vec![0.0; values.len()];
    let mut sums = vec![0.0; values.len()];
    for y in 0..rows {
        for x in patch..across - patch {
            lines[y * across + x] = values[y * across + x - patch..=y * across + x + patch].iter().sum();
        }
    }
    for y in patch..rows - patch {
        for x in patch..across - patch {
            sums[y * across + x] = (y - patch..=y + patch).map(|row| lines[row * across + x]).sum();
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_take_out_what_stands_alone() {
        let mut image = vec![1.0; 25];
        image[7] = 9.0;
        image[24] = -4.0;
        assert_eq!(Filter::Median.apply(&image, [5, 5, 1]), [1.0; 25]);
        assert_eq!(Filter::Median.apply(&[0.0, 2.0, 4.0], [1, 3, 1]), [2.0, 2.0, 2.0]);
    }

    /// Straight from the definition.
    fn slow(values: &[f32], [height, width, channels]: [usize; 3], sigma: f64) -> Vec<f32> {
        let mirrored = |i: isize, side| Border::AtValue.place(i as i64, side);
        let at = |y: isize, x: isize, c: usize| {
            f64::from(values[(mirrored(y, height) * width + mirrored(x, width)) * channels + c])
        };
        let value = |place: usize| {
            let (pixel, c) = (place / channels, place % channels);
            let (y, x) = ((pixel / width) as isize, (pixel % width) as isize);
            let (mut sum, mut weights) = (0.0, 0.0);
            for (dy, dx) in (-SEARCH..=SEARCH).flat_map(|dy| (-SEARCH..=SEARCH).map(move |dx| (dy, dx))) {
                let mut distance = 0.0;
                for (py, px) in (-PATCH..=PATCH).flat_map(|py| (-PATCH..=PATCH).map(move |px| (py, px))) {
                    let square = |c| (at(y + py, x + px, c) - at(y + dy + py, x + dx + px, c)).powi(2);
                    distance += (0..channels).map(square).sum::<f64>() / (25 * channels) as f64;
                }
                let weight = (-(distance - 2.0 * sigma * sigma).max(0.0) / (0.8 * sigma).powi(2)).exp();
                sum += weight * at(y + dy, x + dx, c);
                weights += weight;
            }
            (sum / weights) as f32
        };
        (0..values.len()).map(value).collect()
    }

    #[test]
    fn non_local_means_are_those_of_the_definition() {
        for size in [[9, 8, 1], [6, 7, 3], [1, 4, 1]] {
            let image = crate::reference::sequence::sequence(size.iter().product(), 3, 1.0);
            let image = image.iter().map(|v| *v as f32).collect::<Vec<_>>();
            let (fast, slow) = (non_local_means(&image, size, 0.4), slow(&image, size, 0.4));
            assert!(fast.iter().zip(&slow).all(|(a, b)| (a - b).abs() < 1e-5), "{fast:?}, not {slow:?}");
            assert!(fast != image);
        }
        assert_eq!(Filter::NonLocalMeans.apply(&[0.25; 16], [4, 4, 1]), [0.25; 16]);
    }
}
