//! A map continued beyond its border, and the adjoint.

use crate::shape::PaddingMode;

/// Calls `f(padded pixel, pixel)` for every padded pixel that shows one of the map; pixels count over samples, rows and columns.
fn for_each_copy(
    [n, height, width, _]: [usize; 4],
    padding: [usize; 2],
    mode: PaddingMode,
    mut f: impl FnMut(usize, usize),
) {
    let (high, wide) = (height + 2 * padding[0], width + 2 * padding[1]);
    for sample in 0..n {
        for row in 0..high {
            for column in 0..wide {
                let shown = (source(mode, row, height, padding[0]), source(mode, column, width, padding[1]));
                if let (Some(y), Some(x)) = shown {
                    f((sample * high + row) * wide + column, (sample * height + y) * width + x);
                }
            }
        }
    }
}

/// The place on an axis of this size that a padded place shows, if any.
fn source(mode: PaddingMode, place: usize, size: usize, padding: usize) -> Option<usize> {
    let (at, size) = (place as i64 - padding as i64, size as i64);
    let from = match mode {
        PaddingMode::Zero => at,
        PaddingMode::Reflect if at < 0 => -at,
        PaddingMode::Reflect if at >= size => 2 * (size - 1) - at,
        PaddingMode::Reflect => at,
        PaddingMode::Replicate => at.clamp(0, size - 1),
        PaddingMode::Circular => at.rem_euclid(size),
    };
    (0..size).contains(&from).then_some(from as usize)
}

/// A map `[n, height, width, channels]` with `padding` rows above and below and columns on either side, as `mode` fills them:
/// `[n, height + 2 py, width + 2 px, channels]`. Source: PyTorch's `torch.nn.functional.pad`.
pub fn pad(map: [usize; 4], padding: [usize; 2], mode: PaddingMode, x: &[f64]) -> Vec<f64> {
    let [n, height, width, channels] = map;
    debug_assert_eq!(x.len(), n * height * width * channels);
    let mut padded = vec![0.0; n * (height + 2 * padding[0]) * (width + 2 * padding[1]) * channels];
    for_each_copy(map, padding, mode, |to, from| {
        padded[to * channels..][..channels].copy_from_slice(&x[from * channels..][..channels]);
    });
    padded
}

/// The adjoint of [`pad`]: every value sums those of all padded places that show it.
///
/// Shapes: `padded` is `[n, height + 2 py, width + 2 px, channels]`, the result `map`. Source: [`pad`], transposed.
pub fn pad_adjoint(map: [usize; 4], padding: [usize; 2], mode: PaddingMode, padded: &[f64]) -> Vec<f64> {
    let channels = map[3];
    let mut sums = vec![0.0; map.iter().product()];
    for_each_copy(map, padding, mode, |from, to| {
        (0..channels).for_each(|c| sums[to * channels + c] += padded[from * channels + c]);
    });
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::{dot, sequence::sequence};

    fn line(mode: PaddingMode, padding: usize) -> Vec<f64> {
        pad([1, 1, 4, 1], [0, padding], mode, &[1.0, 2.0, 3.0, 4.0])
    }

    #[test]
    fn worked_examples_come_out_as_on_paper() {
        assert_eq!(line(PaddingMode::Zero, 2), [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 0.0]);
        assert_eq!(line(PaddingMode::Reflect, 3), [4.0, 3.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 2.0, 1.0]);
        assert_eq!(line(PaddingMode::Replicate, 2), [1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0, 4.0]);
        assert_eq!(line(PaddingMode::Circular, 2), [3.0, 4.0, 1.0, 2.0, 3.0, 4.0, 1.0, 2.0]);
        let corners = pad([1, 2, 2, 1], [1, 1], PaddingMode::Reflect, &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(corners[..4], [4.0, 3.0, 4.0, 3.0]);
    }

    #[test]
    fn the_adjoint_is_one_and_no_value_is_shown_more_often_than_claimed() {
        for mode in PaddingMode::ALL {
            for (map, padding) in [([2, 5, 4, 3], [1, 2]), ([1, 4, 3, 1], [3, 2]), ([1, 1, 6, 2], [0, 4])] {
                let [n, height, width, channels] = map;
                let padded = n * (height + 2 * padding[0]) * (width + 2 * padding[1]) * channels;
                let (x, g) = (sequence(map.iter().product(), 1, 1.0), sequence(padded, 2, 1.0));
                let [left, right] =
                    [dot(&pad(map, padding, mode, &x), &g), dot(&x, &pad_adjoint(map, padding, mode, &g))];
                assert!((left - right).abs() < 1e-12, "{mode}: {left} is not {right}");
                let most = pad_adjoint(map, padding, mode, &vec![1.0; padded]).into_iter().fold(0.0, f64::max);
                let claimed = padding.map(|p| mode.most_copies(p)).iter().product::<usize>();
                assert!(most <= claimed as f64, "{mode} {padding:?}: {most} copies, not {claimed}");
            }
        }
    }
}
