//! The atoms of a dictionary.

use super::picture::{Picture, Rgb, columns_for};

const GAP: usize = 2;
/// The side of a tile, in pixels, as nearly as whole pixels allow.
const ATOM_SIDE: usize = 60;

/// The atoms of a dictionary as tiles on a white grid, two pixels apart, filled row by row.
///
/// `weights` are OHWI: `[atoms, kernel, kernel, channels]`. Each atom is scaled on its own: grey 128 is zero, and its
/// largest magnitude is 1 (black) or 255 (white). Atoms of 3 channels appear as RGB and those of 1 channel in grey; with
/// any other number of channels the mean over the channels is shown, in grey. Weights that are missing or not finite
/// count as zero.
pub fn atoms(weights: &[f32], atoms: usize, kernel: usize, channels: usize) -> Picture {
    let columns = columns_for(atoms, 1.0);
    let scale = (ATOM_SIDE / kernel.max(1)).max(4);
    let pitch = kernel * scale + GAP;
    let mut picture = Picture::blank(columns * pitch + GAP, atoms.div_ceil(columns) * pitch + GAP);
    let length = kernel * kernel * channels;
    for index in 0..atoms {
        let weights = weights.get(index * length..).unwrap_or_default();
        let tile = atom_colours(&weights[..length.min(weights.len())], channels);
        let at = (GAP + index % columns * pitch, GAP + index / columns * pitch);
        let grey = [128; 3];
        picture.enlarge(at, (kernel, kernel), scale, |x, y| tile.get(y * kernel + x).copied().unwrap_or(grey));
    }
    picture
}

/// The colours of one atom's pixels, scaled symmetrically about grey.
fn atom_colours(weights: &[f32], channels: usize) -> Vec<Rgb> {
    let finite = |weight: &f32| if weight.is_finite() { *weight } else { 0.0 };
    let pixels: Vec<[f32; 3]> = weights
        .chunks_exact(channels.max(1))
        .map(|pixel| match pixel {
            [red, green, blue] => [finite(red), finite(green), finite(blue)],
            _ => [pixel.iter().map(finite).sum::<f32>() / pixel.len() as f32; 3],
        })
        .collect();
    let largest = pixels.iter().flatten().fold(0.0f32, |largest, value| largest.max(value.abs()));
    let level = |value: f32| if largest > 0.0 { (128.0 + 127.0 * value / largest).round() as u8 } else { 128 };
    pixels.into_iter().map(|pixel| pixel.map(level)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::pictures::picture::{PAPER, at};

    #[test]
    fn an_atom_is_scaled_about_grey() {
        let picture = atoms(&[-2.0, 0.0, 1.0, 2.0], 1, 2, 1);
        assert_eq!((picture.width, picture.height), (2 * 30 + 4, 2 * 30 + 4));
        assert_eq!(at(&picture, 1, 1), PAPER);
        assert_eq!(at(&picture, 2, 2), [1; 3]);
        assert_eq!(at(&picture, 32, 2), [128; 3]);
        assert_eq!(at(&picture, 2, 32), [192; 3]);
        assert_eq!(at(&picture, 32, 32), [255; 3]);
    }

    #[test]
    fn atoms_are_scaled_one_by_one_and_stay_two_pixels_apart() {
        let picture = atoms(&[0.1, -5.0], 2, 1, 1);
        assert_eq!((picture.width, picture.height), (2 * 62 + 2, 62 + 2));
        assert_eq!(at(&picture, 2, 2), [255; 3]);
        assert_eq!(at(&picture, 62, 2), PAPER);
        assert_eq!(at(&picture, 63, 2), PAPER);
        assert_eq!(at(&picture, 64, 2), [1; 3]);
    }

    #[test]
    fn three_channels_are_colours_and_others_their_mean() {
        assert_eq!(at(&atoms(&[1.0, 0.0, -1.0], 1, 1, 3), 5, 5), [255, 128, 1]);
        assert_eq!(at(&atoms(&[1.0, 3.0], 1, 1, 2), 5, 5), [255; 3]);
        assert_eq!(at(&atoms(&[1.0, -1.0], 1, 1, 2), 5, 5), [128; 3]);
    }

    #[test]
    fn atoms_survive_missing_zero_and_nan_weights() {
        assert_eq!(at(&atoms(&[], 1, 3, 1), 5, 5), [128; 3]);
        assert_eq!(at(&atoms(&[0.0; 9], 1, 3, 1), 5, 5), [128; 3]);
        assert_eq!(at(&atoms(&[f32::NAN], 1, 1, 1), 5, 5), [128; 3]);
        assert!(atoms(&[], 0, 0, 0).png().is_ok());
    }
}
