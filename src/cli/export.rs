//! `sdnet export`

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{AdapterArgs, NormalizationArgs, WeightsArgs, coding_flags, size};
use super::console::note;
use crate::checkpoint::{self, Recipe};
use crate::data::Normalization;
use crate::error::{Error, Result};
use crate::files::{NamedTensors, TensorFile, check_output_of, write_bytes, write_pytorch, write_safetensors};
use crate::models::{Model, ModelConfig, Network, Pool, Stem};
use crate::onnx;

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A state dict for torch.load and load_state_dict, with the names of the published checkpoints
    Pytorch,
    /// The same tensors in safetensors, without this program's description
    Safetensors,
    /// The whole network as an ONNX graph, its iterations unrolled: images [n, channels, height, width] to scores [n, classes]
    Onnx,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    weights: WeightsArgs,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What to write [default: by the ending of --out, else pytorch]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// With --format onnx: the graph takes images that are already normalised, not pixels in [0, 1]
    #[arg(long, conflicts_with_all = ["mean", "std"])]
    normalized_input: bool,
    /// With --format onnx: the graph takes images of this size only, N for squares or HEIGHTxWIDTH [default: of any size]
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    size: Option<[usize; 2]>,
    #[command(flatten)]
    normalize: NormalizationArgs,
    #[command(flatten)]
    adapter: AdapterArgs,
}

impl ExportArgs {
    fn format(&self) -> Format {
        let ending = self.out.extension().unwrap_or_default().to_ascii_lowercase();
        let named = match ending.to_str() {
            Some("onnx") => Format::Onnx,
            Some("safetensors") => Format::Safetensors,
            _ => Format::Pytorch,
        };
        self.format.unwrap_or(named)
    }

    /// # Errors
    /// [`Error::Argument`] for flags that the format has no use for.
    fn check(&self) -> Result<()> {
        let given = [("normalized-input", self.normalized_input), ("size", self.size.is_some())];
        let given = given.into_iter().find(|(_, given)| *given).map(|(name, _)| name);
        match given.or(self.normalize.first_given()) {
            Some(name) if self.format() != Format::Onnx => Err(Error::argument(name, "", "is for --format onnx")),
            _ => Ok(()),
        }
    }

    /// The normalisation that becomes part of a graph.
    fn normalization(&self, recipe: &Recipe) -> Result<Option<Normalization>> {
        if self.normalized_input {
            return Ok(None);
        }
        let known = self.normalize.of(recipe.normalization.as_ref(), recipe.model.in_channels)?;
        known.map(Some).ok_or_else(|| {
            let reason = "does not say how pixels are normalised: give --mean and --std, or --normalized-input for a graph \
                          that takes images which are already normalised";
            Error::file(&self.weights.path, reason)
        })
    }
}

pub fn run(options: &ExportArgs) -> Result<()> {
    options.check()?;
    let format = options.format();
    let endings: &[&str] = match format {
        Format::Pytorch => &["pth", "pt", "tar"],
        Format::Safetensors => &["safetensors"],
        Format::Onnx => &["onnx"],
    };
    check_output_of(&options.out, endings)?;
    let same = |path: &Path| path.canonicalize().ok();
    if same(&options.out).is_some_and(|out| Some(out) == same(&options.weights.path)) {
        let reason = "is the file that is exported, and would lose its description: name another one";
        return Err(Error::argument("out", options.out.display(), reason));
    }
    let gpu = options.adapter.open()?;
    let (network, recipe) = options.weights.load(&gpu)?;
    if network.recalibration().is_some() {
        note(format_args!(
            "note: what recalibration has added to the file (statistics for other lambdas) is not exported"
        ));
    }
    if format == Format::Onnx {
        return graph(options, network.model(), &recipe);
    }
    let mut tensors = checkpoint::tensors(network.model())?;
    if format == Format::Pytorch {
        tensors.extend(counters(&tensors));
        write_pytorch(&options.out, &tensors)?;
    } else {
        write_safetensors(&options.out, &TensorFile { tensors: tensors.clone(), ..TensorFile::default() })?;
    }
    say!("{}: {} tensors, to {}", recipe.model.name(), tensors.len(), options.out.display())?;
    take_back(&recipe)
}

/// Says which flags tell what the file does not.
fn take_back(recipe: &Recipe) -> Result<()> {
    let ModelConfig { stem, pool, .. } = recipe.model;
    let pooling = stem == Stem::Twin || pool != Pool::default();
    let pooling = if pooling { format!(" --pool {pool}") } else { String::new() };
    let list = |all: &[f32]| all.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
    let normalization = recipe.normalization.as_ref();
    let normalization = normalization.map(|n| format!(" --mean {} --std {}", list(&n.mean), list(&n.std)));
    let flags = coding_flags(&recipe.model) + &pooling + &normalization.unwrap_or_default();
    match flags.is_empty() {
        true => Ok(()),
        false => say!("the file does not say how its layers compute; `sdnet import` takes it back with{flags}"),
    }
}

fn graph(options: &ExportArgs, network: &Network, recipe: &Recipe) -> Result<()> {
    let normalization = options.normalization(recipe)?;
    let input = if normalization.is_some() { "pixels in [0, 1]" } else { "images that are already normalised" };
    write_bytes(&options.out, &onnx::export(network, recipe, &onnx::Options { normalization, size: options.size })?)?;
    let size = options.size.map_or("height, width".into(), |[height, width]| format!("{height}, {width}"));
    let (name, channels) = (recipe.model.name(), network.in_channels());
    say!("{name}: a graph that takes {input}, [n, {channels}, {size}], to {}", options.out.display())
}

/// The count of batches that each batch norm of PyTorch has, 0: nothing here depends on it.
fn counters(tensors: &NamedTensors) -> NamedTensors {
    let layers = tensors.keys().filter_map(|name| name.strip_suffix("running_var"));
    layers.map(|layer| (format!("{layer}num_batches_tracked"), (vec![], vec![0.0]))).collect()
}
