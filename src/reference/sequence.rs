//! Deterministic values for tests.

/// Values in `[-scale, scale)`, a 32-bit hash of `(tag, index)`: the formula that the golden values were made with.
///
/// All in 32 bits: `h = index * 2654435761 + tag * 40503 + 12345`, `h = (h ^ h >> 15) * 2246822519`,
/// `h = (h ^ h >> 13) * 3266489917`, `h = h ^ h >> 16`, and the value is `(h / 2^31 - 1) * scale`.
///
/// Shape: `[len]`, in flat order. The golden values are NCHW (weights OIHW), so make them first and then go through
/// [`nchw_to_nhwc`](super::layout::nchw_to_nhwc). Source: `fill` of `oracle.py`, after the finaliser of xxHash32.
pub fn sequence(len: usize, tag: u64, scale: f64) -> Vec<f64> {
    (0..len as u64).map(|i| (f64::from(hash(i, tag)) / 2_f64.powi(31) - 1.0) * scale).collect()
}

/// Every step keeps the low 32 bits, so 32-bit wrapping arithmetic from the start is the same.
fn hash(index: u64, tag: u64) -> u32 {
    let h = (index as u32).wrapping_mul(2654435761).wrapping_add((tag as u32).wrapping_mul(40503)).wrapping_add(12345);
    let h = (h ^ (h >> 15)).wrapping_mul(2246822519);
    let h = (h ^ (h >> 13)).wrapping_mul(3266489917);
    h ^ (h >> 16)
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
        let values = sequence(10_000, 3, 2.0);
        assert!(values.iter().all(|v| (-2.0..2.0).contains(v)));
        assert!(values.iter().any(|&v| v > 1.99) && values.iter().any(|&v| v < -1.99));
        assert!((values.iter().sum::<f64>() / 10_000.0).abs() < 0.05);
        assert_ne!(values[..10], sequence(10, 4, 2.0));
    }
}
