//! All size arithmetic of the crate: what a convolution does to sizes, and the checks that go with it.

use crate::error::{Error, Result};

/// The sizes of an analysis / synthesis pair (a convolution and its exact adjoint).
///
/// Signals are `[n, height, width, channels]`, codes are `[n, code_height, code_width, atoms]`, the
/// dictionary is `[atoms, kernel, kernel, channels]`; with padding `p` and stride `s`
///
/// `code_height = floor((height + 2p - kernel) / s) + 1`, and likewise for the width.
///
/// Synthesis goes back to exactly `height` x `width`: rows and columns that no atom reaches stay zero
/// (PyTorch's `output_padding = (height + 2p - kernel) mod s`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// Samples.
    pub n: usize,
    /// Height of the signal.
    pub height: usize,
    /// Width of the signal.
    pub width: usize,
    /// Channels of the signal.
    pub channels: usize,
    /// Atoms, the channels of the codes.
    pub atoms: usize,
    /// Side of the (square) kernel, 1 to 11.
    pub kernel: usize,
    /// Stride, 1 to 4.
    pub stride: usize,
    /// Zero padding on every side, less than the kernel.
    pub padding: usize,
}

impl ConvShape {
    /// The sizes for a signal `[n, height, width, channels]` and weights `[atoms, k, k, channels]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where the shapes do not fit each other or the supported range.
    pub fn new(op: &'static str, signal: &[usize], weight: &[usize], stride: usize, padding: usize) -> Result<Self> {
        let bad = |reason: String| Error::shape(op, reason, &[signal, weight]);
        let &[n, height, width, channels] = signal else {
            return Err(bad("a signal is [n, height, width, channels]".into()));
        };
        let &[atoms, kernel, kernel_x, weight_channels] = weight else {
            return Err(bad("weights are [atoms, k, k, channels]".into()));
        };
        let shape = Self { n, height, width, channels, atoms, kernel, stride, padding };
        if kernel != kernel_x || !(1..=11).contains(&kernel) {
            return Err(bad("kernels are square, 1 to 11 wide".into()));
        }
        if channels != weight_channels {
            return Err(bad(format!("the signal has {channels} channels, the weights {weight_channels}")));
        }
        if !(1..=4).contains(&stride) || padding >= kernel {
            return Err(bad(format!("stride {stride} must be 1 to 4, padding {padding} less than the kernel")));
        }
        if signal.contains(&0) || weight.contains(&0) {
            return Err(bad("no dimension may be zero".into()));
        }
        if height + 2 * padding < kernel || width + 2 * padding < kernel {
            return Err(bad(format!("with padding {padding} the signal is smaller than the kernel")));
        }
        if signal.iter().product::<usize>().max(shape.codes().iter().product()) > i32::MAX as usize {
            return Err(bad("more than 2^31 elements; use a smaller batch".into()));
        }
        Ok(shape)
    }

    /// Height of the codes.
    pub fn code_height(&self) -> usize {
        (self.height + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// Width of the codes.
    pub fn code_width(&self) -> usize {
        (self.width + 2 * self.padding - self.kernel) / self.stride + 1
    }

    /// `[n, height, width, channels]`
    pub fn signal(&self) -> [usize; 4] {
        [self.n, self.height, self.width, self.channels]
    }

    /// `[n, code_height, code_width, atoms]`
    pub fn codes(&self) -> [usize; 4] {
        [self.n, self.code_height(), self.code_width(), self.atoms]
    }

    /// `[atoms, kernel, kernel, channels]`
    pub fn weight(&self) -> [usize; 4] {
        [self.atoms, self.kernel, self.kernel, self.channels]
    }

    /// Multiply-adds of one analysis, one synthesis or one weight gradient (border taps included).
    pub fn multiply_adds(&self) -> u64 {
        let codes: usize = self.codes().iter().product();
        (codes * self.kernel * self.kernel * self.channels) as u64
    }
}

/// The side of a pooled map: `floor((size + 2 padding - window) / stride) + 1`.
pub fn pooled(size: usize, window: usize, stride: usize, padding: usize) -> usize {
    (size + 2 * padding - window) / stride + 1
}
