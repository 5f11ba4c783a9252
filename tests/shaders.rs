//! Every shader is registered, has a twin and a parity row, is valid at baseline, and translates to every platform.

use std::collections::BTreeSet;
use std::path::Path;

use sdnet::cli::translate::{Target, translate};
use sdnet::gpu::Kernel;
use sdnet::shaders;

#[test]
fn every_kernel_is_valid_at_baseline_but_for_subgroups_and_translates() {
    let mut failures = Vec::new();
    for kernel in shaders::all() {
        assert_eq!(kernel.subgroups(), kernel.name().ends_with("_register"), "{}", kernel.name());
        for target in [Target::Wgsl, Target::Spirv, Target::Msl, Target::Hlsl] {
            match translate(kernel, target) {
                Ok(text) => assert!(text.len() > 200, "{} as {target:?} is empty", kernel.name()),
                Err(e) => failures.push(format!("{} as {target:?}: {e}", kernel.name())),
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn translation_refuses_what_is_not_a_kernel() {
    static BROKEN: Kernel = Kernel::new("planted", &["fn main() { let x = ; }"]);
    assert!(translate(&BROKEN, Target::Spirv).is_err());
    // Capabilities beyond baseline are refused, not passed on, unless the kernel says that it needs them.
    let double = Kernel::new("planted", &["@compute @workgroup_size(1) fn main() { var x = 1.0lf; }"]);
    assert!(translate(&double.with_subgroups(), Target::Wgsl).is_err());
    let lanes =
        || Kernel::new("planted", &["@compute @workgroup_size(1) fn main() { var x = subgroupBroadcast(1u, 0u); }"]);
    assert!(translate(&lanes(), Target::Wgsl).is_err());
    assert!(translate(&lanes().with_subgroups(), Target::Wgsl).is_ok());
}

#[test]
fn every_kernel_stays_within_baseline_limits() {
    for kernel in shaders::all() {
        let module = naga::front::wgsl::parse_str(&kernel.source()).unwrap();
        let in_space = |space: fn(naga::AddressSpace) -> bool| {
            module.global_variables.iter().filter(move |(_, v)| space(v.space)).map(|(_, v)| v)
        };
        let buffers = in_space(|s| matches!(s, naga::AddressSpace::Storage { .. })).count();
        assert!(buffers <= 8, "{} binds {buffers} storage buffers", kernel.name());
        let mut layouter = naga::proc::Layouter::default();
        layouter.update(module.to_ctx()).unwrap();
        let memory: u32 = in_space(|s| s == naga::AddressSpace::WorkGroup).map(|v| layouter[v.ty].size).sum();
        assert!(memory <= 16_384, "{} needs {memory} bytes of workgroup memory", kernel.name());
        let threads: u32 = module.entry_points[0].workgroup_size.iter().product();
        assert!(threads <= 256, "{} runs {threads} threads", kernel.name());
    }
}

#[test]
fn every_shader_file_is_registered_and_has_a_parity_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stems = std::fs::read_dir(root.join("shaders")).unwrap().filter_map(|entry| {
        let path = entry.unwrap().path();
        path.is_file().then(|| path.file_stem().unwrap().to_str().unwrap().to_owned())
    });
    let stem = |name: &str| name.trim_end_matches("_tiled").trim_end_matches("_register").to_owned();
    let registered = shaders::all().iter().map(|k| stem(k.name())).collect::<BTreeSet<_>>();
    let parity = std::fs::read_to_string(root.join("tests/gpu/parity.rs")).unwrap();
    for stem in stems {
        assert!(registered.contains(&stem), "shaders/{stem}.wgsl is not registered");
        assert!(parity.contains(&format!("\"{stem}\"")), "{stem} has no parity row");
    }
}

/// The stems among `stems` that are no function of the reference, whose text this is.
fn without_twin<'a>(stems: impl IntoIterator<Item = &'a str>, reference: &str) -> Vec<&'a str> {
    stems.into_iter().filter(|stem| !reference.contains(&format!("pub fn {stem}("))).collect()
}

#[test]
fn every_shader_has_a_twin() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = |folder: &str, ending: &str| {
        let paths = std::fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|e| e == ending)).collect::<Vec<_>>()
    };
    let shaders = files("shaders", "wgsl");
    let stems = shaders.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect::<Vec<_>>();
    let reference =
        files("src/reference", "rs").iter().map(|path| std::fs::read_to_string(path).unwrap()).collect::<String>();
    assert!(stems.len() >= 41 && reference.len() > 10_000, "found {} shaders", stems.len());
    let missing = without_twin(stems.iter().copied(), &reference);
    assert!(missing.is_empty(), "no `pub fn` in src/reference for {missing:?}");
    // A stem that has none is found out, and so is one whose name only begins or ends as a function's does.
    let planted = without_twin(stems.into_iter().chain(["planted", "rel", "gradient"]), &reference);
    assert_eq!(planted, ["planted", "rel", "gradient"]);
}
