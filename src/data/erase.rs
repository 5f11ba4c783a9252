//! Random erasing (arXiv 1708.04896).

use rand::{Rng, RngExt};

use super::random::{Purpose, stream};

/// The erased share of an image's area.
const AREA: [f64; 2] = [0.02, 0.33];
/// Its height over its width.
const RATIO: [f64; 2] = [0.3, 3.3];
/// Draws before the image is left as it is.
const ATTEMPTS: usize = 10;

/// A rectangle, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rectangle {
    top: usize,
    left: usize,
    height: usize,
    width: usize,
}

impl Rectangle {
    /// Of 2 to 33 % of the area of an image of this size, uniformly, and 0.3 to 3.3 times as high as wide, log-uniformly, at a
    /// uniform place; none where ten of them in a row were as high or as wide as the image.
    fn random(rng: &mut impl Rng, [height, width]: [usize; 2]) -> Option<Self> {
        let [low, high] = RATIO.map(f64::ln);
        for _ in 0..ATTEMPTS {
            let area = (height * width) as f64 * rng.random_range(AREA[0]..AREA[1]);
            let ratio = rng.random_range(low..high).exp();
            let [rows, columns] = [area * ratio, area / ratio].map(|square| square.sqrt().round() as usize);
            if rows < height && columns < width {
                let (top, left) = (rng.random_range(0..=height - rows), rng.random_range(0..=width - columns));
                return Some(Self { top, left, height: rows, width: columns });
            }
        }
        None
    }
}

/// Sets a random rectangle of each sample to zero, with this probability: of normalised pixels, zero is the mean.
///
/// `pixels` are `[indices.len(), height, width, channels]`, `image` is `[height, width, channels]`. What happens to a sample
/// depends only on (`seed`, `epoch`, its index), not on its batch. As torchvision's `RandomErasing` with its defaults.
pub fn erase(pixels: &mut [f32], image: [usize; 3], indices: &[u32], probability: f32, seed: u64, epoch: u64) {
    let [height, width, channels] = image;
    for (&index, sample) in indices.iter().zip(pixels.chunks_exact_mut((height * width * channels).max(1))) {
        let mut rng = stream(Purpose::Erase, seed, epoch, index.into());
        if rng.random::<f32>() >= probability {
            continue;
        }
        let Some(hole) = Rectangle::random(&mut rng, [height, width]) else { continue };
        for row in sample.chunks_exact_mut(width * channels).skip(hole.top).take(hole.height) {
            row[hole.left * channels..][..hole.width * channels].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rectangles(size: [usize; 2]) -> Vec<Option<Rectangle>> {
        (0..4000).map(|i| Rectangle::random(&mut stream(Purpose::Erase, 1, 0, i), size)).collect()
    }

    #[test]
    fn rectangles_keep_to_their_bounds_and_use_them() {
        let all = rectangles([100, 120]).into_iter().flatten().collect::<Vec<_>>();
        assert!(all.len() > 3990, "{}", all.len());
        let mut areas = Vec::new();
        for hole in &all {
            let (area, ratio) = ((hole.height * hole.width) as f64 / 12000.0, hole.height as f64 / hole.width as f64);
            // Sides are rounded to whole pixels.
            assert!((0.018..0.345).contains(&area) && (0.28..3.6).contains(&ratio), "{hole:?}");
            assert!(hole.top + hole.height <= 100 && hole.left + hole.width <= 120, "{hole:?}");
            areas.push(area);
        }
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        assert!((mean - 0.175).abs() < 0.01, "{mean}");
        let high = all.iter().filter(|hole| hole.height > hole.width).count() as f64 / all.len() as f64;
        assert!((high - 0.5).abs() < 0.04, "{high}");
        assert!(all.iter().any(|hole| hole.top == 0) && all.iter().any(|hole| hole.top + hole.height == 100));
    }

    #[test]
    fn an_image_of_one_pixel_is_left_as_it_is() {
        // A rectangle may be less than half a pixel high.
        assert!(rectangles([1, 1]).iter().flatten().all(|hole| hole.height * hole.width == 0));
    }

    #[test]
    fn samples_are_erased_by_their_index_alone_and_in_all_channels() {
        let image = [8, 6, 3];
        let erased = |indices: &[u32], probability, seed, epoch| {
            let mut pixels = vec![1.0; indices.len() * 144];
            erase(&mut pixels, image, indices, probability, seed, epoch);
            pixels
        };
        let indices = (0..500).collect::<Vec<_>>();
        let whole = erased(&indices, 0.25, 3, 1);
        let touched = whole.chunks_exact(144).filter(|sample| sample.contains(&0.0)).count();
        // 125 with a deviation of 10.
        assert!((80..170).contains(&touched), "{touched}");
        assert!(whole.chunks_exact(3).all(|pixel| pixel == [0.0; 3] || pixel == [1.0; 3]));
        assert_eq!(whole, [erased(&indices[..7], 0.25, 3, 1), erased(&indices[7..], 0.25, 3, 1)].concat());
        assert_ne!(whole, erased(&indices, 0.25, 4, 1));
        assert_ne!(whole, erased(&indices, 0.25, 3, 2));
        assert!(!erased(&indices, 0.0, 3, 1).contains(&0.0));
        assert!(erased(&indices, 1.0, 3, 1).chunks_exact(144).all(|sample| sample.contains(&0.0)));
    }
}
