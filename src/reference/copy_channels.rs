//! Channels copied from one map into another.

/// `out[p, to + c] = input[p, from + c]` for `count` channels; the other channels of `out` keep their values.
///
/// Shapes: `input` is `[.., input_channels]`, `out` is `[.., out_channels]`.
pub fn copy_channels(
    (input, input_channels): (&[f64], usize),
    (out, out_channels): (&mut [f64], usize),
    [from, to, count]: [usize; 3],
) {
    for (from_pixel, to_pixel) in input.chunks_exact(input_channels).zip(out.chunks_exact_mut(out_channels)) {
        to_pixel[to..to + count].copy_from_slice(&from_pixel[from..from + count]);
    }
}

/// The channels of `a`, then those of `b`.
///
/// Shapes: `[.., c]` and `[.., d]` give `[.., c + d]`. Source: two [`copy_channels`].
pub fn concatenate((a, c): (&[f64], usize), (b, d): (&[f64], usize)) -> Vec<f64> {
    let mut out = vec![0.0; a.len() + b.len()];
    copy_channels((a, c), (&mut out, c + d), [0, 0, c]);
    copy_channels((b, d), (&mut out, c + d), [0, c, d]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_come_one_map_after_the_other() {
        assert_eq!(concatenate((&[1.0, 2.0], 1), (&[3.0, 4.0, 5.0, 6.0], 2)), [1.0, 3.0, 4.0, 2.0, 5.0, 6.0]);
        let mut out = [9.0; 4];
        copy_channels((&[1.0, 2.0, 3.0, 4.0], 2), (&mut out, 2), [1, 0, 1]);
        assert_eq!(out, [2.0, 9.0, 4.0, 9.0]);
    }
}
