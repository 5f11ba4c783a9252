//! Text in diagrams.

use plotters::prelude::*;

use super::chart::TEXT;

/// The width of a character on average, as a multiple of the height of the text.
const CHARACTER: f64 = 0.55;

/// Text of this height.
pub(super) fn text(height: f64) -> TextStyle<'static> {
    ("sans-serif", height).into_font().color(&TEXT)
}

/// About how wide a label is, as a multiple of its height.
pub(super) fn width(label: &str) -> f64 {
    CHARACTER * label.chars().count() as f64
}

/// The label, cut where it is wider than that.
pub(super) fn shorten(label: &str, room: f64) -> String {
    let most = (room / CHARACTER) as usize;
    if label.chars().count() <= most {
        return label.to_owned();
    }
    label.chars().take(most.saturating_sub(1)).chain(['\u{2026}']).collect()
}
