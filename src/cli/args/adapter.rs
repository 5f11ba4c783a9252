//! Where to compute.

use clap::Args;

use crate::error::Result;
use crate::gpu::{Gpu, GpuOptions};

/// Where to compute.
#[derive(Debug, Args)]
pub struct AdapterArgs {
    /// Adapter to compute on: its index or a part of its name, as `sdnet adapters` lists them
    #[arg(long, value_name = "NAME|INDEX", env = "SDNET_ADAPTER")]
    pub adapter: Option<String>,
}

impl AdapterArgs {
    /// # Errors
    /// [`crate::error::Error::NoAdapter`].
    pub fn open(&self) -> Result<Gpu> {
        Gpu::open(&GpuOptions { adapter: self.adapter.clone(), ..GpuOptions::default() })
    }
}
