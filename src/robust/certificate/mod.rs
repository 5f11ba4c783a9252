//! A certificate for codes: how far an image may change before another set of atoms explains it.
//!
//! The minimiser of `1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2`, with support `S` and signs `s`, has
//!
//! `z_S = G^-1 (A_S^T x - lambda s)`, `G = A_S^T A_S + mu I`,
//!
//! and for every other atom `|a_j^T (x - A z)| <= lambda` (without the magnitude for codes that must not be negative). As long
//! as both hold with `S` and `s` as they are, both are affine in `x`: the images with the same support and signs are a
//! polyhedron, and the distance of an image from its nearest face is known exactly:
//!
//! - the code `i` of `S` vanishes at a distance of `|z_i| / |row i of G^-1 A_S^T|*`,
//! - another one, `j`, appears at `(lambda - |a_j^T (x - A z)|) / |a_j - A_S G^-1 A_S^T a_j|*`,
//!
//! with the dual norm `|.|*`: L2 for changes measured in L2, L1 for L-inf. Distances are in units of pixels, and do not
//! consider that pixels are between 0 and 1.
//!
//! This is about the first layer at convergence, not about the class, and not about the few iterations that a network runs. For
//! natural images it is a small distance: of hundreds of codes, one is always close to vanishing.
//!
//! Source: optimality conditions as in Tropp 2006, "Just relax"; [`Certifier::coherence`] gives the older, weaker condition of Donoho,
//! Elad and Temlyakov 2006.

mod dictionary;
mod minimiser;
mod radius;

use crate::error::{Error, Result};
use crate::layers::{Csc, CscConfig};
use crate::shape::ConvShape;
use crate::solver::Solver;
use crate::tape::Tape;
use crate::tensor::Tensor;
use dictionary::Dictionary;
use minimiser::{Minimiser, Problem};

/// More codes than this that are not zero are not certified: their matrix takes 128 MiB, its factors minutes.
pub const MOST_CODES: usize = 4096;

/// What is certain of the code of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Certificate {
    /// The codes that are not zero, by their places in the codes `[code_h, code_w, atoms]`, in no order.
    pub support: Vec<usize>,
    /// The length of the smallest change that reaches another support, in the L2 norm, in units of a full-scale pixel.
    pub l2: f64,
    /// The same in the L-inf norm.
    pub linf: f64,
    /// The place of the code that changes first, in the L2 norm.
    pub place: usize,
    /// Whether it appears rather than vanishes.
    pub appears: bool,
    /// A change of pixels `[height, width, channels]` of length `l2` at whose end the support changes: no certificate could
    /// be larger.
    pub change: Vec<f64>,
}

/// Certifies the codes of a layer that sees images.
pub struct Certifier {
    layer: Csc,
    /// By which each channel of a pixel is divided.
    std: Vec<f64>,
}

impl Certifier {
    /// For the layer's dictionary at this lambda, for images that were normalised by division by `std`, one value a channel. The
    /// device comes near the minimiser in `iterations` of FISTA, whatever the layer's own solver; the host goes the rest of the
    /// way in f64.
    ///
    /// # Errors
    /// [`Error::Argument`] for layers with another objective (root noise, repeated signals), values outside their ranges, and
    /// another number of channels.
    pub fn new(layer: &Csc, std: &[f32], lambda: f32, iterations: usize) -> Result<Self> {
        let config = *layer.config();
        let refuse = |name, value: &str| {
            let reason = "there is a certificate only for codes that minimise 1/2 |x - A z|^2 + lambda |z|_1 + mu/2 |z|^2 for one copy of x";
            Err(Error::argument(name, value, reason))
        };
        if config.root_noise {
            return refuse("root-noise", "on");
        }
        if config.dictionaries != 1 {
            return refuse("n-dict", &config.dictionaries.to_string());
        }
        if !(lambda.is_finite() && lambda > 0.0) {
            return Err(Error::argument("lambda", lambda, "a certificate needs a finite positive one"));
        }
        let channels = layer.weight().shape()[3];
        if std.len() != channels || std.iter().any(|s| !s.is_finite() || *s <= 0.0) {
            return Err(Error::argument(
                "std",
                format!("{std:?}"),
                format!("{channels} finite positive numbers are needed"),
            ));
        }
        let config = CscConfig { lambda, iterations, solver: Solver::Fista, ..config };
        let layer = Csc::new(layer.weight().clone(), config)?;
        Ok(Self { layer, std: std.iter().map(|s| f64::from(*s)).collect() })
    }

    /// The certificate of each of the normalised images `[n, height, width, channels]`; none where the minimiser was not found, for
    /// want of iterations or because it is not the only one. `watch` is called for each image.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`]; [`Error::Argument`] for more than [`MOST_CODES`] codes that are not zero.
    pub fn certify(&self, images: &Tensor, watch: &mut dyn FnMut()) -> Result<Vec<Option<Certificate>>> {
        let shape = self.layer.shape(images)?;
        let dictionary = Dictionary::new(&self.layer, shape)?;
        let tape = Tape::idle();
        let codes = self.layer.codes_at(&tape, &tape.constant(images), 1.0)?;
        let lambda = self.layer.effective_lambda(&shape).into();
        let (signals, codes) = (images.to_vec()?, codes.value().to_vec()?);
        let [signal, code] = dictionary.size();
        let mut all = Vec::new();
        for (x, z) in signals.chunks_exact(signal).zip(codes.chunks_exact(code)) {
            let (x, z) = (in_f64(x), in_f64(z));
            let active = z.iter().filter(|z| **z != 0.0).count();
            if active > MOST_CODES {
                let reason =
                    format!("at most {MOST_CODES} can be certified: a larger lambda or smaller images have fewer");
                return Err(Error::argument("codes", format!("{active} that are not zero"), reason));
            }
            let CscConfig { mu, non_negative, .. } = *self.layer.config();
            let problem = Problem { dictionary: &dictionary, signal: &x, lambda, mu: mu.into(), non_negative };
            all.push(problem.minimise(&z).and_then(|found| self.certificate(&dictionary, &found)));
            watch();
        }
        Ok(all)
    }

    fn certificate(&self, dictionary: &Dictionary, minimiser: &Minimiser) -> Option<Certificate> {
        let radius::Nearest { l2, linf, place, appears, change } = radius::nearest(dictionary, minimiser, &self.std)?;
        Some(Certificate { support: minimiser.places.clone(), l2, linf, place, appears, change })
    }

    /// The mutual coherence `m` of the dictionary, for images of this height and width: the largest cosine between two of its atoms,
    /// wherever they lie in the image (but across its border). Fewer than `(1 + 1/m) / 2` codes can be recovered whatever they are (Donoho, Elad and
    /// Temlyakov 2006, theorem 2.1).
    ///
    /// # Errors
    /// [`Error::Shape`] for images that are too small; whatever the device reports.
    pub fn coherence(&self, height: usize, width: usize) -> Result<f64> {
        let weight = self.layer.weight().shape();
        let shape = ConvShape::new("csc", &[1, height, width, weight[3]], weight, self.layer.config().geometry)?;
        Ok(Dictionary::new(&self.layer, shape)?.coherence())
    }
}

fn in_f64(values: &[f32]) -> Vec<f64> {
    values.iter().map(|v| f64::from(*v)).collect()
}
