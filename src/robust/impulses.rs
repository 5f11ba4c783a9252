//! Impulse noise, such as salt and pepper: found and repaired on the host, image by image.
//!
//! The *isolation* of a value is the mean of its smallest absolute differences from its eight neighbours in the same channel
//! (rank-ordered absolute differences; Garnett, Huegerich, Chui and He, IEEE Transactions on Image Processing 14, 2005). Values of
//! edges and lines have neighbours like themselves, a grain of salt has none.

use super::CleanImages;

/// Neighbours that isolation is measured from, as a rule and where there is much noise: grains that touch have each other.
pub(super) const NEAREST: [usize; 2] = [2, 3];
/// So many isolated values in the dark may be chance.
pub(super) const FEW: usize = 2;
/// What isolation must exceed, by the image's own noise: as a rule, and where there is much noise.
const BY_NOISE: [f32; 2] = [3.0, 2.0];
/// The share of isolated values from which on there is much noise.
const MUCH: f32 = 0.05;
/// Rounds of finding and repairing: grains that were hidden by others come to light.
const ROUNDS: usize = 3;
/// Neighbours that must be dark for a value to lie in the dark.
const DARK: usize = 7;
/// The absolute difference of two normal variables that half of all draws stay below, by their deviation.
const MEDIAN_DIFFERENCE: f32 = 0.6745 * std::f32::consts::SQRT_2;

/// One image, `[height, width, channels]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plane<'a> {
    pub(super) values: &'a [f32],
    pub(super) size: [usize; 3],
}

impl Plane<'_> {
    /// The places of the eight neighbours of a value in its channel, mirrored at the border.
    fn around(&self, place: usize) -> [usize; 8] {
        let [height, width, channels] = self.size;
        let (pixel, channel) = (place / channels, place % channels);
        let (y, x) = (pixel / width, pixel % width);
        let [up, down] = beside(y, height);
        let [left, right] = beside(x, width);
        let at = |(y, x): (usize, usize)| (y * width + x) * channels + channel;
        [(up, left), (up, x), (up, right), (y, left), (y, right), (down, left), (down, x), (down, right)].map(at)
    }

    pub(super) fn neighbours(&self, place: usize) -> [f32; 8] {
        self.around(place).map(|at| self.values[at])
    }

    /// The isolation of every value: the mean of its `nearest` smallest differences.
    pub(super) fn isolation(&self, nearest: usize) -> Vec<f32> {
        let of = |place: usize| {
            let mut differences = self.neighbours(place).map(|v| (v - self.values[place]).abs());
            differences.sort_unstable_by(f32::total_cmp);
            differences[..nearest].iter().sum::<f32>() / nearest as f32
        };
        (0..self.values.len()).map(of).collect()
    }

    /// Whether every value lies in the dark: whether seven of its neighbours are no brighter than the image's median, give or take
    /// its noise. What is isolated there is not the noise of something bright.
    pub(super) fn dark(&self, noise: f32) -> Vec<bool> {
        let most = median(&mut self.values.to_vec()) + noise;
        let of = |place| self.neighbours(place).iter().filter(|v| **v <= most).count() >= DARK;
        (0..self.values.len()).map(of).collect()
    }

    /// The deviation of normal noise that would give the median difference of pixels side by side, or one above the other.
    pub(super) fn deviation(&self) -> f32 {
        let [_, width, channels] = self.size;
        let row = width * channels;
        let across = self.values.chunks_exact(row).flat_map(|row| row.iter().zip(&row[channels..]));
        let down = self.values.iter().zip(&self.values[row..]);
        median(&mut across.chain(down).map(|(a, b)| (a - b).abs()).collect::<Vec<_>>()) / MEDIAN_DIFFERENCE
    }
}

/// The rows or columns before and after one of them, mirrored at the border.
fn beside(i: usize, count: usize) -> [usize; 2] {
    [if i == 0 { 1 } else { i - 1 }, if i + 1 == count { count.saturating_sub(2) } else { i + 1 }]
        .map(|i| i.min(count - 1))
}

/// The middle of the values, or the mean of the two in the middle; 0 of none.
pub(super) fn median(values: &mut [f32]) -> f32 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let (below, middle, _) = values.select_nth_unstable_by(values.len() / 2, f32::total_cmp);
    let middle = *middle;
    if last % 2 == 0 { middle } else { (middle + below.iter().copied().fold(f32::MIN, f32::max)) / 2.0 }
}

/// Repairs the impulse noise of an image `[height, width, channels]` in place, and says whether there was any. More isolated
/// values lie in the dark than in clean images ([`CleanImages`]) where there is; then every isolated value, there and elsewhere,
/// becomes the median of its neighbours that are not isolated.
///
/// Isolated is what exceeds both what clean images have and three times the image's own noise, so that an image with normal noise
/// stays as it is.
pub(super) fn repair(values: &mut [f32], size: [usize; 3], clean: &CleanImages) -> bool {
    let image = Plane { values, size };
    let noise = image.deviation();
    let limits = [0, 1].map(|i| clean.isolated[i].max(BY_NOISE[i] * noise));
    let alone = clean.alone.max(limits[0]);
    let isolation = image.isolation(NEAREST[0]);
    if isolation.iter().zip(image.dark(noise)).filter(|(isolation, dark)| **isolation > alone && *dark).count() <= FEW {
        return false;
    }
    let repaired = (0..ROUNDS).map(|_| repair_once(values, size, NEAREST[0], limits[0])).sum::<usize>();
    if repaired as f32 > MUCH * values.len() as f32 {
        for _ in 0..ROUNDS {
            repair_once(values, size, NEAREST[1], limits[1]);
        }
    }
    true
}

/// Repairs every value whose isolation exceeds the limit, and says how many there were.
fn repair_once(values: &mut [f32], size: [usize; 3], nearest: usize, limit: f32) -> usize {
    let isolation = Plane { values, size }.isolation(nearest);
    let mut left = (0..values.len()).filter(|place| isolation[*place] > limit).collect::<Vec<_>>();
    let (mut bad, count) = (isolation.iter().map(|i| *i > limit).collect::<Vec<_>>(), left.len());
    while !left.is_empty() {
        let image = Plane { values, size };
        let found = left.iter().filter_map(|&place| {
            let mut good =
                image.around(place).into_iter().filter(|at| !bad[*at]).map(|at| image.values[at]).collect::<Vec<_>>();
            (!good.is_empty()).then(|| (place, median(&mut good)))
        });
        let found = found.collect::<Vec<_>>();
        if found.is_empty() {
            break;
        }
        for (place, value) in &found {
            (values[*place], bad[*place]) = (*value, false);
        }
        left.retain(|place| bad[*place]);
    }
    count
}
