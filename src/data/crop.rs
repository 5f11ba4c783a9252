//! Random resized crops: a random rectangle of a picture, brought to the size of the network's images.

use rand::{Rng, RngExt};

/// A rectangle of a picture, in pixels, and whether it is mirrored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub top: f32,
    pub left: f32,
    pub height: f32,
    pub width: f32,
    pub flip: bool,
}

/// Draws before the middle of the picture is taken instead.
const ATTEMPTS: usize = 10;

impl Window {
    /// A rectangle of `least_area` to 1 of the area of a picture of `whole` (height, width), uniformly. Its shape is that
    /// of `size`, distorted by a factor of 3/4 to 4/3. Where the picture is too narrow for that, it is the largest centred
    /// part of the shape of `size`.
    pub fn random(rng: &mut impl Rng, whole: [usize; 2], size: [usize; 2], least_area: f32, flip: bool) -> Self {
        let [full_height, full_width] = whole.map(|side| side as f32);
        let aspect = size[1] as f32 / size[0] as f32;
        let flip = flip && rng.random();
        for _ in 0..ATTEMPTS {
            let area = (least_area + (1.0 - least_area) * rng.random::<f32>()) * full_height * full_width;
            // Not through a logarithm, which differs in the last bit between systems.
            let distorted = 0.75 + 0.25 * rng.random::<f32>();
            let aspect = if rng.random() { aspect * distorted } else { aspect / distorted };
            let [height, width] = [(area / aspect).sqrt(), (area * aspect).sqrt()];
            let [down, right] = [rng.random::<f32>(), rng.random::<f32>()];
            if height <= full_height && width <= full_width {
                let (top, left) = (down * (full_height - height), right * (full_width - width));
                return Self { top, left, height, width, flip };
            }
        }
        let (height, width) = (full_height.min(full_width / aspect), full_width.min(full_height * aspect));
        Self { top: (full_height - height) / 2.0, left: (full_width - width) / 2.0, height, width, flip }
    }

    /// The rectangle of `pixels`, `[whole.., channels]`, at `size` by linear interpolation, `[size.., channels]`.
    pub fn cut(self, pixels: &[u8], whole: [usize; 2], channels: usize, size: [usize; 2]) -> Vec<u8> {
        let rows = places(self.top, self.height, whole[0], size[0]);
        let mut columns = places(self.left, self.width, whole[1], size[1]);
        if self.flip {
            columns.reverse();
        }
        let at = |y: usize, x: usize, c: usize| f32::from(pixels[(y * whole[1] + x) * channels + c]);
        let mut out = Vec::with_capacity(size[0] * size[1] * channels);
        for &(y, below, v) in &rows {
            for &(x, right, u) in &columns {
                for c in 0..channels {
                    let upper = at(y, x, c) * (1.0 - u) + at(y, right, c) * u;
                    let lower = at(below, x, c) * (1.0 - u) + at(below, right, c) * u;
                    out.push((upper * (1.0 - v) + lower * v).round() as u8);
                }
            }
        }
        out
    }
}

/// For each of `count` places spread evenly over `length` pixels from `start`: the pixels before and after it, and the
/// weight of the latter.
fn places(start: f32, length: f32, whole: usize, count: usize) -> Vec<(usize, usize, f32)> {
    let last = whole.saturating_sub(1);
    let place = |i: usize| {
        let at = (start + (i as f32 + 0.5) * length / count as f32 - 0.5).clamp(0.0, last as f32);
        let before = at as usize;
        (before, (before + 1).min(last), at - before as f32)
    };
    (0..count).map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::super::random::{Purpose, stream};
    use super::*;

    fn windows(whole: [usize; 2], size: [usize; 2], least_area: f32) -> impl Iterator<Item = Window> {
        let window = move |i| Window::random(&mut stream(Purpose::Augment, 1, 0, i), whole, size, least_area, true);
        (0..2000).map(window)
    }

    #[test]
    fn windows_keep_to_their_bounds_and_use_them() {
        let mut areas = Vec::new();
        let mut flips = 0;
        for w in windows([40, 60], [10, 20], 0.25) {
            let (area, aspect) = (w.height * w.width / 2400.0, w.width / w.height / 2.0);
            assert!((0.2499..=1.0).contains(&area) && (0.7499..=1.3334).contains(&aspect), "{w:?}");
            assert!(w.top >= 0.0 && w.left >= 0.0 && w.top + w.height <= 40.01 && w.left + w.width <= 60.01, "{w:?}");
            areas.push(area);
            flips += i32::from(w.flip);
        }
        assert!(areas.iter().any(|a| *a < 0.3) && areas.iter().any(|a| *a > 0.7));
        assert!((850..1150).contains(&flips), "{flips}");
    }

    #[test]
    fn a_picture_too_narrow_gives_its_middle() {
        let narrow = windows([10, 1000], [10, 10], 0.25).next().unwrap();
        assert_eq!((narrow.top, narrow.left, narrow.height, narrow.width), (0.0, 495.0, 10.0, 10.0));
    }

    #[test]
    fn cutting_interpolates_and_mirrors() {
        let pixels: Vec<u8> = (0..16).map(|at| (at % 4 * 10 + at / 4 * 40) as u8).collect();
        let whole = Window { top: 0.0, left: 0.0, height: 4.0, width: 4.0, flip: false };
        assert_eq!(whole.cut(&pixels, [4, 4], 1, [4, 4]), pixels);
        assert_eq!(whole.cut(&pixels, [4, 4], 1, [2, 2]), [25, 45, 105, 125], "the means of four pixels each");
        assert_eq!(Window { flip: true, ..whole }.cut(&pixels, [4, 4], 1, [2, 2]), [45, 25, 125, 105]);
        let corner = Window { top: 2.0, left: 2.0, height: 2.0, width: 2.0, flip: false };
        assert_eq!(corner.cut(&pixels, [4, 4], 1, [2, 2]), [100, 110, 140, 150]);
        let colour: Vec<u8> = pixels.iter().flat_map(|&p| [p, 255 - p]).collect();
        assert_eq!(corner.cut(&colour, [4, 4], 2, [1, 2])[..4], [120, 135, 130, 125]);
    }
}
