//! Where to compute.

use clap::Args;

use crate::error::{Error, Result};
use crate::gpu::{Gpu, GpuOptions, SCHEDULES, Schedule};

/// Where to compute.
#[derive(Debug, Args)]
pub struct AdapterArgs {
    /// Adapter to compute on: its index or a part of its name, as `sdnet adapters` lists them
    #[arg(long, value_name = "NAME|INDEX", env = "SDNET_ADAPTER")]
    pub adapter: Option<String>,
    /// Schedule of the convolution kernels, in place of the one that suits the adapter
    #[arg(long, value_name = "NAME", env = "SDNET_SCHEDULE", hide = true)]
    pub kernel_schedule: Option<String>,
    /// Check every access of a kernel
    #[arg(long, env = "SDNET_BOUNDS_CHECKS", value_parser = clap::builder::BoolishValueParser::new(), hide = true)]
    pub bounds_checks: bool,
}

impl AdapterArgs {
    /// # Errors
    /// [`Error::NoAdapter`]; [`Error::Argument`] for an unknown schedule.
    pub fn open(&self) -> Result<Gpu> {
        let schedule = self.kernel_schedule.as_deref().map(|name| {
            let names = SCHEDULES.map(|s| s.name).join(", ");
            Schedule::named(name).ok_or_else(|| Error::argument("kernel-schedule", name, format!("one of {names}")))
        });
        let adapter = self.adapter.clone().filter(|name| !name.is_empty());
        let (schedule, bounds_checks) = (schedule.transpose()?, self.bounds_checks);
        Gpu::open(&GpuOptions { adapter, schedule, bounds_checks, ..GpuOptions::default() })
    }
}
