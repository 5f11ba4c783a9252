//! Folders of corrupted images, in `sdnet eval` and `sdnet robust sweep`.

use crate::harness::*;

const WEIGHTS: &str = "assets/sdnet18-fashion.safetensors";

/// A NumPy file of this type and shape.
fn npy(path: &Path, kind: &str, shape: &str, data: &[u8]) {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    std::fs::write(path, [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), data].concat()).unwrap();
}

/// The first 20 test images at five severities: `none` leaves them as they are, `dark` divides them by the severity, `lost` loses
/// all of them at severity 5.
fn corrupted(folder: &Path) -> String {
    let out = folder.join("C");
    std::fs::create_dir(&out).unwrap();
    let data = sdnet::data::bundled(sdnet::data::Split::Test).unwrap().subset(20);
    let at = |name: &str| out.join(name);
    let labels = data.labels.iter().map(|label| *label as u8).collect::<Vec<_>>().repeat(5);
    npy(&at("labels.npy"), "|u1", "(100,)", &labels);
    let severities = |change: fn(u8, u8) -> u8| {
        let of = |severity: u8| data.images.iter().map(move |pixel| change(*pixel, severity)).collect::<Vec<_>>();
        (1..=5).flat_map(of).collect::<Vec<_>>()
    };
    npy(&at("none.npy"), "|u1", "(100, 28, 28)", &severities(|pixel, _| pixel));
    npy(&at("dark.npy"), "|u1", "(100, 28, 28, 1)", &severities(|pixel, severity| pixel / severity));
    npy(&at("lost.npy"), "|u1", "(100, 28, 28)", &severities(|pixel, severity| if severity == 5 { 0 } else { pixel }));
    out.display().to_string()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    serde_json::from_str(&succeeds(arguments)).unwrap()
}

#[test]
fn accuracy_is_told_by_corruption_and_severity() {
    let folder = tempfile::tempdir().unwrap();
    let data = corrupted(folder.path());
    let eval = ["eval", "--weights", WEIGHTS, "--data", &data];
    let found = json(&[&eval[..], &["--json"]].concat());
    let rows = found["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 15);
    let row = |name: &str, severity: u64| {
        rows.iter().find(|row| row["corruption"] == name && row["severity"] == severity).unwrap()
    };
    // The whole file at once, which reads the same images five times over.
    let whole = json(&["eval", "--weights", WEIGHTS, "--data", &format!("{data}/none.npy"), "--json"]);
    for severity in 1..=5 {
        assert_eq!(row("none", severity)["top1"], whole["top1"]);
        assert!((row("none", severity)["loss"].as_f64().unwrap() - whole["loss"].as_f64().unwrap()).abs() < 1e-5);
        assert_eq!(row("dark", severity)["images"], 20);
    }
    assert!(row("none", 1)["top1"].as_f64().unwrap() > 0.7, "the case needs a network that knows them");
    assert_eq!(row("lost", 4)["top1"], row("none", 4)["top1"]);
    assert!(row("lost", 5)["top1"].as_f64().unwrap() <= 0.1 + 1e-9, "black images are of one class");
    assert_ne!(row("dark", 1)["loss"], row("dark", 5)["loss"]);
    let mean = rows.iter().map(|row| row["top1"].as_f64().unwrap()).sum::<f64>() / 15.0;
    assert!((found["mean_top1"].as_f64().unwrap() - mean).abs() < 1e-12);
    let of = |name: &str| (1..=5).map(|s| row(name, s)["top1"].as_f64().unwrap()).sum::<f64>() / 5.0;
    assert!((found["by_corruption"]["lost"].as_f64().unwrap() - of("lost")).abs() < 1e-12);

    let said = succeeds(&[&eval[..], &["--corruption", "lost,dark", "--severity", "5,1"]].concat());
    let lines = said.lines().collect::<Vec<_>>();
    assert_eq!(lines[0], "| severity | 1 | 5 | mean |", "{said}");
    assert!(lines[2].starts_with("| lost |") && lines[3].starts_with("| dark |") && lines[4].starts_with("| mean |"));
    assert!(lines[5].contains("over 2 corruptions of 20 images"), "{said}");
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let data = corrupted(folder.path());
    let with = |more: &[&str], words: &[&str]| {
        refuses(&[&["eval", "--weights", WEIGHTS, "--data", &data][..], more].concat(), words);
    };
    with(&["--corruption", "fog"], &["corruption", "fog", "dark, lost, none"]);
    with(&["--corruption", "dark,dark"], &["dark", "twice"]);
    with(&["--severity", "6"], &["severity", "1 to 5"]);
    with(&["--severity", "2,2"], &["severity", "twice"]);
    with(&["--report", &at(folder.path(), "report")], &["report", "name a file"]);
    with(&["--size", "32"], &["size"]);
    let plain = ["eval", "--weights", WEIGHTS, "--data", "fashion-mnist-small", "--corruption", "fog"];
    refuses(&plain, &["corruption", "fog", "labels.npy"]);
    // Commands that take one set of images.
    refuses(
        &["train", "--data", &data, "--out", &at(folder.path(), "run")],
        &["corrupted images", "name one of its files"],
    );
    npy(&Path::new(&data).join("short.npy"), "|u1", "(90, 28, 28)", &[0; 90 * 784]);
    with(&[], &["short.npy", "[90, 28, 28]", "[100, height, width, channels]"]);
    with(&["--corruption", "dark", "--severity", "1", "--batch", "0"], &["batch"]);
    let bytes = std::fs::read(Path::new(&data).join("dark.npy")).unwrap();
    std::fs::write(Path::new(&data).join("dark.npy"), &bytes[..bytes.len() - 1]).unwrap();
    with(&["--corruption", "dark"], &["dark.npy", "cut short"]);
    npy(&Path::new(&data).join("labels.npy"), "|u1", "(99,)", &[0; 99]);
    with(&[], &["labels.npy", "99 labels", "5 severities"]);
}

#[test]
fn a_sweep_takes_a_folders_corruptions_in_place_of_noise() {
    let folder = tempfile::tempdir().unwrap();
    let data = corrupted(folder.path());
    let out = at(folder.path(), "sweep");
    let sweep = ["robust", "sweep", "--weights", WEIGHTS, "--data", &data, "--out", &out];
    let few = ["--corruption", "dark,lost", "--severity", "1,5", "--lambdas", "0.1,0.4", "--images", "10", "--samples"];
    let said = succeeds(&[&sweep[..], &few].concat());
    assert!(
        said.contains("| dark 5 |") && said.contains("lost, mean") && said.contains("4 levels of 10 images"),
        "{said}"
    );
    assert!(!said.contains("clean") && !said.contains("NaN"), "there are no clean images: {said}");
    let figures: serde_json::Value =
        serde_json::from_slice(&std::fs::read(Path::new(&out).join("sweep.json")).unwrap()).unwrap();
    let rows = figures["rows"].as_array().unwrap();
    let trained = |noise: &str, level: f64| {
        let found = rows.iter().find(|r| r["noise"] == noise && r["level"] == level && r["rule"] == "trained");
        found.unwrap()["accuracy"].as_f64().unwrap()
    };
    assert!(trained("lost", 1.0) > trained("lost", 5.0));
    assert!(Path::new(&out).join("dark.svg").exists());
    let samples = read_safetensors(&Path::new(&out).join("samples.safetensors")).unwrap();
    assert!(samples.tensors.contains_key("lost.5.correct"));
    for (flags, word) in [(["--noise", "shot"], "noise"), (["--levels", "3"], "levels"), (["--seed", "3"], "seed")] {
        refuses(&[&sweep[..], &few, &flags].concat(), &[word, "corrupted already"]);
    }
}
