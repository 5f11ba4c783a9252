//! What the kernels for measuring ceilings compute.

/// The sum of three chains that start at `v`, `v + 1` and `v - 1`, for every `v` of `start`. A chain is
/// `x <- 31/32 x + 1/32`, `16 rounds` times.
///
/// Shapes: `[len]` to `[len]`. Source: none; the numbers are exact in f32.
pub fn ceiling_multiply_add(start: &[f64], rounds: usize) -> Vec<f64> {
    let chain = |v: f64| (0..16 * rounds).fold(v, |x, _| 31.0 / 32.0 * x + 1.0 / 32.0);
    start.iter().map(|v| chain(*v) + chain(v + 1.0) + chain(v - 1.0)).collect()
}

/// The values, unchanged.
pub fn ceiling_copy(a: &[f64]) -> Vec<f64> {
    a.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::assert_close;

    #[test]
    fn the_chains_near_their_fixed_point_as_a_geometric_series_does() {
        // x - 1 shrinks by 31/32 per link, and the three starts add up to 3 v.
        let left = (31.0_f64 / 32.0).powi(32);
        let want = [-2.0, 0.0, 1.0, 2.5].map(|v| 3.0 + left * (3.0 * v - 3.0));
        assert_close(&ceiling_multiply_add(&[-2.0, 0.0, 1.0, 2.5], 2), &want, 1e-12);
        assert_close(&ceiling_multiply_add(&[0.5], 0), &[1.5], 0.0);
    }
}
