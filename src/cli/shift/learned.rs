//! The filters of a first layer.

use crate::error::{Error, Result};
use crate::layers::parameters;
use crate::models::{Architecture, Model, Network, Stem};
use crate::shift::Response;

/// The filters of a network's first layer, averaged over the channels of the image.
pub(super) struct Learned {
    pub responses: Vec<Response>,
    /// The stride of the layer.
    pub m: usize,
    /// Whether they are atoms of a sparse coding layer.
    pub atoms: bool,
    /// Iterations of that layer.
    pub iterations: usize,
}

impl Learned {
    /// # Errors
    /// [`Error::NotFinite`] for damaged weights.
    pub(super) fn of(network: &Network) -> Result<Self> {
        let (name, weight) = parameters(network).remove(0);
        let &[count, side, _, channels] = weight.shape() else {
            return Err(Error::shape("filters", "weights are [filters, kh, kw, channels]", &[weight.shape()]));
        };
        let values = weight.to_vec()?;
        crate::checks::check_finite(&name, &values, "the weights are damaged")?;
        let kernels = values.chunks_exact(side * side * channels).map(|kernel| {
            let mean = |pixel: &[f32]| pixel.iter().copied().map(f64::from).sum::<f64>() / channels as f64;
            kernel.chunks_exact(channels).map(mean).collect::<Vec<_>>()
        });
        let responses = kernels.map(|kernel| Response::of_real(&kernel, side)).collect::<Vec<_>>();
        debug_assert_eq!(responses.len(), count);
        let sparse = network.first_sparse_layer().map(|csc| csc.config());
        let m = match (sparse, network.config().stem) {
            (Some(config), _) => config.geometry.stride[0],
            (None, Stem::Imagenet) => 2,
            (None, Stem::Cifar) => 1,
        };
        Ok(Self { responses, m, atoms: sparse.is_some(), iterations: sparse.map_or(0, |config| config.iterations) })
    }

    /// What a reader must know of the measurements.
    pub(super) fn caution(&self) -> Option<String> {
        (self.iterations > 1).then(|| {
            format!(
                "note: the atoms are measured as filters; the layer's own codes, of {} iterations, are not linear in the image",
                self.iterations
            )
        })
    }
}
