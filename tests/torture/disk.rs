//! A disk that is full, at every size that a file can have by then.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setting::*;

/// Runs the program where no file may grow beyond so many KiB: writes then fail, as on a full disk.
fn limited(kibibytes: usize, arguments: &[&str]) -> std::process::Output {
    let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
    let mut command = Command::new("bash");
    // Drivers may keep compiled kernels in files of their own.
    command.env("MESA_SHADER_CACHE_DISABLE", "true");
    command.arg("-c").arg(script).arg(program()).args(arguments).output().unwrap()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            all.extend(files(&entry.path()));
        } else {
            all.insert(entry.path(), std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

/// Whether a file is what a program would have written, as far as its end shows.
fn is_whole(path: &Path, bytes: &[u8]) -> bool {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("safetensors") => sdnet::files::read_safetensors(path).is_ok(),
        Some("npy") => sdnet::files::read_npy(path).is_ok(),
        Some("png") => image::load_from_memory(bytes).is_ok(),
        Some("svg") => text(bytes).trim_end().ends_with("</svg>"),
        Some("html") => text(bytes).trim_end().ends_with("</html>"),
        Some("json") => serde_json::from_slice::<serde_json::Value>(bytes).is_ok(),
        _ => bytes.is_empty() || bytes.ends_with(b"\n"),
    }
}

#[test]
fn a_full_disk_is_an_error_and_leaves_every_file_as_it_was_or_whole() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| at(folder.path(), name);
    let data = data(folder.path(), 40);
    let weights = at("run/best.safetensors");
    let run = at("run");
    succeeds(&[
        "train", "--data", &data, "--width", "2", "--batch", "8", "--epochs", "1", "--lr", "0.02", "--out", &run,
    ]);
    succeeds(&["robust", "recalibrate", "--weights", &weights, "--lambdas", "0.1,0.3", "--images", "16"]);
    let picture = at("x.png");
    image::GrayImage::from_pixel(12, 12, image::Luma([90])).save(&picture).unwrap();
    let commands: [(&str, &[&str]); 10] = [
        ("train", &["train", "--data", &data, "--width", "2", "--batch", "8", "--epochs", "1", "--out", "OUT"]),
        ("resume", &["train", "--resume", "--epochs", "2", "--out", &run]),
        ("csv", &["predict", "--weights", &weights, &picture, "--output", "OUT.csv"]),
        ("scores", &["predict", "--weights", &weights, &picture, "--output", "OUT.npy"]),
        ("eval", &["eval", "--weights", &weights, "--report", "OUT"]),
        ("report", &["report", &run, "--out", "OUT.html"]),
        ("recalibrate", &["robust", "recalibrate", "--weights", &weights, "--lambdas", "0.1,0.2", "--images", "16"]),
        ("calibrate", &["robust", "calibrate", "--weights", &weights, "--lambdas", "0.1,0.3", "--images", "16"]),
        ("attack", &["attack", "--weights", &weights, "--samples", "4", "--steps", "2", "--out", "OUT"]),
        ("shaders", &["shaders", "--out", "OUT"]),
    ];
    let limits: &[usize] = if times(0, 1) == 0 { &[0, 8] } else { &[0, 1, 2, 4, 8, 16, 32, 64, 128, 256] };
    let mut failures = 0;
    for (name, arguments) in commands {
        for &limit in limits {
            let out = at(&format!("{name}-{limit}"));
            let arguments = arguments.iter().map(|a| a.replace("OUT", &out)).collect::<Vec<_>>();
            let arguments = arguments.iter().map(String::as_str).collect::<Vec<_>>();
            let before = files(folder.path());
            let output = limited(limit, &arguments);
            let said = text(&output.stderr);
            assert!(!said.contains("panicked"), "{name} at {limit} KiB: {said}");
            if output.status.success() {
                continue;
            }
            failures += 1;
            assert_eq!(output.status.code(), Some(1), "{name} at {limit} KiB: {said}");
            let last = said.lines().last().unwrap_or_default();
            assert!(last.contains("File too large") && last.contains('/'), "{name} at {limit} KiB: {said}");
            for (path, bytes) in files(folder.path()) {
                let file_name = path.file_name().unwrap().to_string_lossy().into_owned();
                assert!(!file_name.starts_with(".sdnet-"), "{name} at {limit} KiB left {}", path.display());
                let changed = before.get(&path) != Some(&bytes);
                assert!(!changed || is_whole(&path, &bytes), "{name} at {limit} KiB: {} is broken", path.display());
            }
        }
    }
    assert!(failures >= commands.len(), "only {failures} commands failed");
    // What was there before can still be used.
    succeeds(&["train", "--resume", "--epochs", "3", "--out", &run]);
    println!(
        "{failures} commands met a full disk: an error that names the file, no file broken, no temporary file left"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_an_error_for_every_command_that_prints() {
    let folder = tempfile::tempdir().unwrap();
    let picture = at(folder.path(), "x.png");
    image::GrayImage::from_pixel(28, 28, image::Luma([90])).save(&picture).unwrap();
    let weights = "assets/sdnet18-fashion.safetensors";
    for arguments in [
        &["adapters"][..],
        &["shaders"],
        &["predict", "--weights", weights, &picture],
        &["predict", "--weights", weights, &picture, "--format", "json"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = Command::new(program()).args(arguments).stdout(full).output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains("standard output"), "{arguments:?}: {said}");
    }
}
