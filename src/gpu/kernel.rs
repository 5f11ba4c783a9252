//! Kernels and their caches: a pipeline per set of constants, a bind group per set of buffers.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Buffer, Gpu, lock};
use crate::error::{Error, Result};

/// A WGSL compute shader with entry point `main`, specialised by `override` constants.
///
/// Its tensors are `@group(0)`, bindings 0, 1, .. in order, each `var<storage, read>` or `var<storage, read_write>`.
/// Numbers that change from call to call are a struct of up to sixteen `f32`:
/// `@group(1) @binding(0) var<uniform> numbers: Numbers;`.
#[derive(Debug)]
pub struct Kernel {
    name: Cow<'static, str>,
    parts: Cow<'static, [&'static str]>,
    subgroups: bool,
    trusted: bool,
}

/// The value of one `override`: a size or a kind. Each new value compiles a new pipeline.
pub type Constant = (&'static str, f64);

impl Kernel {
    /// A kernel made of these parts, in this order. Every access is checked against the size of its buffer. If the first
    /// part is [`EACH`](crate::shaders::EACH), the rest only has to define `fn each(i: u32)`.
    pub const fn new(name: &'static str, parts: &'static [&'static str]) -> Self {
        Self { name: Cow::Borrowed(name), parts: Cow::Borrowed(parts), subgroups: false, trusted: false }
    }

    /// The same kernel with subgroup functions, the only capability beyond baseline WebGPU that kernels may use.
    pub fn with_subgroups(self) -> Self {
        Self { subgroups: true, ..self }
    }

    /// A kernel of this crate; its accesses are not checked.
    pub(crate) const fn trusted(name: &'static str, parts: &'static [&'static str]) -> Self {
        Self { name: Cow::Borrowed(name), parts: Cow::Borrowed(parts), subgroups: false, trusted: true }
    }

    /// A kernel of this crate, assembled at run time.
    pub(crate) fn assembled(name: String, parts: Vec<&'static str>, subgroups: bool) -> Self {
        Self { name: Cow::Owned(name), parts: Cow::Owned(parts), subgroups, trusted: true }
    }

    /// The op's name: the file's stem in `shaders/`, followed by the schedule if there are several.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it uses subgroup functions.
    pub fn subgroups(&self) -> bool {
        self.subgroups
    }

    /// The whole shader, as naga reads it.
    pub fn source(&self) -> String {
        self.parts.join("\n")
    }

    /// The whole shader, as the WGSL specification wants it: subgroup functions need a directive, which naga 30 refuses.
    pub fn wgsl(&self) -> String {
        let enable = if self.subgroups { "enable subgroups;\n\n" } else { "" };
        format!("{enable}{}", self.source())
    }

    /// Whether it has numbers that change from call to call.
    fn has_numbers(&self) -> bool {
        self.parts.iter().any(|part| part.contains("var<uniform>"))
    }

    /// For each tensor it binds, in order: whether it is only read.
    fn reads_only(&self) -> Vec<bool> {
        let lines = self.parts.iter().flat_map(|part| part.lines());
        let bindings = lines.filter_map(|line| {
            let (index, declaration) = line.trim().strip_prefix("@group(0) @binding(")?.split_once(')')?;
            Some((index.parse::<usize>().ok()?, declaration.contains("storage, read>")))
        });
        let mut bindings = bindings.collect::<Vec<_>>();
        bindings.sort_unstable();
        bindings.into_iter().map(|(_, read_only)| read_only).collect()
    }
}

/// One dispatch of a kernel.
pub(crate) struct Dispatch<'a> {
    pub(crate) kernel: &'static Kernel,
    /// Sizes and kinds.
    pub(crate) constants: &'a [Constant],
    /// What changes from call to call.
    pub(crate) numbers: &'a [f32],
    /// Bindings 0, 1, .. in order.
    pub(crate) buffers: &'a [&'a Buffer],
    pub(crate) workgroups: usize,
}

pub(super) struct Pipeline {
    pub(super) raw: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    bind_groups: HashMap<Vec<u64>, wgpu::BindGroup>,
    constants: Vec<Constant>,
    kernel: &'static Kernel,
}

/// Which kernel, by its address, and the bits of its constants.
type Key = (usize, Vec<u64>);

/// Bind groups to keep. A step of a deep network needs a few thousand; work that never repeats itself would collect them
/// without end.
const MOST_BIND_GROUPS: usize = 1 << 14;

#[derive(Default)]
pub(super) struct Pipelines {
    modules: HashMap<usize, wgpu::ShaderModule>,
    pipelines: HashMap<Key, Pipeline>,
    bind_groups: usize,
}

impl Pipelines {
    /// Bind groups keep their buffers alive, so they are dropped with them.
    pub(super) fn forget_bind_groups(&mut self) {
        self.pipelines.values_mut().for_each(|p| p.bind_groups.clear());
        self.bind_groups = 0;
    }

    /// The pipeline for these constants (compiled on first use) and the bind group for these buffers.
    pub(super) fn get(&mut self, gpu: &Gpu, dispatch: &Dispatch) -> Result<(&Pipeline, &wgpu::BindGroup)> {
        let Dispatch { kernel, constants, buffers, .. } = *dispatch;
        if self.bind_groups >= MOST_BIND_GROUPS {
            self.forget_bind_groups();
        }
        let key = (address(kernel), constants.iter().map(|(_, v)| v.to_bits()).collect::<Vec<_>>());
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
            self.bind_groups += 1;
        }
        match pipeline.bind_groups.get(&ids) {
            Some(group) => Ok((pipeline, group)),
            None => Err(gpu.kernel_error(kernel, "lost from the cache".into())),
        }
    }

    fn compile(&mut self, gpu: &Gpu, kernel: &'static Kernel, constants: &[Constant]) -> Result<Pipeline> {
        let modules = &mut self.modules;
        let made = gpu.scoped(wgpu::ErrorFilter::Validation, || {
            let module = modules.entry(address(kernel)).or_insert_with(|| gpu.module(kernel));
            let layout = gpu.tensor_layout(kernel);
            let numbers = kernel.has_numbers().then_some(&gpu.0.numbers.layout);
            let pipeline_layout = gpu.0.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(kernel.name()),
                bind_group_layouts: &[Some(&layout), numbers][..1 + usize::from(numbers.is_some())],
                immediate_size: 0,
            });
            let raw = gpu.0.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.name()),
                layout: Some(&pipeline_layout),
                module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    constants,
                    // Kernels write workgroup memory before they read it; the polyfill costs seconds of compilation.
                    zero_initialize_workgroup_memory: !kernel.trusted,
                },
                cache: None,
            });
            (raw, layout)
        });
        let (raw, layout) = made.map_err(|reason| {
            self.modules.remove(&address(kernel));
            gpu.kernel_error(kernel, reason)
        })?;
        Ok(Pipeline { raw, layout, bind_groups: HashMap::new(), constants: constants.to_vec(), kernel })
    }
}

/// Kernels live as long as the program, so that their address tells them apart, whatever their names.
fn address(kernel: &'static Kernel) -> usize {
    std::ptr::from_ref(kernel) as usize
}

fn bind(gpu: &Gpu, kernel: &Kernel, layout: &wgpu::BindGroupLayout, buffers: &[&Buffer]) -> Result<wgpu::BindGroup> {
    let entries = buffers
        .iter()
        .enumerate()
        .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.raw.as_entire_binding() })
        .collect::<Vec<_>>();
    let descriptor = wgpu::BindGroupDescriptor { label: Some(kernel.name()), layout, entries: &entries };
    let made = gpu.scoped(wgpu::ErrorFilter::Validation, || gpu.0.device.create_bind_group(&descriptor));
    made.map_err(|reason| gpu.kernel_error(kernel, reason))
}

impl Gpu {
    fn module(&self, kernel: &Kernel) -> wgpu::ShaderModule {
        // Only naga, which native adapters go through, refuses the directive for subgroups.
        let source = if cfg!(target_arch = "wasm32") { kernel.wgsl() } else { kernel.source() };
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some(kernel.name()),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        };
        if !kernel.trusted {
            return self.0.device.create_shader_module(descriptor);
        }
        let mut checks = wgpu::ShaderRuntimeChecks::unchecked();
        checks.bounds_checks = self.0.bounds_checks;
        // SAFETY: the sources are this crate's own. Every loop in them has a fixed bound; every divisor is a
        // size that shape.rs has checked not to be zero; every index is below the sizes that the op computes from
        // the shapes of the very tensors that it binds, and the whole test suite also runs with bounds checks on.
        unsafe { self.0.device.create_shader_module_trusted(descriptor, checks) }
    }

    /// The layout of a kernel's tensors.
    fn tensor_layout(&self, kernel: &Kernel) -> wgpu::BindGroupLayout {
        let entry = |(i, read_only): (usize, bool)| wgpu::BindGroupLayoutEntry {
            binding: i as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let entries = kernel.reads_only().into_iter().enumerate().map(entry).collect::<Vec<_>>();
        let descriptor = wgpu::BindGroupLayoutDescriptor { label: Some(kernel.name()), entries: &entries };
        self.0.device.create_bind_group_layout(&descriptor)
    }

    pub(super) fn kernel_error(&self, kernel: &Kernel, reason: String) -> Error {
        Error::Kernel { kernel: kernel.name().into(), adapter: self.0.report.name.clone(), reason }
    }

    /// For tests: how many bind groups are kept.
    #[doc(hidden)]
    pub fn bind_groups(&self) -> usize {
        lock(&self.0.pipelines).bind_groups
    }

    /// The pipelines that have been compiled: each kernel with its constants, for tests and reports.
    pub fn compiled_pipelines(&self) -> Vec<(&'static Kernel, Vec<Constant>)> {
        lock(&self.0.pipelines).pipelines.values().map(|p| (p.kernel, p.constants.clone())).collect()
    }
}
