//! Dispatches are recorded into one open compute pass and submitted together.

use super::profile::Profile;
use super::{Buffer, Constant, Gpu, Kernel, lock};
use crate::error::{Error, Result};

/// Dispatches after which the device is given something to do while the host records on.
const DISPATCHES_A_SUBMISSION: usize = 400;

pub(super) struct Recorder {
    open: Option<Open>,
    dispatches: usize,
    pub(super) profile: Profile,
}

/// An encoder and its pass. The pass is declared first, so that it is dropped, and thereby ended, first.
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
        Self { open: None, dispatches: 0, profile: Profile::new(timestamps) }
    }

    fn pass(&mut self, gpu: &Gpu) -> &mut wgpu::ComputePass<'static> {
        &mut self.open.get_or_insert_with(|| Open::new(gpu.0.device.create_command_encoder(&Default::default()))).pass
    }

    /// Ends the pass; the encoder may then be given copies.
    fn close(&mut self, gpu: &Gpu) -> wgpu::CommandEncoder {
        self.dispatches = 0;
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
    /// Records one dispatch of `kernel`: `buffers` are its bindings 0, 1, .. in order, `workgroups` how many run.
    ///
    /// More workgroups than a dimension may have are folded into the second one; kernels count them by
    /// `workgroup_index` of `shaders/common/index.wgsl`.
    ///
    /// # Errors
    /// [`Error::Kernel`] where the driver refuses the kernel, [`Error::Limit`] where the grid is too large.
    pub(crate) fn run(
        &self,
        kernel: &'static Kernel,
        constants: &[Constant],
        buffers: &[&Buffer],
        workgroups: usize,
    ) -> Result<()> {
        let [x, y] = self.fold(kernel, workgroups)?;
        let mut pipelines = lock(&self.0.pipelines);
        let (pipeline, group) = pipelines.get(self, kernel, constants, buffers)?;
        let mut recorder = lock(&self.0.recorder);
        let recorder = &mut *recorder;
        let span = recorder.profile.begin(self, pipeline.name, constants, buffers);
        let pass = recorder.pass(self);
        if let Some((set, first)) = &span {
            pass.write_timestamp(set, *first);
        }
        pass.set_pipeline(&pipeline.raw);
        pass.set_bind_group(0, group, &[]);
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

    /// Records a copy of `bytes` from one buffer to another, offsets and size being multiples of four bytes.
    pub(crate) fn copy(&self, from: (&Buffer, u64), to: (&Buffer, u64), bytes: u64) {
        let mut recorder = lock(&self.0.recorder);
        recorder.pass(self);
        // Copies stand between passes.
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
                op: kernel.name,
                what: "workgroups",
                needed: workgroups as u64,
                limit: (most * most) as u64,
                adapter: self.0.report.name.clone(),
            });
        }
        Ok([workgroups.div_ceil(y) as u32, y as u32])
    }

    /// Gives the device all that has been recorded, without waiting.
    ///
    /// # Errors
    /// Whatever the device has reported since the last call.
    pub fn submit(&self) -> Result<()> {
        // What another thread records in between is its own to submit.
        if lock(&self.0.recorder).open.is_some() {
            self.submit_with(|_| ())?;
        }
        self.check()
    }

    /// Submits what has been recorded, followed by what `more` adds to it.
    pub(super) fn submit_with(&self, more: impl FnOnce(&mut wgpu::CommandEncoder)) -> Result<()> {
        {
            // The lock is held until the queue has it: another thread's later commands must not overtake.
            let mut recorder = lock(&self.0.recorder);
            let mut encoder = recorder.close(self);
            more(&mut encoder);
            self.0.queue.submit([encoder.finish()]);
        }
        self.age_pool();
        self.poll(wgpu::PollType::Poll)
    }

    /// Waits until the device has done all that was recorded.
    ///
    /// # Errors
    /// Whatever the device has reported.
    pub fn wait(&self) -> Result<()> {
        self.submit()?;
        self.poll(wgpu::PollType::wait_indefinitely())?;
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
