//! What a heat map is worth: how much of the network's confidence the hottest pixels keep.

/// Blackens all pixels but the hottest `share`, of equal ones the first. `pixels` is `[height, width, channels]`, `heat`
/// `[height, width]`.
pub fn keep_hottest(pixels: &mut [u8], heat: &[f32], share: f64) {
    let kept = (share * heat.len() as f64).round() as usize;
    let mut order = (0..heat.len()).collect::<Vec<_>>();
    order.sort_by(|&a, &b| heat[b].total_cmp(&heat[a]));
    let channels = pixels.len() / heat.len().max(1);
    for &place in order.iter().skip(kept) {
        pixels[place * channels..][..channels].fill(0);
    }
}

/// How probabilities change where only the hottest pixels are left, as means over images (Chattopadhay et al., arXiv 1710.11063).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Change {
    /// Average drop, `max(0, before - after) / before`.
    pub drop: f64,
    /// Average increase, the share of images with `after > before`.
    pub increase: f64,
}

impl Change {
    /// The means over probabilities before and after; none without any.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let mean = |of: fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>() / pairs.len() as f64;
        (!pairs.is_empty()).then(|| Self {
            drop: mean(|(before, after)| (before - after).max(0.0) / before.max(f64::MIN_POSITIVE)),
            increase: mean(|(before, after)| f64::from(u8::from(after > before))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_pixels_stay() {
        let mut pixels = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
        keep_hottest(&mut pixels, &[0.1, 0.9, 0.5, 0.9, 0.0], 0.4);
        assert_eq!(pixels, [0, 0, 3, 4, 0, 0, 7, 8, 0, 0]);
        keep_hottest(&mut pixels, &[0.0; 5], 0.2);
        assert_eq!(pixels, [0; 10], "of equal pixels the first is left, which was black");
    }

    #[test]
    fn drops_and_increases_are_means() {
        let change = Change::of(&[(0.5, 0.25), (0.5, 0.75), (1.0, 1.0), (0.8, 0.2)]).unwrap();
        assert!((change.drop - (0.5 + 0.75) / 4.0).abs() < 1e-12 && change.increase == 0.25, "{change:?}");
        assert_eq!(Change::of(&[]), None);
    }
}
