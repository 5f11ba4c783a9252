//! One kernel on one tensor: finds the edges of a square by correlation with two difference filters.
//!
//!     cargo run --release --example one_kernel

use sdnet::gpu::{Gpu, GpuOptions};
use sdnet::ops::correlation;
use sdnet::shape::Geometry;
use sdnet::tensor::Tensor;

fn main() -> sdnet::Result<()> {
    let gpu = Gpu::open(&GpuOptions::default())?;

    // One sample with one channel: [n, height, width, channels].
    let inside = |i: usize| (2..6).contains(&i);
    let square = (0..64).map(|i| f32::from(u8::from(inside(i / 8) && inside(i % 8)))).collect::<Vec<_>>();
    let image = Tensor::from_slice(&gpu, &[1, 8, 8, 1], &square)?;

    // Two filters, [atoms, k, k, channels]: horizontal and vertical differences.
    let filters = [[0., 0., 0., 0., -1., 1., 0., 0., 0.], [0., 0., 0., 0., -1., 0., 0., 1., 0.]].concat();
    let filters = Tensor::from_slice(&gpu, &[2, 3, 3, 1], &filters)?;

    let edges = correlation(&image, &filters, Geometry::square(1, 1))?;

    println!("{} gives {:?}; edges to the right:", gpu.adapter().name, edges.shape());
    for row in edges.to_vec()?.chunks_exact(2 * 8) {
        let signs = row.chunks_exact(2).map(|atoms| match atoms[0] {
            v if v > 0.0 => '+',
            v if v < 0.0 => '-',
            _ => '.',
        });
        println!("  {}", signs.collect::<String>());
    }
    Ok(())
}
