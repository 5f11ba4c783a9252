//! Feature maps of wavelet packets on the device (arXiv 2209.11740, section 4).

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::layers::Filters;
use crate::ops::Window;
use crate::tape::{Tape, Var};
use crate::wavelets::{ComplexKernel, packets};

/// The two poolings of maps of complex filters `W = V + iU`, with a subsampling by `m`. Both are differentiable.
///
/// | map | of images `[n, h, w, 1]` |
/// |---|---|
/// | RMax | the largest of 3x3 values of `x * V`, subsampled by `m`, at every second one |
/// | CMod | the modulus of `x * W`, subsampled by `2 m` |
#[derive(Clone, Debug)]
pub struct Extractor {
    real: Filters,
    complex: Filters,
}

impl Extractor {
    /// Of the [`packets`] of 1 or 2 levels, `m = 2^(levels - 1)`. The filters of three levels are larger than the device takes.
    ///
    /// # Errors
    /// [`Error::Argument`] for other levels, [`Error::OutOfMemory`].
    pub fn of_packets(gpu: &Gpu, levels: usize) -> Result<Self> {
        if !(1..=2).contains(&levels) {
            return Err(Error::argument("levels", levels, "must be 1 or 2 on the device"));
        }
        Self::new(gpu, &packets(levels), 1 << (levels - 1))
    }

    /// Of complex filters of one size, at most 63 pixels a side.
    ///
    /// # Errors
    /// As [`Filters::of_wavelets`].
    pub fn new(gpu: &Gpu, kernels: &[ComplexKernel], m: usize) -> Result<Self> {
        Ok(Self {
            real: Filters::of_wavelets(gpu, "real", kernels, (m, false))?,
            complex: Filters::of_wavelets(gpu, "complex", kernels, (2 * m, true))?,
        })
    }

    /// RMax of images `[n, h, w, 1]`: `[n, ceil(h / 2m), ceil(w / 2m), filters]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn rmax(&self, tape: &Tape, images: &Var) -> Result<Var> {
        let map = self.real.forward(tape, images)?;
        tape.max_pool(&map, Window { size: 3, stride: 2, padding: 1, ceil: false })
    }

    /// CMod of images `[n, h, w, 1]`: `[n, ceil(h / 2m), ceil(w / 2m), filters]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn cmod(&self, tape: &Tape, images: &Var) -> Result<Var> {
        tape.modulus(&self.complex.forward(tape, images)?)
    }
}
