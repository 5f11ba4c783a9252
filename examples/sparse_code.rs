//! Sparse codes of a photograph: how FISTA lowers the objective, how few codes are not zero, and their reconstruction.
//!
//!     cargo run --release --example sparse_code [PHOTO.png [RECONSTRUCTION.png]]

use std::f32::consts::PI;

use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::layers::{Csc, CscConfig, Pass};
use sdnet::shape::Geometry;
use sdnet::tape::Tape;
use sdnet::tensor::{Tensor, nchw_to_nhwc, nhwc_to_nchw};

/// All products of two cosines on 7 x 7 pixels (the DCT), with unit norm: [49, 7, 7, 1].
fn cosines() -> Vec<f32> {
    let wave = |f: usize, x: usize| (PI * f as f32 * (x as f32 + 0.5) / 7.0).cos();
    let atom = |f: usize| (0..49).map(move |i| wave(f / 7, i / 7) * wave(f % 7, i % 7));
    let norm = |f: usize| atom(f).map(|v| v * v).sum::<f32>().sqrt();
    (0..49).flat_map(|f| atom(f).map(move |v| v / norm(f))).collect()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args().skip(1);
    let photo = paths.next().unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/photo.png").into());
    let output = paths.next().unwrap_or("reconstruction.png".into());
    let photo = image::open(photo)?.into_rgb8();
    let (width, height) = (photo.width() as usize, photo.height() as usize);

    // The three colours become three samples with one channel each.
    let pixels = photo.pixels().flat_map(|p| p.0).map(|v| f32::from(v) / 255.0).collect::<Vec<_>>();
    let planes = nhwc_to_nchw(&[1, height, width, 3], &pixels)?;
    let gpu = Gpu::open(&GpuOptions::default())?;
    let x = Tensor::from_slice(&gpu, &[3, height, width, 1], &planes)?;

    let dictionary = Tensor::from_slice(&gpu, &[49, 7, 7, 1], &cosines())?;
    let base =
        CscConfig { geometry: Geometry::square(2, 3), lambda: 0.03, non_negative: false, ..CscConfig::default() };
    let mut csc = Csc::new(dictionary, base)?;
    let tape = Tape::idle();
    let mut codes = Vec::new();
    for iterations in [1, 2, 4, 8, 16] {
        csc.set_config(CscConfig { iterations, ..base })?;
        let z = csc.forward(&Pass::eval(&tape), &tape.constant(&x))?.value().clone();
        let objective: f32 = csc.objective(&x, &z)?.iter().sum();
        let values = z.to_vec()?;
        let share = 100.0 * values.iter().filter(|v| **v != 0.0).count() as f32 / values.len() as f32;
        println!("{iterations:2} iterations: objective {objective:9.2}, {share:.1} % of the codes are not zero");
        codes.push(z);
    }
    let Some(best) = codes.last() else { return Ok(()) };
    let planes = csc.reconstruct(best, [height, width])?.to_vec()?;
    let error = planes.iter().zip(x.to_vec()?).map(|(a, b)| (a - b).powi(2)).sum::<f32>() / planes.len() as f32;
    println!("the reconstruction in {output} has a peak signal-to-noise ratio of {:.1} dB", -10.0 * error.log10());
    let pixels = nchw_to_nhwc(&[1, 3, height, width], &planes)?;
    let bytes = pixels.iter().map(|v| (255.0 * v).round().clamp(0.0, 255.0) as u8).collect();
    image::RgbImage::from_raw(width as u32, height as u32, bytes).ok_or("sizes do not match")?.save(output)?;
    Ok(())
}
