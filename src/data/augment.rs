//! Random crops and flips.

use rand::RngExt;

use super::Dataset;
use super::crop::Window;
use super::random::{Purpose, stream};
use crate::error::Result;

/// Random changes of training images: pad them with `pad` zero pixels, crop to the original size at a uniform
/// random offset, then mirror horizontally with probability 1/2. By default, nothing changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Augment {
    /// Pixels of padding on every side; offsets are uniform on 0..=2*pad in both directions. 0 does not crop.
    pub pad: usize,
    /// Whether to mirror.
    pub flip: bool,
    /// A random resized crop instead of padding: a rectangle of this share of the picture's area or more (up to all of
    /// it), 3/4 to 4/3 times as wide as the images' shape, resized by linear interpolation. It is cut from
    /// [`Dataset::originals`] where there are any.
    #[serde(default)]
    pub least_area: Option<f32>,
}

/// At most twice as high and wide as the images, originals have up to four times their area: no crop of a quarter needs to
/// be enlarged. Smaller shares are for training over many more epochs.
const LEAST_AREA: f32 = 0.25;

impl std::fmt::Display for Augment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.least_area, self.pad) {
            (Some(least), _) => write!(f, "random crops of {:.0} % of the area or more, resized", 100.0 * least)?,
            (None, 0) => write!(f, "no crops")?,
            (None, pad) => write!(f, "random crops with padding {pad}")?,
        }
        write!(f, "{}", if self.flip { ", half of them mirrored" } else { "" })
    }
}

impl Augment {
    /// What is usual for a data set: flips, and random resized crops of at least a quarter of the area where there are
    /// originals, else crops at offsets of up to 4 pixels, or 2 for images of less than 32 pixels.
    pub fn usual_for(data: &Dataset) -> Self {
        if data.has_originals() {
            return Self { pad: 0, flip: true, least_area: Some(LEAST_AREA) };
        }
        Self { pad: if data.height.min(data.width) < 32 { 2 } else { 4 }, flip: true, least_area: None }
    }

    /// A random resized crop of sample `index`, `[height, width, channels]`: depends only on (`seed`, `epoch`, `index`).
    pub(super) fn resized_crop(
        self,
        least_area: f32,
        data: &Dataset,
        seed: u64,
        epoch: u64,
        index: u32,
    ) -> Result<Vec<u8>> {
        let mut rng = stream(Purpose::Augment, seed, epoch, index.into());
        let size = [data.height, data.width];
        let (pixels, whole) = data.to_crop(index as usize)?;
        let window = Window::random(&mut rng, whole, size, least_area, self.flip);
        Ok(window.cut(&pixels, whole, data.channels, size))
    }

    /// The change of sample `index`: depends only on (`seed`, `epoch`, `index`), not on its batch.
    pub(super) fn placement(self, seed: u64, epoch: u64, index: u32) -> Placement {
        let mut rng = stream(Purpose::Augment, seed, epoch, index.into());
        let range = self.pad.saturating_mul(2).min(u32::MAX as usize) as u32;
        let offset = [rng.random_range(0..=range), rng.random_range(0..=range)];
        let [dy, dx] = offset.map(|d| d as usize);
        Placement { pad: self.pad, dy, dx, flip: self.flip && rng.random() }
    }
}

/// Where the pixels of one sample come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Placement {
    /// Padding.
    pub pad: usize,
    /// Offset of the crop in the padded image, in rows.
    pub dy: usize,
    /// The same in columns.
    pub dx: usize,
    /// Whether the crop is mirrored.
    pub flip: bool,
}

impl Placement {
    /// The row of the image that row `y` of the crop shows, unless it is padding.
    pub fn row(self, y: usize, height: usize) -> Option<usize> {
        (y + self.dy).checked_sub(self.pad).filter(|&row| row < height)
    }

    /// The column of the image that column `x` of the crop shows, unless it is padding.
    pub fn column(self, x: usize, width: usize) -> Option<usize> {
        let x = if self.flip { width - 1 - x } else { x };
        (x + self.dx).checked_sub(self.pad).filter(|&column| column < width)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Picture;
    use super::super::tests::counting;
    use super::*;

    #[test]
    fn offsets_are_uniform_and_half_are_flipped() {
        let n = 20_000;
        let augment = Augment { pad: 2, flip: true, least_area: None };
        let mut cells = [[0; 5]; 5];
        let mut flips = 0;
        for index in 0..n {
            let p = augment.placement(7, 3, index);
            cells[p.dy][p.dx] += 1;
            flips += i32::from(p.flip);
        }
        // 800 per cell with a deviation of 28, 10,000 flips with one of 71: five deviations either way.
        assert!(cells.iter().flatten().all(|&c| (660..940).contains(&c)), "{cells:?}");
        assert!((9_650..10_350).contains(&flips), "{flips}");
    }

    #[test]
    fn every_part_of_the_key_matters() {
        let augment = Augment { pad: 1000, flip: true, least_area: None };
        let base = augment.placement(1, 2, 3);
        assert_eq!(base, augment.placement(1, 2, 3));
        for other in [augment.placement(9, 2, 3), augment.placement(1, 9, 3), augment.placement(1, 2, 9)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn without_flip_and_padding_nothing_moves() {
        let none = Augment { pad: 0, flip: false, least_area: None };
        assert!((0..100).all(|i| none.placement(0, 0, i) == Placement::default()));
    }

    #[test]
    fn originals_are_cropped_at_random_and_old_files_read() {
        let plain = counting(2, 4, 4, 1);
        assert_eq!(Augment::usual_for(&plain), Augment { pad: 2, flip: true, least_area: None });
        let original = |value| Picture { height: 8, width: 8, channels: 1, pixels: vec![value; 64] };
        let data = Dataset { originals: vec![original(70), original(90)], ..plain };
        assert_eq!(Augment::usual_for(&data), Augment { pad: 0, flip: true, least_area: Some(0.25) });
        let old: Augment = serde_json::from_str(r#"{"pad":4,"flip":true}"#).unwrap();
        assert_eq!(old, Augment { pad: 4, flip: true, least_area: None });
    }

    #[test]
    fn crop_then_mirror() {
        let p = Placement { pad: 1, dy: 2, dx: 0, flip: false };
        assert_eq!([0, 1, 2].map(|y| p.row(y, 3)), [Some(1), Some(2), None]);
        assert_eq!([0, 1, 2].map(|x| p.column(x, 3)), [None, Some(0), Some(1)]);
        let p = Placement { flip: true, ..p };
        assert_eq!([0, 1, 2].map(|x| p.column(x, 3)), [Some(1), Some(0), None]);
    }
}
