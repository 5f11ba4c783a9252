//! `sdnet export`

use crate::harness::*;

const BUNDLED: &str = "assets/sdnet18-fashion.safetensors";

/// The tensors of the network in the bundled file, without those of its recalibration.
fn network() -> NamedTensors {
    let mut tensors = read_safetensors(Path::new(BUNDLED)).unwrap().tensors;
    tensors.retain(|name, _| name.starts_with("layer") || name.starts_with("linear"));
    tensors
}

#[test]
fn export_and_import_give_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let original = network();
    for (format, file) in [("pytorch", "w.pth"), ("safetensors", "w.safetensors")] {
        let (out, back) = (at(folder.path(), file), at(folder.path(), &format!("{format}-back.safetensors")));
        let said = succeeds(&["export", "--weights", BUNDLED, "--format", format, "--out", &out]);
        assert!(said.contains("sdnet18") && said.contains(file), "{said}");
        succeeds(&["import", &out, "--out", &back]);
        let back = read_safetensors(Path::new(&back)).unwrap().tensors;
        for (name, (shape, values)) in &original {
            assert_eq!(shape, &back[name].0, "{name}");
            assert!(values.iter().zip(&back[name].1).all(|(a, b)| a.to_bits() == b.to_bits()), "{name}");
        }
        assert!(back.len() > 100 && back.contains_key("layer0.0.dn.step_size"));
    }
    let precious = at(folder.path(), "x.png");
    std::fs::write(&precious, "precious").unwrap();
    refuses(&["export", "--weights", BUNDLED, "--out", &precious], &["x.png", ".pth"]);
}

#[test]
fn pytorch_loads_what_is_exported_and_agrees_on_every_value() {
    let Some(python) = python_with("torch") else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = at(folder.path(), "w.pth");
    succeeds(&["export", "--weights", BUNDLED, "--out", &out]);
    // Sums and dots that depend on every value and its place.
    let program = "import sys, torch
state = torch.load(sys.argv[1], weights_only=True)
for name, t in state.items():
    flat = t.double().flatten()
    print(name, t.dtype, list(t.shape), float((flat * torch.arange(1, flat.numel() + 1)).sum()), sep='|')";
    let output = std::process::Command::new(python).args(["-c", program, &out]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let original = network();
    let mut counters = 0;
    for line in text(&output.stdout).lines() {
        let [name, kind, shape, sum] = line.split('|').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if name.ends_with("num_batches_tracked") {
            assert_eq!((kind, shape), ("torch.int64", "[]"));
            counters += 1;
            continue;
        }
        // The bundled file is from before files held step sizes.
        let Some((wanted, values)) = original.get(name) else {
            assert_eq!(name, "layer0.0.dn.step_size");
            continue;
        };
        assert_eq!((kind, shape), ("torch.float32", &*format!("{wanted:?}")), "{name}");
        let places = values.iter().enumerate().map(|(i, value)| (i + 1) as f64 * f64::from(*value));
        let scale = values.iter().enumerate().map(|(i, value)| (i + 1) as f64 * f64::from(value.abs())).sum::<f64>();
        assert!((places.sum::<f64>() - sum.parse::<f64>().unwrap()).abs() <= 1e-12 * scale, "{name}");
    }
    assert_eq!(counters, 20);
}
