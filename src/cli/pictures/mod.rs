//! The pictures that the program writes: curves, confusion, reliability, spectra and planes of frequencies (SVG); atoms, predictions,
//! mistakes, adversarial images, and panels of all that is shown of a network (PNG).
//!
//! Drawing takes plain numbers and returns a string or pixels; only [`write_png`] and [`write_svg`] touch files.

mod adversarial;
mod atoms;
mod chart;
mod comparison;
mod confusion;
mod curves;
mod files;
mod label;
mod mistakes;
mod panels;
mod picture;
mod plane;
mod predictions;
mod reliability;
mod spectrum;

pub use adversarial::{Pair, adversarial};
pub use atoms::atoms;
pub use chart::{Chart, ChartCurve, chart_svg};
pub use comparison::{ComparedPoint, ComparedRun, comparison_svg};
pub use confusion::confusion_svg;
pub use curves::{EpochPoint, training_curves_svg};
pub use files::{write_png, write_svg};
pub use mistakes::mistakes;
pub use panels::{Panel, PanelRow, panels};
pub use picture::Picture;
pub use plane::{Plane, planes_svg};
pub use predictions::{Tile, predictions};
pub use reliability::reliability_svg;
pub use spectrum::{Spectrum, spectrum_svg};
