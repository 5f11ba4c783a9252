//! Embedding: what a trained network says of a few images, in a program of its own. Needs neither the `cli` feature nor
//! anything but the weights file.
//!
//!     cargo run --release --no-default-features --example embed [WEIGHTS.safetensors]

use std::path::PathBuf;

use sdnet::checkpoint;
use sdnet::data::{DataSource, Normalization, Split, fill_batch, load};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::tensor::Tensor;

fn main() -> sdnet::Result<()> {
    let trained = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sdnet18-fashion.safetensors");
    let weights = std::env::args_os().nth(1).map_or(PathBuf::from(trained), PathBuf::from);
    let gpu = Gpu::open(&GpuOptions::default())?;
    let (mut network, recipe) = checkpoint::load(&weights, &gpu, None)?;

    // Any pixels will do that are normalised as the file says; here, some test images.
    let data = load(&DataSource { name: "fashion-mnist-small".into(), root: None }, Split::Test)?;
    let normalization = recipe.normalization.unwrap_or_else(|| Normalization::default_for(&data.name, data.channels));
    let images = [0, 400, 800, 1200, 1600];
    let (pixels, labels) = fill_batch(&data, &images, &normalization, None, 0, 0);
    let x = Tensor::from_slice(&gpu, &[images.len(), data.height, data.width, data.channels], &pixels)?;

    let scores = network.predict(&x, None)?.to_vec()?;
    for (scores, label) in scores.chunks_exact(recipe.model.classes).zip(labels) {
        let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap_or_default();
        println!("{} (is {})", data.class_names[best], data.class_names[label as usize]);
    }
    Ok(())
}
