//! How figures are shown.

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::error::{Error, Result};
use crate::train::Progress;

/// One line of JSON.
///
/// # Errors
/// [`Error::File`] where a value cannot be written as JSON.
pub fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::file("(standard output)", e.to_string()))
}

/// Bytes as MiB.
pub fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

/// A progress bar on a terminal; nothing elsewhere.
pub fn bar(steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64);
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {msg} {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}

/// What the bar says of an epoch so far.
pub fn so_far(progress: &Progress, images_per_s: f64) -> String {
    let tally = &progress.tally;
    format!("loss {:.4} accuracy {:.1} % {images_per_s:.0} images/s", tally.mean_loss(), 100.0 * tally.accuracy())
}
