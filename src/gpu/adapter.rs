//! The available adapters, and which one to use.

use super::Schedule;
use crate::error::{Error, Result};

/// Features that are used if available.
pub(super) const WELCOME: wgpu::Features = wgpu::Features::TIMESTAMP_QUERY
    .union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES)
    .union(wgpu::Features::SUBGROUP);

/// What is known of one adapter.
#[derive(Clone, Debug, serde::Serialize)]
pub struct AdapterReport {
    /// Position in the list.
    pub index: usize,
    /// Name given by the driver.
    pub name: String,
    /// Vulkan, Metal or Dx12.
    pub backend: String,
    /// discrete GPU, integrated GPU, CPU, ...
    pub kind: String,
    /// Driver and version.
    pub driver: String,
    /// Largest buffer in bytes.
    pub max_buffer: u64,
    /// Largest part of a buffer that a kernel can see, in bytes.
    pub max_binding: u64,
    /// Workgroup memory in bytes.
    pub workgroup_memory: u32,
    /// Whether kernels can be timed on the device.
    pub timestamps: bool,
    /// Minimum subgroup size in lanes; 0 if lanes cannot exchange values.
    pub lanes: u32,
    /// The schedule chosen for it.
    #[serde(skip)]
    pub schedule: &'static Schedule,
}

/// All adapters, in the order of their indices.
#[cfg(not(target_arch = "wasm32"))]
pub fn adapters() -> Vec<AdapterReport> {
    pollster::block_on(adapters_async())
}

/// [`adapters`](crate::gpu::adapters) for programs that must not block.
pub async fn adapters_async() -> Vec<AdapterReport> {
    enumerate().await.into_iter().map(|(_, report)| report).collect()
}

/// The package that provides an adapter on this system.
pub fn install_hint() -> String {
    if cfg!(any(target_os = "windows", target_os = "macos")) {
        return "Windows and macOS need no package: update the graphics driver or the system".into();
    }
    "Install your GPU's Vulkan driver, or Mesa's, which also brings one for the CPU:\n  \
     Debian, Ubuntu: apt-get install mesa-vulkan-drivers\n  \
     Fedora: dnf install mesa-vulkan-drivers vulkan-loader\n  \
     Arch: pacman -S vulkan-swrast vulkan-icd-loader\n  \
     (Windows and macOS need no package)"
        .into()
}

/// The adapter that `wanted` names, or the best available.
pub(super) async fn choose(wanted: Option<&str>) -> Result<(wgpu::Adapter, AdapterReport)> {
    let mut all = enumerate().await;
    let names = all.iter().map(|(_, r)| format!("{} (index {})", r.name, r.index)).collect::<Vec<_>>();
    let found = match wanted {
        Some(wanted) => position(wanted, all.iter().map(|(_, r)| r.name.as_str())),
        None => (0..all.len()).min_by_key(|&i| rank(&all[i].1)),
    };
    found.map(|i| all.swap_remove(i)).ok_or_else(|| Error::NoAdapter {
        wanted: wanted.map(str::to_owned),
        available: if names.is_empty() { "there is none".into() } else { format!("found {}", names.join(", ")) },
        hint: if names.is_empty() {
            install_hint()
        } else {
            "Name one of these, by its index or a part of its name".into()
        },
    })
}

/// Baseline WebGPU limits; buffers may be as large as the adapter allows unless `baseline`.
pub(super) fn limits(adapter: &wgpu::Adapter, baseline: bool) -> wgpu::Limits {
    let mut limits = wgpu::Limits::default();
    if !baseline {
        let most = adapter.limits();
        limits.max_buffer_size = most.max_buffer_size;
        limits.max_storage_buffer_binding_size = most.max_storage_buffer_binding_size;
    }
    limits
}

/// The adapter that `wanted` stands for: its index where there is one of that index, else a part of its name, since names hold
/// numbers too.
fn position<'a>(wanted: &str, names: impl ExactSizeIterator<Item = &'a str>) -> Option<usize> {
    let (count, part) = (names.len(), wanted.to_lowercase());
    let index = wanted.parse::<usize>().ok().filter(|index| *index < count);
    index.or_else(|| names.into_iter().position(|name| name.to_lowercase().contains(&part)))
}

/// Discrete before integrated before virtual before CPU; equals keep the order of the list.
fn rank(report: &AdapterReport) -> usize {
    ["discrete GPU", "integrated GPU", "virtual GPU", "other", "CPU"]
        .iter()
        .position(|kind| report.kind == *kind)
        .unwrap_or(usize::MAX)
}

async fn enumerate() -> Vec<(wgpu::Adapter, AdapterReport)> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // Indirect dispatch is not used, so its validation would be wasted.
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    let found = instance.enumerate_adapters(wgpu::Backends::PRIMARY).await;
    let report = |(index, adapter): (usize, wgpu::Adapter)| {
        let report = AdapterReport::new(index, adapter.get_info(), &adapter.limits(), adapter.features());
        (adapter, report)
    };
    found.into_iter().enumerate().map(report).collect()
}

impl AdapterReport {
    pub(super) fn new(
        index: usize,
        info: wgpu::AdapterInfo,
        limits: &wgpu::Limits,
        features: wgpu::Features,
    ) -> AdapterReport {
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete GPU",
            wgpu::DeviceType::IntegratedGpu => "integrated GPU",
            wgpu::DeviceType::VirtualGpu => "virtual GPU",
            wgpu::DeviceType::Cpu => "CPU",
            wgpu::DeviceType::Other => "other",
        };
        let lanes = if features.contains(wgpu::Features::SUBGROUP) { info.subgroup_min_size } else { 0 };
        AdapterReport {
            index,
            name: info.name,
            backend: format!("{:?}", info.backend),
            kind: kind.into(),
            driver: format!("{} {}", info.driver, info.driver_info).trim().into(),
            max_buffer: limits.max_buffer_size,
            max_binding: limits.max_storage_buffer_binding_size,
            workgroup_memory: limits.max_compute_workgroup_storage_size,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES),
            lanes,
            schedule: Schedule::of(info.device_type == wgpu::DeviceType::Cpu, lanes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::position;

    #[test]
    fn a_number_is_an_index_only_where_there_is_one() {
        let find = |wanted| position(wanted, ["GeForce RTX 4090", "llvmpipe (256 bits)"].into_iter());
        assert_eq!([find("0"), find("1"), find("4090"), find("256"), find("LLVM")], [0, 1, 0, 1, 1].map(Some));
        assert_eq!([find("7"), find("radeon")], [None, None]);
    }
}
