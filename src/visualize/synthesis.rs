//! From the codes of a layer down to pixels, by the syntheses of the layers below.

use super::Coded;
use crate::error::{Error, Result};
use crate::layers::{BATCH_NORM_EPSILON, BatchNorm, Conv, Csc, Filters, Graph, Linear, sparse_layers};
use crate::models::Network;
use crate::ops::{Blur, Window, scale};
use crate::tensor::Tensor;

/// Factors of a batch norm below this are taken for zero: what was multiplied by them is lost.
const LOST: f32 = 1e-6;

/// For every sparse coding layer of a network, the way from its codes down to pixels: `A z` is its input, of which the batch norm
/// before it is undone, which gives the codes of the layer below, and so on. Shortcuts, convolutions, ReLU and pooling cannot be
/// undone so; layers behind one have no way.
#[derive(Debug)]
pub struct Syntheses<'a> {
    layers: Vec<&'a Csc>,
    /// What lies between the image and each layer.
    below: Vec<Trail>,
}

/// What lies between the image and a value, from the image up.
#[derive(Clone, Debug, Default)]
struct Trail {
    steps: Vec<Step>,
    /// The first thing that cannot be undone.
    obstacle: Option<&'static str>,
}

#[derive(Clone, Debug)]
enum Step {
    /// A sparse coding layer, by its place.
    Layer(usize),
    BatchNorm(BatchNorm),
}

/// What becomes of the contrast on the way down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contrast {
    /// Syntheses are taken as they are. A few iterations from zero, and the l1 term, leave `A z` short of `x`, so that every layer
    /// takes contrast away.
    Kept,
    /// Every synthesis is multiplied by `<A z, x> / |A z|^2` of what the layer made of the images: one number a layer.
    Fitted,
}

/// Whether batch norms are undone whole and estimated codes clipped, or only the factors of the norms are undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Undo {
    Whole(Contrast),
    Factor,
}

impl<'a> Syntheses<'a> {
    /// The ways of a network.
    ///
    /// # Errors
    /// None of its own.
    pub fn new(network: &'a Network) -> Result<Self> {
        let layers = sparse_layers(network).into_iter().map(|(_, csc)| csc).collect::<Vec<_>>();
        let ids = layers.iter().map(|csc| csc.weight().id()).collect::<Vec<_>>();
        let mut trails = Trails { below: vec![Trail::default(); ids.len()], ids };
        network.add_to(&mut trails, &Trail::default())?;
        Ok(Self { layers, below: trails.below })
    }

    /// What hinders a layer's codes, by its place in the order of the walk, from being turned into pixels, if anything does.
    pub fn obstacle(&self, layer: usize) -> Option<&'static str> {
        self.below.get(layer).map_or(Some("there is no such layer"), |trail| trail.obstacle)
    }

    /// The images `[n, height, width, channels]`, normalised, of the codes of a layer, by its place. `coded` is what the network
    /// made of images of that size. Estimates of codes that the layer keeps non-negative are clipped at zero.
    ///
    /// # Errors
    /// [`Error::Argument`] for a layer that has an [`obstacle`](Self::obstacle), [`Error::OutOfMemory`].
    pub fn images(&self, layer: usize, codes: &Tensor, coded: &[Coded], contrast: Contrast) -> Result<Tensor> {
        self.down(layer, codes, coded, Undo::Whole(contrast))
    }

    /// The atoms of a layer in pixels, `[atoms, height, width, channels]`: each as a code of one in the middle of a map, with
    /// the factors of batch norms undone, but not their offsets.
    ///
    /// # Errors
    /// As [`Syntheses::images`].
    pub fn atoms(&self, layer: usize, coded: &[Coded]) -> Result<Tensor> {
        let shape = coded.get(layer).map(|coded| coded.codes.shape().to_vec());
        let Some(&[_, height, width, atoms]) = shape.as_deref() else {
            return Err(no_way(layer, "there is no such layer"));
        };
        let mut codes = vec![0.0; atoms * height * width * atoms];
        for atom in 0..atoms {
            codes[((atom * height + height / 2) * width + width / 2) * atoms + atom] = 1.0;
        }
        let codes = Tensor::from_slice(self.layers[layer].weight().gpu(), &[atoms, height, width, atoms], &codes)?;
        self.down(layer, &codes, coded, Undo::Factor)
    }

    fn down(&self, layer: usize, codes: &Tensor, coded: &[Coded], undo: Undo) -> Result<Tensor> {
        if let Some(obstacle) = self.obstacle(layer) {
            return Err(no_way(layer, obstacle));
        }
        let mut value = self.synthesis(layer, codes, coded, undo)?;
        for step in self.below[layer].steps.iter().rev() {
            value = match step {
                Step::BatchNorm(norm) => undone(norm, &value, undo)?,
                Step::Layer(below) => {
                    let clipped = undo != Undo::Factor && self.layers[*below].config().non_negative;
                    let codes = if clipped { clipped_at_zero(&value)? } else { value };
                    self.synthesis(*below, &codes, coded, undo)?
                }
            };
        }
        Ok(value)
    }

    /// The [`reconstruction`] of a layer, fitted in contrast if that is asked for.
    fn synthesis(&self, layer: usize, codes: &Tensor, coded: &[Coded], undo: Undo) -> Result<Tensor> {
        let csc = self.layers[layer];
        let Coded { input, codes: own, .. } = &coded[layer];
        let &[_, height, width, _] = input.shape() else {
            return Err(Error::shape("syntheses", "an input is [n, height, width, channels]", &[input.shape()]));
        };
        let signal = reconstruction(csc, codes, [height, width])?;
        if undo == Undo::Whole(Contrast::Fitted) {
            let kept = csc.reconstruct(own, [height, width])?.to_vec()?;
            return scale(&signal, fitting_factor(&kept, &input.to_vec()?));
        }
        Ok(signal)
    }
}

/// `A z` for signals of this height and width, and of its copies the mean, where the layer repeats its input.
///
/// # Errors
/// As [`Csc::reconstruct`].
pub fn reconstruction(csc: &Csc, codes: &Tensor, size: [usize; 2]) -> Result<Tensor> {
    let signal = csc.reconstruct(codes, size)?;
    match csc.config().dictionaries {
        1 => Ok(signal),
        copies => mean_of_copies(&signal, copies),
    }
}

/// The factor by which `kept` comes nearest to `x`, `<kept, x> / |kept|^2`; 1 for nothing kept.
pub fn fitting_factor(kept: &[f32], x: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let square = dot(kept, kept);
    if square > 0.0 { (dot(kept, x) / square) as f32 } else { 1.0 }
}

fn no_way(layer: usize, obstacle: &str) -> Error {
    Error::argument("layer", layer, format!("its codes cannot be turned into pixels by syntheses: {obstacle}"))
}

/// The mean over the copies of each channel, which lie one set after the other.
fn mean_of_copies(signal: &Tensor, copies: usize) -> Result<Tensor> {
    let [shape @ .., repeated] = signal.shape() else { return Ok(signal.clone()) };
    let channels = repeated / copies;
    let mean = |pixel: &[f32], c: usize| pixel.iter().skip(c).step_by(channels).sum::<f32>() / copies as f32;
    let values = signal.to_vec()?;
    let means = values.chunks_exact(*repeated).flat_map(|pixel| (0..channels).map(move |c| mean(pixel, c)));
    Tensor::from_slice(signal.gpu(), &[shape, &[channels]].concat(), &means.collect::<Vec<_>>())
}

/// `(y - beta) sqrt(variance + epsilon) / gamma + mean`, or without the offsets.
fn undone(norm: &BatchNorm, y: &Tensor, undo: Undo) -> Result<Tensor> {
    let [weight, bias, mean, variance] =
        [&norm.weight, &norm.bias, &norm.running.mean, &norm.running.variance].map(Tensor::to_vec);
    let (weight, bias, mean, variance) = (weight?, bias?, mean?, variance?);
    let back = |(i, y): (usize, f32)| {
        let c = i % weight.len();
        let factor = if weight[c].abs() < LOST { 0.0 } else { (variance[c] + BATCH_NORM_EPSILON).sqrt() / weight[c] };
        match undo {
            Undo::Whole(_) => (y - bias[c]) * factor + mean[c],
            Undo::Factor => y * factor,
        }
    };
    let values = y.to_vec()?.into_iter().enumerate().map(back).collect::<Vec<_>>();
    Tensor::from_slice(y.gpu(), y.shape(), &values)
}

fn clipped_at_zero(value: &Tensor) -> Result<Tensor> {
    let values = value.to_vec()?.into_iter().map(|v| v.max(0.0)).collect::<Vec<_>>();
    Tensor::from_slice(value.gpu(), value.shape(), &values)
}

/// The graph of a network in which values are what lies below them.
struct Trails {
    /// The ids of the layers' dictionaries.
    ids: Vec<u64>,
    below: Vec<Trail>,
}

impl Trail {
    fn then(&self, step: Step) -> Self {
        let mut trail = self.clone();
        trail.steps.push(step);
        trail
    }

    fn hindered(&self, obstacle: &'static str) -> Self {
        Self { obstacle: self.obstacle.or(Some(obstacle)), ..self.clone() }
    }
}

impl Graph for Trails {
    type Value = Trail;

    fn conv(&mut self, _layer: &Conv, x: &Trail) -> Result<Trail> {
        Ok(x.hindered("a convolution lies below"))
    }

    fn filters(&mut self, _layer: &Filters, x: &Trail) -> Result<Trail> {
        Ok(x.hindered("a convolution lies below"))
    }

    fn csc(&mut self, layer: &Csc, x: &Trail) -> Result<Trail> {
        let place = self.ids.iter().position(|id| *id == layer.weight().id());
        let place = place.ok_or_else(|| Error::argument("layer", "unknown", "the walk does not meet it"))?;
        self.below[place] = x.clone();
        Ok(x.then(Step::Layer(place)))
    }

    fn batch_norm(&mut self, layer: &BatchNorm, x: &Trail) -> Result<Trail> {
        Ok(x.then(Step::BatchNorm(layer.clone())))
    }

    fn batch_norm_relu(&mut self, _layer: &BatchNorm, x: &Trail) -> Result<Trail> {
        Ok(x.hindered("a ReLU lies below"))
    }

    fn add_relu(&mut self, a: &Trail, _b: &Trail) -> Result<Trail> {
        Ok(a.hindered("a shortcut lies below"))
    }

    fn max_pool(&mut self, _window: Window, x: &Trail) -> Result<Trail> {
        Ok(x.hindered("max-pooling lies below"))
    }

    fn blur(&mut self, _blur: Blur, x: &Trail) -> Result<Trail> {
        Ok(x.hindered("a blur lies below"))
    }

    fn modulus(&mut self, x: &Trail) -> Result<Trail> {
        Ok(x.hindered("a modulus lies below"))
    }

    fn concatenate(&mut self, a: &Trail, _b: &Trail) -> Result<Trail> {
        Ok(a.hindered("two maps lie below"))
    }

    fn global_average_pool(&mut self, x: &Trail) -> Result<Trail> {
        Ok(x.hindered("average pooling lies below"))
    }

    fn linear(&mut self, _layer: &Linear, x: &Trail) -> Result<Trail> {
        Ok(x.hindered("a linear layer lies below"))
    }
}
