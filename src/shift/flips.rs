//! How often a prediction changes as the image moves (arXiv 2212.00394, section 5).

use crate::checks::check_finite;
use crate::data::{Dataset, Normalization, Picture};
use crate::error::{Error, Result};
use crate::models::{Model, best_class};
use crate::tensor::Tensor;

/// The directions that images are moved in, as steps (down, right).
pub const DIRECTIONS: [(&str, [usize; 2]); 3] = [("horizontal", [0, 1]), ("vertical", [1, 0]), ("diagonal", [1, 1])];

/// What became of the predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct Flips {
    /// For each of the [`DIRECTIONS`], the share of changed predictions over all images and shifts.
    pub rates: [f64; 3],
    /// For each image, the share of its shifted crops with the prediction of the unshifted one.
    pub stability: Vec<f64>,
    /// Share of images whose class is that of the centred crop.
    pub accuracy: f64,
    /// Share of images whose class is the best by the mean probability of ten crops: the corners, the middle, and these mirrored.
    pub ten_crop_accuracy: f64,
}

impl Flips {
    /// The mean over directions of the rates, each divided by that of a baseline; none where the baseline never changes its
    /// prediction.
    pub fn relative_to(&self, baseline: &Self) -> Option<f64> {
        let ratios = self.rates.iter().zip(&baseline.rates).map(|(rate, of)| (*of > 0.0).then(|| rate / of));
        Some(ratios.collect::<Option<Vec<_>>>()?.iter().sum::<f64>() / 3.0)
    }
}

/// A crop: its corner, and whether it is mirrored.
type Crop = ([usize; 2], bool);

/// Enlarges the first `count` images by `shifts` pixels a side, and classifies crops of their own size: unshifted, in the upper left
/// corner, and shifted by 1 to `shifts` pixels in each of the [`DIRECTIONS`]. `watch` is called with how many more are done.
///
/// # Errors
/// [`Error::Argument`] without shifts or images, or for shifts of more than a side, else as [`Model::predict`].
pub fn flips(
    model: &dyn Model,
    data: &Dataset,
    normalization: &Normalization,
    [count, shifts, batch]: [usize; 3],
    watch: &mut dyn FnMut(usize),
) -> Result<Flips> {
    let count = count.min(data.len());
    for (name, value) in [("images", count), ("shifts", shifts), ("batch", batch)] {
        if value == 0 {
            return Err(Error::argument(name, 0, "must be at least 1"));
        }
    }
    let most = data.height.min(data.width);
    if shifts > most {
        return Err(Error::argument("shifts", shifts, format!("must be at most {most}, a side of the images")));
    }
    let crops = crops(shifts);
    let moved = 1 + 3 * shifts;
    let mut seen = Seen { rates: [0; 3], stability: Vec::new(), right: 0, right_of_ten: 0 };
    let per_pass = (batch / crops.len()).max(1);
    for first in (0..count).step_by(per_pass) {
        let images = (first..(first + per_pass).min(count)).collect::<Vec<_>>();
        let scores = scores(model, data, normalization, &images, (&crops, shifts))?;
        let of_image = crops.len() * model.classes();
        for (image, scores) in images.iter().zip(scores.chunks_exact(of_image)) {
            let scores = scores.chunks_exact(model.classes()).collect::<Vec<_>>();
            seen.add(usize::from(data.labels[*image]), &scores, moved);
        }
        watch(images.len());
    }
    let share = |of: usize, all: usize| of as f64 / all as f64;
    Ok(Flips {
        rates: seen.rates.map(|changed| share(changed, count * shifts)),
        stability: seen.stability,
        accuracy: share(seen.right, count),
        ten_crop_accuracy: share(seen.right_of_ten, count),
    })
}

/// The unshifted crop, those of each direction, and the ten: four corners and the middle, and these mirrored.
fn crops(shifts: usize) -> Vec<Crop> {
    let along = DIRECTIONS.iter().flat_map(|(_, step)| (1..=shifts).map(move |s| (step.map(|d| d * s), false)));
    let places = [[0, 0], [0, shifts], [shifts, 0], [shifts, shifts], [shifts / 2, shifts / 2]];
    let ten = [false, true].into_iter().flat_map(|mirrored| places.map(|place| (place, mirrored)));
    std::iter::once(([0, 0], false)).chain(along).chain(ten).collect()
}

/// The scores of all crops of these images.
fn scores(
    model: &dyn Model,
    data: &Dataset,
    normalization: &Normalization,
    images: &[usize],
    (crops, shifts): (&[Crop], usize),
) -> Result<Vec<f32>> {
    let Dataset { height, width, channels, .. } = *data;
    let mut pixels = Vec::with_capacity(images.len() * crops.len() * data.image_len());
    for &image in images {
        let picture = Picture { height, width, channels, pixels: data.image(image)?.into_owned() };
        let large = picture.framed([height + shifts, width + shifts], 1.0)?;
        crops.iter().for_each(|crop| cut(&large, [height, width], *crop, &mut pixels));
    }
    let shape = [images.len() * crops.len(), height, width, channels];
    let scores = model.predict(&Tensor::from_slice(model.gpu(), &shape, &normalization.apply(&pixels))?)?.to_vec()?;
    check_finite("the scores", &scores, "the weights are damaged, or their step size is too large")?;
    Ok(scores)
}

fn cut(from: &Picture, [height, width]: [usize; 2], ([top, left], mirrored): Crop, pixels: &mut Vec<u8>) {
    for y in top..top + height {
        for x in 0..width {
            let x = left + if mirrored { width - 1 - x } else { x };
            let start = (y * from.width + x) * from.channels;
            pixels.extend_from_slice(&from.pixels[start..start + from.channels]);
        }
    }
}

/// Counts so far.
struct Seen {
    rates: [usize; 3],
    stability: Vec<f64>,
    right: usize,
    right_of_ten: usize,
}

impl Seen {
    /// Adds an image of this class, from the scores of its crops, of which so many are the unshifted and the shifted ones.
    fn add(&mut self, truth: usize, scores: &[&[f32]], moved: usize) {
        let (shifted, ten) = (&scores[1..moved], &scores[moved..]);
        let class = best_class(scores[0]);
        let changed = shifted.iter().map(|scores| usize::from(best_class(scores) != class)).collect::<Vec<_>>();
        for (rate, changed) in self.rates.iter_mut().zip(changed.chunks_exact(shifted.len() / 3)) {
            *rate += changed.iter().sum::<usize>();
        }
        self.stability.push(1.0 - changed.iter().sum::<usize>() as f64 / changed.len() as f64);
        self.right += usize::from(best_class(ten[4]) == truth);
        let mut sums = vec![0.0; scores[0].len()];
        for scores in ten {
            let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total = scores.iter().map(|s| (s - most).exp()).sum::<f32>();
            sums.iter_mut().zip(*scores).for_each(|(sum, s)| *sum += (s - most).exp() / total);
        }
        self.right_of_ten += usize::from(best_class(&sums) == truth);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crops_are_the_unshifted_the_shifted_and_ten() {
        let all = crops(2);
        assert_eq!(all.len(), 1 + 3 * 2 + 10);
        assert_eq!(all[..4], [([0, 0], false), ([0, 1], false), ([0, 2], false), ([1, 0], false)]);
        assert_eq!((all[7 + 4], all[7 + 9]), (([1, 1], false), ([1, 1], true)));
        let picture = Picture { height: 2, width: 3, channels: 1, pixels: vec![1, 2, 3, 4, 5, 6] };
        let of = |crop| {
            let mut pixels = Vec::new();
            cut(&picture, [1, 2], crop, &mut pixels);
            pixels
        };
        assert_eq!((of(([1, 1], false)), of(([0, 0], true)), of(([1, 1], true))), (vec![5, 6], vec![2, 1], vec![6, 5]));
    }

    #[test]
    fn changes_are_counted_by_direction_and_by_image() {
        let (a, b) = (&[1.0, 0.0][..], &[0.0, 3.0][..]);
        let mut seen = Seen { rates: [0; 3], stability: Vec::new(), right: 0, right_of_ten: 0 };
        // Two shifts a direction: one flip to the right, none down, two along the diagonal; the middle says a, the ten say b.
        let ten = [a, a, a, a, a, b, b, b, b, b];
        seen.add(0, &[&[a, a, b, a, a, b, b][..], &ten].concat(), 7);
        assert_eq!((seen.rates, seen.right, seen.right_of_ten), ([1, 0, 2], 1, 0));
        assert_eq!(seen.stability, [0.5]);
        let flips = |rates| Flips { rates, stability: vec![], accuracy: 0.0, ten_crop_accuracy: 0.0 };
        assert_eq!(flips([0.1, 0.2, 0.3]).relative_to(&flips([0.2, 0.2, 0.2])), Some(1.0));
        assert_eq!(flips([0.1; 3]).relative_to(&flips([0.1, 0.0, 0.1])), None);
    }
}
