//! The largest batch that fits.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::layers::Pass;
use crate::models::Model;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// What a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A training step.
    Train,
    /// Class scores alone.
    Infer,
}

/// The largest batch of images `[height, width, channels]` whose maps each fit into one buffer of the device. It is found from
/// batches of two and four.
///
/// # Errors
/// [`crate::error::Error::Shape`] for images that do not fit the model.
pub fn largest_batch_by_buffer<M: Model + ?Sized>(model: &M, image: [usize; 3]) -> Result<usize> {
    let (two, four) = (sizes(model, image, 2, Purpose::Infer)?, sizes(model, image, 4, Purpose::Infer)?);
    // Only maps double with the batch, and those of the backward pass are no larger.
    let each = four.difference(&two).filter(|bytes| two.contains(&(*bytes / 2))).max().map_or(1, |bytes| bytes / 4);
    Ok((model.gpu().largest_buffer() / each.max(1)) as usize)
}

/// The largest batch, up to `most`, of images `[height, width, channels]` that fits the device's memory, to a sixteenth; 0
/// where not even one image does. It is found by running steps on black images, and changes nothing of the model.
///
/// # Errors
/// [`crate::error::Error::Shape`] for images that do not fit the model.
pub fn largest_batch<M: Model + ?Sized>(model: &M, image: [usize; 3], purpose: Purpose, most: usize) -> Result<usize> {
    let (mut fits, mut fails) = (0, most.min(largest_batch_by_buffer(model, image)?) + 1);
    // How much a step needs depends on what the pool can reuse, so we try.
    while fails - fits > 1 + fits / 16 {
        let batch = (fits + fails) / 2;
        match sizes(model, image, batch, purpose) {
            Ok(_) => fits = batch,
            Err(Error::OutOfMemory { .. } | Error::Limit { .. }) => fails = batch,
            Err(other) => return Err(other),
        }
    }
    model.gpu().release_idle();
    Ok(fits)
}

/// The sizes of the buffers of one step on a batch of this many images.
fn sizes<M: Model + ?Sized>(
    model: &M,
    [height, width, channels]: [usize; 3],
    batch: usize,
    purpose: Purpose,
) -> Result<BTreeSet<u64>> {
    let gpu = model.gpu();
    gpu.wait()?;
    gpu.release_idle();
    gpu.reset_peak();
    let x = Tensor::full(gpu, &[batch, height, width, channels], 0.0)?;
    match purpose {
        Purpose::Infer => model.predict(&x).map(drop)?,
        Purpose::Train => {
            let tape = Tape::new();
            // Momentum zero leaves the running statistics as they are.
            let pass = Pass::eval(&tape).with_batch_statistics(0.0);
            let logits = model.forward(&pass, &tape.constant(&x))?;
            let loss = tape.cross_entropy(&logits, &vec![0; batch])?.loss;
            tape.backward(&loss).map(drop)?;
        }
    }
    Ok(gpu.sizes_asked_for())
}
