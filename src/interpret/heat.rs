//! Heat maps: where in an image channels of a map are active that weigh much.

use super::head::Head;
use super::maps::Maps;
use crate::error::Result;
use crate::models::Network;

/// `ReLU(sum over c of a_c psi_c)`, `[height, width]`; `a_c` is the mean of channel c of a gradient, such as a boundary's normal. The
/// map and the gradient are `[height, width, channels]`.
pub fn weighted_map(map: &[f32], [height, width, channels]: [usize; 3], gradient: &[f32]) -> Vec<f64> {
    let mut weights = vec![0.0; channels];
    for place in gradient.chunks_exact(channels.max(1)) {
        weights.iter_mut().zip(place).for_each(|(sum, g)| *sum += f64::from(*g) / (height * width) as f64);
    }
    let heat = |place: &[f32]| place.iter().zip(&weights).map(|(v, a)| f64::from(*v) * a).sum::<f64>().max(0.0);
    map.chunks_exact(channels.max(1)).map(heat).collect()
}

/// A [`weighted_map`], resized to the image's `size` (height, width) and scaled to 0..1. One that is the same everywhere becomes 0.
pub fn heat_map(map: &[f32], shape: [usize; 3], gradient: &[f32], size: [usize; 2]) -> Vec<f32> {
    scaled(&upsampled(&weighted_map(map, shape, gradient), [shape[0], shape[1]], size))
}

/// The gradients of Grad-CAM (arXiv 1610.02391): of the score of `class` at each of these images' maps, for [`heat_map`].
///
/// # Errors
/// [`crate::Error::NotFinite`], [`crate::Error::OutOfMemory`].
pub fn class_gradients(network: &Network, class: usize, images: &Maps, chosen: &[usize]) -> Result<Vec<Vec<f32>>> {
    if chosen.is_empty() {
        return Ok(Vec::new());
    }
    let head = Head { network, stage: images.stage(), shape: images.shape() };
    let points = chosen.iter().flat_map(|&i| images.get(i).map).copied().collect::<Vec<_>>();
    let one_hot = |scores: &[f32]| {
        let classes = scores.len() / chosen.len();
        (0..scores.len()).map(|i| f32::from(i % classes == class)).collect()
    };
    let (_, gradient) = head.gradient(&points, one_hot)?;
    Ok(gradient.chunks_exact(gradient.len() / chosen.len()).map(<[f32]>::to_vec).collect())
}

/// A map `[height, width]` resized by linear interpolation between the centres of pixels, constant beyond the outermost.
pub fn upsampled(from: &[f64], [height, width]: [usize; 2], size: [usize; 2]) -> Vec<f64> {
    let (rows, columns) = (between(height, size[0]), between(width, size[1]));
    let value = |&(top, bottom, down): &(usize, usize, f64), &(left, right, along): &(usize, usize, f64)| {
        let row = |y: usize| (1.0 - along) * from[y * width + left] + along * from[y * width + right];
        (1.0 - down) * row(top) + down * row(bottom)
    };
    rows.iter().flat_map(|row| columns.iter().map(move |column| value(row, column))).collect()
}

/// For each of `to` pixels, the two of `from` that it lies between, and how far it is from the first.
fn between(from: usize, to: usize) -> Vec<(usize, usize, f64)> {
    let last = from.saturating_sub(1);
    let one = |i: usize| {
        let at = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, last as f64);
        let first = at as usize;
        (first, (first + 1).min(last), at - first as f64)
    };
    (0..to).map(one).collect()
}

fn scaled(heat: &[f64]) -> Vec<f32> {
    let (least, most) = heat.iter().fold((f64::INFINITY, 0.0), |(l, m): (f64, f64), v| (l.min(*v), m.max(*v)));
    let scale = if most > least { 1.0 / (most - least) } else { 0.0 };
    heat.iter().map(|v| ((v - least) * scale) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_lie_between_the_centres_of_larger_ones() {
        let large = upsampled(&[0.0, 1.0, 2.0, 3.0], [2, 2], [4, 4]);
        let first = [0.0, 0.25, 0.75, 1.0];
        for (y, down) in first.iter().enumerate() {
            let want = first.map(|along| along + 2.0 * down);
            assert_eq!(&large[4 * y..][..4], want);
        }
        assert_eq!(upsampled(&[7.0], [1, 1], [2, 3]), [7.0; 6]);
        assert_eq!(upsampled(&[1.0, 5.0], [1, 2], [1, 2]), [1.0, 5.0]);
    }

    #[test]
    fn heat_is_where_weighty_channels_are_active() {
        // Two channels in a row of two places; the gradient's means are 1 and -0.5.
        let (map, gradient) = ([2.0, 2.0, 0.0, 3.0], [2.0, -1.0, 0.0, 0.0]);
        assert_eq!(heat_map(&map, [1, 2, 2], &gradient, [1, 2]), [1.0, 0.0]);
        assert_eq!(heat_map(&[1.0; 4], [1, 2, 2], &gradient, [2, 2]), [0.0; 4], "the same everywhere");
    }
}
