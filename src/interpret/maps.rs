//! Maps of images behind a stage, and what the network says of them.

use crate::checks::check_finite;
use crate::data::{Dataset, Normalization, fill_batch};
use crate::error::{Error, Result};
use crate::layers::Pass;
use crate::models::{Model, Network, Stage, best_class};
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::train::check_fit;

/// Values of maps that are held at most: 2 GiB.
const MOST: usize = 1 << 29;

/// The maps behind a stage of many images, on the host, with the class scores that the network gives them.
#[derive(Clone, Debug, PartialEq)]
pub struct Maps {
    stage: Stage,
    shape: [usize; 3],
    values: Vec<f32>,
    scores: Vec<f32>,
    classes: Vec<usize>,
}

/// One image of [`Maps`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Seen<'a> {
    /// Its map, `[height, width, channels]`.
    pub map: &'a [f32],
    /// Height, width and channels of the map.
    pub shape: [usize; 3],
    /// Its class scores.
    pub scores: &'a [f32],
    /// The class of the highest score.
    pub class: usize,
}

impl Seen<'_> {
    /// The probability of a class, by softmax of the scores.
    pub fn probability(&self, class: usize) -> f64 {
        let weight = |score: f32| (f64::from(score) - f64::from(self.scores[self.class])).exp();
        weight(self.scores[class]) / self.scores.iter().copied().map(weight).sum::<f64>()
    }
}

impl Maps {
    /// Runs images through a network in evaluation, `batch` at a time; `watch` is told after each batch how many more are done.
    /// The last batch is filled up with its first image, so that kernels are compiled for one shape.
    ///
    /// # Errors
    /// [`Error::Argument`] without images, and for maps that take more than 2 GiB; [`Error::Shape`] or [`Error::Label`] for
    /// images that do not fit the network; [`Error::NotFinite`], [`Error::OutOfMemory`].
    pub fn of(
        network: &Network,
        stage: Stage,
        data: &Dataset,
        normalization: &Normalization,
        batch: usize,
        watch: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        check_fit(network, data)?;
        normalization.check(data.channels)?;
        for (name, count) in [("images", data.len()), ("batch", batch)] {
            if count == 0 {
                return Err(Error::argument(name, 0, "at least one is needed"));
            }
        }
        let batch = batch.min(data.len());
        let mut maps = Self { stage, shape: [0; 3], values: Vec::new(), scores: Vec::new(), classes: Vec::new() };
        for first in (0..data.len()).step_by(batch) {
            let count = batch.min(data.len() - first);
            let indices = (first..first + count).chain(std::iter::repeat_n(first, batch - count));
            let indices = indices.map(|i| i as u32).collect::<Vec<_>>();
            let (pixels, _) = fill_batch(data, &indices, normalization, None, 0, 0)?;
            let images = Tensor::from_slice(network.gpu(), &[batch, data.height, data.width, data.channels], &pixels)?;
            maps.add(network, &images, count, data.len())?;
            watch(count);
        }
        Ok(maps)
    }

    /// Adds the first `count` images of a batch; there are `all` of them in the end.
    fn add(&mut self, network: &Network, images: &Tensor, count: usize, all: usize) -> Result<()> {
        let tape = Tape::idle();
        let pass = Pass::eval(&tape);
        let map = network.features_at(&pass, self.stage, &tape.constant(images))?;
        let &[batch, height, width, channels] = map.value().shape() else {
            return Err(Error::shape("interpret", "a map is [n, height, width, channels]", &[map.value().shape()]));
        };
        self.shape = [height, width, channels];
        let held = all.saturating_mul(self.map_len());
        if held > MOST {
            let reason = format!(
                "their maps behind {} would take {} MiB, more than 2048: take fewer, or a later stage",
                self.stage,
                held >> 18
            );
            return Err(Error::argument("reference", all, reason));
        }
        let scores = network.head_at(&pass, self.stage, &map)?.value().to_vec()?;
        let classes = scores.len() / batch;
        check_finite("the class scores", &scores, "the weights are damaged, or their step size is too large")?;
        self.values.extend(&map.value().to_vec()?[..count * self.map_len()]);
        self.scores.extend(&scores[..count * classes]);
        self.classes.extend(scores.chunks_exact(classes).take(count).map(best_class));
        Ok(())
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// Whether there are none: always false.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// The stage behind which the maps were taken.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Height, width and channels of every map.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The predicted class of every image.
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// Image `i`.
    ///
    /// # Panics
    /// Where `i` is not below [`Maps::len`].
    pub fn get(&self, i: usize) -> Seen<'_> {
        let (map, classes) = (self.map_len(), self.scores.len() / self.len());
        Seen {
            map: &self.values[i * map..][..map],
            shape: self.shape,
            scores: &self.scores[i * classes..][..classes],
            class: self.classes[i],
        }
    }

    fn map_len(&self) -> usize {
        self.shape.iter().product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_the_softmax_of_the_scores() {
        let seen = Seen { map: &[], shape: [0; 3], scores: &[0.0, 3.0_f32.ln()], class: 1 };
        assert!((seen.probability(0) - 0.25).abs() < 1e-6 && (seen.probability(1) - 0.75).abs() < 1e-6);
    }
}
