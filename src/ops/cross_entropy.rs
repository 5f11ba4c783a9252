//! Softmax cross-entropy, and top-1 and top-5 hits.

use super::elementwise::scale_samples;
use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

/// The k of top-k accuracy, counted beside top-1.
const TOP: usize = 5;

/// What [`Tape::cross_entropy`] computes.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// The mean over the batch of `-log softmax(logits)[label]`, `[1]`.
    pub loss: Var,
    /// `[3]`: the loss, how many samples have the label as their best class, and among the best five (of equal
    /// scores the lower class ranks higher).
    pub metrics: Tensor,
}

/// Labels as a tensor of class numbers `[n]`.
///
/// # Errors
/// [`Error::Label`] names the first label that is out of range.
pub fn check_labels(labels: &[u32], classes: usize) -> Result<()> {
    match labels.iter().position(|&l| l as usize >= classes) {
        Some(index) => Err(Error::Label { label: labels[index], index, classes }),
        None => Ok(()),
    }
}

impl Tape {
    /// Softmax cross-entropy of `logits: [n, classes]` and a label per sample.
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
        Call::on(&tensors).constants(&constants).each(&shaders::CROSS_ENTROPY, n)?;
        Call::on(&[&sample, &loss, &metrics])
            .constants(&[("SAMPLES", n as f64)])
            .each_group(&shaders::CROSS_ENTROPY_MEAN, 1)?;
        let loss = self.record(loss, &[logits], move |g| Ok(vec![Some(scale_samples(&gradient, g)?)]))?;
        Ok(CrossEntropy { loss, metrics })
    }
}
