//! The limits of an adapter, measured with two kernels, for a profile to compare kernels with.

use std::time::Instant;

use serde::Serialize;

use crate::error::Result;
use crate::gpu::Gpu;
use crate::ops::{ceiling_copy, ceiling_multiply_add, chain_operations};
use crate::tensor::Tensor;

/// Seconds for which a run is repeated; the fastest one counts.
const SECONDS: f64 = 0.2;
/// Seconds that a run must take at least: it is enlarged until it does, so that the cost of starting it does not count.
const SECONDS_A_RUN: f64 = 0.05;
/// Values in the smallest and the largest run of multiply-adds. Four values make one thread of 12 x 1024 multiply-adds.
const LEAST_VALUES: usize = 1 << 16;
const MOST_VALUES: usize = 1 << 24;
const ROUNDS: usize = 64;
/// Bytes to copy, or as many as one buffer may hold: more than fits into a cache.
const COPY_BYTES: u64 = 256 << 20;

/// The highest speeds that were measured.
#[derive(Debug, Serialize)]
pub(super) struct Ceilings {
    pub(super) adapter: String,
    /// Of fused multiply-adds, each two operations.
    pub(super) multiply_add_gflops: f64,
    /// Of a copy, bytes read and bytes written.
    pub(super) copy_gb_per_s: f64,
    /// Whether times are timestamps of the device; else they are from the wall clock, from recording to completion.
    pub(super) timestamps: bool,
}

impl Ceilings {
    pub(super) fn print(&self) -> Result<()> {
        say!(
            "{}: {:.1} GFLOP/s of fused multiply-adds and {:.1} GB/s of a copy at most, by {}",
            self.adapter,
            self.multiply_add_gflops,
            self.copy_gb_per_s,
            if self.timestamps { "timestamps" } else { "the wall clock" },
        )
    }

    /// Measures both, in about half a second, or more on a slow device.
    pub(super) fn measure(gpu: &Gpu) -> Result<Self> {
        let timestamps = gpu.adapter().timestamps;
        let seconds = if timestamps { seconds_on_device } else { seconds_by_clock };
        let ceilings = Self {
            adapter: gpu.adapter().name.clone(),
            multiply_add_gflops: 1e-9 * multiply_adds(gpu, seconds)?,
            copy_gb_per_s: 1e-9 * copy(gpu, seconds)?,
            timestamps,
        };
        gpu.release_idle();
        Ok(ceilings)
    }
}

/// Runs a kernel once and returns the seconds that it took.
type Clock = fn(&Gpu, &dyn Fn() -> Result<Tensor>) -> Result<f64>;

fn seconds_on_device(gpu: &Gpu, work: &dyn Fn() -> Result<Tensor>) -> Result<f64> {
    let (_, times) = gpu.profile(work)?;
    Ok(times.iter().map(|t| t.seconds).sum())
}

fn seconds_by_clock(gpu: &Gpu, work: &dyn Fn() -> Result<Tensor>) -> Result<f64> {
    gpu.wait()?;
    let start = Instant::now();
    work()?;
    gpu.wait()?;
    Ok(start.elapsed().as_secs_f64())
}

/// Operations per second.
fn multiply_adds(gpu: &Gpu, clock: Clock) -> Result<f64> {
    let mut len = LEAST_VALUES;
    loop {
        let start = Tensor::full(gpu, &[len], 0.5)?;
        let run = || ceiling_multiply_add(&start, ROUNDS);
        run()?; // the first run also compiles
        if len >= MOST_VALUES || clock(gpu, &run)? >= SECONDS_A_RUN {
            return Ok(chain_operations(len, ROUNDS) / least(gpu, clock, &run)?);
        }
        len *= 4;
    }
}

/// Bytes per second.
fn copy(gpu: &Gpu, clock: Clock) -> Result<f64> {
    let bytes = COPY_BYTES.min(gpu.adapter().max_binding).min(gpu.adapter().max_buffer) & !15;
    let source = Tensor::full(gpu, &[bytes as usize / size_of::<f32>()], 0.5)?;
    let run = || ceiling_copy(&source);
    run()?;
    Ok(2.0 * bytes as f64 / least(gpu, clock, &run)?)
}

/// The seconds of the fastest of several runs.
fn least(gpu: &Gpu, clock: Clock, run: &dyn Fn() -> Result<Tensor>) -> Result<f64> {
    let (start, mut least) = (Instant::now(), f64::INFINITY);
    while least.is_infinite() || start.elapsed().as_secs_f64() < SECONDS {
        least = least.min(clock(gpu, run)?);
    }
    Ok(least)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::GpuOptions;

    #[test]
    fn both_clocks_find_speeds() {
        let gpu = Gpu::open(&GpuOptions::default()).unwrap();
        for clock in [seconds_on_device as Clock, seconds_by_clock] {
            let speed = multiply_adds(&gpu, clock).unwrap();
            // The slowest software driver makes a tenth of a GFLOP/s, no adapter a PFLOP/s.
            assert!((1e8..1e15).contains(&speed), "{speed:e}");
        }
    }
}
