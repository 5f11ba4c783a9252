//! The filters of a first layer.

use crate::error::{Error, Result};
use crate::layers::parameters;
use crate::models::{Architecture, Model, Network, Stem};
use crate::shift::Response;

/// The filters of a network's first layer, averaged over the channels of the image, each with the sign that makes its sum positive.
pub(super) struct Learned {
    pub responses: Vec<Response>,
    /// The stride of the layer.
    pub m: usize,
    /// Whether they are atoms of a sparse coding layer.
    pub atoms: bool,
    /// Iterations of that layer.
    pub iterations: usize,
    /// Whether the first layer has wavelet packets beside them.
    packets: bool,
}

impl Learned {
    /// # Errors
    /// [`Error::NotFinite`] for damaged weights.
    pub(super) fn of(network: &Network) -> Result<Self> {
        let (name, weight) = parameters(network).remove(0);
        let &[_, side, _, channels] = weight.shape() else {
            return Err(Error::shape("filters", "weights are [filters, kh, kw, channels]", &[weight.shape()]));
        };
        let values = weight.to_vec()?;
        crate::checks::check_finite(&name, &values, "the weights are damaged")?;
        let kernels = values.chunks_exact(side * side * channels).map(|kernel| {
            let mean = |pixel: &[f32]| pixel.iter().copied().map(f64::from).sum::<f64>() / channels as f64;
            kernel.chunks_exact(channels).map(mean).collect::<Vec<_>>()
        });
        // A filter and its negative are one to the theory, but not to images, which are brighter than zero.
        let upright = |kernel: Vec<f64>| {
            let sign = if kernel.iter().sum::<f64>() < 0.0 { -1.0 } else { 1.0 };
            Response::of_real(&kernel.into_iter().map(|v| sign * v).collect::<Vec<_>>(), side)
        };
        let responses = kernels.map(upright).collect::<Vec<_>>();
        let sparse = network.first_sparse_layer().map(|csc| csc.config());
        let m = match (sparse, network.config().stem) {
            (Some(config), _) => config.geometry.stride[0],
            (None, Stem::Imagenet | Stem::Twin) => 2,
            (None, Stem::Cifar) => 1,
        };
        let iterations = sparse.map_or(0, |config| config.iterations);
        let packets = network.config().stem == Stem::Twin;
        Ok(Self { responses, m, atoms: sparse.is_some(), iterations, packets })
    }

    /// What a reader must know of the measurements.
    pub(super) fn caution(&self) -> Option<String> {
        if self.packets {
            return Some(
                "note: the wavelet packets of the twin stem are not among them: see `sdnet shift measure`".into(),
            );
        }
        (self.iterations > 1).then(|| {
            format!(
                "note: the atoms are measured as filters; the layer's own codes, of {} iterations, are not linear in the image",
                self.iterations
            )
        })
    }
}
