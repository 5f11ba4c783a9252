//! Flags that several commands share. Those of one command alone stand beside its code.

mod adapter;
mod corrupted;
mod data;
mod input;
mod lambda;
mod layers;
mod model;
mod normalization;
mod one_image;
mod values;
mod weights;

pub use adapter::AdapterArgs;
pub use corrupted::{Block, CorruptedArgs};
pub use data::{DataArgs, background, center, check_classes, framing, load_aloud, size};
pub use input::InputArgs;
pub use lambda::{AdaptArgs, LambdaArgs, layers, no_lambda, rule};
pub use layers::{LayerArgs, coding, coding_flags, first_difference};
pub use model::ModelArgs;
pub use normalization::NormalizationArgs;
pub use one_image::OneImage;
pub use values::{check_batch, float, fraction, not_negative, one_of, text};
pub use weights::{WeightsArgs, stem, structure};
