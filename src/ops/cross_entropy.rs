//! Softmax cross-entropy to smoothed mixtures of two labels, and top-1 and top-5 hits.

use super::elementwise::scale_samples;
use crate::error::{Error, Result};
use crate::shaders;
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

/// The k of top-k accuracy, counted beside top-1.
const TOP: usize = 5;

/// What a sample is to be classified as: a mixture of two labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Two classes, which may be the same.
    pub labels: [u32; 2],
    /// The weight of the first, from 0 to 1; that of the second is the rest.
    pub weight: f32,
}

impl From<u32> for Target {
    /// One label alone.
    fn from(label: u32) -> Self {
        Self { labels: [label; 2], weight: 1.0 }
    }
}

/// What [`Tape::soft_cross_entropy`] computes.
#[derive(Clone, Debug)]
pub struct CrossEntropy {
    /// The mean over samples of the cross-entropy to their targets, `[1]`.
    pub loss: Var,
    /// `[3]`: the loss, how many samples have the label as their best class, and among the best five (of equal
    /// scores the lower class ranks higher). The label of a mixture is the one of the greater weight, the first of equal
    /// ones.
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
    /// Softmax cross-entropy of `logits: [n, classes]` and a label per sample: the mean of `-log softmax(logits)[label]`.
    ///
    /// # Errors
    /// [`Error::Label`] for a label that is not one of the classes, [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn cross_entropy(&self, logits: &Var, labels: &[u32]) -> Result<CrossEntropy> {
        self.soft_cross_entropy(logits, &labels.iter().map(|label| Target::from(*label)).collect::<Vec<_>>(), 0.0)
    }

    /// Softmax cross-entropy of `logits: [n, classes]` to the target distributions
    /// `q[c] = (1 - smoothing) (weight [c = first] + (1 - weight) [c = second]) + smoothing / classes`: the mean of
    /// `-sum over c of q[c] log softmax(logits)[c]`, as PyTorch's `CrossEntropyLoss` with `label_smoothing` and class
    /// probabilities.
    ///
    /// # Errors
    /// As [`Tape::cross_entropy`], and [`Error::Argument`] for a weight or a smoothing outside 0 to 1.
    pub fn soft_cross_entropy(&self, logits: &Var, targets: &[Target], smoothing: f32) -> Result<CrossEntropy> {
        let &[n, classes] = logits.value().shape() else {
            return Err(Error::shape("cross_entropy", "logits are [n, classes]", &[logits.value().shape()]));
        };
        if targets.len() != n || n == 0 {
            return Err(Error::shape("cross_entropy", format!("{n} samples need {n} labels"), &[&[targets.len()]]));
        }
        check_targets(targets, smoothing, classes)?;
        let gpu = logits.value().gpu();
        let rows = targets.iter().flat_map(|t| [t.labels[0] as f32, t.labels[1] as f32, t.weight]);
        let targets = Tensor::from_slice(gpu, &[n, 3], &rows.collect::<Vec<_>>())?;
        let new = |shape: &[usize]| Tensor::uninitialized(gpu, "cross_entropy", shape);
        let (sample, gradient) = (new(&[n, 3])?, new(&[n, classes])?);
        let (loss, metrics) = (new(&[1])?, new(&[3])?);
        let constants = [("CLASSES", classes as f64), ("TOP", TOP as f64)];
        let tensors = [logits.value(), &targets, &sample, &gradient];
        Call::on(&tensors).constants(&constants).numbers(&[smoothing]).each(&shaders::CROSS_ENTROPY, n)?;
        Call::on(&[&sample, &loss, &metrics])
            .constants(&[("SAMPLES", n as f64)])
            .each_group(&shaders::CROSS_ENTROPY_MEAN, 1)?;
        let loss = self.record(loss, &[logits], move |g| Ok(vec![Some(scale_samples(&gradient, g)?)]))?;
        Ok(CrossEntropy { loss, metrics })
    }
}

fn check_targets(targets: &[Target], smoothing: f32, classes: usize) -> Result<()> {
    for side in 0..2 {
        check_labels(&targets.iter().map(|target| target.labels[side]).collect::<Vec<_>>(), classes)?;
    }
    let share = |value: f32| (0.0..=1.0).contains(&value);
    if let Some(target) = targets.iter().find(|target| !share(target.weight)) {
        return Err(Error::argument("weight", target.weight, "a label's weight is from 0 to 1"));
    }
    if !share(smoothing) {
        return Err(Error::argument("label-smoothing", smoothing, "must be from 0 to 1"));
    }
    Ok(())
}
