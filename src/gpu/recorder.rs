//! Dispatches are recorded into one open compute pass and submitted together.

use super::kernel::{Dispatch, Kernel};
use super::numbers::{NUMBERS_BYTES, Slots};
use super::profile::Profile;
use super::signal::Signal;
use super::{Buffer, Gpu, lock};
use crate::error::{Error, Result};

/// Dispatches after which work is submitted, while the host continues recording.
pub(super) const DISPATCHES_A_SUBMISSION: usize = 400;

pub(super) struct Recorder {
    open: Option<Open>,
    dispatches: usize,
    slots: Slots,
    pub(super) profile: Profile,
}

/// An encoder and its pass. The pass is declared first, so that it is dropped, and thus ended, first.
struct Open {
    pass: wgpu::ComputePass<'static>,
    encoder: wgpu::CommandEncoder,
}

impl Open {
    fn new(mut encoder: wgpu::CommandEncoder) -> Self {
        let pass = encoder.begin_compute_pass(&Default::default()).forget_lifetime();
        Self { pass, encoder }
    }
}

impl Recorder {
    pub(super) fn new(timestamps: bool) -> Self {
        Self { open: None, dispatches: 0, slots: Slots::default(), profile: Profile::new(timestamps) }
    }

    fn pass(&mut self, gpu: &Gpu) -> &mut wgpu::ComputePass<'static> {
        &mut self.open.get_or_insert_with(|| Open::new(gpu.0.device.create_command_encoder(&Default::default()))).pass
    }

    /// Ends the pass; the encoder may then be given copies, and is to be submitted next.
    fn close(&mut self, gpu: &Gpu) -> wgpu::CommandEncoder {
        self.dispatches = 0;
        self.slots.write(gpu);
        match self.open.take() {
            Some(Open { pass, mut encoder }) => {
                drop(pass);
                self.profile.resolve(gpu, &mut encoder);
                encoder
            }
            None => gpu.0.device.create_command_encoder(&Default::default()),
        }
    }
}

impl Gpu {
    /// Records one dispatch.
    ///
    /// Workgroups beyond the limit of one dimension go into the second one; kernels count them by
    /// `workgroup_index` of `shaders/common/index.wgsl`.
    ///
    /// # Errors
    /// [`Error::Kernel`] if the driver refuses the kernel, [`Error::Limit`] if the grid is too large.
    pub(crate) fn run(&self, dispatch: &Dispatch) -> Result<()> {
        let Dispatch { kernel, constants, numbers, buffers, workgroups } = *dispatch;
        let [x, y] = self.fold(kernel, workgroups)?;
        if size_of_val(numbers) > NUMBERS_BYTES {
            return Err(self.kernel_error(kernel, format!("has {} numbers; sixteen are the most", numbers.len())));
        }
        let mut pipelines = lock(&self.0.pipelines);
        let (pipeline, group) = pipelines.get(self, dispatch)?;
        let mut recorder = lock(&self.0.recorder);
        let recorder = &mut *recorder;
        let span = recorder.profile.begin(self, kernel.name(), constants, buffers);
        let slot = (!numbers.is_empty()).then(|| recorder.slots.push(self, numbers));
        let pass = recorder.pass(self);
        if let Some((set, first)) = &span {
            pass.write_timestamp(set, *first);
        }
        pass.set_pipeline(&pipeline.raw);
        pass.set_bind_group(0, group, &[]);
        if let Some(offset) = slot {
            pass.set_bind_group(1, &self.0.numbers.group, &[offset]);
        }
        pass.dispatch_workgroups(x, y, 1);
        if let Some((set, first)) = &span {
            pass.write_timestamp(set, first + 1);
        }
        recorder.dispatches += 1;
        if recorder.dispatches >= DISPATCHES_A_SUBMISSION {
            let encoder = recorder.close(self);
            self.0.queue.submit([encoder.finish()]);
        }
        Ok(())
    }

    /// Records a copy of `bytes` from one buffer to another; offsets and size are multiples of four bytes.
    pub(crate) fn copy(&self, from: (&Buffer, u64), to: (&Buffer, u64), bytes: u64) {
        let mut recorder = lock(&self.0.recorder);
        recorder.pass(self);
        // Copies go between passes.
        if let Some(Open { pass, mut encoder }) = recorder.open.take() {
            drop(pass);
            encoder.copy_buffer_to_buffer(&from.0.raw, from.1, &to.0.raw, to.1, bytes);
            recorder.open = Some(Open::new(encoder));
        }
    }

    fn fold(&self, kernel: &'static Kernel, workgroups: usize) -> Result<[u32; 2]> {
        let most = self.0.limits.max_compute_workgroups_per_dimension as usize;
        let y = workgroups.div_ceil(most).max(1);
        if y > most {
            return Err(Error::Limit {
                op: kernel.name(),
                what: "workgroups",
                needed: workgroups as u64,
                limit: (most * most) as u64,
                adapter: self.0.report.name.clone(),
            });
        }
        Ok([workgroups.div_ceil(y) as u32, y as u32])
    }

    /// Submits everything recorded so far, without waiting.
    ///
    /// # Errors
    /// Whatever the device has reported since the last call.
    pub fn submit(&self) -> Result<()> {
        // Whatever another thread records in the meantime, it submits itself.
        if lock(&self.0.recorder).open.is_some() {
            self.submit_with(|_| ())?;
        }
        self.check()
    }

    /// Submits what has been recorded, followed by what `more` adds.
    pub(super) fn submit_with(&self, more: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        {
            // Holds the lock until the commands are queued, so that no later ones overtake them.
            let mut recorder = lock(&self.0.recorder);
            let mut encoder = recorder.close(self);
            more(&mut encoder);
            self.0.queue.submit([encoder.finish()]);
        }
        self.age_pool();
        self.poll(wgpu::PollType::Poll)
    }

    /// Waits until the device has finished all recorded work.
    ///
    /// # Errors
    /// Whatever the device has reported.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn wait(&self) -> Result<()> {
        self.submit()?;
        self.poll(wgpu::PollType::wait_indefinitely())?;
        self.check()
    }

    /// [`Gpu::wait`] for programs that must not block.
    ///
    /// # Errors
    /// As [`Gpu::wait`].
    pub async fn finished(&self) -> Result<()> {
        self.submit()?;
        let signal = Signal::default();
        let done = signal.clone();
        self.0.queue.on_submitted_work_done(move || done.send(()));
        signal.received(self).await?;
        self.check()
    }

    pub(super) fn poll(&self, how: wgpu::PollType) -> Result<()> {
        self.0.device.poll(how).map_err(|e| {
            self.check()
                .err()
                .unwrap_or(Error::DeviceLost { adapter: self.0.report.name.clone(), reason: e.to_string() })
        })?;
        Ok(())
    }
}
