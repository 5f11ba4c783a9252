//! Kernels in the shading languages of the platforms, translated by naga as for their drivers.

use naga::back::{self, PipelineConstants};
use naga::valid::{Capabilities, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};

use crate::gpu::Kernel;

/// A shading language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// The language that the kernels are written in
    Wgsl,
    /// The binary form for Vulkan
    Spirv,
    /// The language of Metal
    Msl,
    /// The language of DirectX
    Hlsl,
}

impl Target {
    /// The usual extension of files in this language.
    pub fn extension(self) -> &'static str {
        match self {
            Target::Wgsl => "wgsl",
            Target::Spirv => "spv",
            Target::Msl => "metal",
            Target::Hlsl => "hlsl",
        }
    }
}

/// Translates a kernel. Its `override` constants get stand-in values (4, 0.5, true), since only WGSL can leave them open.
///
/// # Errors
/// The message of naga if the kernel is not valid WGSL, or needs other capabilities than it declares.
pub fn translate(kernel: &Kernel, target: Target) -> Result<Vec<u8>, String> {
    let source = &*kernel.source();
    let module = naga::front::wgsl::parse_str(source).map_err(|e| e.emit_to_string(source))?;
    let info = Validator::new(ValidationFlags::all(), capabilities(kernel))
        .subgroup_stages(ShaderStages::COMPUTE)
        .subgroup_operations(SubgroupOperationSet::BASIC | SubgroupOperationSet::BALLOT)
        .validate(&module)
        .map_err(|e| e.emit_to_string(source))?;
    if target == Target::Wgsl {
        return Ok(kernel.wgsl().into_bytes());
    }
    let entry = Some((naga::ShaderStage::Compute, "main"));
    let (module, info) = back::pipeline_constants::process_overrides(&module, &info, entry, &stand_ins(&module))
        .map_err(|e| e.to_string())?;
    match target {
        Target::Wgsl => Ok(kernel.wgsl().into_bytes()),
        Target::Spirv => {
            // Subgroup operations came with SPIR-V 1.3, which is Vulkan 1.1.
            let options = back::spv::Options { lang_version: (1, 3), ..Default::default() };
            let words = back::spv::write_vec(&module, &info, &options, None);
            Ok(words.map_err(|e| e.to_string())?.into_iter().flat_map(u32::to_le_bytes).collect())
        }
        Target::Msl => {
            let options =
                back::msl::Options { lang_version: (2, 4), fake_missing_bindings: true, ..Default::default() };
            let text = back::msl::write_string(&module, &info, &options, &back::msl::PipelineOptions::default());
            Ok(text.map_err(|e| e.to_string())?.0.into_bytes())
        }
        Target::Hlsl => {
            let (mut text, pipeline) = (String::new(), back::hlsl::PipelineOptions::default());
            let options = back::hlsl::Options { fake_missing_bindings: true, ..Default::default() };
            let mut writer = back::hlsl::Writer::new(&mut text, &options, &pipeline);
            writer.write(&module, &info, None).map_err(|e| e.to_string())?;
            Ok(text.into_bytes())
        }
    }
}

/// Subgroups for kernels of the register schedule; nothing beyond the baseline for others.
fn capabilities(kernel: &Kernel) -> Capabilities {
    if kernel.subgroups() { Capabilities::SUBGROUP } else { Capabilities::empty() }
}

fn stand_ins(module: &naga::Module) -> PipelineConstants {
    let open = module.overrides.iter().filter(|(_, o)| o.init.is_none());
    let value = |ty: naga::Handle<naga::Type>| match module.types[ty].inner {
        naga::TypeInner::Scalar(naga::Scalar { kind: naga::ScalarKind::Bool, .. }) => 1.0,
        naga::TypeInner::Scalar(naga::Scalar { kind: naga::ScalarKind::Float, .. }) => 0.5,
        _ => 4.0,
    };
    open.filter_map(|(_, o)| Some((o.name.clone()?, value(o.ty)))).collect()
}
