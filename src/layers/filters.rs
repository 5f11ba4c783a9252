//! A convolution with filters that are given.

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::shape::Geometry;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use crate::wavelets::ComplexKernel;

/// A convolution whose filters are given, not learnt: `[n, h, w, channels]` to `[n, h', w', filters]`. Files do not hold them.
#[derive(Clone, Debug)]
pub struct Filters {
    /// What they are called in files that hold graphs.
    pub name: &'static str,
    /// `[filters, kh, kw, channels]`
    pub weight: Tensor,
    /// Stride and padding.
    pub geometry: Geometry,
}

impl Filters {
    /// The real parts of complex filters of one channel; then, with `complex`, as many imaginary ones. The middle of a filter of `k`
    /// pixels a side is at pixel `floor(k / 2)`, and the maps have `ceil(size / stride)` pixels a side, with zeros beyond the border.
    ///
    /// # Errors
    /// [`Error::Argument`] for none, for filters of different sizes, and for those of more than 63 pixels a side;
    /// [`Error::OutOfMemory`].
    pub fn of_wavelets(
        gpu: &Gpu,
        name: &'static str,
        kernels: &[ComplexKernel],
        (stride, complex): (usize, bool),
    ) -> Result<Self> {
        let side = kernels.first().map_or(0, |kernel| kernel.side);
        if !(1..=63).contains(&side) || kernels.iter().any(|kernel| kernel.side != side) {
            return Err(Error::argument(
                name,
                format!("{side} pixels"),
                "filters of one size, 1 to 63 pixels, are needed",
            ));
        }
        let odd = side | 1;
        // A last row and column of zeros where the size is even.
        let widened = |values: &[f64]| {
            let at = |i: usize| {
                let (y, x) = (i / odd, i % odd);
                if y < side && x < side { values[y * side + x] as f32 } else { 0.0 }
            };
            (0..odd * odd).map(at).collect::<Vec<_>>()
        };
        let mut weight = kernels.iter().flat_map(|kernel| widened(&kernel.real)).collect::<Vec<_>>();
        if complex {
            weight.extend(kernels.iter().flat_map(|kernel| widened(&kernel.imaginary)));
        }
        let shape = [weight.len() / (odd * odd), odd, odd, 1];
        let weight = Tensor::from_slice(gpu, &shape, &weight)?;
        Ok(Self { name, weight, geometry: Geometry::square(stride, odd / 2) })
    }

    /// The convolution of `x`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn forward(&self, tape: &Tape, x: &Var) -> Result<Var> {
        tape.correlation(x, &tape.constant(&self.weight), self.geometry)
    }
}
