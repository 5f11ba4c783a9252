//! Synthesis: transposed convolution with the dictionary, the exact adjoint of analysis.

use super::correlation::{for_each_tap, weight_index};
use crate::shape::ConvShape;

/// `A z`: the signal that a code represents; the exact adjoint of
/// [`correlation`](super::correlation::correlation).
///
/// `signal[n,y,x,m] = sum over c, oy, ox, ky, kx with y = oy*sy + ky - py, x = ox*sx + kx - px
/// of z[n,oy,ox,c] * w[c,ky,kx,m]`, with strides `sy`, `sx` and paddings `py`, `px`.
/// Pixels that no atom reaches are zero, so every signal size works (PyTorch's `conv_transpose2d` with
/// `output_padding = (size + 2 padding - kernel) mod stride` on each axis).
///
/// Shapes: `z` is `[n, code_height, code_width, atoms]`, `w` is `[atoms, kh, kw, channels]`, the result is
/// `[n, height, width, channels]`. Source: SDNet, arXiv 2210.12945.
pub fn synthesis(s: &ConvShape, z: &[f64], w: &[f64]) -> Vec<f64> {
    debug_assert_eq!(z.len(), s.codes().iter().product::<usize>());
    debug_assert_eq!(w.len(), s.weight().iter().product::<usize>());
    let mut result = vec![0.0; s.signal().iter().product()];
    for_each_tap(s, |code, tap, signal| {
        for c in 0..s.atoms {
            for m in 0..s.channels {
                result[signal * s.channels + m] += z[code * s.atoms + c] * w[weight_index(s, c, tap, m)];
            }
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{
        assert_close, central_difference, correlation::correlation, dot, nasty_shapes, sequence::sequence,
        smooth_shapes,
    };
    use crate::shape::Geometry;

    #[test]
    fn synthesis_is_the_adjoint_of_correlation_for_every_nasty_shape() {
        for s in nasty_shapes() {
            let x = sequence(s.signal().iter().product(), 1, 1.0);
            let z = sequence(s.codes().iter().product(), 2, 1.0);
            let w = sequence(s.weight().iter().product(), 3, 1.0);
            let (left, right) = (dot(&synthesis(&s, &z, &w), &x), dot(&z, &correlation(&s, &x, &w)));
            assert!((left - right).abs() <= 1e-11 * (1.0 + left.abs()), "{s:?}: {left} is not {right}");
        }
    }

    #[test]
    fn a_single_code_paints_its_atom() {
        let s = ConvShape::new("test", &[1, 4, 4, 1], &[1, 3, 3, 1], Geometry::square(1, 1)).unwrap();
        let w: Vec<f64> = (1..=9).map(f64::from).collect();
        let mut z = vec![0.0; 16];
        z[0] = 1.0; // At the corner: the first row and column of the atom fall into the padding.
        let expected = [[5.0, 6.0, 0.0, 0.0], [8.0, 9.0, 0.0, 0.0], [0.0; 4], [0.0; 4]];
        assert_eq!(synthesis(&s, &z, &w), expected.concat());
    }

    #[test]
    fn a_single_code_paints_its_atom_where_the_stride_of_each_axis_puts_it() {
        let geometry = Geometry { stride: [1, 3], padding: [1, 0] };
        let s = ConvShape::new("test", &[1, 3, 6, 1], &[1, 3, 2, 1], geometry).unwrap();
        assert_eq!(s.codes(), [1, 3, 2, 1]);
        let w: Vec<f64> = (1..=6).map(f64::from).collect();
        let z = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]; // The first row of the atom falls into the padding.
        let expected = [[0.0, 0.0, 0.0, 3.0, 4.0, 0.0], [0.0, 0.0, 0.0, 5.0, 6.0, 0.0], [0.0; 6]];
        assert_eq!(synthesis(&s, &z, &w), expected.concat());
    }

    #[test]
    fn pixels_that_no_atom_reaches_stay_zero() {
        let s = ConvShape::new("test", &[1, 6, 6, 1], &[1, 3, 3, 1], Geometry::square(3, 0)).unwrap();
        assert_eq!((s.code_height(), s.code_width()), (2, 2));
        let s = ConvShape { height: 8, ..s };
        let signal = synthesis(&s, &[1.0; 4], &[1.0; 9]);
        assert_eq!(signal[..36], [1.0; 36]);
        assert_eq!(signal[36..], [0.0; 12]);
    }

    #[test]
    fn the_gradient_with_respect_to_the_codes_is_correlation() {
        for s in smooth_shapes() {
            let z = sequence(s.codes().iter().product(), 1, 1.0);
            let w = sequence(s.weight().iter().product(), 2, 1.0);
            let g = sequence(s.signal().iter().product(), 3, 1.0);
            let numeric = central_difference(|z| dot(&synthesis(&s, z, &w), &g), &z, 1e-3);
            assert_close(&correlation(&s, &g, &w), &numeric, 1e-9);
        }
    }
}
