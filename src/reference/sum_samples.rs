//! Sums over the values of each sample.

/// `sum over i of |a[n,i]|^power` of each sample, `power` being 0 (counts what is not zero), 1 or 2.
///
/// The shader leaves them in parts that [`sum_groups`](super::sum_groups::sum_groups) adds up; which values make a part
/// does not show in the sum.
///
/// Shapes: `a` is `[samples, ..]`, the result is `[samples]`. Source: the l0, l1 and squared l2 norm.
pub fn sum_samples(a: &[f64], samples: usize, power: u32) -> Vec<f64> {
    debug_assert_eq!(a.len() % samples, 0);
    debug_assert!(power <= 2);
    let term = |v: f64| match power {
        0 if v == 0.0 => 0.0,
        0 => 1.0,
        1 => v.abs(),
        _ => v * v,
    };
    a.chunks_exact(a.len() / samples).map(|sample| sample.iter().map(|v| term(*v)).sum()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_power_has_its_sum_by_sample() {
        let a = [3.0, -4.0, 0.0, 0.0, -0.0, -2.0];
        assert_eq!(sum_samples(&a, 2, 0), [2.0, 1.0]);
        assert_eq!(sum_samples(&a, 2, 1), [7.0, 2.0]);
        assert_eq!(sum_samples(&a, 2, 2), [25.0, 4.0]);
        assert_eq!(sum_samples(&a, 3, 1), [7.0, 0.0, 2.0]);
    }
}
