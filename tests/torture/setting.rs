//! What several cases need.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::models::{Architecture, ModelConfig, Network};
use sdnet::tensor::Tensor;

/// How often: so many times in `cargo test`, or in `scripts/torture`.
pub fn times(short: usize, long: usize) -> usize {
    if std::env::var_os("SDNET_TORTURE").is_some() { long } else { short }
}

pub fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A device of a test's own.
pub fn open() -> Gpu {
    let adapter = std::env::var("SDNET_ADAPTER").ok().filter(|name| !name.is_empty());
    Gpu::open(&GpuOptions { adapter, ..GpuOptions::default() }).unwrap_or_else(|e| panic!("{e}"))
}

/// A network with every kind of layer, and images for it.
pub fn network(gpu: &Gpu) -> (Network, Tensor) {
    let config = ModelConfig { width: 2, in_channels: 1, classes: 4, ..ModelConfig::named("sdnet18-all").unwrap() };
    let mut random = random(1);
    let pixels = (0..2 * 12 * 12).map(|_| random.random_range(-1.0..1.0)).collect::<Vec<f32>>();
    let images = Tensor::from_slice(gpu, &[2, 12, 12, 1], &pixels).unwrap();
    (Network::new(gpu, &config, 3).unwrap(), images)
}

pub fn program() -> PathBuf {
    assert_cmd::cargo::cargo_bin("sdnet")
}

pub fn sdnet(arguments: &[&str]) -> Output {
    Command::new(program()).args(arguments).output().unwrap()
}

#[track_caller]
pub fn succeeds(arguments: &[&str]) -> String {
    let output = sdnet(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn at(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// `count` images of 12 x 12 pixels and four classes for each split, in IDX files.
pub fn data(folder: &Path, count: u32) -> String {
    let data = folder.join("data");
    std::fs::create_dir(&data).unwrap();
    let mut random = random(2);
    for part in ["train", "t10k"] {
        let labels = (0..count).map(|i| (i % 4) as u8).collect::<Vec<_>>();
        let mut pixels = Vec::new();
        for label in &labels {
            pixels.extend((0..144).map(|_| 60 * label + random.random_range(0..60)));
        }
        let sides = [count, 12, 12].map(u32::to_be_bytes).concat();
        std::fs::write(data.join(format!("{part}-images-idx3-ubyte")), [&[0, 0, 8, 3], &sides[..], &pixels].concat())
            .unwrap();
        let header = [&[0, 0, 8, 1][..], &count.to_be_bytes()].concat();
        std::fs::write(data.join(format!("{part}-labels-idx1-ubyte")), [header, labels].concat()).unwrap();
    }
    data.display().to_string()
}
