//! How large a batch may be.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::layers::Pass;
use crate::models::Network;
use crate::tape::Tape;
use crate::tensor::Tensor;

/// What a batch is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Train,
    Infer,
}

/// Adds to an error for want of memory which batch of such images would fit.
pub(super) fn with_largest_batch(error: Error, network: &mut Network, images: &[usize], purpose: Use) -> Error {
    let Error::OutOfMemory { adapter, what, bytes, limit } = error else { return error };
    let limit = match largest_batch(network, images, purpose, bytes) {
        Ok(0) => format!("{limit}; not even a batch of one fits"),
        Ok(batch) => format!("{limit}; a batch of {batch} fits"),
        // Not even the small batches went well: there is no more to say than the error itself says.
        Err(_) => limit,
    };
    Error::OutOfMemory { adapter, what, bytes, limit }
}

/// `bytes` are those that there was no room for.
fn largest_batch(network: &mut Network, images: &[usize], purpose: Use, bytes: u64) -> Result<usize> {
    let gpu = network.gpu().clone();
    if bytes > gpu.largest_buffer() {
        // What doubles with the batch are the maps, and those of the backward pass are no larger than the others.
        let (two, four) = (sizes(network, images, 2, Use::Infer)?, sizes(network, images, 4, Use::Infer)?);
        let each = four.difference(&two).filter(|bytes| two.contains(&(*bytes / 2))).max().map_or(1, |bytes| bytes / 4);
        return Ok((gpu.largest_buffer() / each) as usize);
    }
    // What a step needs depends on what the pool can use again, so it is tried, to a sixteenth.
    let (mut fits, mut fails) = (0, images[0]);
    while fails - fits > 1 + fits / 16 {
        let batch = (fits + fails) / 2;
        match sizes(network, images, batch, purpose) {
            Ok(_) => fits = batch,
            Err(_) => fails = batch,
        }
    }
    Ok(fits)
}

/// The sizes of the buffers of one step on a batch of so many images.
fn sizes(network: &mut Network, images: &[usize], batch: usize, purpose: Use) -> Result<BTreeSet<u64>> {
    let gpu = network.gpu().clone();
    gpu.wait()?;
    gpu.release_idle();
    gpu.reset_peak();
    let x = Tensor::full(&gpu, &[&[batch], &images[1..]].concat(), 0.0)?;
    match purpose {
        Use::Infer => network.predict(&x, None).map(drop)?,
        Use::Train => {
            let tape = Tape::new();
            let pass = Pass::train(&tape);
            let logits = network.forward(&pass, &tape.constant(&x))?;
            let loss = tape.cross_entropy(&logits, &vec![0; batch])?.loss;
            tape.backward(&loss).map(drop)?;
        }
    }
    Ok(gpu.sizes_asked_for())
}
