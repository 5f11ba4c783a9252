//! `sdnet spectrum`

mod measured;
mod text;

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::{AdapterArgs, DataArgs};
use super::console::{note_if_fewer, to_json};
use super::pictures::{Spectrum, spectrum_svg, write_svg};
use crate::checkpoint::{self, Checkpoint};
use crate::data::{Split, fill_batch};
use crate::error::{Error, Result};
use crate::files::check_output_of;
use crate::gpu::Gpu;
use crate::layers::{Csc, sparse_layers};
use crate::models::Network;
use crate::tensor::Tensor;
use measured::{Report, measured};

#[derive(Debug, Args)]
pub struct SpectrumArgs {
    /// Weights files of networks with sparse coding layers
    #[arg(required = true, value_name = "FILE")]
    weights: Vec<PathBuf>,
    /// Sparse coding layer, by name [default: the first]
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Frequencies on either axis at which eigenvalues are found
    #[arg(long, value_name = "N", default_value_t = 16)]
    points: usize,
    /// Test images that are coded, to count iterations
    #[arg(long, value_name = "N", default_value_t = 32)]
    images: usize,
    /// How near to its least value the objective must come, as a share of that
    #[arg(long, value_name = "X", default_value_t = 1e-3)]
    tolerance: f64,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    adapter: AdapterArgs,
    /// Picture to write: all eigenvalues, the largest first
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
    /// Print one JSON object a file instead of text
    #[arg(long)]
    json: bool,
}

pub fn run(options: &SpectrumArgs) -> Result<()> {
    for (name, count) in [("points", options.points), ("images", options.images)] {
        if !(1..=4096).contains(&count) {
            return Err(Error::argument(name, count, "must be 1 to 4096"));
        }
    }
    if !(options.tolerance > 0.0 && options.tolerance < 1.0) {
        return Err(Error::argument("tolerance", options.tolerance, "must be more than 0 and less than 1"));
    }
    if let Some(out) = &options.out {
        check_output_of(out, &["svg"])?;
    }
    let gpu = options.adapter.open()?;
    let all = options.weights.iter().map(|path| one(options, &gpu, path)).collect::<Result<Vec<_>>>()?;
    if let Some(out) = &options.out {
        let drawn = |report: &Report| Spectrum {
            name: format!("{} {}", report.weights, report.layer),
            eigenvalues: report.measured.eigenvalues.clone(),
        };
        write_svg(out, spectrum_svg(&all.iter().map(drawn).collect::<Vec<_>>()))?;
    }
    for report in &all {
        match options.json {
            true => say!("{}", to_json(report)?)?,
            false => say!("{}", text::paragraph(report, options.tolerance))?,
        }
    }
    match &options.out {
        Some(out) if !options.json => say!("picture {}", out.display()),
        _ => Ok(()),
    }
}

fn one(options: &SpectrumArgs, gpu: &Gpu, path: &Path) -> Result<Report> {
    let Checkpoint { model, recipe, .. } = checkpoint::load::<Network>(path, gpu, None)?;
    let (name, layer) = chosen(&model, options.layer.as_deref(), path)?;
    let data = options.data.load_for(Split::Test, &recipe)?;
    let normalization = options.data.normalization(&data, recipe.normalization.clone())?;
    let indices = (0..options.images.min(data.len()) as u32).collect::<Vec<_>>();
    let (pixels, _) = fill_batch(&data, &indices, &normalization, None, 0, 0)?;
    note_if_fewer(&data.name, data.len(), options.images, "test image");
    let images = Tensor::from_slice(gpu, &[indices.len(), data.height, data.width, data.channels], &pixels)?;
    let measured = measured(&model, layer, &images, options.points, options.tolerance)?;
    Ok(Report { weights: path.display().to_string(), layer: name, data: data.name, measured })
}

/// The layer of this name, or the first.
fn chosen<'a>(model: &'a Network, name: Option<&str>, path: &Path) -> Result<(String, &'a Csc)> {
    let layers = sparse_layers(model);
    if layers.is_empty() {
        return Err(Error::file(path, "holds a network without sparse coding layers"));
    }
    let names = layers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", ");
    let found = layers.into_iter().find(|(found, _)| name.is_none_or(|name| name == found));
    found.ok_or_else(|| {
        let reason = format!("is no sparse coding layer of {}; there are {names}", path.display());
        Error::argument("layer", name.unwrap_or_default(), reason)
    })
}
