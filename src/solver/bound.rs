//! A bound of the largest eigenvalue of `A^T A` that does not depend on the size of the signals.

use std::f64::consts::TAU;

/// Frequencies on an axis, as a multiple of the kernel.
const FREQUENCIES: usize = 16;
/// Spacing of the frequencies in the first, second and last search, in points of the grid.
const LATTICES: [usize; 3] = [4, 2, 1];
/// Relative change at which an eigenvalue has converged, below what f32 resolves, and the maximum number of iterations.
const TOLERANCE: f64 = 1e-8;
const MOST_ITERATIONS: usize = 200;

/// An upper bound of the largest eigenvalue `L` of `A^T A` for the convolutional dictionary `weight: [atoms, kh, kw,
/// channels]` at this stride, for zero borders and signals of any size. For circular borders it is the eigenvalue itself,
/// apart from the factor below.
///
/// It is the largest eigenvalue over frequencies of the mean over the `sy x sx` aliases of `D^H D`, `D` being the
/// `[channels, atoms]` Fourier transform of the kernels, on a grid of `N >= 16 k` points an axis, times
/// `1 / cos(pi (k - 1) / N)` for each axis: between its points a trigonometric polynomial of degree `k - 1` rises no further.
pub fn step_bound(shape: [usize; 4], weight: &[f32], stride: [usize; 2]) -> f64 {
    let [_, kernel_height, kernel_width, _] = shape;
    let axes = [Axis::new(kernel_height, stride[0]), Axis::new(kernel_width, stride[1])];
    Dictionary::new(shape, weight, axes).largest() * axes[0].between() * axes[1].between()
}

/// The frequencies of one axis.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    pub kernel: usize,
    pub stride: usize,
    /// Points of the grid; a multiple of the stride.
    pub points: usize,
}

impl Axis {
    fn new(kernel: usize, stride: usize) -> Self {
        let points = if kernel == 1 { stride } else { (FREQUENCIES * kernel).next_multiple_of(stride) };
        Self { kernel, stride, points }
    }

    /// Frequencies of which no two are aliases.
    fn distinct(self) -> usize {
        self.points / self.stride
    }

    /// The phase of the highest harmonic over this many points.
    fn phase(self, points: usize) -> f64 {
        (self.kernel - 1) as f64 * TAU * points as f64 / self.points as f64
    }

    /// How much larger the largest value may be than the largest on the grid.
    fn between(self) -> f64 {
        1.0 / (self.phase(1) / 2.0).cos()
    }
}

/// Eigenvalues that have been found, by frequency.
type Found = Vec<Option<f64>>;

pub(super) struct Dictionary {
    atoms: usize,
    kernel_width: usize,
    axes: [Axis; 2],
    /// The weights of each tap: `[channels, atoms]`.
    taps: Vec<Vec<f64>>,
}

impl Dictionary {
    pub fn new([atoms, kernel_height, kernel_width, channels]: [usize; 4], weight: &[f32], axes: [Axis; 2]) -> Self {
        let count = kernel_height * kernel_width;
        let of = |tap: usize, i: usize| f64::from(weight[(i % atoms * count + tap) * channels + i / atoms]);
        let taps = (0..count).map(|tap| (0..channels * atoms).map(|i| of(tap, i)).collect()).collect();
        Self { atoms, kernel_width, axes, taps }
    }

    /// The largest eigenvalue on the grid. The search goes from coarse lattices to fine ones and skips frequencies too close
    /// to a small eigenvalue to hold the largest.
    fn largest(&self) -> f64 {
        let [rows, columns] = self.axes.map(Axis::distinct);
        let mut found: Found = vec![None; rows * columns];
        let mut best = 0.0;
        for lattice in LATTICES {
            let places = (0..rows).step_by(lattice).flat_map(|y| (0..columns).step_by(lattice).map(move |x| [y, x]));
            // Kernels are real, so a frequency and its negative have the same eigenvalues.
            let mirror = |[y, x]: [usize; 2]| [(rows - y) % rows, (columns - x) % columns];
            let wanted = |at: &[usize; 2]| {
                *at <= mirror(*at) && found[at[0] * columns + at[1]].is_none() && !self.is_low(&found, best, *at)
            };
            let wanted = places.filter(wanted).collect::<Vec<_>>();
            for (at, value) in wanted.iter().zip(self.eigenvalues(&wanted)) {
                best = f64::max(best, value);
                for [y, x] in [*at, mirror(*at)] {
                    found[y * columns + x] = Some(value);
                }
            }
        }
        best
    }

    /// The largest eigenvalue at each of these frequencies, divided among threads.
    #[cfg(feature = "train")]
    fn eigenvalues(&self, at: &[[usize; 2]]) -> Vec<f64> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let part = |part: &[[usize; 2]]| part.iter().map(|at| self.eigenvalue(*at)).collect::<Vec<_>>();
            let parts = at.chunks(at.len().div_ceil(threads).max(1));
            let parts = parts.map(|at| (at, scope.spawn(move || part(at)))).collect::<Vec<_>>();
            // If a thread has failed, this one does its part.
            parts.into_iter().flat_map(|(at, thread)| thread.join().unwrap_or_else(|_| part(at))).collect()
        })
    }

    /// The largest eigenvalue at each of these frequencies.
    #[cfg(not(feature = "train"))]
    fn eigenvalues(&self, at: &[[usize; 2]]) -> Vec<f64> {
        at.iter().map(|at| self.eigenvalue(*at)).collect()
    }

    /// Whether a neighbour shows that this frequency cannot hold the largest value `g` of the grid. Where a trigonometric
    /// polynomial whose maximum is `m` has the value `m cos(a)`, it is at least `m cos(a + b)` where the phase of its highest
    /// harmonic has gone by `b` (M. Riesz); and `g >= m cos(c)` with `cos(c)` one over the two factors of [`Axis::between`].
    fn is_low(&self, found: &Found, best: f64, [y, x]: [usize; 2]) -> bool {
        let [down, across] = self.axes;
        let [rows, columns] = self.axes.map(Axis::distinct);
        let reach = LATTICES[0] / 2;
        let off = (1.0 / (down.between() * across.between())).acos();
        let near = |size: usize| 0..=reach.min(size / 2);
        near(rows).flat_map(|dy| near(columns).map(move |dx| (dy, dx))).any(|(dy, dx)| {
            let phase = off + down.phase(dy) + across.phase(dx);
            let places = [
                ((y + dy) % rows, (x + dx) % columns),
                ((y + dy) % rows, (x + columns - dx) % columns),
                ((y + rows - dy) % rows, (x + dx) % columns),
                ((y + rows - dy) % rows, (x + columns - dx) % columns),
            ];
            let low = |v: f64| phase < TAU / 4.0 && v < best * phase.cos();
            places.iter().any(|(y, x)| found[y * columns + x].is_some_and(low))
        })
    }

    /// The largest eigenvalue of the mean over aliases of `D^H D` at this frequency.
    fn eigenvalue(&self, at: [usize; 2]) -> f64 {
        let [down, across] = self.axes;
        largest_eigenvalue(&self.aliased(at), self.atoms) / (down.stride * across.stride) as f64
    }

    /// The rows of `D` at this frequency and its aliases.
    pub fn aliased(&self, [y, x]: [usize; 2]) -> Vec<Row> {
        let [down, across] = self.axes;
        let aliases = (0..down.stride).flat_map(|a| (0..across.stride).map(move |b| (a, b)));
        let mut rows = Vec::new();
        for (a, b) in aliases {
            self.transform([y + a * down.distinct(), x + b * across.distinct()], &mut rows);
        }
        rows
    }

    /// Appends the rows of `D` at this frequency, one a channel.
    fn transform(&self, [y, x]: [usize; 2], rows: &mut Vec<Row>) {
        let (first, channels) = (rows.len(), self.taps[0].len() / self.atoms);
        rows.resize_with(first + channels, || Row::zero(self.atoms));
        for (tap, weights) in self.taps.iter().enumerate() {
            let (i, j) = (tap / self.kernel_width, tap % self.kernel_width);
            let turns = (i * y) as f64 / self.axes[0].points as f64 + (j * x) as f64 / self.axes[1].points as f64;
            let (sine, cosine) = (-TAU * turns).sin_cos();
            for (row, weights) in rows[first..].iter_mut().zip(weights.chunks_exact(self.atoms)) {
                add(&mut row.real, cosine, weights);
                add(&mut row.imaginary, sine, weights);
            }
        }
    }
}

/// A complex vector.
#[derive(Clone)]
pub(super) struct Row {
    pub real: Vec<f64>,
    pub imaginary: Vec<f64>,
}

/// A sum of products that a compiler may vectorise.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_tail, b_tail) = (a.chunks_exact(8).remainder(), b.chunks_exact(8).remainder());
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    lanes.iter().sum::<f64>() + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f64>()
}

fn add(sum: &mut [f64], factor: f64, v: &[f64]) {
    sum.iter_mut().zip(v).for_each(|(sum, v)| *sum += factor * v);
}

impl Row {
    fn zero(len: usize) -> Self {
        Self { real: vec![0.0; len], imaginary: vec![0.0; len] }
    }

    /// `<self, other>` without conjugation, real and imaginary.
    fn product(&self, other: &Self) -> (f64, f64) {
        let real = dot(&self.real, &other.real) - dot(&self.imaginary, &other.imaginary);
        let imaginary = dot(&self.real, &other.imaginary) + dot(&self.imaginary, &other.real);
        (real, imaginary)
    }

    /// `<conj(self), other>`.
    pub fn inner(&self, other: &Self) -> (f64, f64) {
        let real = dot(&self.real, &other.real) + dot(&self.imaginary, &other.imaginary);
        let imaginary = dot(&self.real, &other.imaginary) - dot(&self.imaginary, &other.real);
        (real, imaginary)
    }

    /// `self += (real + i imaginary) v`
    fn add(&mut self, (real, imaginary): (f64, f64), v: &Self) {
        add(&mut self.real, real, &v.real);
        add(&mut self.real, -imaginary, &v.imaginary);
        add(&mut self.imaginary, real, &v.imaginary);
        add(&mut self.imaginary, imaginary, &v.real);
    }

    /// `self += (real + i imaginary) conj(v)`
    fn add_conjugate(&mut self, (real, imaginary): (f64, f64), v: &Self) {
        add(&mut self.real, real, &v.real);
        add(&mut self.real, imaginary, &v.imaginary);
        add(&mut self.imaginary, -real, &v.imaginary);
        add(&mut self.imaginary, imaginary, &v.real);
    }

    fn norm(&self) -> f64 {
        (dot(&self.real, &self.real) + dot(&self.imaginary, &self.imaginary)).sqrt()
    }

    fn scale(&mut self, factor: f64) {
        self.real.iter_mut().chain(&mut self.imaginary).for_each(|v| *v *= factor);
    }
}

/// The largest eigenvalue of `D^H D` from the rows of `D`, by Lanczos' method with full orthogonalisation.
fn largest_eigenvalue(rows: &[Row], columns: usize) -> f64 {
    let mut vector = Row::zero(columns);
    // Any start works unless it is orthogonal to the eigenvector; it is the same in every call.
    let turn = |i: usize| (i as f64 * 0.618_033_988_749_895).fract() - 0.5;
    (0..columns).for_each(|i| (vector.real[i], vector.imaginary[i]) = (1.0 + turn(i + 1), turn(7 * i + 3)));
    vector.scale(1.0 / vector.norm());
    let (mut basis, mut diagonal, mut beside) = (Vec::<Row>::new(), Vec::new(), Vec::new());
    let (mut value, mut steady) = (0.0, 0);
    for _ in 0..columns.min(MOST_ITERATIONS) {
        let mut next = Row::zero(columns);
        for row in rows {
            next.add_conjugate(row.product(&vector), row);
        }
        diagonal.push(vector.inner(&next).0);
        basis.push(vector);
        for _ in 0..2 {
            for old in &basis {
                let (real, imaginary) = old.inner(&next);
                next.add((-real, -imaginary), old);
            }
        }
        let before = std::mem::replace(&mut value, largest_of_tridiagonal(&diagonal, &beside));
        steady = if value - before <= TOLERANCE * value { steady + 1 } else { 0 };
        let norm = next.norm();
        if steady == 2 || norm <= TOLERANCE * value {
            break;
        }
        next.scale(1.0 / norm);
        beside.push(norm);
        vector = next;
    }
    value
}

/// The largest eigenvalue of a symmetric tridiagonal matrix, by bisection of the number of eigenvalues above a value.
fn largest_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> f64 {
    let radius = |i: usize| i.checked_sub(1).map_or(0.0, |i| beside[i]) + beside.get(i).copied().unwrap_or(0.0);
    let mut high = (0..diagonal.len()).map(|i| diagonal[i] + radius(i)).fold(0.0, f64::max);
    let mut low = 0.0;
    // Sylvester's law: all pivots of T - value are negative where no eigenvalue is above.
    let none_above = |value: f64| {
        let mut pivot = 1.0;
        diagonal.iter().enumerate().all(|(i, d)| {
            let carried = i.checked_sub(1).map_or(0.0, |i| beside[i] * beside[i] / pivot);
            pivot = d - value - carried;
            pivot < 0.0
        })
    };
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if none_above(middle) { high = middle } else { low = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;

    fn dictionary(shape: [usize; 4], tag: u64) -> Vec<f32> {
        reference::sequence::sequence(shape.iter().product(), tag, 1.0).iter().map(|v| *v as f32).collect()
    }

    #[test]
    fn it_is_the_bound_of_the_twin() {
        for (shape, stride) in [
            ([5, 3, 3, 3], [1, 1]),
            ([4, 3, 3, 6], [2, 2]),
            ([6, 1, 1, 4], [1, 1]),
            ([3, 1, 5, 2], [1, 3]),
            ([7, 5, 2, 1], [2, 1]),
        ] {
            let weight = dictionary(shape, 3);
            let wide = weight.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            let (got, want) =
                (step_bound(shape, &weight, stride), reference::step_bound::step_bound(shape, &wide, stride));
            assert!((got / want - 1.0).abs() < 1e-7, "{shape:?} {stride:?}: {got}, not {want}");
        }
    }

    #[test]
    fn frequencies_that_are_left_out_do_not_matter() {
        // A smooth dictionary, whose eigenvalues fall steeply away from the frequency zero.
        let shape = [6, 5, 5, 2];
        let weight = (0..300).map(|i| 1.0 + 0.1 * ((i * 7 % 13) as f32 - 6.0) / 6.0).collect::<Vec<f32>>();
        let axes = [Axis::new(5, 1); 2];
        let all = Dictionary::new(shape, &weight, axes);
        let points = axes[0].distinct();
        let plain = (0..points * points).map(|i| all.eigenvalue([i / points, i % points])).fold(0.0, f64::max);
        assert!((all.largest() / plain - 1.0).abs() < 1e-7);
    }

    #[test]
    fn a_zero_dictionary_is_bounded_by_zero() {
        assert_eq!(step_bound([2, 3, 3, 1], &[0.0; 18], [1, 1]), 0.0);
    }

    #[test]
    fn the_largest_eigenvalue_of_known_matrices_is_found() {
        // D = diag(3, 4 i): eigenvalues of D^H D are 9 and 16.
        let row = |real: [f64; 2], imaginary: [f64; 2]| Row { real: real.to_vec(), imaginary: imaginary.to_vec() };
        let rows = [row([3.0, 0.0], [0.0; 2]), row([0.0; 2], [0.0, 4.0])];
        assert!((largest_eigenvalue(&rows, 2) - 16.0).abs() < 1e-9);
        assert!((largest_of_tridiagonal(&[2.0, 2.0, 2.0], &[1.0, 1.0]) - (2.0 + 2.0_f64.sqrt())).abs() < 1e-12);
    }
}
