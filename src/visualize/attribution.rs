//! Which pixels a class score depends on: the usual measures, for comparison.

use crate::error::{Error, Result};
use crate::interpret::weighted_map;
use crate::layers::Pass;
use crate::models::{Model, Network, Stage};
use crate::ops::{check_labels, scale};
use crate::tape::Tape;
use crate::tensor::Tensor;

/// The gradient of each image's score for its class with respect to its pixels, `[n, height, width, channels]`
/// (arXiv 1312.6034). Images are already normalised; there is one class each.
///
/// # Errors
/// [`Error::Argument`] for a class that the model does not have, [`Error::Shape`], [`Error::OutOfMemory`].
pub fn input_gradient(model: &dyn Model, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    let tape = Tape::new();
    let x = tape.leaf(images);
    let scores = model.forward(&Pass::eval(&tape).frozen(), &x)?;
    let upstream = one_hot(model, scores.value(), classes)?;
    Ok(tape.backward_from(&scores, &upstream)?.of("the images", &x)?.clone())
}

/// Integrated gradients (arXiv 1703.01365, equation 3) from the image 0:
/// `x mean over i of gradient(x (i - 1/2) / steps)`, `i = 1..=steps`, of the score for the image's class. Shapes as in
/// [`input_gradient`]; over all pixels they sum to the score less that of 0, up to what the steps leave.
///
/// # Errors
/// As [`input_gradient`]; [`Error::Argument`] without steps.
pub fn integrated_gradients(model: &dyn Model, images: &Tensor, classes: &[u32], steps: usize) -> Result<Vec<f32>> {
    if steps == 0 {
        return Err(Error::argument("steps", 0, "at least one is needed"));
    }
    let x = images.to_vec()?;
    let mut sums = vec![0.0_f64; x.len()];
    for step in 0..steps {
        let at = (step as f32 + 0.5) / steps as f32;
        let gradient = input_gradient(model, &scale(images, at)?, classes)?.to_vec()?;
        sums.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += f64::from(g));
    }
    Ok(x.iter().zip(sums).map(|(x, sum)| (f64::from(*x) * sum / steps as f64) as f32).collect())
}

/// Grad-CAM (arXiv 1610.02391) of the map behind a stage, `[n, h, w]`: `max(0, sum over c of a_c map_c)`, `a_c` being the mean over
/// pixels of the gradient of the image's score for its class with respect to `map_c`.
///
/// # Errors
/// As [`input_gradient`].
pub fn grad_cam(network: &Network, stage: Stage, images: &Tensor, classes: &[u32]) -> Result<Tensor> {
    let below = Tape::idle();
    let map = network.features_at(&Pass::eval(&below), stage, &below.constant(images))?.value().clone();
    let tape = Tape::new();
    let x = tape.leaf(&map);
    let scores = network.head_at(&Pass::eval(&tape).frozen(), stage, &x)?;
    let upstream = one_hot(network, scores.value(), classes)?;
    let gradient = tape.backward_from(&scores, &upstream)?.of("the map", &x)?.to_vec()?;
    let &[n, height, width, channels] = map.shape() else {
        return Err(Error::shape("grad_cam", "a map is [n, height, width, channels]", &[map.shape()]));
    };
    let (values, sample) = (map.to_vec()?, height * width * channels);
    let pairs = values.chunks_exact(sample).zip(gradient.chunks_exact(sample));
    let of = |(map, gradient)| weighted_map(map, [height, width, channels], gradient);
    let cam = pairs.flat_map(of).map(|value| value as f32).collect::<Vec<_>>();
    Tensor::from_slice(images.gpu(), &[n, height, width], &cam)
}

/// One at each image's class, zero elsewhere, in the shape of the scores.
fn one_hot(model: &dyn Model, scores: &Tensor, classes: &[u32]) -> Result<Tensor> {
    let count = model.classes();
    check_labels(classes, count)?;
    if scores.shape() != [classes.len(), count] {
        return Err(Error::shape("attribution", "needs one class for each image", &[scores.shape(), &[classes.len()]]));
    }
    let mut values = vec![0.0; scores.len()];
    classes.iter().enumerate().for_each(|(image, class)| values[image * count + *class as usize] = 1.0);
    Tensor::from_slice(scores.gpu(), scores.shape(), &values)
}
