//! The sum of parts.

/// `result[i] = sum over g of part[g, i]`.
///
/// Shapes: `part` is `[groups, ..]`, the result has the shape of one of them. Source: PyTorch's `torch.sum` over the
/// first axis.
pub fn sum_groups(part: &[f64], groups: usize) -> Vec<f64> {
    debug_assert_eq!(part.len() % groups, 0);
    let len = part.len() / groups;
    let mut sum = vec![0.0; len];
    for (i, part) in part.iter().enumerate() {
        sum[i % len] += part;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_added_up_place_by_place() {
        assert_eq!(sum_groups(&[1.0, 2.0, 10.0, 20.0, 100.0, 200.0], 3), [111.0, 222.0]);
        assert_eq!(sum_groups(&[1.0, 2.0, 10.0, 20.0, 100.0, 200.0], 2), [21.0, 102.0, 210.0]);
    }
}
