//! Max pooling and global average pooling.

use crate::error::{Error, Result};
use crate::shaders;
use crate::shape::{pooled, pooled_whole};
use crate::tape::{Tape, Var};
use crate::tensor::{Call, Tensor};

/// A square pooling window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its side.
    pub size: usize,
    /// Stride in pixels.
    pub stride: usize,
    /// Padding, which never wins; at most half the side.
    pub padding: usize,
    /// Whether windows at the end may hang over, so that no value is left out (PyTorch's `ceil_mode`).
    pub ceil: bool,
}

impl Window {
    /// The side of the result for a side of the map.
    pub fn pooled(&self, size: usize) -> usize {
        let of = if self.ceil { pooled_whole } else { pooled };
        of(size, self.size, self.stride, self.padding)
    }
}

impl Tape {
    /// The largest value of each window: `[n, h, w, c]` to `[n, h', w', c]`, `h' = floor((h + 2p - size) / s) + 1`,
    /// rounded up where the window says so.
    /// The gradient goes to the first of equal values, row by row.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn max_pool(&self, x: &Var, window: Window) -> Result<Var> {
        let Window { size, stride, padding, .. } = window;
        let input = x.value().shape().to_vec();
        let &[n, h, w, c] = &input[..] else {
            return Err(Error::shape("max_pool", "a map is [n, height, width, channels]", &[&input]));
        };
        if size == 0 || stride == 0 || 2 * padding > size || h.min(w) + 2 * padding < size {
            return Err(Error::shape("max_pool", format!("{window:?} does not fit"), &[&input]));
        }
        let output = [n, window.pooled(h), window.pooled(w), c];
        let gpu = x.value().gpu();
        let out = Tensor::uninitialized(gpu, "max_pool", &output)?;
        let place = Tensor::uninitialized(gpu, "max_pool", &output)?;
        let constants = [
            ("HEIGHT", h),
            ("WIDTH", w),
            ("CHANNELS", c),
            ("POOLED_HEIGHT", output[1]),
            ("POOLED_WIDTH", output[2]),
            ("WINDOW", size),
            ("STRIDE", stride),
            ("PADDING", padding),
        ]
        .map(|(name, value)| (name, value as f64));
        Call::on(&[x.value(), &out, &place]).constants(&constants).each(&shaders::MAX_POOL, out.len())?;
        self.record(out, &[x], move |g| {
            let x_bar = Tensor::uninitialized(g.gpu(), "max_pool_gradient", &input)?;
            Call::on(&[g, &place, &x_bar]).constants(&constants).each(&shaders::MAX_POOL_GRADIENT, x_bar.len())?;
            Ok(vec![Some(x_bar)])
        })
    }

    /// The mean over all pixels: `[n, h, w, c]` to `[n, c]`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::OutOfMemory`].
    pub fn global_average_pool(&self, x: &Var) -> Result<Var> {
        let input = x.value().shape().to_vec();
        let &[n, h, w, c] = &input[..] else {
            return Err(Error::shape("global_average_pool", "a map is [n, height, width, channels]", &[&input]));
        };
        let gpu = x.value().gpu();
        let out = Tensor::uninitialized(gpu, "global_average_pool", &[n, c])?;
        let constants = [("PIXELS", (h * w) as f64), ("CHANNELS", c as f64)];
        Call::on(&[x.value(), &out]).constants(&constants).each(&shaders::GLOBAL_AVERAGE_POOL, out.len())?;
        self.record(out, &[x], move |g| {
            let x_bar = Tensor::uninitialized(g.gpu(), "global_average_pool_gradient", &input)?;
            Call::on(&[g, &x_bar]).constants(&constants).each(&shaders::GLOBAL_AVERAGE_POOL_GRADIENT, x_bar.len())?;
            Ok(vec![Some(x_bar)])
        })
    }
}
