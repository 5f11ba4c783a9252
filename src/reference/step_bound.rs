//! A bound of the Lipschitz constant that holds for signals of every size.

use std::f64::consts::PI;

/// An upper bound of the largest eigenvalue `L` of `A^T A` that does not depend on the size of the signal.
///
/// With `D(omega)[m,c] = sum over ky, kx of w[c,ky,kx,m] exp(-i (omega_y ky + omega_x kx))`, the Fourier transform of
/// the kernels, `A^T A` on signals without end is block-diagonal over the frequencies `theta` of the codes, and its
/// blocks are
///
/// `G(theta) = mean over the sy*sx aliases omega with s omega = theta (mod 2 pi) of D(omega)^H D(omega)`.
///
/// The result is the largest eigenvalue of all `G` on a grid of `N >= 16 k` frequencies an axis, times
/// `1 / cos(pi (k-1) / N)` for each axis: every `v^H G v` is a trigonometric polynomial of degree `k - 1` at most, which
/// rises between the points of the grid by no more than that. A signal with circular borders, its size a multiple of the
/// stride, has the same blocks at the frequencies that its size allows; zero borders leave out rows and columns of `A`,
/// which raises no eigenvalue. So this bounds `L` for signals of every size with either border and any padding, and
/// large signals come near to it.
///
/// Shapes: `weight` is `[atoms, kh, kw, channels]`, that of `w`. Source: Vaidyanathan 1993, Multirate Systems and Filter
/// Banks (aliases); Ehlich & Zeller 1964 (polynomials between the points of a grid); Pfister & Bresler,
/// arXiv 1802.09588 (both axes).
pub fn step_bound(weight: [usize; 4], w: &[f64], stride: [usize; 2]) -> f64 {
    let [_, kernel_height, kernel_width, _] = weight;
    debug_assert_eq!(w.len(), weight.iter().product::<usize>());
    let kernel = [kernel_height, kernel_width];
    let grid = [0, 1].map(|axis| grid_points(kernel[axis], stride[axis]));
    let codes = [0, 1].map(|axis| grid[axis] / stride[axis]);
    let mut largest = 0.0_f64;
    for fy in 0..codes[0] {
        for fx in 0..codes[1] {
            let mut aliases = Vec::new();
            for jy in 0..stride[0] {
                for jx in 0..stride[1] {
                    let turn = |f: usize, j: usize, axis: usize| (f + j * codes[axis]) as f64 / grid[axis] as f64;
                    aliases.push([2.0 * PI * turn(fy, jy, 0), 2.0 * PI * turn(fx, jx, 1)]);
                }
            }
            largest = largest.max(block_eigenvalue(weight, w, &aliases));
        }
    }
    largest / (grid_cosine(kernel[0], grid[0]) * grid_cosine(kernel[1], grid[1]))
}

/// Frequencies an axis, a multiple of the stride: 16 a place of the kernel; one suffices where nothing depends on them.
fn grid_points(kernel: usize, stride: usize) -> usize {
    if kernel == 1 { stride } else { (16 * kernel).next_multiple_of(stride) }
}

/// The share of its largest value that a polynomial of degree `kernel - 1` has at some point of the grid, at least.
fn grid_cosine(kernel: usize, grid: usize) -> f64 {
    if kernel == 1 { 1.0 } else { (PI * (kernel - 1) as f64 / grid as f64).cos() }
}

/// The largest eigenvalue of the mean over `aliases` of `D^H D`.
///
/// With `D` for all aliases one below the other, `S`, it is that of `S^H S` or equally of `S S^H`, of which the smaller
/// is taken, over the number of aliases. A complex matrix is written as the real one `[[Re, -Im], [Im, Re]]`: the
/// eigenvalues of its Gram matrix are the same, each twice.
fn block_eigenvalue(weight: [usize; 4], w: &[f64], aliases: &[[f64; 2]]) -> f64 {
    let [atoms, _, _, channels] = weight;
    let (rows, columns) = (aliases.len() * channels, atoms);
    let mut stacked = vec![vec![0.0; 2 * columns]; 2 * rows];
    for (alias, omega) in aliases.iter().enumerate() {
        for m in 0..channels {
            for c in 0..atoms {
                let (re, im) = fourier(weight, w, *omega, c, m);
                let row = alias * channels + m;
                (stacked[row][c], stacked[row][columns + c]) = (re, -im);
                (stacked[rows + row][c], stacked[rows + row][columns + c]) = (im, re);
            }
        }
    }
    let vectors = if rows <= columns { stacked } else { transposed(&stacked) };
    let gram = vectors.iter().map(|a| vectors.iter().map(|b| super::dot(a, b)).collect()).collect();
    largest_eigenvalue(gram) / aliases.len() as f64
}

/// `D(omega)[m,c]`, real and imaginary part.
fn fourier(weight: [usize; 4], w: &[f64], omega: [f64; 2], c: usize, m: usize) -> (f64, f64) {
    let [_, kernel_height, kernel_width, channels] = weight;
    let (mut re, mut im) = (0.0, 0.0);
    for ky in 0..kernel_height {
        for kx in 0..kernel_width {
            let value = w[((c * kernel_height + ky) * kernel_width + kx) * channels + m];
            let angle = -(omega[0] * ky as f64 + omega[1] * kx as f64);
            re += value * angle.cos();
            im += value * angle.sin();
        }
    }
    (re, im)
}

fn transposed(a: &[Vec<f64>]) -> Vec<Vec<f64>> {
    (0..a[0].len()).map(|j| a.iter().map(|row| row[j]).collect()).collect()
}

/// The largest eigenvalue of a symmetric matrix without negative ones, by cyclic Jacobi rotations.
///
/// What the rotations leave off the diagonal is added on: no eigenvalue is farther from the diagonal than its Frobenius
/// norm (Weyl's inequality), so that the result is not below the eigenvalue. Source: Golub & Van Loan, Matrix
/// Computations, section 8.5 of the fourth edition.
fn largest_eigenvalue(mut a: Vec<Vec<f64>>) -> f64 {
    let n = a.len();
    let trace: f64 = (0..n).map(|i| a[i][i]).sum();
    let mut left = off_diagonal(&a);
    for _sweep in 0..64 {
        if left <= 1e-14 * trace {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, p, q);
            }
        }
        left = off_diagonal(&a);
    }
    (0..n).map(|i| a[i][i]).fold(0.0, f64::max) + left
}

/// The rotation of the rows and columns `p` and `q` that makes `a[p][q]` zero.
fn rotate(a: &mut [Vec<f64>], p: usize, q: usize) {
    if a[p][q] == 0.0 {
        return;
    }
    let tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let tangent = tau.signum() / (tau.abs() + tau.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |x: f64, y: f64| (cosine * x - sine * y, sine * x + cosine * y);
    for row in a.iter_mut() {
        (row[p], row[q]) = turn(row[p], row[q]);
    }
    let (above, below) = a.split_at_mut(q);
    for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
        (*x, *y) = turn(*x, *y);
    }
}

/// The Frobenius norm of what is off the diagonal.
fn off_diagonal(a: &[Vec<f64>]) -> f64 {
    let square = |i: usize| a[i].iter().enumerate().filter(|(j, _)| *j != i).map(|(_, v)| v * v).sum::<f64>();
    (0..a.len()).map(square).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{assert_close, dot, power_iteration::power_iteration, sequence::sequence};
    use crate::shape::{ConvShape, Geometry};

    /// Atoms, channels, kernel and stride of each dictionary.
    const DICTIONARIES: [(usize, usize, [usize; 2], [usize; 2]); 10] = [
        (4, 2, [3, 3], [1, 1]),
        (2, 3, [3, 3], [2, 2]),
        (3, 1, [5, 5], [2, 1]),
        (1, 1, [2, 2], [3, 3]),
        (5, 1, [1, 5], [1, 1]),
        (4, 2, [5, 1], [2, 1]),
        (2, 2, [3, 7], [1, 3]),
        (6, 1, [1, 32], [1, 8]),
        (5, 4, [1, 1], [1, 1]),
        (3, 2, [1, 1], [2, 3]),
    ];

    fn weights(atoms: usize, channels: usize, kernel: [usize; 2]) -> ([usize; 4], Vec<f64>) {
        let shape = [atoms, kernel[0], kernel[1], channels];
        (shape, sequence(shape.iter().product(), 5, 1.0))
    }

    /// The eigenvalue of a signal with zero borders, or a value below it where so many rounds have not got there.
    fn zero_border(shape: [usize; 4], w: &[f64], geometry: Geometry, size: [usize; 2], rounds: usize) -> Option<f64> {
        let s = ConvShape::new("test", &[1, size[0], size[1], shape[3]], &shape, geometry).ok()?;
        let v0 = sequence(s.codes().iter().product(), 77, 1.0);
        Some(power_iteration(&s, w, &v0, rounds).1)
    }

    #[test]
    fn no_size_with_zero_borders_has_a_larger_eigenvalue() {
        for (atoms, channels, kernel, stride) in DICTIONARIES {
            let (shape, w) = weights(atoms, channels, kernel);
            let bound = step_bound(shape, &w, stride);
            let mut sizes = 0;
            for padding in [[0, 0], kernel.map(|k| k / 2), kernel.map(|k| k - 1)] {
                for size in [[1, 1], [1, 40], [3, 4], [8, 7], [11, 20], [kernel[0], kernel[1]]] {
                    let geometry = Geometry { stride, padding };
                    if let Some(lipschitz) = zero_border(shape, &w, geometry, size, 150) {
                        assert!(lipschitz > 0.0);
                        assert!(
                            lipschitz <= bound * (1.0 + 1e-12),
                            "{shape:?} {stride:?} {size:?}: {lipschitz} > {bound}"
                        );
                        sizes += 1;
                    }
                }
            }
            assert!(sizes >= 9, "{shape:?} fits {sizes} sizes only");
        }
    }

    #[test]
    fn the_eigenvalue_of_a_large_signal_is_within_a_few_percent() {
        for (atoms, channels, kernel, stride) in DICTIONARIES {
            let (shape, w) = weights(atoms, channels, kernel);
            // 30 codes on each axis of more than one pixel, but at least ten kernels.
            let side = |axis: usize| {
                if kernel[axis] == 1 { 2 * stride[axis] } else { (30 * stride[axis]).max(10 * kernel[axis]) }
            };
            let padding = kernel.map(|k| k / 2);
            let size = [side(0), side(1)];
            let lipschitz = zero_border(shape, &w, Geometry { stride, padding }, size, 200).unwrap();
            let share = lipschitz / step_bound(shape, &w, stride);
            assert!((0.96..=1.0 + 1e-12).contains(&share), "{shape:?} {stride:?}: {share}");
        }
    }

    /// The largest eigenvalue of `A^T A` for a signal with circular borders, `A^T` written out as a matrix.
    fn circular(shape: [usize; 4], w: &[f64], stride: [usize; 2], size: [usize; 2]) -> f64 {
        let [atoms, kernel_height, kernel_width, channels] = shape;
        let mut rows = Vec::new();
        for top in (0..size[0]).step_by(stride[0]) {
            for left in (0..size[1]).step_by(stride[1]) {
                for c in 0..atoms {
                    let mut row = vec![0.0; size[0] * size[1] * channels];
                    for ky in 0..kernel_height {
                        for kx in 0..kernel_width {
                            for m in 0..channels {
                                let pixel = (top + ky) % size[0] * size[1] + (left + kx) % size[1];
                                let tap = (c * kernel_height + ky) * kernel_width + kx;
                                row[pixel * channels + m] += w[tap * channels + m];
                            }
                        }
                    }
                    rows.push(row);
                }
            }
        }
        largest_eigenvalue(rows.iter().map(|a| rows.iter().map(|b| dot(a, b)).collect()).collect())
    }

    #[test]
    fn a_circular_signal_of_the_size_of_the_grid_has_the_eigenvalue_exactly() {
        for (atoms, channels, kernel, stride) in [
            (2, 1, [1, 3], [1, 1]),
            (3, 2, [1, 3], [1, 2]),
            (2, 2, [5, 1], [5, 1]),
            (1, 3, [1, 4], [1, 6]),
            (1, 2, [2, 2], [4, 4]),
            (2, 1, [2, 2], [4, 8]),
            (4, 3, [1, 1], [1, 1]),
            (4, 3, [1, 1], [2, 3]),
        ] {
            let (shape, w) = weights(atoms, channels, kernel);
            let grid = [0, 1].map(|axis| grid_points(kernel[axis], stride[axis]));
            let cosines = grid_cosine(kernel[0], grid[0]) * grid_cosine(kernel[1], grid[1]);
            let exact = circular(shape, &w, stride, grid);
            assert_close(&[step_bound(shape, &w, stride) * cosines], &[exact], 1e-10);
        }
    }

    #[test]
    fn no_circular_signal_has_a_larger_eigenvalue() {
        let mut nearest = 0.0_f64;
        for (atoms, channels, kernel, stride) in
            [(2, 1, [1, 3], [1, 1]), (3, 2, [2, 2], [1, 2]), (2, 2, [3, 3], [3, 2])]
        {
            let (shape, w) = weights(atoms, channels, kernel);
            let bound = step_bound(shape, &w, stride);
            for codes in [[1, 1], [1, 7], [2, 3], [4, 5], [6, 4]] {
                let size = [codes[0] * stride[0], codes[1] * stride[1]];
                let exact = circular(shape, &w, stride, size);
                assert!(exact <= bound * (1.0 + 1e-12), "{shape:?} {size:?}: {exact} > {bound}");
                nearest = nearest.max(exact / bound);
            }
        }
        assert!(nearest > 0.95);
    }

    #[test]
    fn a_pointwise_dictionary_has_the_eigenvalue_of_its_gram_matrix_at_any_stride() {
        // w w^T = [[5, 2], [2, 8]] has the eigenvalues 9 and 4.
        for stride in [[1, 1], [2, 1], [3, 5]] {
            assert_close(&[step_bound([2, 1, 1, 2], &[1.0, 2.0, -2.0, 2.0], stride)], &[9.0], 1e-12);
        }
    }

    #[test]
    fn kernels_side_by_side_have_the_eigenvalue_of_the_gram_matrix_of_whole_kernels() {
        // The same two atoms, as kernels of two pixels with stride two: they do not overlap.
        let bound = step_bound([2, 1, 2, 1], &[1.0, 2.0, -2.0, 2.0], [1, 2]);
        assert_close(&[bound * (PI / 32.0).cos()], &[9.0], 1e-12);
    }

    #[test]
    fn a_dictionary_of_zeros_has_the_bound_zero() {
        assert_eq!(step_bound([2, 3, 1, 2], &[0.0; 12], [2, 1]), 0.0);
    }

    #[test]
    fn jacobi_finds_the_eigenvalues_that_are_known() {
        // 2 on the diagonal and -1 beside it: the eigenvalues are 2 - 2 cos(pi i / (n + 1)).
        for n in [1, 2, 7, 20] {
            let entry = |i: usize, j: usize| {
                if i == j {
                    2.0
                } else if i.abs_diff(j) == 1 {
                    -1.0
                } else {
                    0.0
                }
            };
            let a = (0..n).map(|i| (0..n).map(|j| entry(i, j)).collect()).collect();
            let expected = 2.0 - 2.0 * (PI * n as f64 / (n + 1) as f64).cos();
            assert_close(&[largest_eigenvalue(a)], &[expected], 1e-12);
        }
        // An eigenvalue that comes twice, as in every complex matrix written as a real one.
        let twice = vec![
            vec![2.0, 1.0, 0.0, 0.0],
            vec![1.0, 2.0, 0.0, 0.0],
            vec![0.0, 0.0, 2.0, -1.0],
            vec![0.0, 0.0, -1.0, 2.0],
        ];
        assert_close(&[largest_eigenvalue(twice)], &[3.0], 1e-12);
    }
}
