//! `sdnet interpret`

mod evaluate;
mod means;
mod report;
mod show;

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::args::{InputArgs, OneImage, one_of};
use super::console::{bar, note, note_if_fewer, to_json};
use crate::checkpoint::Recipe;
use crate::data::{Dataset, Normalization};
use crate::error::{Error, Result};
use crate::files::check_output_of;
use crate::interpret::{InterpretConfig, Maps, interpret, is_piecewise_affine};
use crate::models::{Network, Stage};
use report::Report;

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["image", "index", "evaluate"]))]
pub struct InterpretArgs {
    /// Image to interpret (PNG, JPEG, WebP, BMP, GIF, TIFF), brought to the size of the data's images
    image: Option<PathBuf>,
    /// In place of a file: the image of this number among the data's test images, counted from 0
    #[arg(long, value_name = "N")]
    index: Option<usize>,
    /// In place of one image: means over this many reference images, of each predicted class alike, with rankings and heat maps
    /// beside simpler ones
    #[arg(long, value_name = "N", conflicts_with = "out")]
    evaluate: Option<usize>,
    #[command(flatten)]
    input: InputArgs,
    /// Stage behind which the network is split
    #[arg(long, value_parser = one_of::<Stage>(Stage::ALL.map(Stage::name)), default_value_t = Stage::Layer3)]
    stage: Stage,
    /// Boundaries to search for
    #[arg(long, value_name = "N", default_value_t = 50)]
    boundaries: usize,
    /// Reference images, spread evenly over the training images; as many test images at most are held out
    #[arg(long, value_name = "N", default_value_t = 4000)]
    reference: usize,
    /// Seed of the images that boundaries are searched towards
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Images per pass
    #[arg(long, value_name = "N", default_value_t = 50)]
    batch: usize,
    /// Picture to write: the image, the images most similar to it, and heat maps beneath
    #[arg(long, value_name = "FILE.png")]
    out: Option<PathBuf>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

impl InterpretArgs {
    fn check(&self) -> Result<()> {
        let evaluate = self.evaluate.unwrap_or(1);
        let counts = [
            ("boundaries", self.boundaries, 1000),
            ("reference", self.reference, 1_000_000),
            ("batch", self.batch, 100_000),
            ("evaluate", evaluate, 10_000),
        ];
        for (name, count, most) in counts {
            if !(1..=most).contains(&count) {
                return Err(Error::argument(name, count, format!("must be 1 to {most}")));
            }
        }
        match &self.out {
            Some(out) => check_output_of(out, &["png"]),
            None => Ok(()),
        }
    }

    fn config(&self) -> InterpretConfig {
        InterpretConfig { boundaries: self.boundaries, seed: self.seed }
    }
}

pub fn run(options: &InterpretArgs) -> Result<()> {
    options.check()?;
    let gpu = options.input.adapter.open()?;
    let (network, recipe) = options.input.weights.load(&gpu)?;
    let data = &options.input.data;
    let [train, test] = data.load_both_for(&recipe)?;
    let wanted = match options.evaluate {
        Some(_) => None,
        None => Some(OneImage::of(options.image.as_ref(), options.index.unwrap_or(0), &options.input, &recipe, &test)?),
    };
    let setting = Setting::new(options, network.model(), &recipe, &train, &test)?;
    let Some(wanted) = wanted else {
        return evaluate::run(&setting);
    };
    let shown = Shown { maps: setting.maps(&wanted.image)?, wanted };
    let found = interpret(setting.network, &shown.maps.get(0), &setting.reference, &options.config())?;
    let report = Report::new(&setting, &shown, &found);
    if let Some(out) = &options.out {
        show::write(out, &setting, &shown, &found, &report)?;
    }
    match options.json {
        true => say!("{}", to_json(&report)?),
        false => say!("{}", report.text(options.out.as_deref())),
    }
}

/// The image that is interpreted, and what the network says of it.
struct Shown {
    wanted: OneImage,
    maps: Maps,
}

/// A network and the images in whose light it is interpreted.
struct Setting<'a> {
    options: &'a InterpretArgs,
    network: &'a Network,
    recipe: &'a Recipe,
    normalization: Normalization,
    /// How many training images there are.
    training: usize,
    reference_images: Dataset,
    reference: Maps,
    held_images: Dataset,
    held: Maps,
}

impl<'a> Setting<'a> {
    fn new(
        options: &'a InterpretArgs,
        network: &'a Network,
        recipe: &'a Recipe,
        train: &Dataset,
        test: &Dataset,
    ) -> Result<Self> {
        let normalization = options.input.data.normalization(train, recipe.normalization.clone())?;
        note_if_fewer(&train.name, train.len(), options.reference, "training image");
        if !is_piecewise_affine(network, options.stage) {
            note(format_args!(
                "note: sparse coding layers with root noise follow {}: they are not piecewise affine, and boundaries are tangents of \
                 the network's",
                options.stage
            ));
        }
        let (reference_images, held_images) = (train.subset(options.reference), test.subset(options.reference));
        let progress = bar(reference_images.len() + held_images.len());
        let maps = |images: &Dataset| {
            let mut watch = |done: usize| progress.inc(done as u64);
            Maps::of(network, options.stage, images, &normalization, options.batch, &mut watch)
        };
        let (reference, held) = (maps(&reference_images)?, maps(&held_images)?);
        progress.finish_and_clear();
        Ok(Self {
            options,
            network,
            recipe,
            normalization,
            training: train.len(),
            reference_images,
            reference,
            held_images,
            held,
        })
    }

    /// Maps of further images.
    fn maps(&self, images: &Dataset) -> Result<Maps> {
        let Self { options, network, normalization, .. } = self;
        Maps::of(network, options.stage, images, normalization, options.batch, &mut |_| {})
    }

    /// The number of a reference image among the training images, as [`Dataset::subset`] chooses them.
    fn training_image(&self, reference: usize) -> usize {
        reference * self.training / self.reference.len()
    }

    /// The label of each reference image.
    fn label(&self, reference: usize) -> usize {
        usize::from(self.reference_images.labels[reference])
    }
}
