//! `sdnet predict`

mod array;
mod output;
mod pictures;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;

use clap::Args;

use super::args::{AdapterArgs, LambdaArgs, NormalizationArgs, WeightsArgs, background, center, size};
use super::console::{bar, note};
use crate::checks::check_finite;
use crate::data;
use crate::error::{Error, Result};
use crate::gpu::Pending;
use crate::layers::Pass;
use crate::models::{Model, Network};
use crate::robust::{Adapted, LambdaRule};
use crate::tape::Tape;
use crate::train::STEPS_IN_FLIGHT;
use array::Array;
use output::{Format, Output};
use pictures::Pictures;

#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Images (PNG, JPEG, WebP, BMP, GIF, TIFF), folders of images, or - for a list of these on standard input, one a line. Or one
    /// array, X.npy, [n, channels, height, width] or [n, height, width]: floats that are already normalised, or bytes (uint8)
    #[arg(value_name = "IMAGE|FOLDER|X.npy|-", required_unless_present = "input")]
    inputs: Vec<PathBuf>,
    #[command(flatten)]
    weights: WeightsArgs,
    #[command(flatten)]
    lambda: LambdaArgs,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// The same as naming the file without a flag
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// File to write instead of printing (-): .txt, .csv or .json, or .npy for the class scores (logits) themselves, float32
    /// [n, classes]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Form of the results [default: by the ending of --output, else text]
    #[arg(long)]
    format: Option<Format>,
    /// How many classes to show for each image, the most probable first [default: 1]
    #[arg(long, value_name = "K")]
    top: Option<usize>,
    /// Resize and crop images to this many pixels, N for squares or HEIGHTxWIDTH [default: the size that the network was trained
    /// on]
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    size: Option<[usize; 2]>,
    /// Show this share of the sides of an image's largest centred part, such as 0.875 for the middle 224 of 256 pixels [default:
    /// what the network was trained with, or 1]
    #[arg(long, value_name = "SHARE", value_parser = center)]
    center: Option<f32>,
    /// What transparent pixels show: white, black, or #RRGGBB [default: what the network was trained with, or white]
    #[arg(long, value_name = "COLOUR", value_parser = background)]
    background: Option<[u8; 3]>,
    #[command(flatten)]
    normalize: NormalizationArgs,
    /// Images per pass
    #[arg(long, default_value_t = 64)]
    batch: usize,
}

/// Images for one pass, all of one size.
struct Batch {
    names: Vec<String>,
    size: [usize; 2],
    /// Normalised, `[names.len(), height, width, channels]`.
    pixels: Vec<f32>,
    /// Images that could not be read.
    failed: Vec<Error>,
}

/// What to classify.
enum Source {
    Array(Array),
    Pictures(Pictures),
}

impl Source {
    fn len(&self) -> usize {
        match self {
            Self::Array(array) => array.len(),
            Self::Pictures(pictures) => pictures.len(),
        }
    }

    /// The batch that begins with this image.
    fn batch(&self, first: usize, count: usize) -> Result<Batch> {
        match self {
            Self::Array(array) => Ok(array.batch(first, count)),
            Self::Pictures(pictures) => pictures.batch(first, count),
        }
    }
}

pub fn run(options: &PredictArgs) -> Result<ExitCode> {
    if options.batch == 0 || options.top == Some(0) {
        let name = if options.batch == 0 { "batch" } else { "top" };
        return Err(Error::argument(name, 0, "must be at least 1"));
    }
    let written = options.output.as_deref().filter(|path| *path != Path::new("-"));
    let mut output = Output::new(written, options.format)?;
    if let (Some(top), true) = (options.top, output.is_array()) {
        return Err(Error::argument("top", top, "has no effect on class scores, which are those of all classes"));
    }
    let inputs = options.inputs.iter().chain(&options.input).cloned().collect::<Vec<_>>();
    if let Some(path) = written
        && inputs.iter().chain([&options.weights.path]).any(|input| same_file(input, path))
    {
        return Err(Error::file(path, "is the input too, and would be lost; name another output"));
    }
    output.check()?;
    let gpu = options.adapter.open()?;
    let (network, recipe) = options.lambda.adapt.load(&options.weights, &gpu)?;
    let rule = options.lambda.rule(&network, &recipe)?;
    let source = match &inputs[..] {
        [one] if is_array(one) => Source::Array(Array::open(one, options, &network, &recipe)?),
        many => Source::Pictures(Pictures::find(many, options, &network, &recipe)?),
    };
    output.begin(recipe.model.classes, |class| recipe.class_name(class), options.top.unwrap_or(1))?;
    let failed = classify(&network, &rule, &source, options.batch.min(source.len()), &mut output)?;
    if let Source::Pictures(pictures) = &source {
        pictures.notes().iter().for_each(|text| note(format_args!("note: {text}")));
    }
    output.finish()?;
    if failed > 0 {
        note(format_args!(
            "sdnet: {failed} of {} images could not be read, and are missing in the results",
            source.len()
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy") || ending.eq_ignore_ascii_case("npz"))
}

/// Whether both paths lead to one file that exists.
fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Hands the scores of all images to the output; returns how many could not be read. A thread of its own reads ahead.
fn classify(
    network: &Adapted<Network>,
    rule: &LambdaRule,
    source: &Source,
    batch: usize,
    output: &mut Output,
) -> Result<usize> {
    let progress = bar(source.len());
    let mut failed = 0;
    thread::scope(|scope| {
        let (sender, batches) = sync_channel(2);
        scope.spawn(move || {
            for first in (0..source.len()).step_by(batch) {
                let batch = source.batch(first, batch);
                if sender.send(batch).is_err() {
                    break;
                }
            }
        });
        let mut flight = VecDeque::new();
        for read in batches {
            let read = read?;
            for error in &read.failed {
                output.allow_gap(error)?;
                note(format_args!("{error}"));
            }
            failed += read.failed.len();
            progress.inc((read.names.len() + read.failed.len()) as u64);
            if !read.names.is_empty() {
                flight.push_back((scores(network, rule, &read, batch)?, read.names));
            }
            while flight.len() > STEPS_IN_FLIGHT {
                land(&mut flight, network, output)?;
            }
        }
        while !flight.is_empty() {
            land(&mut flight, network, output)?;
        }
        progress.finish_and_clear();
        Ok(failed)
    })
}

/// The scores of a batch, on their way. It is filled up with copies of its first image, so that every batch has one shape, and
/// kernels are compiled once.
fn scores(network: &Adapted<Network>, rule: &LambdaRule, read: &Batch, batch: usize) -> Result<Pending> {
    let &Batch { size: [height, width], ref pixels, .. } = read;
    let channels = network.model().in_channels();
    let missing = batch - read.names.len();
    let filled = [&pixels[..], &pixels[..height * width * channels].repeat(missing)].concat();
    let images = data::Batch::new([batch, height, width, channels], filled)?;
    let tape = Tape::idle();
    rule.prepare(network, images, Pass::eval(&tape))?.scores(network)?.value().read()
}

/// Waits for the scores of the first batch in flight, and hands them to the output.
fn land(flight: &mut VecDeque<(Pending, Vec<String>)>, network: &Adapted<Network>, output: &mut Output) -> Result<()> {
    let Some((pending, names)) = flight.pop_front() else { return Ok(()) };
    let scores = pending.wait()?;
    let classes = network.model().classes();
    let scores = &scores[..names.len() * classes];
    check_finite("the scores", scores, "the weights are damaged, or their step size is too large")?;
    names.iter().zip(scores.chunks_exact(classes)).try_for_each(|(name, scores)| output.image(name, scores))
}
