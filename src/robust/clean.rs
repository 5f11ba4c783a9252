//! What clean images of a data set are like.

use serde::{Deserialize, Serialize};

#[cfg(feature = "train")]
use super::impulses::{FEW, NEAREST, Plane};
#[cfg(feature = "train")]
use super::noise::quiet;
use crate::error::{Error, Result};

/// What clean images are like, in units of normalised pixels. Of noise is only what goes beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CleanImages {
    /// The noise, before that of clean images is taken off ([`Measure::Noise`](super::Measure::Noise)), that 99 of 100 clean images
    /// stay below.
    pub noise: f64,
    /// The isolation, measured from the nearest two and three neighbours, that 999 of 1,000 values stay below.
    pub isolated: [f32; 2],
    /// The isolation that all values in the dark but two stay below, in 997 of 1,000 clean images.
    pub alone: f32,
}

impl CleanImages {
    /// # Errors
    /// [`Error::Argument`] for a value that is negative or not finite.
    pub(super) fn check(&self) -> Result<()> {
        let values = [self.noise, self.isolated[0].into(), self.isolated[1].into(), self.alone.into()];
        match values.into_iter().find(|value| !value.is_finite() || *value < 0.0) {
            Some(value) => {
                let reason = "is nothing that clean images can have: recalibrate again";
                Err(Error::argument("recalibration", value, reason))
            }
            None => Ok(()),
        }
    }
}

/// The share of values that are less isolated than what counts as isolated.
#[cfg(feature = "train")]
const VALUES: f64 = 0.999;
/// The share of clean images without noise.
#[cfg(feature = "train")]
const WITHOUT_NOISE: f64 = 0.99;
/// The share of clean images without impulses.
#[cfg(feature = "train")]
const WITHOUT_IMPULSES: f64 = 0.997;
/// Values of an image that are looked at, at most (about): memory is bounded.
#[cfg(feature = "train")]
const SAMPLED: usize = 2048;

#[cfg(feature = "train")]
impl CleanImages {
    /// Of clean, normalised images `[height, width, channels]`, one after the other.
    pub(super) fn of(images: &[f32], size: [usize; 3]) -> Self {
        let (mut noise, mut isolated, mut alone) = (Vec::new(), [Vec::new(), Vec::new()], Vec::new());
        let values = size.iter().product::<usize>();
        // Every so many values, in all channels by turns.
        let step = values / SAMPLED / size[2] * size[2] + 1;
        for values in images.chunks_exact(values) {
            let image = Plane { values, size };
            noise.push(quiet(values, size));
            let isolation = NEAREST.map(|nearest| image.isolation(nearest));
            let dark = isolation[0]
                .iter()
                .zip(image.dark(image.deviation()))
                .map(|(isolation, dark)| if dark { *isolation } else { 0.0 });
            let mut dark = dark.collect::<Vec<_>>();
            let place = dark.len().saturating_sub(FEW + 1);
            alone.push(*dark.select_nth_unstable_by(place, f32::total_cmp).1);
            isolated.iter_mut().zip(isolation).for_each(|(all, of)| all.extend(of.into_iter().step_by(step)));
        }
        Self {
            noise: quantile(&mut noise, WITHOUT_NOISE, f64::total_cmp),
            isolated: isolated.map(|mut values| quantile(&mut values, VALUES, f32::total_cmp)),
            alone: quantile(&mut alone, WITHOUT_IMPULSES, f32::total_cmp),
        }
    }
}

/// The value that this share stays below.
#[cfg(feature = "train")]
fn quantile<T: Copy + Default>(values: &mut [T], share: f64, order: fn(&T, &T) -> std::cmp::Ordering) -> T {
    let Some(last) = values.len().checked_sub(1) else { return T::default() };
    *values.select_nth_unstable_by((share * last as f64) as usize, order).1
}

#[cfg(all(test, feature = "train"))]
mod tests {
    use serde_json::Value;

    use super::super::impulses::repair;
    use super::*;

    fn numbers(of: &Value) -> Vec<f32> {
        of.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
    }

    fn close(got: f64, want: &Value) {
        let want = want.as_f64().unwrap();
        assert!((got - want).abs() < 1e-6, "{got}, not {want}");
    }

    /// See `tests/golden/repair/make.py`.
    #[test]
    fn clean_images_noise_and_impulses_are_as_numpy_finds_them() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/repair/values.json");
        let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for case in golden.as_array().unwrap() {
            let size: [usize; 3] = serde_json::from_value(case["size"].clone()).unwrap();
            let training = numbers(&case["training"]).iter().map(|v| v / 255.0).collect::<Vec<_>>();
            let clean = CleanImages::of(&training, size);
            close(clean.noise, &case["clean"]["noise"]);
            (0..2).for_each(|i| close(clean.isolated[i].into(), &case["clean"]["isolated"][i]));
            close(clean.alone.into(), &case["clean"]["alone"]);
            let (mut noisy, want) = (numbers(&case["noisy"]), numbers(&case["repaired"]));
            let images = noisy.chunks_exact_mut(size.iter().product()).zip(want.chunks_exact(size.iter().product()));
            for (i, (image, want)) in images.enumerate() {
                close(quiet(image, size), &case["quiet"][i]);
                assert_eq!(repair(image, size, &clean), i >= 2, "image {i}");
                assert!(image.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "image {i}");
            }
        }
    }

    #[test]
    fn images_of_any_size_have_neighbours_and_none_are_no_trouble() {
        for size in [[1, 1, 1], [1, 5, 1], [2, 2, 3]] {
            let mut image = vec![0.0; size.iter().product()];
            let clean = CleanImages::of(&image, size);
            assert!(clean == CleanImages::default() && !repair(&mut image, size, &clean));
        }
        assert_eq!(CleanImages::of(&[], [4, 4, 1]), CleanImages::default());
        // Of large images, not every value is kept, but those of all channels.
        let image =
            (0..100 * 100 * 3).map(|i| if i % 30_000 < 20_000 { 0.0 } else { (i % 97) as f32 }).collect::<Vec<_>>();
        let clean = CleanImages::of(&image, [100, 100, 3]);
        assert!(clean.isolated[0] > 0.0 && clean.isolated[1] >= clean.isolated[0]);
    }
}
