//! The adapter, its device, and everything that is kept per device: buffers, pipelines, bind groups,
//! the commands being recorded. `wgpu` appears in this folder only.
//!
//! Work is recorded into one compute pass and sent to the device in few submissions:
//! when something is read back, when [`Gpu::submit`] is called, or after a few hundred dispatches.

mod adapter;
mod kernel;
mod numbers;
mod pool;
mod profile;
mod recorder;
mod schedule;
mod signal;
mod transfer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

#[cfg(not(target_arch = "wasm32"))]
pub use adapter::adapters;
pub use adapter::{AdapterReport, adapters_async, install_hint};
pub(crate) use kernel::Dispatch;
pub use kernel::{Constant, Kernel};
pub use pool::{Buffer, MemoryReport};
pub use profile::KernelTime;
pub use schedule::{REGISTER, SCHEDULES, Schedule, TILED};
pub use transfer::Pending;
/// The version of `wgpu` whose device [`Gpu::from_device`] takes.
pub use wgpu;

use crate::error::{Error, Result};
use kernel::Pipelines;
use numbers::Numbers;
use pool::Pool;
use recorder::{DISPATCHES_A_SUBMISSION, Recorder};

/// Options for [`Gpu::open`]; the default suits most users. Nothing is taken from the environment.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions {
    /// Part of an adapter's name, or its index; `None` takes the best there is.
    pub adapter: Option<String>,
    /// Check every access in shaders. Slower; our tests run both ways.
    pub bounds_checks: bool,
    /// Stay within baseline WebGPU limits even where the adapter offers more.
    pub baseline_limits: bool,
    /// Overrides the schedule chosen by the adapter's type.
    pub schedule: Option<&'static Schedule>,
    /// Maximum bytes to hold on the device; `None` for no such limit.
    pub most_memory: Option<u64>,
}

/// A handle to an open device; cloning is cheap, and all clones share the device.
///
/// Several threads may record work on one device. Each submission holds the work of all of them, in the order in which it
/// was recorded.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    report: AdapterReport,
    limits: wgpu::Limits,
    bounds_checks: bool,
    schedule: &'static Schedule,
    most_memory: Option<u64>,
    faults: Arc<Mutex<Faults>>,
    pool: Arc<Mutex<Pool>>,
    /// A buffer of the value 1.
    one: OnceLock<Arc<Buffer>>,
    numbers: Numbers,
    pipelines: Mutex<Pipelines>,
    recorder: Mutex<Recorder>,
    multiply_adds: AtomicU64,
}

/// Faults that the device reported outside of any call; the first of each kind is kept.
#[derive(Default)]
struct Faults {
    lost: Option<String>,
    error: Option<String>,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({}, {})", self.0.report.name, self.0.schedule.name)
    }
}

impl Gpu {
    /// Opens a device on the adapter that the options name, or on the best one.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] with the package to install, [`Error::Device`] if the driver refuses.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn open(options: &GpuOptions) -> Result<Self> {
        pollster::block_on(Self::open_async(options))
    }

    /// [`Gpu::open`] for programs that must not block.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub async fn open_async(options: &GpuOptions) -> Result<Self> {
        let (adapter, report) = adapter::choose(options.adapter.as_deref()).await?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("sdnet"),
            required_features: adapter.features() & adapter::WELCOME,
            required_limits: adapter::limits(&adapter, options.baseline_limits),
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|e| Error::Device { adapter: report.name.clone(), reason: e.to_string() })?;
        let faults = watch(&device);
        Self::with(device, queue, report, faults, options)
    }

    /// Works on a device that the program has opened, within the limits and with the features that it was opened with.
    /// The program's own handlers for lost devices and uncaptured errors stay in place; what reaches them does not show up
    /// as an error here. Subgroups and timestamps are used if the device has these features.
    ///
    /// # Errors
    /// [`Error::Device`] if the device lacks something that every kernel needs.
    pub fn from_device(device: wgpu::Device, queue: wgpu::Queue) -> Result<Self> {
        let report = AdapterReport::new(0, device.adapter_info(), &device.limits(), device.features());
        Self::with(device, queue, report, Arc::default(), &GpuOptions::default())
    }

    fn with(
        device: wgpu::Device,
        queue: wgpu::Queue,
        report: AdapterReport,
        faults: Arc<Mutex<Faults>>,
        options: &GpuOptions,
    ) -> Result<Self> {
        let schedule = options.schedule.unwrap_or(report.schedule);
        let refuse = |reason: String| Error::Device { adapter: report.name.clone(), reason };
        if report.lanes < schedule.lanes {
            let reason = format!("its subgroups are too small for the schedule {}: take tiled", schedule.name);
            return Err(refuse(reason));
        }
        let limits = device.limits();
        if limits.max_storage_buffers_per_shader_stage < 8 || limits.max_compute_invocations_per_workgroup < 64 {
            return Err(refuse("kernels need 8 storage buffers a stage and 64 threads a workgroup".into()));
        }
        let profile = device.features().contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);
        Ok(Self(Arc::new(Inner {
            recorder: Mutex::new(Recorder::new(profile)),
            pipelines: Mutex::default(),
            pool: Arc::default(),
            one: OnceLock::new(),
            numbers: Numbers::new(&device, DISPATCHES_A_SUBMISSION),
            multiply_adds: AtomicU64::new(0),
            bounds_checks: options.bounds_checks,
            device,
            queue,
            report,
            limits,
            schedule,
            most_memory: options.most_memory,
            faults,
        })))
    }

    /// Creates something on the device, or returns the reason why the device refuses. A browser reports it only at the next
    /// read-back.
    fn scoped<T>(&self, filter: wgpu::ErrorFilter, make: impl FnOnce() -> T) -> std::result::Result<T, String> {
        #[cfg(not(target_arch = "wasm32"))]
        {
            let scope = self.0.device.push_error_scope(filter);
            let made = make();
            // Native devices know at once.
            match pollster::block_on(scope.pop()) {
                Some(error) => Err(error.to_string()),
                None => Ok(made),
            }
        }
        #[cfg(target_arch = "wasm32")]
        {
            let _ = filter;
            Ok(make())
        }
    }

    /// The adapter in use.
    pub fn adapter(&self) -> &AdapterReport {
        &self.0.report
    }

    /// The schedule of the convolution kernels on this device.
    pub fn schedule(&self) -> &'static Schedule {
        self.0.schedule
    }

    /// Minimum subgroup size in lanes; 0 if lanes cannot exchange values.
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

    /// Gives the device back to the system at once: for all handles to it, whatever is asked of it from now on, or is still under way,
    /// is an [`Error::DeviceLost`].
    pub fn destroy(&self) {
        lock(&self.0.faults).lost.get_or_insert_with(|| "the program has destroyed it".into());
        self.0.device.destroy();
    }

    /// Whether both are handles to the same device.
    pub fn same_device(&self, other: &Gpu) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The first fault that the device has reported, as an error; faults stay reported.
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
        // Dropping the device is reported too, but is not a fault.
        if reason != wgpu::DeviceLostReason::Destroyed {
            lock(&lost).lost.get_or_insert(message);
        }
    });
    device.on_uncaptured_error(Arc::new(move |e: wgpu::Error| {
        lock(&error).error.get_or_insert(e.to_string());
    }));
    faults
}

/// Locks even after a panic elsewhere: the data are caches, usable in any state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
