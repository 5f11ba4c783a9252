//! The worst mistakes of a network.

use super::picture::Picture;
use super::predictions::{Tile, predictions};
use crate::data::Dataset;
use crate::error::Result;
use crate::metrics::Judged;

/// The wrong images of greatest confidence, at most so many, each with the class that it is taken for, that class's
/// probability and the true class. Classes without a name go by their number.
///
/// # Errors
/// Those of [`Dataset::image`].
pub fn mistakes(data: &Dataset, judged: &Judged, class_names: &[String], most: usize) -> Result<Picture> {
    let name = |class: usize| class_names.get(class).cloned().unwrap_or_else(|| class.to_string());
    let worst = judged.worst_mistakes(most);
    let images = worst.iter().map(|&index| data.image(index)).collect::<Result<Vec<_>>>()?;
    let tile = |place: usize| {
        let of = judged.images()[worst[place]];
        Tile {
            pixels: &images[place],
            height: data.height,
            width: data.width,
            channels: data.channels,
            truth: name(of.truth),
            guess: name(of.guess),
            confidence: of.probability as f32,
        }
    };
    let tiles = (0..worst.len()).map(tile).collect::<Vec<_>>();
    Ok(predictions(&tiles))
}
