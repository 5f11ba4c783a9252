//! All size arithmetic of the crate: how a convolution changes sizes, and the related checks.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::named::named;

/// What continues a signal beyond its border, as PyTorch's `torch.nn.functional.pad` has it: `abcd` between two values each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaddingMode {
    /// Zeros: `00 abcd 00`.
    #[default]
    Zero,
    /// The signal mirrored at its last value: `cb abcd cb`. The padding must be smaller than the signal.
    Reflect,
    /// The last value: `aa abcd dd`.
    Replicate,
    /// The signal from its other end: `cd abcd ab`. The padding must be no larger than the signal.
    Circular,
}

named!(PaddingMode as "padding-mode" {
    Zero = "zero", Reflect = "reflect", Replicate = "replicate", Circular = "circular"
});

impl PaddingMode {
    /// How many places of a padded axis show one and the same value at most, for signals of any size.
    pub(crate) fn most_copies(self, padding: usize) -> usize {
        match self {
            _ if padding == 0 => 1,
            Self::Zero => 1,
            Self::Reflect | Self::Circular => 3,
            Self::Replicate => 2 * padding + 1,
        }
    }

    /// # Errors
    /// [`Error::Shape`] for maps `[n, height, width, channels]` that are too small for this padding.
    pub(crate) fn check(self, op: &'static str, map: &[usize], padding: [usize; 2]) -> Result<[usize; 4]> {
        let &[n, height, width, channels] = map else {
            return Err(Error::shape(op, "a map is [n, height, width, channels]", &[map]));
        };
        let spare = match self {
            Self::Zero | Self::Replicate => return Ok([n, height, width, channels]),
            Self::Reflect => 1,
            Self::Circular => 0,
        };
        if (0..2).any(|axis| padding[axis] + spare > [height, width][axis]) {
            let reason = format!("a map of {height}x{width} is too small for {self} padding by {padding:?}");
            return Err(Error::shape(op, reason, &[map]));
        }
        Ok([n, height, width, channels])
    }
}

/// Stride and padding of a convolution, each (vertical, horizontal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Pixels of the signal from one code to the next, down and across, each 1 to 16.
    pub stride: [usize; 2],
    /// Values above and below, and left and right of the signal, each less than the kernel on its axis; zeros, unless a
    /// [`PaddingMode`] says otherwise.
    pub padding: [usize; 2],
}

impl Geometry {
    /// The same stride and the same padding on both axes.
    pub const fn square(stride: usize, padding: usize) -> Self {
        Self { stride: [stride; 2], padding: [padding; 2] }
    }
}

/// The sizes of an analysis / synthesis pair (a convolution and its exact adjoint).
///
/// Signals are `[n, height, width, channels]`, codes are `[n, code_height, code_width, atoms]`, the
/// dictionary is `[atoms, kh, kw, channels]`; on each axis, with kernel `k`, padding `p` and stride `s`,
///
/// `code_size = floor((size + 2p - k) / s) + 1`.
///
/// Synthesis gives exactly `height` x `width` again: rows and columns that no atom reaches stay zero
/// (PyTorch's `output_padding = (size + 2p - k) mod s`).
///
/// Two special cases:
///
/// - the convolution along one axis: a kernel of `1 x k` on signals `[n, 1, length, channels]`, with vertical stride 1
///   and no vertical padding;
/// - the dense dictionary: a kernel of `1 x 1` with stride 1 on signals `[n, 1, t, d]`, that is `t` vectors of `d` values
///   per sample, for each of which analysis is the product with a matrix `[atoms, d]`.
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
    /// Height and width of the kernel, each 1 to 64.
    pub kernel: [usize; 2],
    /// Stride and padding.
    pub geometry: Geometry,
}

impl ConvShape {
    /// The sizes for a signal `[n, height, width, channels]` and weights `[atoms, kh, kw, channels]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the shapes do not match or are outside the supported range.
    pub fn new(op: &'static str, signal: &[usize], weight: &[usize], geometry: Geometry) -> Result<Self> {
        let bad = |reason: String| Error::shape(op, reason, &[signal, weight]);
        let &[n, height, width, channels] = signal else {
            return Err(bad("a signal is [n, height, width, channels]".into()));
        };
        let &[atoms, kernel_height, kernel_width, weight_channels] = weight else {
            return Err(bad("weights are [atoms, kh, kw, channels]".into()));
        };
        let kernel = [kernel_height, kernel_width];
        let Geometry { stride, padding } = geometry;
        let shape = Self { n, height, width, channels, atoms, kernel, geometry };
        if !kernel.iter().all(|k| (1..=64).contains(k)) {
            return Err(bad("kernels are 1 to 64 high and 1 to 64 wide".into()));
        }
        if channels != weight_channels {
            return Err(bad(format!("the signal has {channels} channels, the weights {weight_channels}")));
        }
        if !stride.iter().all(|s| (1..=16).contains(s)) || (0..2).any(|axis| padding[axis] >= kernel[axis]) {
            let rule = "must be 1 to 16 on each axis, padding";
            return Err(bad(format!("stride {stride:?} {rule} {padding:?} less than the kernel on its axis")));
        }
        if signal.contains(&0) || weight.contains(&0) {
            return Err(bad("no dimension may be zero".into()));
        }
        if (0..2).any(|axis| [height, width][axis] + 2 * padding[axis] < kernel[axis]) {
            return Err(bad(format!("with padding {padding:?} the signal is smaller than the kernel")));
        }
        if signal.iter().product::<usize>().max(shape.codes().iter().product()) > i32::MAX as usize {
            return Err(bad("more than 2^31 elements; use a smaller batch".into()));
        }
        Ok(shape)
    }

    /// Height of the codes.
    pub fn code_height(&self) -> usize {
        pooled(self.height, self.kernel[0], self.geometry.stride[0], self.geometry.padding[0])
    }

    /// Width of the codes.
    pub fn code_width(&self) -> usize {
        pooled(self.width, self.kernel[1], self.geometry.stride[1], self.geometry.padding[1])
    }

    /// `[n, height, width, channels]`
    pub fn signal(&self) -> [usize; 4] {
        [self.n, self.height, self.width, self.channels]
    }

    /// `[n, code_height, code_width, atoms]`
    pub fn codes(&self) -> [usize; 4] {
        [self.n, self.code_height(), self.code_width(), self.atoms]
    }

    /// `[atoms, kh, kw, channels]`
    pub fn weight(&self) -> [usize; 4] {
        [self.atoms, self.kernel[0], self.kernel[1], self.channels]
    }

    /// Places of the kernel, `kh * kw`.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Multiply-adds of one analysis, one synthesis or one weight gradient (border taps included).
    pub fn multiply_adds(&self) -> u64 {
        let codes: usize = self.codes().iter().product();
        (codes * self.taps() * self.channels) as u64
    }
}

/// The side of a map of windows of which the last may hang over the end, `ceil((size + 2 padding - window) / stride) + 1`, but
/// none lies wholly beyond the signal (PyTorch's `ceil_mode`).
pub fn pooled_whole(size: usize, window: usize, stride: usize, padding: usize) -> usize {
    let windows = (size + 2 * padding - window).div_ceil(stride) + 1;
    if (windows - 1) * stride >= size + padding { windows - 1 } else { windows }
}

/// The side of a map of windows: `floor((size + 2 padding - window) / stride) + 1`, for pooling and for codes alike.
pub fn pooled(size: usize, window: usize, stride: usize, padding: usize) -> usize {
    (size + 2 * padding - window) / stride + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(signal: [usize; 4], weight: [usize; 4], stride: [usize; 2], padding: [usize; 2]) -> Result<ConvShape> {
        ConvShape::new("test", &signal, &weight, Geometry { stride, padding })
    }

    #[test]
    fn each_axis_has_its_own_kernel_stride_and_padding() {
        let s = shape([2, 9, 40, 3], [5, 2, 32, 3], [3, 8], [1, 4]).unwrap();
        assert_eq!(s.codes(), [2, (9 + 2 - 2) / 3 + 1, (40 + 8 - 32) / 8 + 1, 5]);
        assert_eq!((s.signal(), s.weight(), s.taps()), ([2, 9, 40, 3], [5, 2, 32, 3], 64));
        assert_eq!(s.multiply_adds(), 2 * 4 * 3 * 5 * 64 * 3);
        assert_eq!(Geometry::square(3, 1), Geometry { stride: [3, 3], padding: [1, 1] });
    }

    #[test]
    fn a_convolution_along_one_axis_and_a_dense_dictionary_are_cases() {
        let line = shape([4, 1, 100, 2], [6, 1, 64, 2], [1, 16], [0, 63]).unwrap();
        assert_eq!(line.codes(), [4, 1, (100 + 126 - 64) / 16 + 1, 6]);
        let dense = shape([4, 1, 10, 20], [30, 1, 1, 20], [1, 1], [0, 0]).unwrap();
        assert_eq!((dense.codes(), dense.multiply_adds()), ([4, 1, 10, 30], 4 * 10 * 30 * 20));
    }

    #[test]
    fn what_does_not_fit_is_refused_on_either_axis_and_says_why() {
        let refuses = |signal, weight, stride, padding, why: &str| {
            let said = shape(signal, weight, stride, padding).unwrap_err().to_string();
            assert!(said.contains(why), "{said:?} does not say {why:?}");
        };
        let (signal, weight) = ([1, 9, 9, 2], [3, 2, 3, 2]);
        assert!(shape(signal, weight, [16, 16], [1, 2]).is_ok());
        refuses([1, 90, 90, 2], [3, 65, 3, 2], [1, 1], [0, 0], "1 to 64");
        refuses([1, 90, 90, 2], [3, 2, 65, 2], [1, 1], [0, 0], "1 to 64");
        refuses(signal, [3, 0, 3, 2], [1, 1], [0, 0], "1 to 64");
        refuses(signal, [3, 2, 3, 1], [1, 1], [0, 0], "2 channels, the weights 1");
        refuses(signal, weight, [0, 1], [0, 0], "1 to 16");
        refuses(signal, weight, [1, 17], [0, 0], "1 to 16");
        refuses(signal, weight, [1, 1], [2, 0], "less than the kernel");
        refuses(signal, weight, [1, 1], [0, 3], "less than the kernel");
        refuses([1, 1, 9, 2], weight, [1, 1], [0, 0], "smaller than the kernel");
        refuses([1, 9, 2, 2], weight, [1, 1], [1, 0], "smaller than the kernel");
        refuses([0, 9, 9, 2], weight, [1, 1], [0, 0], "zero");
        refuses([1, 9, 9, 2], [0, 2, 3, 2], [1, 1], [0, 0], "zero");
        refuses([1 << 20, 1 << 6, 1 << 6, 2], weight, [1, 1], [0, 0], "2^31");
        let rank = ConvShape::new("test", &[9, 9, 2], &weight, Geometry::square(1, 0)).unwrap_err();
        assert!(rank.to_string().contains("[n, height, width, channels]"));
        let rank = ConvShape::new("test", &signal, &[3, 2, 2], Geometry::square(1, 0)).unwrap_err();
        assert!(rank.to_string().contains("[atoms, kh, kw, channels]"));
    }
}
