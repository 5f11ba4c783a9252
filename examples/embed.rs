//! Embedding: what a trained network says of an image, in a program of its own. It needs nothing but the weights file:
//! names of classes and the normalisation of pixels come with it. It builds without any feature of the crate.
//!
//!     cargo run --release --no-default-features --example embed [WEIGHTS.safetensors]

use std::path::PathBuf;

use sdnet::checkpoint;
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::models::Network;

/// The brightness of a pixel of 28 x 28: a waist and two legs, which part and narrow on the way down.
fn trouser(y: usize, x: usize) -> u8 {
    let (from_middle, down) = ((2 * x).abs_diff(27), y.saturating_sub(6));
    let leg = down / 3 < from_middle && from_middle < 10 + down / 5;
    if (2..26).contains(&y) && leg { 200 } else { 0 }
}

fn main() -> sdnet::Result<()> {
    let trained = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sdnet18-fashion.safetensors");
    let weights = std::env::args_os().nth(1).map_or(PathBuf::from(trained), PathBuf::from);
    let pixels = (0..28 * 28).map(|i| trouser(i / 28, i % 28)).collect::<Vec<_>>();

    let gpu = Gpu::open(&GpuOptions::default())?;
    let checkpoint = checkpoint::load::<Network>(&weights, &gpu, None)?;
    for prediction in checkpoint.classify(&pixels, [28, 28])? {
        println!("{}, {:.1} %", prediction.class, 100.0 * prediction.probability);
    }
    Ok(())
}
