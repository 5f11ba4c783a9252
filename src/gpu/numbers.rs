//! Numbers that change from call to call: one uniform buffer with a slot for each dispatch of a submission.

use super::Gpu;

/// Bytes of numbers that a kernel may take: sixteen `f32`.
pub(super) const NUMBERS_BYTES: usize = 64;

/// The buffer, and how kernels see it.
pub(super) struct Numbers {
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) group: wgpu::BindGroup,
    buffer: wgpu::Buffer,
    /// Bytes from one slot to the next.
    pub(super) stride: usize,
}

impl Numbers {
    pub(super) fn new(device: &wgpu::Device, slots: usize) -> Self {
        let stride = NUMBERS_BYTES.max(device.limits().min_uniform_buffer_offset_alignment as usize);
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("numbers"),
            size: (slots * stride) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("numbers"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: None,
                },
                count: None,
            }],
        });
        let slot =
            wgpu::BufferBinding { buffer: &buffer, offset: 0, size: std::num::NonZeroU64::new(NUMBERS_BYTES as u64) };
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("numbers"),
            layout: &layout,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(slot) }],
        });
        Self { layout, group, buffer, stride }
    }
}

/// The numbers of the dispatches that are recorded but not yet submitted.
#[derive(Default)]
pub(super) struct Slots(Vec<u8>);

impl Slots {
    /// Puts numbers into the next slot and returns its offset.
    pub(super) fn push(&mut self, gpu: &Gpu, numbers: &[f32]) -> u32 {
        let offset = self.0.len();
        self.0.extend_from_slice(bytemuck::cast_slice(numbers));
        self.0.resize(offset + gpu.0.numbers.stride, 0);
        offset as u32
    }

    /// Writes all slots to the device ahead of the next submission. Earlier submissions are not affected: the queue keeps
    /// writes and submissions in order.
    pub(super) fn write(&mut self, gpu: &Gpu) {
        if !self.0.is_empty() {
            gpu.0.queue.write_buffer(&gpu.0.numbers.buffer, 0, &self.0);
            self.0.clear();
        }
    }
}
