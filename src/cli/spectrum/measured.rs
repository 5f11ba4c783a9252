//! What is measured of a dictionary.

use serde::Serialize;

use crate::checks::check_finite;
use crate::error::{Error, Result};
use crate::layers::{Csc, CscConfig, Pass};
use crate::models::Network;
use crate::ops::Orthogonality;
use crate::solver::{Solver, spectrum};
use crate::tape::Tape;
use crate::tensor::Tensor;
use crate::train::Departure;
use crate::visualize::coded_by;

/// Iterations after which the objective is taken for the least.
const MOST: usize = 1024;

/// A dictionary in figures, and whose it is.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub weights: String,
    pub layer: String,
    /// The data whose images were coded.
    pub data: String,
    #[serde(flatten)]
    pub measured: Measured,
}

/// A dictionary in figures, all of its atoms at unit norm, to which training projects them before every step.
#[derive(Debug, Serialize)]
pub(super) struct Measured {
    /// Atoms, height, width, channels.
    pub dictionary: [usize; 4],
    pub stride: [usize; 2],
    /// Images that were coded.
    pub images: usize,
    /// `|R - I|^2`, and the least that it can be.
    pub orthogonality: f64,
    pub least_orthogonality: f64,
    /// Those of `A^T A` on periodic signals that need not be zero, the largest first.
    pub eigenvalues: Vec<f64>,
    /// Iterations of FISTA until the objective is within the tolerance of the least; none where it does not come so near in half
    /// of those that the least is taken from, or where the data term is not squared.
    pub iterations: Option<usize>,
    /// The mean objective after 1,024 iterations.
    pub least_objective: Option<f64>,
    /// 0.9 over the bound of the largest eigenvalue, which FISTA is run with.
    pub step: f32,
}

/// Measures a layer on the codes of images.
pub(super) fn measured(
    model: &Network,
    layer: &Csc,
    images: &Tensor,
    points: usize,
    tolerance: f64,
) -> Result<Measured> {
    let &[atoms, height, width, channels] = layer.weight().shape() else {
        return Err(Error::shape("spectrum", "a dictionary is [atoms, kh, kw, channels]", &[layer.weight().shape()]));
    };
    let (dictionary, stride) = ([atoms, height, width, channels], layer.config().geometry.stride);
    let unit = layer.unit_atoms()?;
    let departure = Departure::of_layer(layer, Orthogonality::BlockToeplitz)?;
    let coding = Coding::new(model, layer, &unit, images)?;
    let (least, iterations) = if layer.config().root_noise {
        (None, None)
    } else {
        let least = coding.objective(MOST)?;
        (Some(least), coding.iterations(least * (1.0 + tolerance))?)
    };
    Ok(Measured {
        dictionary,
        stride,
        orthogonality: departure.loss,
        least_orthogonality: departure.least,
        images: images.shape()[0],
        eigenvalues: spectrum(dictionary, &unit.to_vec()?, stride, points)?,
        iterations,
        least_objective: least,
        step: coding.step,
    })
}

/// What a layer codes, on its own.
struct Coding<'a> {
    layer: &'a Csc,
    atoms: Tensor,
    /// Its input, repeated where it does so.
    input: Tensor,
    step: f32,
    lambda: f32,
}

impl<'a> Coding<'a> {
    fn new(model: &Network, layer: &'a Csc, atoms: &Tensor, images: &Tensor) -> Result<Self> {
        let (input, _) = coded_by(model, layer, images)?
            .ok_or_else(|| Error::argument("layer", "none", "the network does not code with this layer"))?;
        let lambda = layer.effective_lambda(&layer.shape(&input)?);
        // Not the layer's own step size, which the last step of training may have left behind its dictionary.
        let step = Csc::new(atoms.clone(), *layer.config())?.step()?.to_vec()?[0];
        Ok(Self { layer, atoms: atoms.clone(), input, step, lambda })
    }

    /// The mean objective after so many iterations.
    fn objective(&self, iterations: usize) -> Result<f64> {
        let config = CscConfig {
            iterations,
            solver: Solver::Fista,
            lambda: self.lambda,
            normalize_lambda: false,
            dictionaries: 1,
            ..*self.layer.config()
        };
        let mut alone = Csc::new(self.atoms.clone(), config)?;
        alone.set_step(self.step)?;
        let tape = Tape::idle();
        let codes = alone.forward(&Pass::eval(&tape), &tape.constant(&self.input))?;
        let all = alone.objective(&self.input, codes.value())?;
        check_finite("the objective", &all, "the weights are damaged, or the images are too bright for them")?;
        Ok(all.iter().copied().map(f64::from).sum::<f64>() / all.len() as f64)
    }

    /// The fewest iterations after which the objective is at most this.
    fn iterations(&self, most: f64) -> Result<Option<usize>> {
        let (mut few, mut enough) = (0, 1);
        while self.objective(enough)? > most {
            (few, enough) = (enough, 2 * enough);
            if enough > MOST / 2 {
                return Ok(None);
            }
        }
        while enough - few > 1 {
            let middle = (few + enough) / 2;
            if self.objective(middle)? > most { few = middle } else { enough = middle }
        }
        Ok(Some(enough))
    }
}
