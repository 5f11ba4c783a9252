//! Transfers to and from the device.

use std::sync::Arc;

use super::signal::Signal;
use super::{Buffer, Gpu};
use crate::error::{Error, Result};

impl Gpu {
    /// A buffer that holds `values`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn upload(&self, what: &str, values: &[f32]) -> Result<Buffer> {
        let buffer = self.buffer(what, size_of_val(values) as u64)?;
        self.overwrite(&buffer, values)?;
        Ok(buffer)
    }

    /// Overwrites a buffer with as many values as it holds.
    ///
    /// # Errors
    /// Whatever the device has reported.
    pub(crate) fn overwrite(&self, buffer: &Buffer, values: &[f32]) -> Result<()> {
        // The queue writes before the next submission, so recorded work that may use this buffer goes first.
        self.submit()?;
        self.0.queue.write_buffer(&buffer.raw, 0, bytemuck::cast_slice(values));
        Ok(())
    }

    /// A buffer that holds a 1, made once: kernels get it if their factor is not on the device.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn one(&self) -> Result<Arc<Buffer>> {
        if let Some(one) = self.0.one.get() {
            return Ok(one.clone());
        }
        let made = Arc::new(self.upload("the factor one", &[1.0])?);
        Ok(self.0.one.get_or_init(|| made).clone())
    }

    /// Starts reading the first `len` values of a buffer, as left by all work recorded so far.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] if there is no room for the copy.
    pub(crate) fn read(&self, buffer: &Buffer, len: usize) -> Result<Pending> {
        let size = (len * size_of::<f32>()) as u64;
        let descriptor = wgpu::BufferDescriptor {
            label: Some("read-back"),
            size: size.max(4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let staging = self.scoped(wgpu::ErrorFilter::OutOfMemory, || self.0.device.create_buffer(&descriptor));
        let staging = staging.map_err(|limit| Error::OutOfMemory {
            adapter: self.0.report.name.clone(),
            what: "read-back".into(),
            bytes: size,
            limit,
        })?;
        self.submit_with(|encoder| {
            if size > 0 {
                encoder.copy_buffer_to_buffer(&buffer.raw, 0, &staging, 0, size);
            }
        })?;
        let mapped = Signal::default();
        let signal = mapped.clone();
        staging.map_async(wgpu::MapMode::Read, .., move |result| signal.send(result));
        Ok(Pending { gpu: self.clone(), staging, mapped, len })
    }
}

/// A read-back in flight.
#[derive(Debug)]
pub struct Pending {
    gpu: Gpu,
    staging: wgpu::Buffer,
    mapped: Signal<std::result::Result<(), wgpu::BufferAsyncError>>,
    len: usize,
}

impl Pending {
    /// Blocks until the values are there.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] or whatever else the device has reported.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(self) -> Result<Vec<f32>> {
        let mapped = loop {
            if let Some(mapped) = self.mapped.take() {
                break mapped;
            }
            self.gpu.poll(wgpu::PollType::wait_indefinitely())?;
            self.gpu.check()?;
        };
        self.values(mapped)
    }

    /// [`Pending::wait`] for programs that must not block.
    ///
    /// # Errors
    /// As [`Pending::wait`].
    pub async fn received(self) -> Result<Vec<f32>> {
        let mapped = self.mapped.received(&self.gpu).await?;
        self.values(mapped)
    }

    fn values(self, mapped: std::result::Result<(), wgpu::BufferAsyncError>) -> Result<Vec<f32>> {
        let lost = |reason: String| Error::DeviceLost { adapter: self.gpu.adapter().name.clone(), reason };
        self.gpu.check()?;
        mapped.map_err(|e| lost(e.to_string()))?;
        let view = self.staging.get_mapped_range(..).map_err(|e| lost(e.to_string()))?;
        Ok(bytemuck::cast_slice(&view)[..self.len].to_vec())
    }
}
