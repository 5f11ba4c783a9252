//! `sdnet predict`

use super::args::PredictArgs;
use crate::checks::check_finite;
use crate::error::{Error, Result};
use crate::files::{read_npy, write_npy};
use crate::layers::Pass;
use crate::tape::Tape;
use crate::tensor::{Tensor, nchw_to_nhwc};

pub fn run(options: &PredictArgs) -> Result<()> {
    if options.batch == 0 {
        return Err(Error::argument("batch", 0, "at least one image a pass is needed"));
    }
    let gpu = options.adapter.open()?;
    let (mut network, recipe) = options.lambda.adapt.load(&options.weights, &gpu)?;
    let rule = options.lambda.rule(&network, &recipe)?;
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
        let tape = Tape::idle();
        let (x, pass) = rule.prepare(&mut network, &tape.constant(&x), Pass::eval(&tape))?;
        scores.extend(network.forward(&pass, &x)?.value().to_vec()?);
    }
    write_npy(&options.output, &[n, network.config().classes], &scores)?;
    say!("{n} images, {} scores each, to {}", network.config().classes, options.output.display())
}
