//! The f64 twin of every op, forward and gradient: the specification that the shaders are tested against.
//!
//! Plain loops over flat slices, one file per op with the stem of its shader; the stem of every shader is the name of a
//! function here. Nothing here is fast, and nothing here shares code with the GPU side except the size arithmetic of
//! [`crate::shape`].
//!
//! - Maps (signals and codes) are NHWC, `[n, height, width, channels]`; weights are OHWI, `[atoms, kh, kw, channels]`.
//! - The dictionary acts as `A` (synthesis, codes to signal) and `A^T` (analysis, signal to codes).
//! - Callers must pass matching lengths; only debug builds check them.
//!
//! The networks are those of SDNet, arXiv 2210.12945.

pub mod adamw;
pub mod add;
pub mod add_bias;
pub mod average;
pub mod batch_norm;
pub mod blur;
pub mod ceiling;
pub mod clip_norm;
pub mod copy_channels;
pub mod correlation;
pub mod cross_entropy;
pub mod csc;
pub mod dictionary_loss;
pub mod fill;
pub mod fista_step;
pub mod fold;
pub mod global_average_pool;
pub mod interpolate;
pub mod inverse_norm;
pub mod layout;
pub mod linear;
pub mod max_pool;
pub mod modulus;
pub mod momentum;
pub mod normalize_atoms;
pub mod pad;
pub mod power_iteration;
pub mod relu;
pub mod residual;
pub mod scale;
pub mod scale_samples;
pub mod self_correlation;
pub mod sequence;
pub mod sgd;
pub mod soft_threshold;
pub mod step_bound;
pub mod step_size;
pub mod sum_groups;
pub mod sum_samples;
pub mod synthesis;
pub mod unfold;
pub mod weight_gradient;

#[cfg(test)]
use crate::shape::{ConvShape, Geometry};

/// Norms are floored at this before dividing.
pub const NORM_FLOOR: f64 = 1e-12;

/// The gradient of `f` at the point `at` by central differences: `(f(at + h e_i) - f(at - h e_i)) / 2h` for every `i`.
///
/// The error is `O(h^2)` where `f` is smooth; `h` must be small enough not to step over a kink.
pub fn central_difference(f: impl Fn(&[f64]) -> f64, at: &[f64], h: f64) -> Vec<f64> {
    let mut point = at.to_vec();
    let mut gradient = vec![0.0; at.len()];
    for i in 0..at.len() {
        point[i] = at[i] + h;
        let above = f(&point);
        point[i] = at[i] - h;
        let below = f(&point);
        point[i] = at[i];
        gradient[i] = (above - below) / (2.0 * h);
    }
    gradient
}

/// The inner product `sum_i a_i b_i` of two slices of equal length.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    debug_assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The l2 norm `|a|`, floored at [`NORM_FLOOR`].
fn floored_norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt().max(NORM_FLOOR)
}

/// `f(a_i, b_i)` for every `i`.
fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    debug_assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

#[cfg(test)]
fn assert_close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len(), "lengths differ");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        // Written so that a NaN on either side fails.
        assert!((g - e).abs() <= tolerance * (1.0 + e.abs()), "element {i}: {g} is not {e}");
    }
}

/// Sizes that have caused errors: odd maps, one channel, strides with rows left over, kernels as large as the map.
#[cfg(test)]
fn nasty_shapes() -> Vec<crate::shape::ConvShape> {
    let mut shapes = Vec::new();
    for (kernel, padding) in [(1, 0), (2, 1), (3, 0), (3, 1), (4, 2), (5, 2), (6, 5), (7, 3), (11, 5)] {
        for stride in 1..=4 {
            for (n, height, width, channels, atoms) in [(2, 7, 5, 3, 2), (1, 6, 9, 1, 3), (3, 11, 4, 2, 1)] {
                let (signal, weight) = ([n, height, width, channels], [atoms, kernel, kernel, channels]);
                shapes.extend(ConvShape::new("test", &signal, &weight, Geometry::square(stride, padding)).ok());
            }
        }
    }
    // Rectangles on maps of which some are lines.
    for (kernel, geometry) in rectangles() {
        for (n, height, width, channels, atoms) in
            [(2, 7, 5, 3, 2), (1, 6, 9, 1, 3), (2, 11, 8, 2, 3), (1, 1, 70, 2, 3), (2, 33, 1, 1, 2), (1, 5, 43, 3, 1)]
        {
            let (signal, weight) = ([n, height, width, channels], [atoms, kernel[0], kernel[1], channels]);
            shapes.extend(ConvShape::new("test", &signal, &weight, geometry).ok());
        }
    }
    shapes
}

/// Kernels that are not square, and strides and paddings that differ between the axes.
#[cfg(test)]
fn rectangles() -> Vec<([usize; 2], Geometry)> {
    let of = |kernel, stride, padding| (kernel, Geometry { stride, padding });
    let mut all = Vec::new();
    for stride in [[1, 1], [1, 2], [2, 1], [1, 3], [3, 1], [4, 3]] {
        all.extend([of([1, 5], stride, [0, 0]), of([1, 5], stride, [0, 2]), of([1, 5], stride, [0, 4])]);
        all.extend([of([5, 1], stride, [0, 0]), of([5, 1], stride, [2, 0]), of([5, 1], stride, [4, 0])]);
        all.extend([of([3, 7], stride, [1, 3]), of([3, 7], stride, [0, 6]), of([3, 7], stride, [2, 0])]);
        all.extend([of([7, 3], stride, [3, 1]), of([3, 3], stride, [1, 0]), of([3, 3], stride, [0, 1])]);
        all.extend([of([1, 1], stride, [0, 0]), of([2, 1], stride, [1, 0])]);
    }
    all.extend([of([1, 32], [1, 8], [0, 0]), of([1, 32], [1, 8], [0, 16]), of([32, 1], [8, 1], [31, 0])]);
    all.extend([of([1, 64], [1, 16], [0, 5]), of([2, 3], [16, 5], [1, 2])]);
    all
}

/// Some shapes small enough for central differences of every value: square, and with axes that differ.
#[cfg(test)]
fn smooth_shapes() -> Vec<ConvShape> {
    let of = |signal: [usize; 4], weight: [usize; 4], stride, padding| {
        ConvShape::new("test", &signal, &weight, Geometry { stride, padding }).unwrap()
    };
    vec![
        of([2, 5, 4, 2], [3, 3, 3, 2], [2, 2], [1, 1]),
        of([2, 5, 6, 2], [3, 1, 5, 2], [1, 3], [0, 2]),
        of([2, 6, 4, 2], [3, 5, 1, 2], [2, 1], [3, 0]),
        of([1, 4, 9, 2], [2, 3, 7, 2], [1, 3], [0, 3]),
        of([2, 1, 40, 2], [3, 1, 32, 2], [1, 8], [0, 9]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn central_difference_finds_the_gradient_of_a_polynomial() {
        let gradient = central_difference(|p| p[0] * p[0] * p[1] + 3.0 * p[1], &[2.0, -1.0], 1e-5);
        assert_close(&gradient, &[-4.0, 7.0], 1e-9);
    }

    #[test]
    #[should_panic(expected = "element 1")]
    fn the_comparer_refuses_nan() {
        assert_close(&[1.0, f64::NAN], &[1.0, 2.0], 1.0);
    }

    #[test]
    fn the_nasty_shapes_cover_every_stride_and_leave_rows_over() {
        let shapes: Vec<_> = nasty_shapes().into_iter().filter(|s| s.kernel[0] == s.kernel[1]).collect();
        let square = |s: &&ConvShape| s.geometry == Geometry::square(s.geometry.stride[0], s.geometry.padding[0]);
        assert!(shapes.iter().filter(square).count() > 80);
        assert!((1..=4).all(|stride| shapes.iter().filter(square).any(|s| s.geometry.stride[0] == stride)));
        assert!(shapes.iter().any(|s| s.kernel == [11, 11]));
        let left_over = |s: &ConvShape| (s.height + 2 * s.geometry.padding[0] - s.kernel[0]) % s.geometry.stride[0];
        assert!(shapes.iter().any(|s| left_over(s) == 3));
    }

    #[test]
    fn every_rectangle_fits_at_least_one_nasty_map_and_the_axes_differ_every_way() {
        let shapes = nasty_shapes();
        for (kernel, geometry) in rectangles() {
            let fits = shapes.iter().any(|s| (s.kernel, s.geometry) == (kernel, geometry));
            assert!(fits, "{kernel:?} with {geometry:?} fits none");
        }
        assert!([[1, 5], [5, 1], [3, 7], [1, 32]].iter().all(|kernel| shapes.iter().any(|s| s.kernel == *kernel)));
        assert!([[1, 3], [3, 1], [1, 8]].iter().all(|stride| shapes.iter().any(|s| s.geometry.stride == *stride)));
        let one_sided = |axis: usize| {
            move |s: &ConvShape| s.geometry.padding[axis] > 0 && s.geometry.padding[1 - axis] == 0 && s.taps() > 5
        };
        assert!(shapes.iter().any(one_sided(0)) && shapes.iter().any(one_sided(1)));
    }
}
