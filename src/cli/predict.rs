//! `sdnet predict`

use super::args::PredictArgs;
use crate::checkpoint;
use crate::error::{Error, Result};
use crate::files::{check_finite, read_npy, write_npy};
use crate::tensor::{Tensor, nchw_to_nhwc};

pub fn run(options: &PredictArgs) -> Result<()> {
    let lambda = options.weights.lambda()?;
    if options.batch == 0 {
        return Err(Error::argument("batch", 0, "at least one image a pass is needed"));
    }
    let gpu = options.adapter.open()?;
    let (mut network, _) = checkpoint::load(&options.weights.weights, &gpu, options.weights.foreign()?.as_ref())?;
    let (shape, pixels) = read_npy(&options.input)?;
    let &[n, channels, height, width] = &shape[..] else {
        let reason = format!("holds an array of shape {shape:?}; images are [n, channels, height, width]");
        return Err(Error::file(&options.input, reason));
    };
    let wanted = network.config().in_channels;
    if channels != wanted || shape.contains(&0) {
        let reason = format!("holds images of shape {shape:?}; the network takes [n, {wanted}, height, width]");
        return Err(Error::file(&options.input, reason));
    }
    check_finite(&options.input.display().to_string(), &pixels, "remove it from the images")?;
    let pixels = nchw_to_nhwc(&shape, &pixels)?;
    let mut scores = Vec::new();
    for images in pixels.chunks(options.batch * height * width * channels) {
        let count = images.len() / (height * width * channels);
        let x = Tensor::from_slice(&gpu, &[count, height, width, channels], images)?;
        let lambda = lambda.map(|l| Tensor::full(&gpu, &[count], l)).transpose()?;
        scores.extend(network.predict(&x, lambda.as_ref())?.to_vec()?);
    }
    write_npy(&options.output, &[n, network.config().classes], &scores)?;
    println!("{n} images, {} scores each, to {}", network.config().classes, options.output.display());
    Ok(())
}
