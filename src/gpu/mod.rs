//! The adapter, its device, and everything that is kept per device: buffers, pipelines, bind groups,
//! the commands being recorded. `wgpu` appears in this folder only.
//!
//! Work is recorded into one compute pass and goes to the device in few submissions:
//! when something is read back, when [`Gpu::submit`] is called, or after a few hundred dispatches.

mod adapter;
mod kernel;
mod pool;
mod profile;
mod recorder;
mod transfer;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use adapter::{AdapterReport, adapters, install_hint};
pub use kernel::{Constant, Kernel};
pub use pool::{Buffer, MemoryReport};
pub use profile::KernelTime;
pub use transfer::Pending;

use crate::error::{Error, Result};
use kernel::Pipelines;
use pool::Pool;
use recorder::Recorder;

/// How the convolution kernels divide their work. See the shaders' `common/tiled.wgsl` and `common/register.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Schedule {
    /// Through workgroup memory, 64 x 64 tiles: for GPUs.
    Tiled,
    /// Without workgroup memory, operands shared within subgroups of four lanes or more: for CPU adapters.
    Register,
}

/// What [`Gpu::open`] may be told; the default suits everyone.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions {
    /// Part of an adapter's name, or its index; `None` takes `SDNET_ADAPTER`, else the best there is.
    pub adapter: Option<String>,
    /// Let the shaders check every access. Slower; our tests run both ways. Also `SDNET_BOUNDS_CHECKS=1`.
    pub bounds_checks: bool,
    /// Stay within baseline WebGPU limits even where the adapter offers more.
    pub baseline_limits: bool,
    /// Overrides the schedule that the adapter's type suggests. Also `SDNET_SCHEDULE=tiled|register`.
    pub schedule: Option<Schedule>,
    /// Bytes that may be held on the device at most; `None` for what there is.
    pub most_memory: Option<u64>,
}

/// A handle to an open device; cloning is cheap and every clone is the same device.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    report: AdapterReport,
    limits: wgpu::Limits,
    bounds_checks: bool,
    schedule: Schedule,
    most_memory: Option<u64>,
    faults: Arc<Mutex<Faults>>,
    pool: Arc<Mutex<Pool>>,
    /// Buffers of one value, by its bits.
    constants: Mutex<HashMap<u32, Arc<Buffer>>>,
    pipelines: Mutex<Pipelines>,
    recorder: Mutex<Recorder>,
    multiply_adds: AtomicU64,
}

/// What the device reported outside of any call: the first of each kind is kept.
#[derive(Default)]
struct Faults {
    lost: Option<String>,
    error: Option<String>,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({}, {:?})", self.0.report.name, self.0.schedule)
    }
}

impl Gpu {
    /// Opens a device on the adapter that the options name, or on the best there is.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] with the package to install, [`Error::Device`] where the driver refuses.
    pub fn open(options: &GpuOptions) -> Result<Self> {
        let (adapter, report) = adapter::choose(options.adapter.as_deref())?;
        let limits = adapter::limits(&adapter, options.baseline_limits);
        let features = adapter.features() & adapter::WELCOME;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("sdnet"),
            required_features: features,
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))
            .map_err(|e| Error::Device { adapter: report.name.clone(), reason: e.to_string() })?;
        let faults = watch(&device);
        let schedule = match (options.schedule, std::env::var("SDNET_SCHEDULE").as_deref()) {
            (Some(schedule), _) => schedule,
            (None, Ok("tiled")) => Schedule::Tiled,
            (None, Ok("register")) => Schedule::Register,
            _ => report.schedule,
        };
        if schedule == Schedule::Register && report.lanes < adapter::LANES_NEEDED {
            let reason = "has no subgroups, which the register schedule needs: take the tiled one".into();
            return Err(Error::Device { adapter: report.name, reason });
        }
        let profile = features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
        Ok(Self(Arc::new(Inner {
            recorder: Mutex::new(Recorder::new(profile)),
            pipelines: Mutex::default(),
            pool: Arc::default(),
            constants: Mutex::default(),
            multiply_adds: AtomicU64::new(0),
            bounds_checks: options.bounds_checks || std::env::var_os("SDNET_BOUNDS_CHECKS").is_some_and(|v| v == "1"),
            device,
            queue,
            report,
            limits,
            schedule,
            most_memory: options.most_memory,
            faults,
        })))
    }

    /// The adapter in use.
    pub fn adapter(&self) -> &AdapterReport {
        &self.0.report
    }

    /// The schedule of the convolution kernels on this device.
    pub fn schedule(&self) -> Schedule {
        self.0.schedule
    }

    /// Lanes of a subgroup at least; 0 where lanes cannot exchange values.
    pub(crate) fn lanes(&self) -> u32 {
        self.0.report.lanes
    }

    /// Multiply-adds of the convolution kernels recorded so far, border taps included.
    pub fn multiply_adds(&self) -> u64 {
        self.0.multiply_adds.load(Ordering::Relaxed)
    }

    pub(crate) fn count_multiply_adds(&self, count: u64) {
        self.0.multiply_adds.fetch_add(count, Ordering::Relaxed);
    }

    /// Whether both are handles of one device.
    pub fn same_device(&self, other: &Gpu) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The first fault that the device has reported, as an error; every fault stays reported.
    pub(crate) fn check(&self) -> Result<()> {
        let faults = lock(&self.0.faults);
        let adapter = self.0.report.name.clone();
        if let Some(reason) = &faults.lost {
            return Err(Error::DeviceLost { adapter, reason: reason.clone() });
        }
        match &faults.error {
            Some(reason) => Err(Error::Device { adapter, reason: reason.clone() }),
            None => Ok(()),
        }
    }
}

/// Collects what the device reports outside of any call.
fn watch(device: &wgpu::Device) -> Arc<Mutex<Faults>> {
    let faults = Arc::<Mutex<Faults>>::default();
    let (lost, error) = (faults.clone(), faults.clone());
    device.set_device_lost_callback(move |reason, message| {
        // Dropping the device ourselves is reported too, and is no fault.
        if reason != wgpu::DeviceLostReason::Destroyed {
            lock(&lost).lost.get_or_insert(message);
        }
    });
    device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
        lock(&error).error.get_or_insert(e.to_string());
    }));
    faults
}

/// Locks, also after a panic elsewhere: the data are caches that any state leaves usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
