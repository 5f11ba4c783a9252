//! Kernels, and what is kept of them: a pipeline per set of constants, a bind group per set of buffers.

use std::collections::HashMap;

use super::{Gpu, lock};
use crate::error::{Error, Result};

/// A WGSL shader with entry point `main`, specialised by `override` constants.
#[derive(Debug)]
pub struct Kernel {
    /// The op's name; the stem of the file in `shaders/`, and the schedule where there are two.
    pub name: &'static str,
    /// The whole shader.
    pub source: &'static str,
    /// Whether it exchanges values within subgroups, the one capability beyond baseline that any kernel has.
    pub subgroups: bool,
}

/// The value of one `override`.
pub type Constant = (&'static str, f64);

pub(super) struct Pipeline {
    pub(super) raw: wgpu::ComputePipeline,
    pub(super) name: &'static str,
    layout: wgpu::BindGroupLayout,
    bind_groups: HashMap<Vec<u64>, wgpu::BindGroup>,
}

#[derive(Default)]
pub(super) struct Pipelines {
    modules: HashMap<&'static str, wgpu::ShaderModule>,
    pipelines: HashMap<(&'static str, Vec<u64>), Pipeline>,
}

impl Pipelines {
    /// Bind groups keep their buffers alive, so they go when buffers go.
    pub(super) fn forget_bind_groups(&mut self) {
        self.pipelines.values_mut().for_each(|p| p.bind_groups.clear());
    }

    /// The pipeline for these constants (compiled on first use) and the bind group for these buffers.
    pub(super) fn get(
        &mut self,
        gpu: &Gpu,
        kernel: &Kernel,
        constants: &[Constant],
        buffers: &[&super::Buffer],
    ) -> Result<(&Pipeline, &wgpu::BindGroup)> {
        let key = (kernel.name, constants.iter().map(|(_, v)| v.to_bits()).collect::<Vec<_>>());
        if !self.pipelines.contains_key(&key) {
            let pipeline = self.compile(gpu, kernel, constants)?;
            self.pipelines.insert(key.clone(), pipeline);
        }
        let Some(pipeline) = self.pipelines.get_mut(&key) else {
            return Err(gpu.kernel_error(kernel, "lost from the cache".into()));
        };
        let ids = buffers.iter().map(|b| b.id).collect::<Vec<_>>();
        if !pipeline.bind_groups.contains_key(&ids) {
            let group = bind(gpu, kernel, &pipeline.layout, buffers)?;
            pipeline.bind_groups.insert(ids.clone(), group);
        }
        match pipeline.bind_groups.get(&ids) {
            Some(group) => Ok((pipeline, group)),
            None => Err(gpu.kernel_error(kernel, "lost from the cache".into())),
        }
    }

    fn compile(&mut self, gpu: &Gpu, kernel: &Kernel, constants: &[Constant]) -> Result<Pipeline> {
        let device = &gpu.0.device;
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let module = self.modules.entry(kernel.name).or_insert_with(|| gpu.module(kernel));
        let raw = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(kernel.name),
            layout: None,
            module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                // Our kernels write workgroup memory before they read it; the polyfill costs seconds of compilation.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        if let Some(error) = pollster::block_on(scope.pop()) {
            self.modules.remove(kernel.name);
            return Err(gpu.kernel_error(kernel, error.to_string()));
        }
        let layout = raw.get_bind_group_layout(0);
        Ok(Pipeline { raw, name: kernel.name, layout, bind_groups: HashMap::new() })
    }
}

fn bind(
    gpu: &Gpu,
    kernel: &Kernel,
    layout: &wgpu::BindGroupLayout,
    buffers: &[&super::Buffer],
) -> Result<wgpu::BindGroup> {
    let entries = buffers
        .iter()
        .enumerate()
        .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.raw.as_entire_binding() })
        .collect::<Vec<_>>();
    let scope = gpu.0.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let descriptor = wgpu::BindGroupDescriptor { label: Some(kernel.name), layout, entries: &entries };
    let group = gpu.0.device.create_bind_group(&descriptor);
    match pollster::block_on(scope.pop()) {
        Some(error) => Err(gpu.kernel_error(kernel, error.to_string())),
        None => Ok(group),
    }
}

impl Gpu {
    fn module(&self, kernel: &Kernel) -> wgpu::ShaderModule {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name),
            source: wgpu::ShaderSource::Wgsl(kernel.source.into()),
        };
        let mut checks = wgpu::ShaderRuntimeChecks::unchecked();
        checks.bounds_checks = self.0.bounds_checks;
        // SAFETY: the sources are this crate's own. Every loop in them has a fixed bound and every divisor is a
        // size that shape.rs has checked not to be zero; every index is below the sizes that the op computes from
        // the shapes of the very tensors that it binds, and the whole test suite also runs with bounds checks on.
        unsafe { self.0.device.create_shader_module_trusted(descriptor, checks) }
    }

    pub(super) fn kernel_error(&self, kernel: &Kernel, reason: String) -> Error {
        Error::Kernel { kernel: kernel.name.into(), adapter: self.0.report.name.clone(), reason }
    }

    /// How many pipelines have been compiled, for tests and reports.
    pub fn compiled_pipelines(&self) -> usize {
        lock(&self.0.pipelines).pipelines.len()
    }
}
