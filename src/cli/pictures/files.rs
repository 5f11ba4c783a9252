//! Pictures as files.

use std::path::Path;

use super::picture::Picture;
use crate::error::{Error, Result};
use crate::files::write_bytes;

/// Writes a picture as a PNG file.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, [`Error::File`] if the picture cannot be encoded.
pub fn write_png(path: &Path, picture: &Picture) -> Result<()> {
    write_bytes(path, &picture.png().map_err(|e| Error::file(path, e))?)
}

/// Writes what [`super::chart_svg`] or [`super::training_curves_svg`] has returned as an SVG file.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, [`Error::File`] if there was nothing drawn to write.
pub fn write_svg(path: &Path, drawn: std::result::Result<String, String>) -> Result<()> {
    write_bytes(path, drawn.map_err(|e| Error::file(path, e))?.as_bytes())
}
