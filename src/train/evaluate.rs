//! What a network makes of a data set.

use std::collections::VecDeque;

use super::STEPS_IN_FLIGHT;
use super::ahead::ahead;
use crate::data::{Batch, Dataset, Normalization, fill_batch};
use crate::error::{Error, Result};
use crate::gpu::Pending;
use crate::metrics::Judged;
use crate::models::Model;
use crate::tensor::Tensor;

/// What a network says of the images of a data set, in evaluation mode.
///
/// # Errors
/// [`Error::Shape`] where the data do not fit the network, [`Error::Label`], [`Error::Argument`] without an image,
/// [`Error::NotFinite`], [`Error::OutOfMemory`], and those of [`fill_batch`].
pub fn evaluate<M: Model>(model: &M, data: &Dataset, normalization: &Normalization, batch: usize) -> Result<Judged> {
    check_fit(model, data)?;
    evaluate_with(data, normalization, batch, &mut |images| model.predict(&images.upload(model.gpu())?))
}

/// What is said of the images by whatever turns normalised images `[batch, height, width, channels]` into class scores.
///
/// # Errors
/// [`Error::Argument`] for a normalisation of other channels, [`Error::OutOfMemory`], and those of [`fill_batch`] and `scores`.
pub fn evaluate_with(
    data: &Dataset,
    normalization: &Normalization,
    batch: usize,
    scores: &mut dyn FnMut(Batch) -> Result<Tensor>,
) -> Result<Judged> {
    normalization.check(data.channels)?;
    let batch = batch.clamp(1, data.len().max(1));
    let order = (0..data.len() as u32).collect::<Vec<_>>();
    let prepare = |indices: &[u32]| Ok((filled_batch(data, indices, normalization, batch)?, indices.len()));
    let judged = ahead(order.chunks(batch), prepare, |batches| {
        let mut flight = VecDeque::new();
        let mut judged = None;
        while let Some(((images, labels), samples)) = batches.next()? {
            flight.push_back((scores(images)?.read()?, labels, samples));
            while flight.len() > STEPS_IN_FLIGHT {
                judge(&mut judged, flight.pop_front())?;
            }
        }
        while !flight.is_empty() {
            judge(&mut judged, flight.pop_front())?;
        }
        Ok(judged)
    })?;
    judged.ok_or_else(|| Error::argument("data", &data.name, "holds no images"))
}

/// Normalised images, filled up with the first of them, so that every batch has one shape, and their labels.
///
/// # Errors
/// Those of [`fill_batch`].
pub(crate) fn filled_batch(
    data: &Dataset,
    indices: &[u32],
    normalization: &Normalization,
    batch: usize,
) -> Result<(Batch, Vec<u32>)> {
    let (mut pixels, mut labels) = fill_batch(data, indices, normalization, None, 0, 0)?;
    // Copied, not decoded again.
    for _ in indices.len()..batch {
        pixels.extend_from_within(..data.image_len());
        labels.push(labels[0]);
    }
    Ok((Batch::new([batch, data.height, data.width, data.channels], pixels)?, labels))
}

/// Judges the first samples of a batch of logits, on the host.
fn judge(judged: &mut Option<Judged>, landed: Option<(Pending, Vec<u32>, usize)>) -> Result<()> {
    let Some((pending, labels, samples)) = landed else { return Ok(()) };
    let logits = pending.wait()?;
    let classes = logits.len() / labels.len();
    let labels = labels[..samples].iter().map(|&label| label as u16).collect::<Vec<_>>();
    let scores = &logits[..samples * classes];
    match judged {
        Some(judged) => judged.extend(&labels, scores),
        None => Judged::new(&labels, scores, classes).map(|first| *judged = Some(first)),
    }
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
