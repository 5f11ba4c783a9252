//! The f64 twin of every op, forward and gradient: the specification that the shaders are held against.
//!
//! Plain loops over flat slices, one file per op with the stem of its shader. Nothing here is fast, and nothing here
//! shares code with the GPU side except the size arithmetic of [`crate::shape`].
//!
//! - Maps (signals and codes) are NHWC, `[n, height, width, channels]`; weights are OHWI, `[atoms, k, k, channels]`.
//! - The dictionary acts as `A` (synthesis, codes to signal) and `A^T` (analysis, signal to codes).
//! - Lengths are the caller's promise; they are checked in debug builds only.
//!
//! The networks are those of SDNet, arXiv 2210.12945.

pub mod batch_norm;
pub mod ceiling;
pub mod clip_residual;
pub mod correlation;
pub mod cross_entropy;
pub mod csc;
pub mod fill;
pub mod fista_step;
pub mod global_average_pool;
pub mod interpolate;
pub mod linear;
pub mod max_pool;
pub mod momentum;
pub mod normalize_atoms;
pub mod power_iteration;
pub mod relu;
pub mod residual;
pub mod sgd;
pub mod soft_threshold;
pub mod synthesis;
pub mod weight_gradient;

/// Norms are floored at this before they divide anything.
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

/// The inner product `sum_i a_i b_i` of two slices of one length.
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

/// Sizes that have gone wrong before: odd maps, one channel, strides that leave rows over, kernels as large as the map.
#[cfg(test)]
fn nasty_shapes() -> Vec<crate::shape::ConvShape> {
    let mut shapes = Vec::new();
    for (kernel, padding) in [(1, 0), (2, 1), (3, 0), (3, 1), (4, 2), (5, 2), (6, 5), (7, 3), (11, 5)] {
        for stride in 1..=4 {
            for (n, height, width, channels, atoms) in [(2, 7, 5, 3, 2), (1, 6, 9, 1, 3), (3, 11, 4, 2, 1)] {
                let (signal, weight) = ([n, height, width, channels], [atoms, kernel, kernel, channels]);
                shapes.extend(crate::shape::ConvShape::new("test", &signal, &weight, stride, padding).ok());
            }
        }
    }
    shapes
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
        let shapes = nasty_shapes();
        assert!(shapes.len() > 80);
        assert!((1..=4).all(|stride| shapes.iter().any(|s| s.stride == stride)));
        assert!(shapes.iter().any(|s| s.kernel == 11));
        assert!(shapes.iter().any(|s| (s.height + 2 * s.padding - s.kernel) % s.stride == 3));
    }
}
