//! An estimate of an image's noise from its pixels: what is left of the quietest places when everything smooth is removed.

use super::CleanImages;

/// Side of the windows in which noise is measured, in pixels.
const WINDOW: usize = 5;
/// The quantile of the windows' energy that counts as quiet.
const QUIET: f64 = 0.1;
/// The second difference along both axes, of unit norm: nothing is left of what is constant or linear along either (Immerkaer, Fast
/// noise variance estimation, Computer Vision and Image Understanding 64, 1996).
const STENCIL: [[f64; 3]; 3] = [[1.0, -2.0, 1.0], [-2.0, 4.0, -2.0], [1.0, -2.0, 1.0]];
const STENCIL_NORM: f64 = 6.0;

/// The standard deviation of the noise of an image `[height, width, channels]`, in the units of its values, beyond what 99 of 100
/// clean images have: `sqrt(max(0, quiet^2 - clean^2))`.
pub(super) fn noise(values: &[f32], size: [usize; 3], clean: &CleanImages) -> f64 {
    (quiet(values, size).powi(2) - clean.noise.powi(2)).max(0.0).sqrt()
}

/// The root of the tenth percentile, over all windows of 5 x 5 pixels, of the mean square of the second differences along both axes.
/// Noise that comes with the signal (shot, speckle) is absent from the quietest windows, and a larger lambda does not remove it.
///
/// 0 for images of fewer than 3 x 3 pixels.
pub(super) fn quiet(values: &[f32], [height, width, channels]: [usize; 3]) -> f64 {
    if height < 3 || width < 3 {
        return 0.0;
    }
    let (height, width) = (height - 2, width - 2);
    let at = |y: usize, x: usize, channel: usize| f64::from(values[(y * (width + 2) + x) * channels + channel]);
    let difference = |y: usize, x: usize, channel: usize| {
        let row = |i: usize| (0..3).map(|j| STENCIL[i][j] * at(y + i, x + j, channel)).sum::<f64>();
        (0..3).map(row).sum::<f64>() / STENCIL_NORM
    };
    let square = |y: usize, x: usize| (0..channels).map(|c| difference(y, x, c).powi(2)).sum::<f64>();
    let (rows, columns) = (WINDOW.min(height), WINDOW.min(width));
    // Sums over the columns of a window first, then over its rows.
    let lines = (0..height).map(|y| {
        let pixels = (0..width).map(|x| square(y, x)).collect::<Vec<_>>();
        pixels.windows(columns).map(|w| w.iter().sum()).collect::<Vec<f64>>()
    });
    let lines = lines.collect::<Vec<_>>();
    let window = |y: usize, x: usize| lines[y..y + rows].iter().map(|line| line[x]).sum::<f64>();
    let places = (0..=height - rows).flat_map(|y| (0..=width - columns).map(move |x| (y, x)));
    let mut sums = places.map(|(y, x)| window(y, x)).collect::<Vec<_>>();
    let place = (QUIET * (sums.len() - 1) as f64) as usize;
    (*sums.select_nth_unstable_by(place, f64::total_cmp).1 / (rows * columns * channels) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quietest_windows_are_found_in_every_channel_and_what_is_smooth_is_no_noise() {
        // A chequered right half beside a ramp: differences of 4 * 8 / 6 there, and 0 here.
        let value = |y: usize, x: usize| {
            if x < 12 { (3 * y + 2 * x) as f32 } else { if (x + y).is_multiple_of(2) { 1.0 } else { -1.0 } }
        };
        let both = (0..10 * 24).map(|i| value(i / 24, i % 24)).collect::<Vec<_>>();
        assert_eq!(quiet(&both, [10, 24, 1]), 0.0);
        let loud = both.chunks(24).flat_map(|row| &row[13..]).copied().collect::<Vec<_>>();
        assert!((quiet(&loud, [10, 11, 1]) - 16.0 / 6.0).abs() < 1e-12);
        let half = loud.iter().flat_map(|v| [*v, 0.0]).collect::<Vec<_>>();
        assert!((quiet(&half, [10, 11, 2]) - 16.0 / 6.0 / 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!((quiet(&[1.0, 5.0], [1, 2, 1]), quiet(&[0.5; 9], [3, 3, 1])), (0.0, 0.0));
    }

    #[test]
    fn noise_is_what_is_beyond_that_of_clean_images() {
        let loud = (0..100).map(|i| if (i / 10 + i) % 2 == 0 { 0.3 } else { 0.0 }).collect::<Vec<f32>>();
        let own = quiet(&loud, [10, 10, 1]);
        let beyond = |clean: f64| noise(&loud, [10, 10, 1], &CleanImages { noise: clean, ..CleanImages::default() });
        assert!((beyond(0.0) - own).abs() < 1e-12 && beyond(own) == 0.0 && beyond(2.0 * own) == 0.0);
        assert!((beyond(0.6 * own) - 0.8 * own).abs() < 1e-9);
    }
}
