//! `sdnet predict`

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{AdapterArgs, LambdaArgs, WeightsArgs};
use super::report::note;
use crate::checks::check_finite;
use crate::data::Normalization;
use crate::error::{Error, Result};
use crate::files::{Array, Values, check_output, read_array, write_npy};
use crate::layers::Pass;
use crate::models::{Model, Network};
use crate::robust::{Adapted, Classifier, LambdaRule};
use crate::tape::Tape;
use crate::tensor::{Tensor, nchw_to_nhwc};

#[derive(Debug, Args)]
pub struct PredictArgs {
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    lambda: LambdaArgs,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// File of images to read, [n, channels, height, width]: floats that are already normalised, or bytes (uint8), which are
    /// normalised as the weights file says
    #[arg(long, value_name = "FILE.npy")]
    input: PathBuf,
    /// File of class scores to write: float32 [n, classes]
    #[arg(long, value_name = "FILE.npy")]
    output: PathBuf,
    /// Images per pass
    #[arg(long, default_value_t = 64)]
    batch: usize,
}

pub fn run(options: &PredictArgs) -> Result<()> {
    if options.batch == 0 {
        return Err(Error::argument("batch", 0, "at least one image a pass is needed"));
    }
    if same_file(&options.input, &options.output) {
        return Err(Error::file(&options.output, "is the input too, and would be lost; name another output"));
    }
    check_output(&options.output)?;
    let gpu = options.adapter.open()?;
    let (network, recipe) = options.lambda.adapt.load(&options.weights, &gpu)?;
    let rule = options.lambda.rule(&network, &recipe)?;
    let images = read_images(options, network.model().in_channels(), recipe.normalization.as_ref())?;
    let (n, classes) = (images.count, network.model().classes());
    let scores = scores(&network, &rule, &images, options.batch.min(n))?;
    check_finite("the scores", &scores, "the weights are damaged, or their step size is too large")?;
    write_npy(&options.output, &[n, classes], &scores)?;
    say!("{n} images, {classes} scores each, to {}", options.output.display())
}

/// Whether both paths lead to one file that exists.
fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Images of one size, in NHWC order.
struct Images {
    count: usize,
    height: usize,
    width: usize,
    channels: usize,
    pixels: Vec<f32>,
}

/// Reads the input, which must hold at least one image, with the wanted number of channels.
fn read_images(options: &PredictArgs, wanted: usize, normalization: Option<&Normalization>) -> Result<Images> {
    let Array { shape, values } = read_array(&options.input)?;
    let &[count, channels, height, width] = &shape[..] else {
        let reason = format!("holds an array of shape {shape:?}; images are [n, channels, height, width]");
        return Err(Error::file(&options.input, reason));
    };
    if channels != wanted || shape.contains(&0) {
        let reason = format!("holds images of shape {shape:?}; the network takes [n, {wanted}, height, width]");
        return Err(Error::file(&options.input, reason));
    }
    let pixels = match values {
        Values::Float(values) => {
            check_finite(&options.input.display().to_string(), &values, "remove it from the images")?;
            refuse_raw(&options.input, &values, normalization)?;
            nchw_to_nhwc(&shape, &values)?
        }
        Values::Bytes(bytes) => {
            let normalization = normalization.ok_or_else(|| {
                let reason = "holds bytes, but the weights file does not say how pixels are normalised: normalise them, and \
                              save float32";
                Error::file(&options.input, reason)
            })?;
            note(format_args!("{} holds bytes: normalised as the weights file says", options.input.display()));
            normalization.apply(&nchw_to_nhwc(&shape, &bytes)?)
        }
    };
    Ok(Images { count, height, width, channels, pixels })
}

/// Refuses floats that are pixels as they were read: whole numbers up to 255, far beyond what normalised pixels can be.
fn refuse_raw(path: &Path, values: &[f32], normalization: Option<&Normalization>) -> Result<()> {
    let Some(Normalization { mean, std }) = normalization else { return Ok(()) };
    let most = mean.iter().zip(std).map(|(mean, std)| (1.0 - mean) / std).fold(1.0, f32::max);
    let raw = |value: &f32| (0.0..=255.0).contains(value) && value.fract() == 0.0;
    if values.iter().all(raw) && values.iter().any(|value| *value > 2.0 * most) {
        let reason = format!(
            "holds whole numbers up to 255, which are pixels; normalised pixels are at most {most:.2}. Save them as uint8, \
             which is normalised as the weights file says"
        );
        return Err(Error::file(path, reason));
    }
    Ok(())
}

/// The scores of all images, `[count, classes]`. The last batch is filled up with copies of the first image, so that
/// every batch has one shape and kernels are compiled once.
fn scores(network: &Adapted<Network>, rule: &LambdaRule, images: &Images, batch: usize) -> Result<Vec<f32>> {
    let &Images { count, height, width, channels, ref pixels } = images;
    let (gpu, len) = (network.gpu().clone(), height * width * channels);
    let mut scores = Vec::new();
    for part in pixels.chunks(batch * len) {
        let missing = batch - part.len() / len;
        let filled = [part, &pixels[..len].repeat(missing)].concat();
        let x = Tensor::from_slice(&gpu, &[batch, height, width, channels], &filled)?;
        let tape = Tape::idle();
        let ready = rule.prepare(network, &tape.constant(&x), Pass::eval(&tape))?;
        scores.extend(network.scores(&ready.pass, &ready.images)?.value().to_vec()?);
    }
    scores.truncate(count * network.model().classes());
    Ok(scores)
}
