//! The worst mistakes of a network.

use super::picture::Picture;
use super::predictions::{Tile, predictions};
use crate::data::Dataset;
use crate::metrics::Judged;

/// The wrong images of greatest confidence, at most so many, each with the class that it is taken for, that class's
/// probability and the true class. Classes without a name go by their number.
pub fn mistakes(data: &Dataset, judged: &Judged, class_names: &[String], most: usize) -> Picture {
    let name = |class: usize| class_names.get(class).cloned().unwrap_or_else(|| class.to_string());
    let tile = |index: usize| {
        let of = judged.images()[index];
        Tile {
            pixels: data.image(index),
            height: data.height,
            width: data.width,
            channels: data.channels,
            truth: name(of.truth),
            guess: name(of.guess),
            confidence: of.probability as f32,
        }
    };
    let tiles = judged.worst_mistakes(most).into_iter().map(tile).collect::<Vec<_>>();
    predictions(&tiles)
}
