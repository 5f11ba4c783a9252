//! Softmax cross-entropy, and how often the label is among the best.

use super::elementwise::scale_samples;
use super::over;
use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

/// Classes that count as "among the best" beside the best one.
const TOP: usize = 5;

/// What [`Tape::cross_entropy`] computes.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// The mean over the batch of `-log softmax(logits)[label]`, `[1]`.
    pub loss: Var,
    /// `[3]`: the loss, how many samples have the label as best class, and how many among the best five (of equal
    /// scores the lower class counts as better).
    pub metrics: Tensor,
}

/// Labels as a tensor of class numbers `[n]`.
///
/// # Errors
/// [`Error::Label`] names the first that is not one of the classes.
pub fn check_labels(labels: &[u32], classes: usize) -> Result<()> {
    match labels.iter().position(|&l| l as usize >= classes) {
        Some(index) => Err(Error::Label { label: labels[index], index, classes }),
        None => Ok(()),
    }
}

impl Tape {
    /// Softmax cross-entropy of `logits: [n, classes]` and one label a sample.
    ///
    /// # Errors
    /// [`Error::Label`] for a label that is not one of the classes, [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn cross_entropy(&self, logits: &Var, labels: &[u32]) -> Result<CrossEntropy> {
        let &[n, classes] = logits.value().shape() else {
            return Err(Error::shape("cross_entropy", "logits are [n, classes]", &[logits.value().shape()]));
        };
        if labels.len() != n || n == 0 {
            return Err(Error::shape("cross_entropy", format!("{n} samples need {n} labels"), &[&[labels.len()]]));
        }
        check_labels(labels, classes)?;
        let gpu = logits.value().gpu();
        let labels = labels.iter().map(|&l| l as f32).collect::<Vec<_>>();
        let labels = Tensor::from_slice(gpu, &[n], &labels)?;
        let new = |shape: &[usize]| Tensor::uninitialized(gpu, "cross_entropy", shape);
        let (sample, gradient) = (new(&[n, 3])?, new(&[n, classes])?);
        let (loss, metrics) = (new(&[1])?, new(&[3])?);
        let constants = [("CLASSES", classes as f64), ("TOP", TOP as f64)];
        let tensors = [logits.value(), &labels, &sample, &gradient];
        over(gpu, &shaders::CROSS_ENTROPY, n, &constants, &tensors)?;
        let buffers = [sample.buffer(), loss.buffer(), metrics.buffer()];
        gpu.run(&shaders::CROSS_ENTROPY_MEAN, &[("SAMPLES", n as f64)], &buffers, 1)?;
        let loss = self.record(loss, &[logits], move |g| Ok(vec![Some(scale_samples(&gradient, g)?)]));
        Ok(CrossEntropy { loss, metrics })
    }
}
