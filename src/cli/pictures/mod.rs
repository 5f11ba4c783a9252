//! The pictures that the program writes: curves (SVG), atoms, predictions and adversarial images (PNG).
//!
//! Everything here takes plain numbers and returns a string or pixels; nothing touches a file or a GPU.

mod adversarial;
mod atoms;
mod chart;
mod curves;
mod picture;
mod predictions;

pub use adversarial::{Pair, adversarial};
pub use atoms::atoms;
pub use chart::{Chart, ChartCurve, chart_svg};
pub use curves::{EpochPoint, training_curves_svg};
pub use picture::Picture;
pub use predictions::{Tile, predictions};
