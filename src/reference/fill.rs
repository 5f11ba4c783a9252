//! Deterministic test data, and the way between the two layouts.

/// Values in `[-scale, scale)`, a 32-bit hash of `(tag, index)`: the formula that the golden values were made with.
///
/// All in 32 bits: `h = index * 2654435761 + tag * 40503 + 12345`, `h = (h ^ h >> 15) * 2246822519`,
/// `h = (h ^ h >> 13) * 3266489917`, `h = h ^ h >> 16`, and the value is `(h / 2^31 - 1) * scale`.
///
/// Shape: `[len]`, in flat order. The golden values are NCHW (weights OIHW), so fill first and then
/// [`nchw_to_nhwc`]. Source: `fill` of `oracle.py`, after the finaliser of xxHash32.
pub fn fill(len: usize, tag: u64, scale: f64) -> Vec<f64> {
    (0..len as u64).map(|i| (f64::from(hash(i, tag)) / 2_f64.powi(31) - 1.0) * scale).collect()
}

/// Every step keeps the low 32 bits, so 32-bit wrapping arithmetic from the start is the same.
fn hash(index: u64, tag: u64) -> u32 {
    let h = (index as u32).wrapping_mul(2654435761).wrapping_add((tag as u32).wrapping_mul(40503)).wrapping_add(12345);
    let h = (h ^ (h >> 15)).wrapping_mul(2246822519);
    let h = (h ^ (h >> 13)).wrapping_mul(3266489917);
    h ^ (h >> 16)
}

/// From `[n, c, h, w]` to `[n, h, w, c]`; equally from OIHW to OHWI. `shape` is that of the input, `[n, c, h, w]`.
/// Source: PyTorch's `permute(0, 2, 3, 1)`.
pub fn nchw_to_nhwc(v: &[f64], shape: [usize; 4]) -> Vec<f64> {
    let [n, c, h, w] = shape;
    swap_inner(v, n, c, h * w)
}

/// From `[n, h, w, c]` to `[n, c, h, w]`; equally from OHWI to OIHW. `shape` is that of the result, `[n, c, h, w]`,
/// so that it undoes [`nchw_to_nhwc`] with the same `shape`. Source: PyTorch's `permute(0, 3, 1, 2)`.
pub fn nhwc_to_nchw(v: &[f64], shape: [usize; 4]) -> Vec<f64> {
    let [n, c, h, w] = shape;
    swap_inner(v, n, h * w, c)
}

/// From `[n, rows, columns]` to `[n, columns, rows]`.
fn swap_inner(v: &[f64], n: usize, rows: usize, columns: usize) -> Vec<f64> {
    debug_assert_eq!(v.len(), n * rows * columns);
    let mut result = Vec::with_capacity(v.len());
    for matrix in 0..n {
        for column in 0..columns {
            for row in 0..rows {
                result.push(v[(matrix * rows + row) * columns + column]);
            }
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_that_the_golden_values_were_made_with() {
        // Computed with the Python integers of the formula.
        assert_eq!([(0, 0), (1, 77), (123456, 1050)].map(|(i, tag)| hash(i, tag)), [1881738165, 290840976, 1439303031]);
    }

    #[test]
    fn values_fill_the_range_and_depend_on_the_tag() {
        let values = fill(10_000, 3, 2.0);
        assert!(values.iter().all(|v| (-2.0..2.0).contains(v)));
        assert!(values.iter().any(|&v| v > 1.99) && values.iter().any(|&v| v < -1.99));
        assert!((values.iter().sum::<f64>() / 10_000.0).abs() < 0.05);
        assert_ne!(values[..10], fill(10, 4, 2.0));
    }

    #[test]
    fn layouts_go_there_and_back() {
        let shape = [2, 3, 1, 2];
        let nchw: Vec<f64> = (0..12).map(f64::from).collect();
        let nhwc = nchw_to_nhwc(&nchw, shape);
        assert_eq!(nhwc, [0.0, 2.0, 4.0, 1.0, 3.0, 5.0, 6.0, 8.0, 10.0, 7.0, 9.0, 11.0]);
        assert_eq!(nhwc_to_nchw(&nhwc, shape), nchw);
    }
}
