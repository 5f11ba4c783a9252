//! How far the atoms of a dictionary are from being orthonormal together with their shifts (arXiv 1911.12207).

use super::{
    Factor, correlation, inverse_norm, scale, scale_samples, sum_of_squares, synthesis_times, weight_gradient,
};
use crate::error::{Error, Result};
use crate::named::named;
use crate::shaders;
use crate::shape::{ConvShape, Geometry};
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

/// Which shifts of the atoms are to be orthogonal to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Orthogonality {
    /// All that the stride makes and that overlap: `|R - I|^2` over the lags of a padding of `floor((k - 1) / s) s`. It is
    /// `|A^T A - 1|^2` for each position of the codes, on periodic signals (arXiv 1911.12207, section 3.3).
    #[default]
    BlockToeplitz,
    /// None: the atoms alone, `|R - I|^2` at lag 0 (arXiv 1911.12207, section 3.1).
    Kernel,
    /// As in the publication's code: `|R - I|`, not squared, over the lags of a padding of 1, with the identity in the middle of the
    /// map. For 3x3 kernels that leaves out lags of two at stride 1; at stride 2 lag 0 does not occur, and the identity stands at
    /// lag (1, 1).
    Published,
}

named!(Orthogonality as "orthogonality" {
    BlockToeplitz = "block-toeplitz",
    Kernel = "kernel",
    Published = "published",
});

impl Orthogonality {
    /// The geometry of the atoms' correlation with each other.
    fn geometry(self, kernel: [usize; 2], stride: [usize; 2]) -> Geometry {
        let reach = |axis: usize| kernel[axis].saturating_sub(1) / stride[axis] * stride[axis];
        let padding = match self {
            Self::BlockToeplitz => [reach(0), reach(1)],
            Self::Kernel => [0, 0],
            Self::Published => [1, 1],
        };
        Geometry { stride, padding }
    }

    /// The least that [`orthogonality`] can be for atoms of unit norm: with `d` values of the signal for each position of the codes
    /// (`channels sy sx`; of [`Orthogonality::Kernel`], `kh kw channels`), `max(0, atoms^2 / d - atoms)`, by the inequality of
    /// arithmetic and quadratic means over the eigenvalues; 0 for [`Orthogonality::Published`], of which no bound is known.
    pub fn least(self, weight: [usize; 4], stride: [usize; 2]) -> f64 {
        let [atoms, height, width, channels] = weight.map(|size| size as f64);
        let values = match self {
            Self::BlockToeplitz => channels * (stride[0] * stride[1]) as f64,
            Self::Kernel => height * width * channels,
            Self::Published => return 0.0,
        };
        (atoms * atoms / values - atoms).max(0.0)
    }
}

/// `R - I`: the correlations of atoms with each other, `R[a, lag, b] = <atom a, shifted by lag; atom b>`, less the identity:
/// `[atoms, lags, lags, atoms]` of a dictionary `[atoms, kh, kw, channels]`.
///
/// # Errors
/// [`Error::Shape`] for a dictionary of another shape, [`Error::OutOfMemory`].
pub fn self_correlation(weight: &Tensor, stride: [usize; 2], form: Orthogonality) -> Result<Tensor> {
    let shape = shape_of(weight, stride, form)?;
    let correlations = correlation(weight, weight, shape.geometry)?;
    let [atoms, rows, columns, _] = shape.codes();
    let out = Tensor::uninitialized(weight.gpu(), "self_correlation", &shape.codes())?;
    let center = rows / 2 * columns + columns / 2;
    Call::on(&[&correlations, &out])
        .constants(&[("ATOMS", atoms as f64), ("LAGS", (rows * columns) as f64), ("CENTER", center as f64)])
        .each(&shaders::SELF_CORRELATION, out.len())?;
    Ok(out)
}

/// `|R - I|^2` of [`self_correlation`], one value; of [`Orthogonality::Published`], `|R - I|`.
///
/// # Errors
/// As [`self_correlation`].
pub fn orthogonality(weight: &Tensor, stride: [usize; 2], form: Orthogonality) -> Result<Tensor> {
    Ok(size_of(&self_correlation(weight, stride, form)?, form)?.0)
}

/// The squared norm; or the norm, and one over it.
fn size_of(excess: &Tensor, form: Orthogonality) -> Result<(Tensor, Option<Tensor>)> {
    let all = excess.reshape(&[1, excess.len()])?;
    let square = sum_of_squares(&all)?;
    match form {
        Orthogonality::BlockToeplitz | Orthogonality::Kernel => Ok((square, None)),
        Orthogonality::Published => {
            let over_norm = inverse_norm(&all, 1.0)?;
            Ok((scale_samples(&square, &over_norm)?, Some(over_norm)))
        }
    }
}

impl Tape {
    /// `factor` times [`orthogonality`] of a dictionary. With `E = R - I` and the gradient `g`, `weight_bar = f (synthesis(E, weight)
    /// + weight_gradient(E, weight))`, `f = 2 factor g`, or `factor g / |E|` where the norm is not squared.
    ///
    /// # Errors
    /// As [`self_correlation`].
    pub fn orthogonality(&self, weight: &Var, stride: [usize; 2], form: Orthogonality, factor: f32) -> Result<Var> {
        let atoms = weight.value().clone();
        let excess = self_correlation(&atoms, stride, form)?;
        let (size, over_norm) = size_of(&excess, form)?;
        let shape = shape_of(&atoms, stride, form)?;
        self.record(scale(&size, factor)?, &[weight], move |g| {
            let (number, upstream) = match &over_norm {
                Some(over_norm) => (factor, scale_samples(g, over_norm)?),
                None => (2.0 * factor, g.clone()),
            };
            let factor = Factor { number, tensor: Some(&upstream) };
            let as_signal = synthesis_times(factor, &excess, &atoms, shape.geometry, shape.kernel)?;
            let as_weight = weight_gradient(factor, &shape, &excess, &atoms)?;
            Ok(vec![Some(as_signal.add(&as_weight)?)])
        })
    }
}

/// The shape of the atoms' correlation with each other: they are signal and dictionary at once.
fn shape_of(weight: &Tensor, stride: [usize; 2], form: Orthogonality) -> Result<ConvShape> {
    let &[_, height, width, _] = weight.shape() else {
        let reason = "a dictionary is [atoms, kh, kw, channels]";
        return Err(Error::shape("self_correlation", reason, &[weight.shape()]));
    };
    let geometry = form.geometry([height, width], stride);
    ConvShape::new("self_correlation", weight.shape(), weight.shape(), geometry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_value_is_that_of_a_tight_frame() {
        use Orthogonality::{BlockToeplitz, Kernel, Published};
        assert!((BlockToeplitz.least([64, 3, 3, 3], [1, 1]) - (4096.0 / 3.0 - 64.0)).abs() < 1e-9);
        assert_eq!(BlockToeplitz.least([64, 3, 3, 64], [1, 1]), 0.0);
        assert_eq!(BlockToeplitz.least([12, 3, 3, 3], [2, 2]), 0.0);
        assert!((Kernel.least([64, 3, 3, 3], [1, 1]) - (4096.0 / 27.0 - 64.0)).abs() < 1e-9);
        assert_eq!(Published.least([64, 3, 3, 3], [1, 1]), 0.0);
    }
}
