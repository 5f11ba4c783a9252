//! The eigenvalues of `A^T A` for periodic signals.

use super::bound::{Axis, Dictionary, Row, dot};
use crate::error::{Error, Result};

/// The most eigenvalues at a frequency that are searched for.
const MOST_EIGENVALUES: usize = 256;

/// Sweeps after which Jacobi's method has converged, and the share of the norm that may be left beside the diagonal.
const MOST_SWEEPS: usize = 30;
const TOLERANCE: f64 = 1e-12;

/// The eigenvalues of `A^T A` on periodic signals whose codes are `points x points`, at each of the frequencies of these, the
/// largest first: of the `atoms` eigenvalues at a frequency, the `min(atoms, channels sy sx)` that need not be zero.
///
/// A dictionary is a tight frame where all of these are equal; one step of `1 / L` then suits every direction.
///
/// # Errors
/// [`Error::Argument`] for more than 256 eigenvalues a frequency, which would take minutes.
pub fn spectrum(shape: [usize; 4], weight: &[f32], stride: [usize; 2], points: usize) -> Result<Vec<f64>> {
    let [atoms, kernel_height, kernel_width, channels] = shape;
    let aliases = stride[0] * stride[1];
    let count = atoms.min(channels * aliases);
    if count > MOST_EIGENVALUES {
        let reason =
            format!("there are more than {MOST_EIGENVALUES} eigenvalues at each frequency; choose a narrower layer");
        return Err(Error::argument("spectrum", count, reason));
    }
    let axis = |kernel, stride| Axis { kernel, stride, points: points * stride };
    let axes = [axis(kernel_height, stride[0]), axis(kernel_width, stride[1])];
    let dictionary = Dictionary::new(shape, weight, axes);
    let places = (0..points * points).map(|i| [i / points, i % points]);
    let mut all = places.flat_map(|at| eigenvalues(&dictionary.aliased(at), atoms, aliases)).collect::<Vec<_>>();
    all.sort_by(|a, b| b.total_cmp(a));
    Ok(all)
}

/// The eigenvalues of `D^H D / aliases` from the rows of `D`, the largest first: as many as the smaller side of `D`; all others
/// are zero.
fn eigenvalues(rows: &[Row], columns: usize, aliases: usize) -> Vec<f64> {
    let gram = if rows.len() <= columns { gram(rows) } else { gram(&transposed(rows, columns)) };
    let mut values = symmetric_eigenvalues(gram);
    values.sort_by(|a, b| b.total_cmp(a));
    // Each occurs twice: once for the real and once for the imaginary half.
    values.into_iter().step_by(2).map(|value| value.max(0.0) / aliases as f64).collect()
}

/// The Hermitian matrix `H` of inner products as the real symmetric one `[[Re H, -Im H], [Im H, Re H]]`, row by row.
fn gram(rows: &[Row]) -> Vec<Vec<f64>> {
    let n = rows.len();
    let mut all = vec![vec![0.0; 2 * n]; 2 * n];
    for (i, a) in rows.iter().enumerate() {
        for (j, b) in rows.iter().enumerate() {
            let (real, imaginary) = a.inner(b);
            (all[i][j], all[n + i][n + j]) = (real, real);
            (all[i][n + j], all[n + i][j]) = (-imaginary, imaginary);
        }
    }
    all
}

fn transposed(rows: &[Row], columns: usize) -> Vec<Row> {
    let column = |j: usize| Row {
        real: rows.iter().map(|row| row.real[j]).collect(),
        imaginary: rows.iter().map(|row| row.imaginary[j]).collect(),
    };
    (0..columns).map(column).collect()
}

/// The eigenvalues of a real symmetric matrix, by Jacobi's method: rotations that zero one pair of entries after the other.
fn symmetric_eigenvalues(mut a: Vec<Vec<f64>>) -> Vec<f64> {
    let n = a.len();
    let norm = a.iter().map(|row| dot(row, row)).sum::<f64>();
    for _ in 0..MOST_SWEEPS {
        let beside = (0..n).map(|i| dot(&a[i][..i], &a[i][..i])).sum::<f64>();
        if beside <= TOLERANCE * TOLERANCE * norm {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut a, p, q);
            }
        }
    }
    (0..n).map(|i| a[i][i]).collect()
}

/// The rotation in the plane of `p` and `q` after which `a[p][q]` is zero.
fn rotate(a: &mut [Vec<f64>], p: usize, q: usize) {
    if a[p][q] == 0.0 {
        return;
    }
    let half = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
    let tangent = half.signum() / (half.abs() + (half * half + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    let (above, below) = a.split_at_mut(q);
    for (x, y) in above[p].iter_mut().zip(&mut below[0]) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
    for row in a {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference;
    use crate::solver::step_bound;

    fn dictionary(shape: [usize; 4]) -> Vec<f32> {
        reference::sequence::sequence(shape.iter().product(), 4, 1.0).iter().map(|v| *v as f32).collect()
    }

    #[test]
    fn known_eigenvalues_are_found() {
        let values = |a: &[&[f64]]| {
            let mut all = symmetric_eigenvalues(a.iter().map(|row| row.to_vec()).collect());
            all.sort_by(f64::total_cmp);
            all
        };
        let near = |got: Vec<f64>, want: &[f64]| got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12);
        assert!(near(values(&[&[2.0, 1.0], &[1.0, 2.0]]), &[1.0, 3.0]));
        let root = 2.0_f64.sqrt();
        assert!(near(values(&[&[2.0, 1.0, 0.0], &[1.0, 2.0, 1.0], &[0.0, 1.0, 2.0]]), &[2.0 - root, 2.0, 2.0 + root]));
        // D = [[3, 4 i], [0, 0]]: 25 and 0, by rows as by columns.
        let row = |real: [f64; 2], imaginary: [f64; 2]| Row { real: real.to_vec(), imaginary: imaginary.to_vec() };
        assert!(near(eigenvalues(&[row([3.0, 0.0], [0.0, 4.0])], 2, 1), &[25.0]));
        let tall = [row([3.0, 0.0], [0.0, 4.0]), row([0.0; 2], [0.0; 2]), row([0.0, 1.0], [0.0; 2])];
        let all = eigenvalues(&tall, 2, 1);
        assert!((all[0] + all[1] - 26.0).abs() < 1e-12 && (all[0] * all[1] - 9.0).abs() < 1e-10, "{all:?}");
    }

    #[test]
    fn the_spectrum_is_that_of_the_periodic_operator() {
        // The trace of (A^T A)^2 on 6 x 6 codes is |A A^T|^2, and the twin of self_correlation knows that of A^T A.
        for (shape, stride) in [([5, 3, 3, 2], 1), ([4, 3, 3, 1], 2), ([2, 3, 3, 3], 1)] {
            let weight = dictionary(shape);
            let wide = weight.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            let all = spectrum(shape, &weight, [stride; 2], 6).unwrap();
            assert_eq!(all.len(), 36 * shape[0].min(shape[3] * stride * stride));
            assert!(all.windows(2).all(|pair| pair[0] >= pair[1]) && *all.last().unwrap() >= 0.0);
            let geometry = crate::shape::Geometry::square(stride, 2 / stride * stride);
            let own = crate::shape::ConvShape::new("test", &shape, &shape, geometry).unwrap();
            let (zeros, atoms) = ((36 * shape[0] - all.len()) as f64, 36.0);
            let want = reference::self_correlation::orthogonality(&own, &wide, true) * atoms;
            let got = all.iter().map(|value| (value - 1.0).powi(2)).sum::<f64>() + zeros;
            assert!((got / want - 1.0).abs() < 1e-9, "{shape:?} {stride}: {got}, not {want}");
            assert!(all[0] <= step_bound(shape, &weight, [stride; 2]) * (1.0 + 1e-12));
        }
        assert!(spectrum([300, 1, 1, 300], &[0.0; 90_000], [1, 1], 1).unwrap_err().to_string().contains("256"));
    }
}
