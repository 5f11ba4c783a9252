//! `sdnet import`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;

use super::args::{AdapterArgs, LayerArgs, NormalizationArgs, center, coding_flags, one_of, size, structure};
use super::console::note;
use crate::checkpoint::{self, Attachments, Checkpoint, Recipe};
use crate::error::{Error, Result};
use crate::files::{check_output_of, is_pytorch, parse_pytorch};
use crate::models::{Kind, ModelConfig, Network, Pool, Stem};

#[derive(Debug, Args)]
pub struct ImportArgs {
    /// File of PyTorch's torch.save (.pt, .pth, .pth.tar): a state dict, or a training checkpoint that holds one; or a safetensors
    /// file of another program
    file: PathBuf,
    /// Weights file to write (safetensors)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Weight of the l1 term [default: 0.1, as published]
    #[arg(long, value_name = "X")]
    lambda: Option<f32>,
    /// Pooling of the stem: rmax (max-pooling) or blur for one of 7x7 pixels, any for a twin stem, which has no default
    /// [default: rmax, as published]
    #[arg(long, value_parser = one_of::<Pool>(Pool::ALL.map(Pool::name)))]
    pool: Option<Pool>,
    #[command(flatten)]
    layers: LayerArgs,
    #[command(flatten)]
    normalize: NormalizationArgs,
    /// Height and width of the images that it was trained on, N for squares or HEIGHTxWIDTH
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    size: Option<[usize; 2]>,
    /// Images were resized to --size, and showed this share of the sides of their largest centred part, such as 0.875 for the
    /// middle 224 of 256 pixels
    #[arg(long, value_name = "SHARE", value_parser = center, requires = "size")]
    center: Option<f32>,
    /// Names of the classes, in the order of the network's scores
    #[arg(long, value_name = "NAME[,..]", value_delimiter = ',')]
    class_names: Vec<String>,
    #[command(flatten)]
    adapter: AdapterArgs,
}

pub fn run(options: &ImportArgs) -> Result<()> {
    check_output_of(&options.out, &["safetensors"])?;
    let bytes = std::fs::read(&options.file).map_err(|e| Error::io(&options.file, e))?;
    let mut epoch = None;
    if is_pytorch(&bytes) {
        let file = parse_pytorch(&options.file, &bytes)?;
        file.notes.iter().for_each(|text| note(format_args!("note: {text}")));
        epoch = file.epoch;
    }
    let Some(inferred) = checkpoint::infer_by(&options.file, ModelConfig::of_shapes)? else {
        return Err(Error::file(&options.file, "is a file of this program already, and needs no import"));
    };
    let model = described(options, inferred)?;
    if !options.class_names.is_empty() && options.class_names.len() != model.classes {
        let reason = format!("the network has {} classes", model.classes);
        return Err(Error::argument("class-names", options.class_names.len(), reason));
    }
    if let Some([height, width]) = options.size.filter(|size| size.iter().any(|side| !(1..=65_536).contains(side))) {
        return Err(Error::argument("size", format!("{height}x{width}"), "must be 1 to 65536 pixels"));
    }
    let names = options.class_names.iter().collect::<BTreeSet<_>>();
    if names.len() < options.class_names.len() || options.class_names.iter().any(|name| name.trim().is_empty()) {
        let reason = "every class needs a name of its own";
        return Err(Error::argument("class-names", options.class_names.join(","), reason));
    }
    let normalization = options.normalize.of(None, model.in_channels)?;
    if normalization.is_none() {
        if let Some(flag) = options.normalize.first_given() {
            return Err(Error::argument(flag, "", "--mean and --std go together"));
        }
        note(format_args!("note: without --mean and --std, the file does not say how pixels are normalised"));
    }
    // With its description, so that a step size of the file is kept.
    let gpu = options.adapter.open()?;
    let Checkpoint { model: network, .. } = checkpoint::load::<Network>(&options.file, &gpu, Some(&model))?;
    let recipe = Recipe {
        normalization,
        size: options.size,
        resized: options.center.is_some(),
        center: options.center,
        class_names: options.class_names.clone(),
        ..Recipe::of(model.clone())
    };
    checkpoint::save(&options.out, &network, &recipe, &Attachments::new())?;
    let of_epoch = epoch.map_or(String::new(), |epoch| format!(" of epoch {epoch}"));
    let (file, out) = (options.file.display(), options.out.display());
    let coding = match coding_flags(&model) {
        flags if flags.is_empty() => String::new(),
        flags => format!(", with{flags}"),
    };
    say!("{file}{of_epoch} is a {}, by its tensors{coding}; written to {out}", structure(&model))
}

/// The network by what its tensors say and the flags add.
fn described(options: &ImportArgs, inferred: ModelConfig) -> Result<ModelConfig> {
    if let Some(lambda) = options.lambda.filter(|_| inferred.kind == Kind::Resnet) {
        return Err(Error::argument("lambda", lambda, format!("{} has no sparse coding layer", inferred.name())));
    }
    let (channels, found) = (inferred.in_channels * inferred.dictionaries, inferred.dictionaries);
    let model = options.layers.applied_to(inferred)?;
    let lambda = options.lambda.unwrap_or(model.lambda);
    let copies = model.dictionaries;
    if copies == 0 || !channels.is_multiple_of(copies) || (model.kind == Kind::SdnetAll && copies != found) {
        let reason = format!(
            "the dictionaries have room for {found} copies of their input, the first one of {channels} channels"
        );
        return Err(Error::argument("n-dict", copies, reason));
    }
    if model.stem == Stem::Twin && options.pool.is_none() {
        let reason = "the tensors are those of a twin stem, whose pooling shapes do not say: give --pool";
        return Err(Error::file(&options.file, reason));
    }
    let pool = options.pool.unwrap_or(model.pool);
    let model = ModelConfig { lambda, pool, in_channels: channels / copies, ..model };
    model.check()?;
    Ok(model)
}
