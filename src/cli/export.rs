//! `sdnet export`

use std::path::PathBuf;

use clap::Args;

use super::args::{AdapterArgs, WeightsArgs};
use super::console::note;
use crate::checkpoint;
use crate::error::Result;
use crate::files::{NamedTensors, TensorFile, check_output_of, write_pytorch, write_safetensors};

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A state dict for torch.load and load_state_dict, with the names of the published checkpoints
    Pytorch,
    /// The same tensors in safetensors, without this program's description
    Safetensors,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    weights: WeightsArgs,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t = Format::Pytorch)]
    format: Format,
    #[command(flatten)]
    adapter: AdapterArgs,
}

pub fn run(options: &ExportArgs) -> Result<()> {
    let endings: &[&str] = match options.format {
        Format::Pytorch => &["pth", "pt", "tar"],
        Format::Safetensors => &["safetensors"],
    };
    check_output_of(&options.out, endings)?;
    let gpu = options.adapter.open()?;
    let (network, recipe) = options.weights.load(&gpu)?;
    let mut tensors = checkpoint::tensors(network.model())?;
    if network.recalibration().is_some() {
        note(format_args!(
            "note: what recalibration has added to the file (statistics for other lambdas) is not exported"
        ));
    }
    match options.format {
        Format::Pytorch => {
            tensors.extend(counters(&tensors));
            write_pytorch(&options.out, &tensors)?;
        }
        Format::Safetensors => {
            write_safetensors(&options.out, &TensorFile { tensors: tensors.clone(), ..TensorFile::default() })?;
        }
    }
    say!("{}: {} tensors, to {}", recipe.model.name(), tensors.len(), options.out.display())
}

/// The count of batches that each batch norm of PyTorch has, 0: nothing here depends on it.
fn counters(tensors: &NamedTensors) -> NamedTensors {
    let layers = tensors.keys().filter_map(|name| name.strip_suffix("running_var"));
    layers.map(|layer| (format!("{layer}num_batches_tracked"), (vec![], vec![0.0]))).collect()
}
