//! Bytes to the device and back.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use super::{Buffer, Gpu, lock};
use crate::error::{Error, Result};

impl Gpu {
    /// A buffer that holds `values`.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn upload(&self, what: &str, values: &[f32]) -> Result<Buffer> {
        let buffer = self.buffer(what, size_of_val(values) as u64)?;
        // The queue writes before the next submission, so what is recorded and may still use this buffer goes first.
        self.submit()?;
        self.0.queue.write_buffer(&buffer.raw, 0, bytemuck::cast_slice(values));
        Ok(buffer)
    }

    /// A buffer of one value, kept for the life of the device: for the few constants that kernels take as a factor.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub(crate) fn constant(&self, value: f32) -> Result<Arc<Buffer>> {
        let mut constants = lock(&self.0.constants);
        if let Some(buffer) = constants.get(&value.to_bits()) {
            return Ok(buffer.clone());
        }
        let buffer = Arc::new(self.upload("a constant", &[value])?);
        constants.insert(value.to_bits(), buffer.clone());
        Ok(buffer)
    }

    /// Starts to read the first `len` values of a buffer as they are after all that was recorded so far.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] where there is no room for the copy.
    pub(crate) fn read(&self, buffer: &Buffer, len: usize) -> Result<Pending> {
        let size = (len * size_of::<f32>()) as u64;
        let scope = self.0.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let staging = self.0.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read-back"),
            size: size.max(4),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            let adapter = self.0.report.name.clone();
            return Err(Error::OutOfMemory {
                adapter,
                what: "read-back".into(),
                bytes: size,
                limit: error.to_string(),
            });
        }
        self.submit_with(|encoder| {
            if size > 0 {
                encoder.copy_buffer_to_buffer(&buffer.raw, 0, &staging, 0, size);
            }
        })?;
        let (sender, receiver) = channel();
        staging.map_async(wgpu::MapMode::Read, .., move |result| {
            // The receiver may be gone: then nobody wants the values.
            let _ = sender.send(result);
        });
        Ok(Pending { gpu: self.clone(), staging, receiver, len })
    }
}

/// Values on their way back from the device.
#[derive(Debug)]
pub struct Pending {
    gpu: Gpu,
    staging: wgpu::Buffer,
    receiver: Receiver<std::result::Result<(), wgpu::BufferAsyncError>>,
    len: usize,
}

impl Pending {
    /// Waits for the values.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] or whatever else the device has reported.
    pub fn wait(self) -> Result<Vec<f32>> {
        let lost = |reason: String| Error::DeviceLost { adapter: self.gpu.adapter().name.clone(), reason };
        let mapped = loop {
            match self.receiver.try_recv() {
                Ok(mapped) => break mapped,
                Err(_) => self.gpu.poll(wgpu::PollType::wait_indefinitely())?,
            }
            self.gpu.check()?;
        };
        self.gpu.check()?;
        mapped.map_err(|e| lost(e.to_string()))?;
        let view = self.staging.get_mapped_range(..).map_err(|e| lost(e.to_string()))?;
        Ok(bytemuck::cast_slice(&view)[..self.len].to_vec())
    }
}
