//! A network, the images it runs on, and where.

use clap::Args;

use super::adapter::AdapterArgs;
use super::data::DataArgs;
use super::weights::WeightsArgs;

/// A network, the images it runs on, and where.
#[derive(Debug, Args)]
pub struct InputArgs {
    #[command(flatten)]
    pub weights: WeightsArgs,
    #[command(flatten)]
    pub data: DataArgs,
    #[command(flatten)]
    pub adapter: AdapterArgs,
}
