//! Recipes: the flags of a training in a file.

mod kinds;
mod read;
mod write;

pub use read::expanded;
pub use write::write;

/// The recipe of a run, as it was carried out.
pub const RECIPE: &str = "recipe.toml";
