//! The binomial blur in front of a subsampling (Zhang, arXiv 1904.11486).

use super::pad::{pad, pad_adjoint};
use crate::error::{Error, Result};
use crate::gpu::Constant;
use crate::shaders;
use crate::shape::{PaddingMode, pooled};
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

/// A square binomial blur, with the map mirrored beyond its border; one that is too small to be mirrored is continued by its last
/// values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blur {
    /// Its side, odd: 3 for the taps 1, 2, 1.
    pub size: usize,
    /// Pixels of the map from one value to the next.
    pub stride: usize,
}

impl Blur {
    /// What the map is continued by on every side.
    pub fn padding(&self) -> usize {
        self.size / 2
    }

    /// How a map of this size is continued.
    pub fn border(&self, size: [usize; 2]) -> PaddingMode {
        let fits = size.iter().all(|side| *side > self.padding());
        if fits { PaddingMode::Reflect } else { PaddingMode::Replicate }
    }

    /// The side of the result for a side of the map.
    pub fn blurred(&self, size: usize) -> usize {
        pooled(size, self.size, self.stride, self.padding())
    }

    /// The taps of one axis, which sum up to 1: `C(size - 1, k) / 2^(size - 1)`.
    pub fn taps(&self) -> Vec<f64> {
        let last = self.size.saturating_sub(1);
        let ways = (0..last).scan(1, |ways, k| {
            *ways = *ways * (last - k) / (k + 1);
            Some(*ways)
        });
        std::iter::once(1).chain(ways).map(|ways| ways as f64 / (1_u64 << last) as f64).collect()
    }
}

impl Tape {
    /// Every channel blurred by `t t^T`, with the binomial taps `t`, at every `stride`-th pixel: `[n, h, w, c]` to `[n, h', w', c]`,
    /// `h' = floor((h - 1) / stride) + 1`.
    ///
    /// # Errors
    /// [`Error::Shape`] for what is no map, or a size that is even or above 15; [`Error::OutOfMemory`].
    pub fn blur(&self, x: &Var, blur: Blur) -> Result<Var> {
        let Blur { size, stride } = blur;
        if size > 15 || size.is_multiple_of(2) || stride == 0 {
            return Err(Error::shape("blur", format!("{blur:?} is no blur"), &[x.value().shape()]));
        }
        let padding = [blur.padding(); 2];
        let &[_, height, width, _] = x.value().shape() else {
            return Err(Error::shape("blur", "a map is [n, height, width, channels]", &[x.value().shape()]));
        };
        let border = blur.border([height, width]);
        let padded = pad(x.value(), padding, border)?;
        let &[n, height, width, channels] = padded.shape() else {
            return Err(Error::shape("blur", "a map is [n, height, width, channels]", &[padded.shape()]));
        };
        let inner = [height, width].map(|side| pooled(side, size, stride, 0));
        let out = Tensor::uninitialized(padded.gpu(), "blur", &[n, inner[0], inner[1], channels])?;
        let constants: [Constant; 7] = [
            ("HEIGHT", height),
            ("WIDTH", width),
            ("CHANNELS", channels),
            ("BLURRED_HEIGHT", inner[0]),
            ("BLURRED_WIDTH", inner[1]),
            ("WINDOW", size),
            ("STRIDE", stride),
        ]
        .map(|(name, value)| (name, value as f64));
        Call::on(&[&padded, &out]).constants(&constants).each(&shaders::BLUR, out.len())?;
        let shape = padded.shape().to_vec();
        self.record(out, &[x], move |g| {
            let bar = Tensor::uninitialized(g.gpu(), "blur_adjoint", &shape)?;
            Call::on(&[g, &bar]).constants(&constants).each(&shaders::BLUR_ADJOINT, bar.len())?;
            Ok(vec![Some(pad_adjoint(&bar, padding, border)?)])
        })
    }
}
