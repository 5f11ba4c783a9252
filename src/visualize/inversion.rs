//! Images by gradient descent, from the codes of a layer.

use rand_distr::{Distribution, Normal};

use super::until::codes_of;
use crate::checks::check_finite;
use crate::data::random::{Purpose, stream};
use crate::error::{Error, Result};
use crate::layers::Pass;
use crate::models::Network;
use crate::ops::{AdamWRule, adamw, scale};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The learning rate at the start, in units of normalised pixels; it falls to zero along a cosine.
const LEARNING_RATE: f32 = 0.1;

const RULE: AdamWRule = AdamWRule { beta1: 0.9, beta2: 0.999, weight_decay: 0.0 };

/// The deviation of the noise at the start. An image without contrast would not do: all of its codes are zero, and do not change
/// with it.
const START: f32 = 0.5;

/// Images `shape = [n, height, width, channels]`, normalised, of which a layer has nearly these codes: `steps` steps of Adam towards
/// `min over x of |z(x) - codes|^2`, from noise drawn from a seed.
///
/// # Errors
/// [`Error::Argument`] for a layer that the network does not have, [`Error::Shape`] for codes of another shape,
/// [`Error::NotFinite`] where it diverges, [`Error::OutOfMemory`].
pub fn by_descent(
    network: &Network,
    layer: &str,
    codes: &Tensor,
    shape: &[usize],
    steps: u32,
    seed: u64,
) -> Result<Tensor> {
    let gpu = codes.gpu();
    let images = Tensor::from_slice(gpu, shape, &noise(shape.iter().product(), seed)?)?;
    let moments = [Tensor::full(gpu, shape, 0.0)?, Tensor::full(gpu, shape, 0.0)?];
    let against = scale(codes, -1.0)?;
    for step in 1..=steps {
        let tape = Tape::new();
        let x = tape.leaf(&images);
        let found = codes_of(network, &Pass::eval(&tape).frozen(), layer, &x)?;
        let off = found.value().add(&against)?;
        let gradients = tape.backward_from(&found, &off)?;
        let progress = f64::from(step - 1) / f64::from(steps);
        let rate = f64::from(LEARNING_RATE) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
        adamw(&images, [&moments[0], &moments[1]], gradients.of("the images", &x)?, rate as f32, RULE, step)?;
    }
    check_finite("the images", &images.to_vec()?, "the weights are damaged, or their step size is too large")?;
    Ok(images)
}

fn noise(len: usize, seed: u64) -> Result<Vec<f32>> {
    let normal = Normal::new(0.0, START).map_err(|e| Error::argument("deviation", START, e.to_string()))?;
    let mut rng = stream(Purpose::Start, seed, 0, 0);
    Ok((0..len).map(|_| normal.sample(&mut rng)).collect())
}
