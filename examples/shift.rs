//! How far the max-pooled maps of a network's first filters move with the image: predicted, and measured.
//!
//!     cargo run --release --example shift [WEIGHTS.safetensors]

use sdnet::checkpoint;
use sdnet::data::{Split, bundled};
use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::layers::parameters;
use sdnet::models::Network;
use sdnet::shift::{Gaussian, Response, gamma_squared, mean_spectrum, measured};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let trained = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/sdnet18-fashion.safetensors");
    let weights = std::env::args().nth(1).unwrap_or_else(|| trained.into());
    let gpu = Gpu::open(&GpuOptions::default())?;
    let network = checkpoint::load::<Network>(weights.as_ref(), &gpu, None)?.model;

    // Grey images from 0 to 1, and what frequencies they have.
    let data = bundled(Split::Test)?.subset(24);
    let side = data.width;
    let grey = |i| Ok(data.image(i)?.iter().map(|pixel| f64::from(*pixel) / 255.0).collect());
    let images = (0..data.len()).map(grey).collect::<sdnet::Result<Vec<Vec<f64>>>>()?;
    let spectrum = mean_spectrum(&images, side);

    // The first layer of this network has one channel and stride 1, so that its kernels are filters as they are.
    let (name, atoms) = parameters(&network).remove(0);
    println!("{name}: error of max-pooling against the modulus, and movement by one pixel");
    println!("atom  theta x, y   gamma^2    error: model  measured   movement: model  measured");
    let kernels = atoms.to_vec()?;
    for (atom, kernel) in kernels.chunks_exact(kernels.len() / atoms.shape()[0]).enumerate() {
        // A filter and its negative differ on images, which are brighter than zero: the one of positive sum is measured.
        let sign = if kernel.iter().sum::<f32>() < 0.0 { -1.0 } else { 1.0 };
        let kernel = kernel.iter().map(|value| sign * f64::from(*value)).collect::<Vec<_>>();
        let response = Response::of_real(&kernel, atoms.shape()[1]);
        let theta = response.concentration(1).theta;
        let Some(model) = Gaussian::of(&response, &spectrum, 1) else { continue };
        let found = measured(&images, side, &response, 1, &[[1.0, 0.0]])?;
        println!(
            "{atom:>4} {:>6.2} {:>5.2} {:>9.4} {:>15.4} {:>9.4} {:>17.4} {:>9.4}",
            theta[0],
            theta[1],
            gamma_squared(theta, 1),
            model.error,
            found.error,
            model.rmax,
            found.rmax[0]
        );
    }
    Ok(())
}
