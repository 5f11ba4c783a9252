//! The time that a case takes, warm and to completion.

use std::time::Instant;

use serde::Serialize;

use super::args::Mode;
use super::cases::{Case, Work};
use crate::error::Result;
use crate::gpu::Gpu;

/// Runs that are not counted, after the first one, which also compiles.
const WARM_UP: usize = 2;

/// One line of `--json`.
#[derive(Debug, Serialize)]
pub(super) struct Figures<'a> {
    pub(super) case: &'a str,
    pub(super) mode: Mode,
    pub(super) batch: usize,
    pub(super) steps: usize,
    pub(super) median_s: f64,
    pub(super) min_s: f64,
    /// Counts two operations for each multiply-add of the convolution kernels, those on the border included.
    pub(super) gflops: f64,
    pub(super) images_per_s: f64,
    pub(super) peak_device_mib: f64,
    pub(super) first_s: f64,
    pub(super) adapter: &'a str,
}

impl<'a> Figures<'a> {
    /// Runs `work` until it is warm, then times `steps` more runs.
    pub(super) fn take(
        gpu: &'a Gpu,
        name: &'a str,
        case: &Case,
        mode: Mode,
        steps: usize,
        work: &mut Work,
    ) -> Result<Self> {
        gpu.release_idle();
        gpu.reset_peak();
        let once = |work: &mut Work| -> Result<f64> {
            let start = Instant::now();
            work.step()?;
            gpu.wait()?;
            Ok(start.elapsed().as_secs_f64())
        };
        let first_s = once(work)?;
        (0..WARM_UP).try_for_each(|_| once(work).map(drop))?;
        let before = gpu.multiply_adds();
        let mut seconds = (0..steps).map(|_| once(work)).collect::<Result<Vec<_>>>()?;
        let multiply_adds = (gpu.multiply_adds() - before) as f64 / steps as f64;
        seconds.sort_by(f64::total_cmp);
        let median_s = seconds[steps / 2];
        Ok(Self {
            case: name,
            mode,
            batch: case.batch(),
            steps,
            median_s,
            min_s: seconds[0],
            gflops: 2e-9 * multiply_adds / median_s,
            images_per_s: case.batch() as f64 / median_s,
            peak_device_mib: gpu.memory().peak as f64 / f64::from(1 << 20),
            first_s,
            adapter: &gpu.adapter().name,
        })
    }

    pub(super) fn print(&self) -> Result<()> {
        say!(
            "{:12} {:7} batch {:3}: {:9.2} ms (least {:.2}), {:7.1} GFLOP/s, {:7.1} images/s, {:6.1} MiB, first {:.2} s",
            self.case,
            self.mode.name(),
            self.batch,
            1e3 * self.median_s,
            1e3 * self.min_s,
            self.gflops,
            self.images_per_s,
            self.peak_device_mib,
            self.first_s,
        )
    }
}
