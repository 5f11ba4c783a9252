//! The flags of `sdnet robust sweep`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::args::{AdaptArgs, CorruptedArgs, InputArgs};
use crate::cli::robust::grid::GridArgs;
use crate::cli::robust::noise::NoiseArgs;

#[derive(Debug, Args)]
pub struct SweepArgs {
    #[command(flatten)]
    pub input: InputArgs,
    #[command(flatten)]
    pub noise: NoiseArgs,
    #[command(flatten)]
    pub corrupted: CorruptedArgs,
    #[command(flatten)]
    pub grid: GridArgs,
    #[command(flatten)]
    pub adapt: AdaptArgs,
    /// Weights file of another network to compare with; it runs as it was trained. Several files: give the flag several times
    #[arg(long, value_name = "FILE")]
    pub baseline: Vec<PathBuf>,
    /// Also compare with what people do without robust inference: a median filter, non-local means, and batch-norm statistics of
    /// the test batch; for the network itself and for every --baseline, which is also tested behind the same repair of impulse noise
    #[arg(long)]
    pub baselines: bool,
    /// Number of test images to use, spread evenly over the data set, or over each severity of corrupted images [default: all]
    #[arg(long, value_name = "N")]
    pub images: Option<usize>,
    /// Images per pass
    #[arg(long, default_value_t = 100)]
    pub batch: usize,
    /// Also write the results of every single image
    #[arg(long)]
    pub samples: bool,
    /// Folder for figures and charts
    #[arg(long, value_name = "FOLDER")]
    pub out: PathBuf,
}
