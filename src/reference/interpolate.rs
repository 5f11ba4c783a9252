//! Rows of a table, interpolated between the points of a grid.

/// The row of `rows` at each place of `at`: with `g` such that `grid[g] <= at < grid[g + 1]` and
/// `f = (at - grid[g]) / (grid[g + 1] - grid[g])` it is `(1 - f) rows[g] + f rows[g + 1]`; below the grid the first row,
/// above it the last.
///
/// Shapes: `at` is `[n]`, `grid` is `[points]` and ascends, `rows` is `[points, columns]`, the result is `[n, columns]`.
pub fn interpolate(at: &[f64], grid: &[f64], rows: &[f64]) -> Vec<f64> {
    debug_assert_eq!(rows.len() % grid.len(), 0);
    debug_assert!(grid.windows(2).all(|pair| pair[0] < pair[1]));
    let columns = rows.len() / grid.len();
    let mut out = Vec::new();
    for place in at {
        let right = grid.partition_point(|g| g <= place);
        let row = |g: usize| &rows[g * columns..(g + 1) * columns];
        if right == 0 {
            out.extend(row(0));
        } else if right == grid.len() {
            out.extend(row(grid.len() - 1));
        } else {
            let f = (place - grid[right - 1]) / (grid[right] - grid[right - 1]);
            out.extend(row(right - 1).iter().zip(row(right)).map(|(a, b)| (1.0 - f) * a + f * b));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_met_at_the_points_mixed_between_them_and_kept_beyond() {
        let (grid, rows) = ([0.5, 1.0, 2.0], [10.0, 1.0, 20.0, 2.0, 40.0, 5.0]);
        let at = [0.5, 1.0, 2.0, 0.75, 1.25, 0.0, 9.0];
        let want = [[10.0, 1.0], [20.0, 2.0], [40.0, 5.0], [15.0, 1.5], [25.0, 2.75], [10.0, 1.0], [40.0, 5.0]];
        assert_eq!(interpolate(&at, &grid, &rows), want.concat());
    }

    #[test]
    fn a_grid_of_one_point_is_constant() {
        assert_eq!(interpolate(&[0.0, 0.3, 7.0], &[0.3], &[1.0, 2.0]), [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]);
    }
}
