//! Loss and accuracy on a data set.

use std::collections::VecDeque;

use super::{STEPS_IN_FLIGHT, Tally};
use crate::checks::check_finite;
use crate::data::{Dataset, Normalization, fill_batch};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Pending};
use crate::models::Model;
use crate::tensor::Tensor;

/// Loss and accuracy of a network on a data set, in evaluation mode.
///
/// # Errors
/// [`Error::Shape`] where the data do not fit the network, [`Error::Label`], [`Error::OutOfMemory`].
pub fn evaluate<M: Model>(model: &M, data: &Dataset, normalization: &Normalization, batch: usize) -> Result<Tally> {
    check_fit(model, data)?;
    evaluate_with(model.gpu(), data, normalization, batch, &mut |images| model.predict(images))
}

/// Loss and accuracy of whatever turns normalised images `[batch, height, width, channels]` into class scores.
///
/// # Errors
/// [`Error::Argument`] for a normalisation of other channels, [`Error::OutOfMemory`], and those of `scores`.
pub fn evaluate_with(
    gpu: &Gpu,
    data: &Dataset,
    normalization: &Normalization,
    batch: usize,
    scores: &mut dyn FnMut(&Tensor) -> Result<Tensor>,
) -> Result<Tally> {
    normalization.check(data.channels)?;
    let batch = batch.clamp(1, data.len().max(1));
    let order = (0..data.len() as u32).collect::<Vec<_>>();
    let mut flight = VecDeque::new();
    let mut tally = Tally::default();
    for indices in order.chunks(batch) {
        let (x, labels) = filled_batch(gpu, data, indices, normalization, batch)?;
        flight.push_back((scores(&x)?.read()?, labels, indices.len()));
        while flight.len() > STEPS_IN_FLIGHT {
            count(&mut tally, flight.pop_front())?;
        }
    }
    while !flight.is_empty() {
        count(&mut tally, flight.pop_front())?;
    }
    Ok(tally)
}

/// Images on the device, filled up with the first of them, so that every batch has one shape, and their labels.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub(crate) fn filled_batch(
    gpu: &Gpu,
    data: &Dataset,
    indices: &[u32],
    normalization: &Normalization,
    batch: usize,
) -> Result<(Tensor, Vec<u32>)> {
    let mut filled = indices.to_vec();
    filled.resize(batch, indices[0]);
    let (pixels, labels) = fill_batch(data, &filled, normalization, None, 0, 0);
    Ok((Tensor::from_slice(gpu, &[batch, data.height, data.width, data.channels], &pixels)?, labels))
}

/// Adds the first samples of a batch of logits to the tally, on the host.
fn count(tally: &mut Tally, landed: Option<(Pending, Vec<u32>, usize)>) -> Result<()> {
    let Some((pending, labels, samples)) = landed else { return Ok(()) };
    let logits = pending.wait()?;
    // A score that is not a number is not below the others, so it would count as right.
    check_finite("the class scores", &logits, "the images or the weights are far outside of what was trained on")?;
    let classes = logits.len() / labels.len();
    for (scores, &label) in logits.chunks_exact(classes).zip(&labels).take(samples) {
        let label = label as usize;
        let top = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total = scores.iter().map(|s| f64::from(s - top).exp()).sum::<f64>();
        let better = |(c, s): (usize, &f32)| *s > scores[label] || (*s == scores[label] && c < label);
        let rank = scores.iter().enumerate().filter(|&(c, s)| better((c, s))).count();
        tally.loss += total.ln() - f64::from(scores[label] - top);
        tally.top1 += f64::from(u8::from(rank == 0));
        tally.top5 += f64::from(u8::from(rank < 5));
        tally.samples += 1;
    }
    Ok(())
}

/// # Errors
/// [`Error::Shape`] or [`Error::Label`] where the data have other channels or more classes than the model.
pub fn check_fit<M: Model + ?Sized>(model: &M, data: &Dataset) -> Result<()> {
    let (channels, classes) = (model.in_channels(), model.classes());
    if data.channels != channels {
        let reason = format!("{} has {} channels, the network takes {channels}", data.name, data.channels);
        return Err(Error::shape("network", reason, &[&[data.len(), data.height, data.width, data.channels]]));
    }
    match data.labels.iter().position(|&l| usize::from(l) >= classes) {
        Some(index) => Err(Error::Label { label: u32::from(data.labels[index]), index, classes }),
        None => Ok(()),
    }
}
