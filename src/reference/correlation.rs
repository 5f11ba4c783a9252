//! Analysis: multi-channel correlation with the dictionary.

use crate::shape::ConvShape;

/// `A^T x`: the correlation of a signal with every atom.
///
/// `codes[n,oy,ox,c] = sum over ky, kx, m of
/// w[c,ky,kx,m] * x[n, oy*sy + ky - py, ox*sx + kx - px, m]`,
/// with strides `sy`, `sx` and paddings `py`, `px`, and with zeros outside the signal (PyTorch's `conv2d` without
/// bias).
///
/// Shapes: `x` is `[n, height, width, channels]`, `w` is `[atoms, kh, kw, channels]`, the result is
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
/// Pixels count over samples, rows and columns; `tap = ky * kw + kx`. Taps that fall into the padding are left out.
/// Analysis, synthesis and weight gradient are the three bilinear maps over these pairs.
pub(super) fn for_each_tap(s: &ConvShape, mut f: impl FnMut(usize, usize, usize)) {
    let (code_height, code_width) = (s.code_height(), s.code_width());
    let ([kernel_height, kernel_width], [sy, sx], [py, px]) = (s.kernel, s.geometry.stride, s.geometry.padding);
    for n in 0..s.n {
        for oy in 0..code_height {
            for ox in 0..code_width {
                for ky in 0..kernel_height {
                    for kx in 0..kernel_width {
                        let Some(y) = (oy * sy + ky).checked_sub(py).filter(|&y| y < s.height) else {
                            continue;
                        };
                        let Some(x) = (ox * sx + kx).checked_sub(px).filter(|&x| x < s.width) else {
                            continue;
                        };
                        let code = (n * code_height + oy) * code_width + ox;
                        let signal = (n * s.height + y) * s.width + x;
                        f(code, ky * kernel_width + kx, signal);
                    }
                }
            }
        }
    }
}

/// The flat index of `w[atom, tap, channel]`, with `tap = ky * kw + kx`.
pub(super) fn weight_index(s: &ConvShape, atom: usize, tap: usize, channel: usize) -> usize {
    (atom * s.taps() + tap) * s.channels + channel
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{
        assert_close, central_difference, dot, nasty_shapes, sequence::sequence, smooth_shapes, synthesis::synthesis,
    };
    use crate::shape::Geometry;

    #[test]
    fn a_worked_example_comes_out_as_on_paper() {
        // 1 2 3     1 0 (channel 0)     stride 2, padding 1: the corners of the signal meet
        // 4 5 6     0 2                 different corners of the kernel.
        // 7 8 9
        let s = ConvShape::new("test", &[1, 3, 3, 1], &[1, 2, 2, 1], Geometry::square(2, 1)).unwrap();
        let x: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!(correlation(&s, &x, &[1.0, 0.0, 0.0, 2.0]), [2.0, 6.0, 14.0, 5.0 + 18.0]);
        // Not flipped: the other diagonal, read along rows.
        assert_eq!(correlation(&s, &x, &[0.0, 1.0, 3.0, 0.0]), [0.0, 6.0, 4.0, 6.0 + 24.0]);
    }

    #[test]
    fn a_worked_example_with_different_axes_comes_out_as_on_paper() {
        //   | 1  2  3  4 |     1 10 100 and twice as much in a second row; strides 1 and 2, padding 0 and 1.
        // 0 | 5  6  7  8 | 0
        //   | 9 10 11 12 |
        let s = ConvShape::new("test", &[1, 3, 4, 1], &[1, 2, 3, 1], Geometry { stride: [1, 2], padding: [0, 1] });
        let x: Vec<f64> = (1..=12).map(f64::from).collect();
        let w = [1.0, 10.0, 100.0, 2.0, 20.0, 200.0];
        let (first, second, third) = ([210.0, 432.0], [650.0, 876.0], [1090.0, 1320.0]);
        let sums = [first[0] + 2.0 * second[0], first[1] + 2.0 * second[1]];
        let more = [second[0] + 2.0 * third[0], second[1] + 2.0 * third[1]];
        assert_eq!(correlation(&s.unwrap(), &x, &w), [sums, more].concat());
    }

    #[test]
    fn it_is_the_sum_over_windows_of_the_signal_with_zeros_around_it() {
        for s in nasty_shapes() {
            let ([kernel_height, kernel_width], Geometry { stride, padding }) = (s.kernel, s.geometry);
            let (x, w) = (sequence(s.signal().iter().product(), 1, 1.0), sequence(s.weight().iter().product(), 2, 1.0));
            let (high, wide) = (s.height + 2 * padding[0], s.width + 2 * padding[1]);
            let mut padded = vec![0.0; s.n * high * wide * s.channels];
            for (i, x) in x.iter().enumerate() {
                let (m, pixel) = (i % s.channels, i / s.channels);
                let (row, column) = (pixel / s.width % s.height + padding[0], pixel % s.width + padding[1]);
                padded[((pixel / (s.width * s.height) * high + row) * wide + column) * s.channels + m] = *x;
            }
            let (mut expected, size) = (Vec::new(), kernel_height * kernel_width * s.channels);
            for window in 0..s.n * s.code_height() * s.code_width() {
                let (top, left) = (window / s.code_width() % s.code_height(), window % s.code_width());
                let mut patch = Vec::new();
                for ky in 0..kernel_height {
                    let row = window / (s.code_width() * s.code_height()) * high + top * stride[0] + ky;
                    patch.extend(&padded[(row * wide + left * stride[1]) * s.channels..][..kernel_width * s.channels]);
                }
                expected.extend(w.chunks_exact(size).map(|atom| dot(atom, &patch)));
            }
            assert_close(&correlation(&s, &x, &w), &expected, 1e-12);
        }
    }

    #[test]
    fn a_dense_dictionary_is_a_matrix_product() {
        let s = ConvShape::new("test", &[2, 1, 3, 4], &[5, 1, 1, 4], Geometry::square(1, 0)).unwrap();
        let (x, w) = (sequence(24, 1, 1.0), sequence(20, 2, 1.0));
        let products = x.chunks_exact(4).flat_map(|x| w.chunks_exact(4).map(move |w| dot(x, w)));
        assert_close(&correlation(&s, &x, &w), &products.collect::<Vec<_>>(), 1e-14);
    }

    #[test]
    fn channels_are_the_fastest_axis_of_signal_weights_and_codes() {
        let s = ConvShape::new("test", &[1, 1, 2, 2], &[3, 1, 1, 2], Geometry::square(1, 0)).unwrap();
        let codes = correlation(&s, &[1.0, 10.0, 2.0, 20.0], &[1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(codes, [1.0, 10.0, 11.0, 2.0, 20.0, 22.0]);
    }

    #[test]
    fn the_gradient_with_respect_to_the_signal_is_synthesis() {
        for s in smooth_shapes() {
            let x = sequence(s.signal().iter().product(), 1, 1.0);
            let w = sequence(s.weight().iter().product(), 2, 1.0);
            let g = sequence(s.codes().iter().product(), 3, 1.0);
            let numeric = central_difference(|x| dot(&correlation(&s, x, &w), &g), &x, 1e-3);
            assert_close(&synthesis(&s, &g, &w), &numeric, 1e-9);
        }
    }
}
