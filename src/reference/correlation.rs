//! Analysis: multi-channel correlation with the dictionary.

use crate::shape::ConvShape;

/// `A^T x`: the correlation of a signal with every atom.
///
/// `codes[n,oy,ox,c] = sum over ky, kx, m of
/// w[c,ky,kx,m] * x[n, oy*stride + ky - padding, ox*stride + kx - padding, m]`,
/// with zeros outside the signal (PyTorch's `conv2d` without bias).
///
/// Shapes: `x` is `[n, height, width, channels]`, `w` is `[atoms, k, k, channels]`, the result is
/// `[n, code_height, code_width, atoms]`. Source: SDNet, arXiv 2210.12945.
pub fn correlation(s: &ConvShape, x: &[f64], w: &[f64]) -> Vec<f64> {
    debug_assert_eq!(x.len(), s.signal().iter().product::<usize>());
    debug_assert_eq!(w.len(), s.weight().iter().product::<usize>());
    let mut codes = vec![0.0; s.codes().iter().product()];
    for_each_tap(s, |code, tap, signal| {
        for c in 0..s.atoms {
            for m in 0..s.channels {
                codes[code * s.atoms + c] += w[weight_index(s, c, tap, m)] * x[signal * s.channels + m];
            }
        }
    });
    codes
}

/// Calls `f(code pixel, tap, signal pixel)` for every pair of pixels that the operator `A` connects.
///
/// Pixels count over samples, rows and columns; `tap = ky * kernel + kx`. Taps that fall into the padding are left out.
/// Analysis, synthesis and weight gradient are the three bilinear maps over these pairs.
pub(super) fn for_each_tap(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (code_height, code_width) = (s.code_height(), s.code_width());
    for n in 0..s.n {
        for oy in 0..code_height {
            for ox in 0..code_width {
                for ky in 0..s.kernel {
                    for kx in 0..s.kernel {
                        let Some(y) = (oy * s.stride + ky).checked_sub(s.padding).filter(|&y| y < s.height) else {
                            continue;
                        };
                        let Some(x) = (ox * s.stride + kx).checked_sub(s.padding).filter(|&x| x < s.width) else {
                            continue;
                        };
                        let code = (n * code_height + oy) * code_width + ox;
                        let signal = (n * s.height + y) * s.width + x;
                        f(code, ky * s.kernel + kx, signal);
                    }
                }
            }
        }
    }
}

/// The flat index of `w[atom, tap, channel]`, with `tap = ky * kernel + kx`.
pub(super) fn weight_index(s: &ConvShape, atom: usize, tap: usize, channel: usize) -> usize {
    (atom * s.kernel * s.kernel + tap) * s.channels + channel
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, central_difference, dot, fill::fill, synthesis::synthesis};

    #[test]
    fn a_worked_example_comes_out_as_on_paper() {
        // 1 2 3     1 0 (channel 0)     stride 2, padding 1: the corners of the signal meet
        // 4 5 6     0 2                 different corners of the kernel.
        // 7 8 9
        let s = ConvShape::new("test", &[1, 3, 3, 1], &[1, 2, 2, 1], 2, 1).unwrap();
        let x: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!(correlation(&s, &x, &[1.0, 0.0, 0.0, 2.0]), [2.0, 6.0, 14.0, 5.0 + 18.0]);
        // Not flipped: the other diagonal, read along rows.
        assert_eq!(correlation(&s, &x, &[0.0, 1.0, 3.0, 0.0]), [0.0, 6.0, 4.0, 6.0 + 24.0]);
    }

    #[test]
    fn channels_are_the_fastest_axis_of_signal_weights_and_codes() {
        let s = ConvShape::new("test", &[1, 1, 2, 2], &[3, 1, 1, 2], 1, 0).unwrap();
        let codes = correlation(&s, &[1.0, 10.0, 2.0, 20.0], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(codes, [1.0, 10.0, 11.0, 2.0, 20.0, 22.0]);
    }

    #[test]
    fn the_gradient_with_respect_to_the_signal_is_synthesis() {
        let s = ConvShape::new("test", &[2, 5, 4, 2], &[3, 3, 3, 2], 2, 1).unwrap();
        let x = fill(s.signal().iter().product(), 1, 1.0);
        let w = fill(s.weight().iter().product(), 2, 1.0);
        let g = fill(s.codes().iter().product(), 3, 1.0);
        let numeric = central_difference(|x| dot(&correlation(&s, x, &w), &g), &x, 1e-3);
        assert_close(&synthesis(&s, &g, &w), &numeric, 1e-9);
    }
}
