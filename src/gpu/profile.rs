//! Time per kernel, from timestamps on the device.

use std::collections::BTreeMap;

#[cfg(not(target_arch = "wasm32"))]
use super::lock;
use super::{Buffer, Constant, Gpu};
#[cfg(not(target_arch = "wasm32"))]
use crate::error::{Error, Result};

/// Timestamps of one query set: two for each dispatch.
const QUERIES: u32 = 4096;

/// The cost of one kernel with one set of constants during profiling.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelTime {
    /// The kernel.
    pub kernel: &'static str,
    /// Its constants.
    pub constants: Vec<Constant>,
    /// Dispatches.
    pub calls: usize,
    /// Seconds on the device, summed over all calls.
    pub seconds: f64,
    /// Sizes of the buffers bound by the dispatches, over all calls; a buffer bound twice by a dispatch counts
    /// once. This is the traffic if each buffer is moved once, as a whole; repeated reads add to it.
    pub bytes: u64,
}

/// Off unless [`Gpu::profile`] is running, which a program in a browser cannot wait for.
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
pub(super) struct Profile {
    available: bool,
    running: bool,
    set: Option<wgpu::QuerySet>,
    spans: Vec<Span>,
    resolved: Vec<(Vec<Span>, wgpu::Buffer)>,
}

/// A dispatch between two timestamps.
#[cfg_attr(target_arch = "wasm32", allow(dead_code))]
struct Span {
    kernel: &'static str,
    constants: Vec<Constant>,
    bytes: u64,
}

impl Profile {
    pub(super) fn new(available: bool) -> Self {
        Self { available, running: false, set: None, spans: Vec::new(), resolved: Vec::new() }
    }

    /// The query set and the index of the first of the two timestamps of this dispatch.
    pub(super) fn begin(
        &mut self,
        gpu: &Gpu,
        kernel: &'static str,
        constants: &[Constant],
        buffers: &[&Buffer],
    ) -> Option<(wgpu::QuerySet, u32)> {
        let first = 2 * self.spans.len() as u32;
        if !self.running || first + 2 > QUERIES {
            return None;
        }
        let set = self.set.get_or_insert_with(|| {
            gpu.0.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("profile"),
                ty: wgpu::QueryType::Timestamp,
                count: QUERIES,
            })
        });
        self.spans.push(Span { kernel, constants: constants.to_vec(), bytes: distinct_bytes(buffers) });
        Some((set.clone(), first))
    }

    /// Copies the timestamps of the pass that just ended to a readable buffer.
    pub(super) fn resolve(&mut self, gpu: &Gpu, encoder: &mut wgpu::CommandEncoder) {
        let Some(set) = &self.set else { return };
        if self.spans.is_empty() {
            return;
        }
        let count = 2 * self.spans.len() as u32;
        let buffer = |usage| {
            let size = u64::from(count) * 8;
            gpu.0.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("profile"),
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        let resolved = buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
        let staging = buffer(wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        encoder.resolve_query_set(set, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, u64::from(count) * 8);
        self.resolved.push((std::mem::take(&mut self.spans), staging));
    }
}

fn distinct_bytes(buffers: &[&Buffer]) -> u64 {
    buffers.iter().map(|b| (b.id, b.bytes)).collect::<BTreeMap<_, _>>().values().sum()
}

impl Gpu {
    /// Runs `work` and reports what each kernel cost on the device, most expensive first; an empty list if the
    /// adapter has no timestamps inside passes. Includes the work of other threads on this device.
    ///
    /// # Errors
    /// Those of `work`, and whatever the device reports.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn profile<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(T, Vec<KernelTime>)> {
        self.wait()?;
        {
            let profile = &mut lock(&self.0.recorder).profile;
            profile.running = profile.available;
        }
        let result = work();
        let waited = self.wait();
        let resolved = {
            let profile = &mut lock(&self.0.recorder).profile;
            profile.running = false;
            std::mem::take(&mut profile.resolved)
        };
        let result = result?;
        waited?;
        let mut times = BTreeMap::<String, KernelTime>::new();
        for (spans, staging) in resolved {
            let stamps = self.timestamps(&staging)?;
            for (Span { kernel, constants, bytes }, pair) in spans.into_iter().zip(stamps.chunks_exact(2)) {
                let seconds =
                    pair[1].saturating_sub(pair[0]) as f64 * f64::from(self.0.queue.get_timestamp_period()) * 1e-9;
                let entry = times.entry(format!("{kernel} {constants:?}")).or_insert(KernelTime {
                    kernel,
                    constants,
                    calls: 0,
                    seconds: 0.0,
                    bytes: 0,
                });
                entry.calls += 1;
                entry.seconds += seconds;
                entry.bytes += bytes;
            }
        }
        let mut times = times.into_values().collect::<Vec<_>>();
        times.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        Ok((result, times))
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn timestamps(&self, staging: &wgpu::Buffer) -> Result<Vec<u64>> {
        staging.map_async(wgpu::MapMode::Read, .., |_| {});
        self.poll(wgpu::PollType::wait_indefinitely())?;
        let error = |reason: String| Error::Device { adapter: self.adapter().name.clone(), reason };
        let view = staging.get_mapped_range(..).map_err(|e| error(e.to_string()))?;
        Ok(bytemuck::cast_slice(&view).to_vec())
    }
}
