//! Models, and the networks of arXiv 2210.12945: ResNets in which sparse coding layers replace convolutions.

mod config;
mod init;
mod resnet;
mod twin;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use config::{Kind, ModelConfig, Pool, Stage, Stem};
pub use init::initialise;
pub use resnet::Network;

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::{Csc, Pass, Walk};
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// A classifier of images: what training, evaluation, robust inference and attacks need of it.
pub trait Model: Walk {
    /// The device that holds it.
    fn gpu(&self) -> &Gpu;

    /// What it is called, such as `sdnet18`.
    fn name(&self) -> String;

    /// Channels of the images that it takes.
    fn in_channels(&self) -> usize;

    /// Number of classes.
    fn classes(&self) -> usize;

    /// What the head takes of images `[n, height, width, in_channels]`, already normalised.
    ///
    /// # Errors
    /// [`Error::Shape`] for images that do not fit the model, [`Error::OutOfMemory`].
    fn features(&self, pass: &Pass, images: &Var) -> Result<Var>;

    /// Class scores `[n, classes]` of features: the last layer, which depends on the classes; all before it is the body.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    fn head(&self, pass: &Pass, features: &Var) -> Result<Var>;

    /// Whether a tensor of this name, such as `linear.weight`, belongs to the head.
    fn is_head(&self, name: &str) -> bool;

    /// Class scores `[n, classes]` of images `[n, height, width, in_channels]`, already normalised.
    ///
    /// # Errors
    /// [`Error::Shape`] for images that do not fit the model, [`Error::OutOfMemory`].
    fn forward(&self, pass: &Pass, images: &Var) -> Result<Var> {
        self.head(pass, &self.features(pass, images)?)
    }

    /// The first layer, if it is a sparse coding layer.
    fn first_sparse_layer(&self) -> Option<&Csc> {
        None
    }

    /// Class scores in evaluation mode, without a tape.
    ///
    /// # Errors
    /// As [`Model::forward`].
    fn predict(&self, images: &Tensor) -> Result<Tensor> {
        let tape = Tape::idle();
        Ok(self.forward(&Pass::eval(&tape), &tape.constant(images))?.value().clone())
    }
}

/// A model that can be built from a description, which files and training need.
pub trait Architecture: Model + Sized {
    /// The description; a weights file carries it as JSON.
    type Config: Clone + std::fmt::Debug + PartialEq + Serialize + DeserializeOwned;

    /// A model whose values are still undefined; [`initialise`] or a file provides them.
    ///
    /// # Errors
    /// [`Error::Argument`] for a description outside its ranges, [`Error::OutOfMemory`].
    fn build(gpu: &Gpu, config: &Self::Config) -> Result<Self>;

    /// Its description.
    fn config(&self) -> &Self::Config;

    /// The description of the model whose tensors have these shapes, for files without one; `shape` gives that of a name.
    ///
    /// # Errors
    /// [`Error::Argument`] where shapes do not say it.
    fn infer(_shape: &dyn Fn(&str) -> Option<Vec<usize>>) -> Result<Self::Config> {
        Err(Error::argument("model", "unknown", "the file carries no description of it: say what it holds"))
    }

    /// A model with values drawn from a seed. The same seed gives the same values everywhere.
    ///
    /// # Errors
    /// As [`Architecture::build`].
    fn new(gpu: &Gpu, config: &Self::Config, seed: u64) -> Result<Self> {
        let model = Self::build(gpu, config)?;
        initialise(&model, seed)?;
        Ok(model)
    }
}

/// The class of the highest score; of equal ones the lowest class, as [`rank`](crate::reference::cross_entropy::rank) has it.
pub fn best_class(scores: &[f32]) -> usize {
    (0..scores.len()).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or_default()
}

/// The class of the highest score, and its probability: the softmax of the scores.
pub fn best_with_probability(scores: &[f32]) -> (usize, f32) {
    let best = best_class(scores);
    let total = scores.iter().map(|s| (s - scores[best]).exp()).sum::<f32>();
    (best, 1.0 / total)
}

/// # Errors
/// [`Error::Shape`] unless these are images of so many channels, at least one of at least one pixel.
pub fn check_images(shape: &[usize], channels: usize) -> Result<()> {
    if shape.len() != 4 || shape[3] != channels || shape.contains(&0) {
        return Err(Error::shape("network", format!("images are [n, height, width, {channels}]"), &[shape]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_scores_the_lowest_class_counts() {
        assert_eq!([best_class(&[1.0, 3.0, 3.0]), best_class(&[2.0, 2.0]), best_class(&[])], [1, 0, 0]);
        assert_eq!(best_with_probability(&[0.5; 4]), (0, 0.25));
    }
}
