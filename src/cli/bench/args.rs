//! The flags of `sdnet bench`.

use clap::{Args, ValueEnum};

use crate::cli::args::AdapterArgs;

/// What is done in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Compute the codes of a layer
    Forward,
    /// Compute the codes and gradients of a layer, or take a whole training step of a network
    Train,
    /// Compute the class scores of a network
    Infer,
}

impl Mode {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Train => "train",
            Self::Infer => "infer",
        }
    }
}

#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Cases to time: csc-a, csc-b, csc-c, csc-d, csc-28, csc-33x31, csc-c48, csc-c100, csc-k5, csc-n1, csc-n3, conv-64,
    /// conv-128, conv-256, conv-512, or the name of a network [default: csc-a to csc-d, sdnet18, sdnet18-all, resnet18]
    #[arg(value_name = "CASE")]
    pub cases: Vec<String>,
    /// Images per step [default: that of the case]
    #[arg(long)]
    pub batch: Option<usize>,
    /// Number of steps to time
    #[arg(long, default_value_t = 5)]
    pub steps: usize,
    /// Time this mode only [default: every mode that the case has]
    #[arg(long, value_enum)]
    pub mode: Option<Mode>,
    /// Also show the time of each kernel, and how close it comes to the limits of the adapter
    #[arg(long)]
    pub profile: bool,
    /// Compare unusual shapes with the usual case nearest to them, by speed per operation
    #[arg(long, conflicts_with_all = ["cases", "profile"])]
    pub untypical: bool,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub adapter: AdapterArgs,
}
