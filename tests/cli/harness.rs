//! Helpers that run the program and make files for it.

pub use std::path::{Path, PathBuf};
use std::process::Output;

pub use assert_cmd::Command;
pub use sdnet::files::{NamedTensors, TensorFile, read_npy, read_safetensors, write_npy, write_safetensors};
pub use sdnet::reference::sequence::sequence;

pub fn sdnet(arguments: &[&str]) -> Output {
    Command::cargo_bin("sdnet").unwrap().args(arguments).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs what must succeed; returns its standard output.
#[track_caller]
pub fn succeeds(arguments: &[&str]) -> String {
    let output = sdnet(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs what must fail with exit code 1 and a message (not a panic) that contains all of these words.
#[track_caller]
pub fn refuses(arguments: &[&str], words: &[&str]) {
    let output = sdnet(arguments);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {message}{}", text(&output.stdout));
    assert!(!message.contains("panicked"), "{message}");
    for word in words {
        assert!(message.contains(word), "{arguments:?}: no {word:?} in {message:?}");
    }
}

/// A Python that has these modules, if there is one: `SDNET_PYTHON`, or python3.
pub fn python_with(modules: &str) -> Option<String> {
    let python = std::env::var("SDNET_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = std::process::Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if output.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    println!("{python} lacks one of {modules}: what it makes of the files is not tested");
    None
}

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/net_{name}.safetensors"))
}

/// The parameters of a golden file as a weights file that `sdnet` did not write.
pub fn foreign_weights(folder: &Path, name: &str) -> String {
    let file = read_safetensors(&golden(name)).unwrap();
    let named = file.tensors.into_iter().filter_map(|(key, tensor)| {
        let name = key.strip_prefix("param.").or(key.strip_prefix("bn."))?.to_owned();
        Some((name, tensor))
    });
    let mut tensors = named.collect::<NamedTensors>();
    // Step sizes under their published names.
    let steps: std::collections::BTreeMap<String, f32> = serde_json::from_str(&file.metadata["step"]).unwrap();
    tensors.extend(steps.into_iter().map(|(layer, step)| (format!("{layer}.step_size"), (vec![], vec![step]))));
    let path = folder.join(format!("{name}.safetensors"));
    write_safetensors(&path, &TensorFile { tensors, ..Default::default() }).unwrap();
    path.display().to_string()
}

pub fn images(folder: &Path, shape: [usize; 4], change: impl FnOnce(&mut Vec<f32>)) -> String {
    let mut values = sequence(shape.iter().product(), 150, 1.0).iter().map(|v| *v as f32).collect();
    change(&mut values);
    let path = folder.join(format!("x{shape:?}.npy"));
    write_npy(&path, &shape, &values).unwrap();
    path.display().to_string()
}

pub fn at(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

pub const NARROW: [&str; 10] =
    ["--model", "sdnet18", "--width", "8", "--in-channels", "1", "--classes", "10", "--iterations", "4"];

/// Flags for a training run that takes a second or two.
pub const SMALL: [&str; 10] =
    ["--data", "fashion-mnist-small", "--width", "2", "--batch", "16", "--epochs", "1", "--seed", "5"];

pub fn train(out: &str, more: &[&str]) -> String {
    succeeds(&[&["train", "--out", out], &SMALL[..], more].concat())
}

/// 320 images of 12 x 12 pixels in IDX files, for training runs of a second or two.
pub fn tiny_data(folder: &Path) -> String {
    let data = folder.join("tiny");
    std::fs::create_dir(&data).unwrap();
    for part in ["train", "t10k"] {
        let pixels = sequence(320 * 144, 3, 127.0).iter().map(|v| (v + 128.0) as u8).collect::<Vec<_>>();
        let labels = (0..320).map(|i| (i * 7 % 10) as u8).collect::<Vec<_>>();
        let header = [&[0, 0, 8, 3][..], &320_u32.to_be_bytes(), &12_u32.to_be_bytes(), &12_u32.to_be_bytes()].concat();
        std::fs::write(data.join(format!("{part}-images-idx3-ubyte")), [header, pixels].concat()).unwrap();
        let header = [&[0, 0, 8, 1][..], &320_u32.to_be_bytes()].concat();
        std::fs::write(data.join(format!("{part}-labels-idx1-ubyte")), [header, labels].concat()).unwrap();
    }
    data.display().to_string()
}
