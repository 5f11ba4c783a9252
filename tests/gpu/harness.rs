//! How GPU results are compared, and what the cases are made of.
//!
//! A result passes if every element is within `C * EPSILON * terms * magnitude` of its f64 twin. Derivation: the error
//! of adding up `K` products in any order is at most `K u sum |terms|` to first order, where `u = EPSILON / 2` is the
//! rounding error of one operation (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2). So `terms`
//! counts the operations that a term goes through at most: `K` for a sum of `K` products, one more for each further
//! operation, and [`DIVISION`] and [`ROOT`] where WGSL allows an error of more than one ulp. `magnitude` is
//! `sum |terms|`, from the same twin on absolute values. `C = 1` is then twice the first-order bound; the other half is
//! for higher orders. Inputs are rounded to f32 before either side sees them, and `terms = 0` requires equality.

use std::sync::OnceLock;

use sdnet::gpu::{Gpu, GpuOptions, REGISTER, TILED};
use sdnet::ops::Orthogonality;
use sdnet::reference::sequence::sequence;
use sdnet::shape::{ConvShape, Geometry};
use sdnet::tape::{Tape, Var};
use sdnet::tensor::Tensor;

use crate::support::{assert_close, options};

/// A dictionary, what of its correlations with itself is wanted, the stride, and the padding that this means.
type SelfCorrelation = ([usize; 4], Orthogonality, [usize; 2], [usize; 2]);

/// Dictionaries of several forms.
pub const SELF_CORRELATIONS: [SelfCorrelation; 6] = [
    ([5, 3, 3, 2], Orthogonality::BlockToeplitz, [1, 1], [2, 2]),
    ([9, 3, 3, 4], Orthogonality::BlockToeplitz, [2, 2], [2, 2]),
    ([4, 5, 1, 3], Orthogonality::BlockToeplitz, [2, 1], [4, 0]),
    ([6, 3, 2, 5], Orthogonality::Kernel, [1, 2], [0, 0]),
    ([7, 3, 3, 1], Orthogonality::Published, [1, 1], [1, 1]),
    ([8, 3, 3, 3], Orthogonality::Published, [2, 2], [1, 1]),
];

/// The one constant of all bounds.
pub const C: f64 = 1.0;
/// The spacing of f32 at 1.
pub const EPSILON: f64 = f32::EPSILON as f64;
/// A division counts as this many operations: WGSL allows 2.5 ulp.
pub const DIVISION: usize = 3;
/// A square root counts as this many operations: WGSL allows the error of `1 / inverseSqrt`, 2 plus 2.5 ulp.
pub const ROOT: usize = 5;

/// The largest error relative to its bound, or what is wrong.
pub fn worst_ratio(got: &[f32], want: &[f64], magnitude: &[f64], terms: usize) -> Result<f64, String> {
    if got.len() != want.len() || got.len() != magnitude.len() || got.is_empty() {
        return Err(format!("{} values for {}, {} magnitudes", got.len(), want.len(), magnitude.len()));
    }
    let mut worst = 0.0_f64;
    for (i, (&got, (&want, &magnitude))) in got.iter().zip(want.iter().zip(magnitude)).enumerate() {
        let (error, bound) = ((f64::from(got) - want).abs(), C * EPSILON * terms as f64 * magnitude);
        // Written so that a NaN on either side fails.
        if !(got.is_finite() && error <= bound) {
            return Err(format!("element {i} is {got:e}, want {want:e} within {bound:.1e}"));
        }
        worst = worst.max(if bound > 0.0 { error / bound } else { 0.0 });
    }
    Ok(worst)
}

/// Fails, naming `what`, unless every element is within its bound; prints how close it came.
#[track_caller]
pub fn check(what: &str, got: &[f32], want: &[f64], magnitude: &[f64], terms: usize) {
    match worst_ratio(got, want, magnitude, terms) {
        Ok(ratio) => println!("ratio {ratio:.4} {what}"),
        Err(reason) => panic!("{what}: {reason}"),
    }
}

/// A result, the correct values, and how far apart they may be.
pub struct Row {
    got: Vec<f32>,
    want: Vec<f64>,
    bound: Bound,
}

enum Bound {
    Terms(Vec<f64>, usize),
    RelativeL2(f64),
}

impl Row {
    /// Compared by the bound of this file.
    pub fn within(got: &Tensor, want: Vec<f64>, magnitude: Vec<f64>, terms: usize) -> Self {
        Self { got: got.to_vec().unwrap(), want, bound: Bound::Terms(magnitude, terms) }
    }

    /// Must be equal.
    pub fn exact(got: &Tensor, want: Vec<f64>) -> Self {
        let magnitude = abs(&want);
        Self::within(got, want, magnitude, 0)
    }

    /// Each element is rounded `operations` times, without cancellation.
    pub fn rounded(got: &Tensor, want: Vec<f64>, operations: usize) -> Self {
        let magnitude = abs(&want);
        Self::within(got, want, magnitude, operations)
    }

    /// Compared by relative l2 error, for results with too many steps to derive a bound.
    pub fn l2(got: &Tensor, want: Vec<f64>, bound: f64) -> Self {
        Self { got: got.to_vec().unwrap(), want, bound: Bound::RelativeL2(bound) }
    }

    /// Fails unless the result is as close to the correct values as required.
    #[track_caller]
    pub fn check(&self, what: &str) {
        match &self.bound {
            Bound::Terms(magnitude, terms) => check(what, &self.got, &self.want, magnitude, *terms),
            Bound::RelativeL2(bound) => {
                let want = self.want.iter().map(|v| *v as f32).collect::<Vec<_>>();
                assert_close(what, &self.got, &want, *bound);
            }
        }
    }
}

/// A device that the kernels are tested on.
#[derive(Clone, Copy, Debug)]
pub enum Lane {
    Tiled,
    Register,
    /// Tiled, with every access checked.
    Checked,
}

impl Lane {
    pub const SCHEDULES: [Lane; 2] = [Lane::Tiled, Lane::Register];

    pub fn gpu(self) -> &'static Gpu {
        static GPUS: [OnceLock<Gpu>; 3] = [const { OnceLock::new() }; 3];
        let schedule = if matches!(self, Lane::Register) { &REGISTER } else { &TILED };
        let options = GpuOptions {
            schedule: Some(schedule),
            baseline_limits: true,
            bounds_checks: matches!(self, Lane::Checked),
            ..options()
        };
        GPUS[self as usize].get_or_init(|| Gpu::open(&options).unwrap_or_else(|e| panic!("{e}")))
    }
}

/// Sizes that have caused errors before: `n, height, width, channels, atoms, kernel, stride, padding`.
/// Those with one to three channels and a kernel wider than one pixel are unfolded.
const SHAPES: [[usize; 8]; 17] = [
    [2, 7, 5, 3, 5, 3, 1, 1],
    [1, 9, 9, 1, 3, 3, 2, 1],
    [2, 8, 6, 4, 8, 3, 2, 1],
    [1, 5, 5, 5, 4, 5, 1, 4],    // the largest padding allowed
    [1, 11, 12, 2, 6, 7, 2, 3],  // stride 2 on odd and even sizes
    [1, 13, 9, 6, 4, 11, 4, 5],  // the largest kernel and stride
    [2, 6, 7, 4, 4, 1, 2, 0],    // a stride that skips pixels
    [3, 1, 1, 5, 7, 1, 1, 0],    // maps of one pixel
    [1, 10, 7, 3, 9, 3, 3, 0],   // rows left over
    [1, 10, 7, 6, 9, 3, 3, 0],   // the same, not unfolded
    [2, 9, 9, 8, 68, 3, 1, 1],   // no multiple of the tile of 64 in pixels and atoms
    [1, 9, 8, 68, 12, 1, 1, 0],  // nor in channels
    [1, 9, 10, 7, 4, 4, 4, 3],   // an even kernel
    [2, 7, 8, 5, 3, 2, 4, 1],    // a stride wider than the kernel, and padding
    [2, 7, 9, 1, 3, 2, 4, 1],    // the same, unfolded
    [1, 3, 3, 2, 3, 3, 1, 0],    // a kernel as large as the map
    [5, 15, 3, 64, 64, 3, 1, 1], // a weight gradient with several lines per group, the last group shorter
];

/// `n, height, width, channels, atoms`; kernel, stride and padding by axis.
type Rectangle = ([usize; 5], [usize; 2], [usize; 2], [usize; 2]);

/// Sizes whose axes differ. The first two are a 1-D convolution and a dense dictionary.
const RECTANGLES: [Rectangle; 8] = [
    ([2, 1, 50, 2, 5], [1, 32], [1, 8], [0, 5]),
    ([2, 1, 9, 13, 7], [1, 1], [1, 1], [0, 0]),
    ([1, 7, 9, 3, 5], [1, 5], [1, 2], [0, 2]),
    ([2, 9, 6, 4, 6], [5, 1], [3, 1], [2, 0]),
    ([1, 8, 13, 6, 68], [3, 7], [1, 3], [1, 4]),
    ([2, 11, 8, 1, 9], [3, 2], [2, 1], [0, 1]),  // unfolded
    ([1, 20, 5, 5, 4], [2, 3], [16, 1], [1, 2]), // the widest stride, wider than the kernel
    ([1, 66, 3, 4, 4], [64, 1], [1, 2], [9, 0]), // the highest kernel
];

/// The table of nasty shapes.
pub fn shapes() -> Vec<ConvShape> {
    let rectangle = |(sizes, kernel, stride, padding): Rectangle| {
        let [n, height, width, channels, atoms] = sizes;
        let weight = [atoms, kernel[0], kernel[1], channels];
        ConvShape::new("test", &[n, height, width, channels], &weight, Geometry { stride, padding }).unwrap()
    };
    SHAPES.map(shape).into_iter().chain(RECTANGLES.map(rectangle)).collect()
}

/// On this shape, whether the solver's step is tested without a point and with signed codes, or with a point and
/// non-negative codes. Each kernel that need not be compiled saves half a second.
pub fn starts_from_zero(s: &ConvShape) -> bool {
    s.width.is_multiple_of(2)
}

/// The shape with these sizes, in the order of its fields.
pub fn shape([n, height, width, channels, atoms, kernel, stride, padding]: [usize; 8]) -> ConvShape {
    let geometry = Geometry::square(stride, padding);
    ConvShape::new("test", &[n, height, width, channels], &[atoms, kernel, kernel, channels], geometry).unwrap()
}

/// Values in [-1, 1) that are exact in f32; different tags give different values.
pub fn values(len: usize, tag: u64) -> Vec<f64> {
    sequence(len, tag, 1.0).into_iter().map(|v| f64::from(v as f32)).collect()
}

/// [`values`] that fill a shape.
pub fn filled(shape: &[usize], tag: u64) -> Vec<f64> {
    values(shape.iter().product(), tag)
}

/// A tensor of values that are exact in f32.
pub fn tensor(gpu: &Gpu, shape: &[usize], values: &[f64]) -> Tensor {
    Tensor::from_slice(gpu, shape, &values.iter().map(|v| *v as f32).collect::<Vec<_>>()).unwrap()
}

pub fn abs(v: &[f64]) -> Vec<f64> {
    v.iter().map(|v| v.abs()).collect()
}

pub fn times(factor: f64, v: &[f64]) -> Vec<f64> {
    v.iter().map(|v| factor * v).collect()
}

/// `f(a_i, b_i)` for every `i`.
pub fn zip(a: &[f64], b: &[f64], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| f(a, b)).collect()
}

/// Whether there are values on both sides of a threshold.
pub fn has_both_sides(v: &[f64]) -> bool {
    v.contains(&0.0) && v.iter().any(|v| *v != 0.0)
}

/// The gradients of `<output, upstream>` at the leaves.
pub fn gradients(tape: Tape, output: &Var, upstream: &[f64], leaves: &[&Var]) -> Vec<Tensor> {
    let upstream = tensor(output.value().gpu(), output.value().shape(), upstream);
    let found = tape.backward_from(output, &upstream).unwrap();
    leaves.iter().map(|leaf| found.of("a leaf", leaf).unwrap().clone()).collect()
}

/// Terms of one value of an analysis.
pub fn analysis_terms(s: &ConvShape) -> usize {
    s.taps() * s.channels
}

/// Terms of one value of a synthesis, at most.
pub fn synthesis_terms(s: &ConvShape) -> usize {
    synthesis_taps(s) * s.atoms
}

/// Taps that a pixel of the signal meets, at most.
pub fn synthesis_taps(s: &ConvShape) -> usize {
    let Geometry { stride, .. } = s.geometry;
    s.kernel[0].div_ceil(stride[0]) * s.kernel[1].div_ceil(stride[1])
}

/// Terms of one value of a weight gradient, at most.
pub fn weight_gradient_terms(s: &ConvShape) -> usize {
    s.n * s.code_height() * s.code_width()
}

mod tests {
    use super::*;

    const ROWS: usize = 6;
    const COLUMNS: usize = 6;
    const TERMS: usize = 27;

    /// `a b`, and `|a| |b|`: `a` is `[ROWS, TERMS]`, `b` is `[TERMS, COLUMNS]`.
    fn product(a: &[f64], b: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let element = |i: usize, f: fn(f64) -> f64| {
            (0..TERMS).map(|k| f(a[i / COLUMNS * TERMS + k] * b[k * COLUMNS + i % COLUMNS])).sum()
        };
        let all = |f: fn(f64) -> f64| (0..ROWS * COLUMNS).map(|i| element(i, f)).collect();
        (all(|v| v), all(f64::abs))
    }

    fn operands() -> (Vec<f64>, Vec<f64>) {
        (values(ROWS * TERMS, 1), values(TERMS * COLUMNS, 2))
    }

    fn rounded(v: &[f64]) -> Vec<f32> {
        v.iter().map(|v| *v as f32).collect()
    }

    /// Whether a result passes in place of the product.
    fn passes(got: &[f32]) -> bool {
        let (a, b) = operands();
        let (want, magnitude) = product(&a, &b);
        worst_ratio(got, &want, &magnitude, TERMS).is_ok()
    }

    fn truth() -> Vec<f32> {
        let (a, b) = operands();
        rounded(&product(&a, &b).0)
    }

    #[test]
    fn the_rounded_truth_and_sums_in_f32_in_any_order_pass() {
        let (a, b) = operands();
        let sum = |i: usize, order: &dyn Fn(usize) -> usize| {
            (0..TERMS)
                .map(order)
                .fold(0.0, |sum: f32, k| sum + a[i / COLUMNS * TERMS + k] as f32 * b[k * COLUMNS + i % COLUMNS] as f32)
        };
        let all = |order: &dyn Fn(usize) -> usize| (0..ROWS * COLUMNS).map(|i| sum(i, order)).collect::<Vec<_>>();
        assert!(passes(&truth()));
        assert!(passes(&all(&|k| k)));
        assert!(passes(&all(&|k| TERMS - 1 - k)));
        assert!(passes(&all(&|k| k * 5 % TERMS)));
    }

    #[test]
    fn one_element_off_by_little_fails() {
        for i in 0..ROWS * COLUMNS {
            let mut got = truth();
            got[i] += 1e-4;
            assert!(!passes(&got), "element {i}");
        }
    }

    #[test]
    fn what_is_not_finite_fails() {
        for planted in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut got = truth();
            got[7] = planted;
            assert!(!passes(&got));
            // It fails even if the correct value or the bound is not finite either.
            let value = f64::from(planted);
            assert!(worst_ratio(&[planted], &[value], &[f64::INFINITY], 1).is_err());
            assert!(worst_ratio(&[1.0], &[1.0], &[f64::NAN], 1).is_err());
        }
    }

    #[test]
    fn all_zeros_fail() {
        assert!(!passes(&[0.0; ROWS * COLUMNS]));
    }

    #[test]
    fn swapped_operands_fail() {
        let (a, b) = operands();
        assert!(!passes(&rounded(&product(&b, &a).0)), "b a for a b");
        let (got, row) = (truth(), |i: usize| (i % COLUMNS) * COLUMNS + i / COLUMNS);
        assert!(!passes(&(0..got.len()).map(|i| got[row(i)]).collect::<Vec<_>>()), "transposed");
        let difference = rounded(&zip(&a, &a.iter().rev().copied().collect::<Vec<_>>(), |a, b| b - a));
        let want = zip(&a, &a.iter().rev().copied().collect::<Vec<_>>(), |a, b| a - b);
        assert!(worst_ratio(&difference, &want, &vec![2.0; a.len()], 1).is_err(), "b - a for a - b");
    }

    #[test]
    fn a_shifted_row_fails() {
        let mut got = truth();
        got[COLUMNS..2 * COLUMNS].rotate_left(1);
        assert!(!passes(&got));
        let mut got = truth();
        got.rotate_left(COLUMNS);
        assert!(!passes(&got));
    }

    #[test]
    fn a_sum_that_lacks_one_term_fails() {
        let (mut a, b) = operands();
        a[3 * TERMS + 26] = 0.0;
        assert!(!passes(&rounded(&product(&a, &b).0)));
    }

    #[test]
    fn a_wrong_length_and_nothing_at_all_fail() {
        let mut got = truth();
        got.pop();
        assert!(!passes(&got));
        got.extend([0.0; 2]);
        assert!(!passes(&got));
        assert!(worst_ratio(&[], &[], &[], 1).is_err());
    }

    #[test]
    fn no_terms_demand_equality() {
        assert_eq!(worst_ratio(&[1.5], &[1.5], &[1.5], 0), Ok(0.0));
        assert!(worst_ratio(&[1.5], &[1.5 + EPSILON], &[1.5], 0).is_err());
    }

    #[test]
    fn the_table_of_shapes_covers_what_it_is_for() {
        let shapes = shapes();
        let any = |f: &dyn Fn(&ConvShape) -> bool| shapes.iter().any(f);
        let (stride, padding) = (|s: &ConvShape| s.geometry.stride, |s: &ConvShape| s.geometry.padding);
        assert!([1, 3, 5, 7, 11].iter().all(|k| any(&|s| s.kernel == [*k; 2])));
        assert!(any(&|s| s.kernel[0] < s.kernel[1]) && any(&|s| s.kernel[0] > s.kernel[1]));
        assert!(any(&|s| stride(s)[0] < stride(s)[1]) && any(&|s| stride(s)[0] > stride(s)[1]));
        assert!(any(&|s| padding(s)[0] < padding(s)[1]) && any(&|s| padding(s)[0] > padding(s)[1]));
        let unfolded = |s: &ConvShape| s.channels < 4 && s.taps() > 1 && s.taps() * s.channels <= 64;
        assert!((1..=4).all(|step| any(&|s| stride(s) == [step; 2] && unfolded(s))));
        assert!((1..=4).all(|step| any(&|s| stride(s) == [step; 2] && s.taps() > 1 && !unfolded(s))));
        assert!(any(&|s| !unfolded(s) && s.channels % 4 != 0 && s.taps() > 1));
        assert!(
            any(&|s| stride(s) == [2; 2] && s.height % 2 == 1) && any(&|s| stride(s) == [2; 2] && s.height % 2 == 0)
        );
        assert!(
            any(&|s| padding(s).map(|p| p + 1) == s.kernel && s.taps() > 1)
                && any(&|s| stride(s)[0] > s.kernel[0] && stride(s)[1] > s.kernel[1])
        );
        assert!([1, 3].iter().all(|c| any(&|s| s.channels == *c)));
        assert!(any(&|s| s.channels % 4 == 0 && s.atoms % 4 != 0) || any(&|s| s.channels % 4 != 0 && s.atoms % 4 == 0));
        assert!(any(&|s| s.atoms > 64 && s.atoms % 64 != 0) && any(&|s| s.channels > 64 && s.channels % 64 != 0));
    }
}
