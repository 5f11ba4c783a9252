//! A model's first values, drawn from a seed.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::error::Result;
use crate::layers::{Init, Part, Path, Walk, sparse_layers};
use crate::ops::normalize_atoms;

/// Draws the values of all parameters and buffers, in the order of the walk; atoms are projected to unit norm. The same seed
/// gives the same values everywhere.
///
/// # Errors
/// Whatever the device reports.
pub fn initialise<W: Walk + ?Sized>(model: &W, seed: u64) -> Result<()> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut done = Ok(());
    model.visit(&Path::root(), &mut |_, part| {
        if let (Part::Parameter(tensor, init) | Part::Buffer(tensor, init), Ok(())) = (part, &done) {
            done = tensor.write(&draw(&mut rng, tensor.shape(), init));
        }
    });
    done?;
    sparse_layers(model).into_iter().try_for_each(|(_, csc)| normalize_atoms(csc.weight()))
}

fn draw(rng: &mut ChaCha8Rng, shape: &[usize], init: Init) -> Vec<f32> {
    let len = shape.iter().product();
    match init {
        Init::Convolution => {
            let deviation = (2.0 / shape[..3].iter().product::<usize>() as f64).sqrt();
            (0..len).map(|_| (deviation * normal(rng)) as f32).collect()
        }
        Init::Linear { inputs } => {
            let bound = 1.0 / (inputs as f64).sqrt();
            (0..len).map(|_| (bound * (2.0 * uniform(rng) - 1.0)) as f32).collect()
        }
        Init::Luminance if len == 3 => vec![0.9802, 1.3060, 0.7138],
        Init::Luminance | Init::One => vec![1.0; len],
        Init::Zero => vec![0.0; len],
    }
}

/// Uniform in (0, 1).
fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 12) as f64 + 0.5) / (1_u64 << 52) as f64
}

/// Standard normal (Box and Muller).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    (-2.0 * uniform(rng).ln()).sqrt() * (std::f64::consts::TAU * uniform(rng)).cos()
}
