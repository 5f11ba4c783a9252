//! The binomial blur in front of a subsampling.

/// The sizes of a blur of maps `[n, height, width, channels]` without padding; the result is `[n, h', w', channels]`,
/// `h' = floor((height - size) / stride) + 1`. Source: Zhang, arXiv 1904.11486.
#[derive(Clone, Copy, Debug)]
pub struct BlurTwin {
    /// Samples.
    pub n: usize,
    /// Height of the map.
    pub height: usize,
    /// Width of the map.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Side of the window.
    pub size: usize,
    /// Pixels from one window to the next.
    pub stride: usize,
}

impl BlurTwin {
    /// The shape of the result.
    pub fn output(&self) -> [usize; 4] {
        let side = |size: usize| (size - self.size) / self.stride + 1;
        [self.n, side(self.height), side(self.width), self.channels]
    }

    /// Calls `f(value of the result, value of the map, weight)` for every place of every window.
    fn for_each_tap(&self, mut f: impl FnMut(usize, usize, f64)) {
        let (taps, [n, rows, columns, channels]) = (taps(self.size), self.output());
        for i in 0..n * rows * columns * channels {
            let (c, x, y) = (i % channels, i / channels % columns, i / (channels * columns) % rows);
            let sample = i / (channels * columns * rows);
            for (wy, down) in taps.iter().enumerate() {
                for (wx, across) in taps.iter().enumerate() {
                    let (row, column) = (y * self.stride + wy, x * self.stride + wx);
                    let at = ((sample * self.height + row) * self.width + column) * channels + c;
                    f(i, at, down * across);
                }
            }
        }
    }
}

/// The binomial taps `C(size - 1, k) / 2^(size - 1)`, by Pascal's triangle.
pub fn taps(size: usize) -> Vec<f64> {
    let mut row = vec![1.0];
    for _ in 1..size {
        let shifted = std::iter::once(&0.0).chain(&row);
        row = shifted.zip(row.iter().chain(std::iter::once(&0.0))).map(|(a, b)| (a + b) / 2.0).collect();
    }
    row
}

/// Every channel of `x` blurred by `t t^T` with the [`taps`] `t`, at every `stride`-th pixel.
///
/// Source: Zhang, arXiv 1904.11486.
pub fn blur(sizes: &BlurTwin, x: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; sizes.output().iter().product()];
    sizes.for_each_tap(|to, from, weight| out[to] += weight * x[from]);
    out
}

/// The adjoint of [`blur`], which is its gradient: every value sums what it gave to the windows that it lies in.
///
/// Source: [`blur`], transposed.
pub fn blur_adjoint(sizes: &BlurTwin, g: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; sizes.n * sizes.height * sizes.width * sizes.channels];
    sizes.for_each_tap(|from, to, weight| out[to] += weight * g[from]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, dot, sequence::sequence};

    #[test]
    fn worked_examples_come_out_as_on_paper() {
        assert_eq!(taps(3), [0.25, 0.5, 0.25]);
        assert_eq!(taps(5), [1.0, 4.0, 6.0, 4.0, 1.0].map(|tap| tap / 16.0));
        let sizes = BlurTwin { n: 1, height: 3, width: 5, channels: 1, size: 3, stride: 2 };
        let x = (0..15).map(f64::from).collect::<Vec<_>>();
        assert_close(&blur(&sizes, &x), &[6.0, 8.0], 1e-15);
    }

    #[test]
    fn the_adjoint_is_one() {
        for (size, stride) in [(3, 1), (3, 2), (5, 3)] {
            let sizes = BlurTwin { n: 2, height: 7, width: 6, channels: 3, size, stride };
            let (x, g) = (sequence(2 * 42 * 3, 1, 1.0), sequence(sizes.output().iter().product(), 2, 1.0));
            let (there, back) = (dot(&blur(&sizes, &x), &g), dot(&x, &blur_adjoint(&sizes, &g)));
            assert!((there - back).abs() < 1e-12, "{there} and {back}");
        }
    }
}
