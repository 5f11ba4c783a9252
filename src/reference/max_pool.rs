//! The largest value of every window.

use crate::shape::{pooled, pooled_whole};

/// The sizes of max-pooling with square windows over maps `[n, height, width, channels]`; the result is
/// `[n, pooled_height, pooled_width, channels]`, `pooled = floor((size + 2 padding - window) / stride) + 1`, rounded up with
/// `ceil`, where a window lies wholly beyond the map otherwise.
/// Padding never wins. Source: PyTorch's `torch.nn.MaxPool2d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool {
    /// Samples.
    pub n: usize,
    /// Height of the input.
    pub height: usize,
    /// Width of the input.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// Side of the window.
    pub window: usize,
    /// Stride.
    pub stride: usize,
    /// Padding on every side, at most half the window.
    pub padding: usize,
    /// Whether windows at the end may hang over.
    pub ceil: bool,
}

impl MaxPool {
    /// `[n, pooled_height, pooled_width, channels]`, the shape of the result. Source: PyTorch's `torch.nn.MaxPool2d`.
    pub fn output(&self) -> [usize; 4] {
        let of = if self.ceil { pooled_whole } else { pooled };
        let side = |size| of(size, self.window, self.stride, self.padding);
        [self.n, side(self.height), side(self.width), self.channels]
    }

    /// The flat index into `x` of every result.
    fn winners(&self, x: &[f64]) -> Vec<usize> {
        debug_assert_eq!(x.len(), self.n * self.height * self.width * self.channels);
        let [samples, height, width, channels] = self.output();
        let mut winners = Vec::new();
        for n in 0..samples {
            for oy in 0..height {
                for ox in 0..width {
                    for c in 0..channels {
                        winners.push(self.winner(x, n, oy, ox, c));
                    }
                }
            }
        }
        winners
    }

    fn winner(&self, x: &[f64], n: usize, oy: usize, ox: usize, c: usize) -> usize {
        let inside = |o: usize, size: usize| {
            let start = o * self.stride;
            start.saturating_sub(self.padding)..(start + self.window - self.padding).min(size)
        };
        let index = |row, column| ((n * self.height + row) * self.width + column) * self.channels + c;
        let (rows, columns) = (inside(oy, self.height), inside(ox, self.width));
        let mut best = index(rows.start, columns.start);
        for row in rows {
            for column in columns.clone() {
                if x[index(row, column)] > x[best] {
                    best = index(row, column);
                }
            }
        }
        best
    }
}

/// `result[n,oy,ox,c] = max over ky, kx of x[n, oy*stride + ky - padding, ox*stride + kx - padding, c]`, over what
/// lies inside the map.
///
/// Shapes: `x` is `[n, height, width, channels]`, the result is [`MaxPool::output`]. Source: PyTorch's
/// `torch.nn.MaxPool2d`.
pub fn max_pool(pool: &MaxPool, x: &[f64]) -> Vec<f64> {
    pool.winners(x).into_iter().map(|i| x[i]).collect()
}

/// The gradient of [`max_pool`] at `x`: each upstream value goes to the first maximum of its window in row-major order,
/// and adds up where windows share it.
///
/// Shapes: `x` and the result are `[n, height, width, channels]`, `g` is [`MaxPool::output`]. Source: PyTorch's
/// `torch.nn.MaxPool2d`, differentiated.
pub fn max_pool_gradient(pool: &MaxPool, x: &[f64], g: &[f64]) -> Vec<f64> {
    let winners = pool.winners(x);
    debug_assert_eq!(winners.len(), g.len());
    let mut result = vec![0.0; x.len()];
    for (i, g) in winners.into_iter().zip(g) {
        result[i] += g;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, sequence::sequence};

    const SMALL: MaxPool =
        MaxPool { n: 1, height: 3, width: 3, channels: 1, window: 3, stride: 2, padding: 1, ceil: false };

    #[test]
    fn a_worked_example_comes_out_as_on_paper() {
        let x: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!(max_pool(&SMALL, &x), [5.0, 6.0, 8.0, 9.0]);
        assert_eq!(max_pool_gradient(&SMALL, &x, &[1.0, 2.0, 3.0, 4.0]), [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 3.0, 4.0]);
    }

    #[test]
    fn windows_that_hang_over_leave_nothing_out() {
        let pool = |height, width, window, stride, padding| MaxPool {
            n: 1,
            height,
            width,
            channels: 1,
            window,
            stride,
            padding,
            ceil: true,
        };
        let x: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!(max_pool(&pool(3, 3, 2, 2, 0), &x), [5.0, 6.0, 8.0, 9.0]);
        // The last window of a row would begin beyond it, as PyTorch has it.
        assert_eq!(pool(4, 5, 2, 3, 1).output(), [1, 2, 2, 1]);
        assert_eq!(pool(6, 8, 2, 2, 0).output(), [1, 3, 4, 1]);
    }

    #[test]
    fn padding_never_wins_over_negative_values() {
        assert_eq!(max_pool(&SMALL, &[-1.0; 9]), [-1.0; 4]);
    }

    #[test]
    fn equal_values_send_the_gradient_to_the_first_in_row_major_order() {
        let expected = [1.0, 2.0, 0.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0];
        assert_eq!(max_pool_gradient(&SMALL, &[5.0; 9], &[1.0, 2.0, 3.0, 4.0]), expected);
    }

    #[test]
    fn the_gradient_matches_central_differences_for_overlapping_windows_and_odd_sizes() {
        for (window, stride, padding, ceil) in
            [(3, 2, 1, false), (2, 2, 0, false), (2, 2, 0, true), (3, 1, 1, false), (2, 3, 1, true)]
        {
            let pool = MaxPool { n: 2, height: 7, width: 5, channels: 3, window, stride, padding, ceil };
            let x = sequence(2 * 7 * 5 * 3, 1, 1.0);
            let mut sorted = x.clone();
            sorted.sort_by(f64::total_cmp);
            assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] > 1e-5), "two values are too close");
            let g = sequence(pool.output().iter().product(), 2, 1.0);
            let numeric = central_difference(|x| dot(&max_pool(&pool, x), &g), &x, 1e-6);
            assert_close(&max_pool_gradient(&pool, &x, &g), &numeric, 1e-8);
        }
    }
}
