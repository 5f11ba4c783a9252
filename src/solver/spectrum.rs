//! The eigenvalues of `A^T A` for periodic signals.

use super::bound::{Row, dot};

/// Sweeps after which Jacobi's method has converged, and the share of the norm that may be left beside the diagonal.
const MOST_SWEEPS: usize = 30;
const TOLERANCE: f64 = 1e-12;

/// The eigenvalues of `D^H D / aliases` from the rows of `D`, the largest first: as many as the smaller side of `D`; all others
/// are zero.
pub(super) fn eigenvalues(rows: &[Row], columns: usize, aliases: usize) -> Vec<f64> {
    let inner = |a: &Row, b: &Row| a.inner(b);
    let gram = if rows.len() <= columns { gram(rows, inner) } else { gram(&transposed(rows, columns), inner) };
    let mut values = symmetric_eigenvalues(gram);
    values.sort_by(|a, b| b.total_cmp(a));
    // Each occurs twice: once for the real and once for the imaginary half.
    values.into_iter().step_by(2).map(|value| value.max(0.0) / aliases as f64).collect()
}

/// The Hermitian matrix `H` of inner products as the real symmetric one `[[Re H, -Im H], [Im H, Re H]]`, row by row.
fn gram(rows: &[Row], inner: impl Fn(&Row, &Row) -> (f64, f64)) -> Vec<Vec<f64>> {
    let n = rows.len();
    let mut all = vec![vec![0.0; 2 * n]; 2 * n];
    for (i, a) in rows.iter().enumerate() {
        for (j, b) in rows.iter().enumerate() {
            let (real, imaginary) = inner(a, b);
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
}
