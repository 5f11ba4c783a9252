//! Images in a NumPy file.

use std::path::Path;

use super::{Batch, PredictArgs};
use crate::checkpoint::Recipe;
use crate::checks::check_finite;
use crate::cli::console::note;
use crate::data::Normalization;
use crate::error::{Error, Result};
use crate::files::{self, Values, read_array};
use crate::models::{Model, Network};
use crate::robust::Adapted;
use crate::tensor::nchw_to_nhwc;

/// Normalised images of one size, `[count, height, width, channels]`.
pub(super) struct Array {
    name: String,
    count: usize,
    size: [usize; 2],
    pixels: Vec<f32>,
}

impl Array {
    /// Reads a file, which must hold at least one image, with as many channels as the network takes.
    pub(super) fn open(
        path: &Path,
        options: &PredictArgs,
        network: &Adapted<Network>,
        recipe: &Recipe,
    ) -> Result<Self> {
        let for_pictures = [
            ("size", options.size.is_some()),
            ("center", options.center.is_some()),
            ("background", options.background.is_some()),
        ];
        if let Some((flag, _)) = for_pictures.iter().find(|(_, given)| *given) {
            return Err(Error::argument(flag, "", format!("is for images, and {} is an array", path.display())));
        }
        let wanted = network.model().in_channels();
        let files::Array { shape, values } = read_array(path)?;
        let (shape, [count, channels, height, width]) = match shape[..] {
            [n, height, width] => (vec![n, 1, height, width], [n, 1, height, width]),
            [n, channels, height, width] => (shape, [n, channels, height, width]),
            _ => {
                let reason = format!(
                    "holds an array of shape {shape:?}; images are [n, channels, height, width], or [n, height, width]"
                );
                return Err(Error::file(path, reason));
            }
        };
        if channels != wanted || shape.contains(&0) {
            let last = if width == wanted { ": save array.transpose(0, 3, 1, 2)" } else { "" };
            let reason =
                format!("holds images of shape {shape:?}; the network takes [n, {wanted}, height, width]{last}");
            return Err(Error::file(path, reason));
        }
        let normalization = options.normalize.of(recipe.normalization.as_ref(), channels)?;
        let pixels = match values {
            Values::Float(values) => {
                if let Some(flag) = options.normalize.first_given() {
                    let reason = "is for bytes and images; floats are normalised already";
                    return Err(Error::argument(flag, "", reason));
                }
                check_finite(&path.display().to_string(), &values, "remove it from the images")?;
                refuse_raw(path, &values, normalization.as_ref())?;
                nchw_to_nhwc(&shape, &values)?
            }
            Values::Bytes(bytes) => {
                let normalization =
                    normalization.ok_or_else(|| Error::file(path, format!("holds bytes, but {UNKNOWN}")))?;
                note(format_args!("{} holds bytes: normalised as the weights file says", path.display()));
                normalization.apply(&nchw_to_nhwc(&shape, &bytes)?)
            }
        };
        Ok(Self { name: path.display().to_string(), count, size: [height, width], pixels })
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn batch(&self, first: usize, count: usize) -> Batch {
        let (last, len) = ((first + count).min(self.count), self.pixels.len() / self.count);
        let names = (first..last).map(|i| format!("{}[{i}]", self.name)).collect();
        Batch { names, size: self.size, pixels: self.pixels[first * len..last * len].to_vec(), failed: Vec::new() }
    }
}

/// What to do where nothing says how pixels are normalised.
pub(super) const UNKNOWN: &str = "the weights file does not say how pixels are normalised: give --mean and --std";

/// Refuses floats that are pixels as they were read: whole numbers up to 255, far beyond what normalised pixels can be.
fn refuse_raw(path: &Path, values: &[f32], normalization: Option<&Normalization>) -> Result<()> {
    let Some(Normalization { mean, std }) = normalization else { return Ok(()) };
    let most = mean.iter().zip(std).map(|(mean, std)| (1.0 - mean) / std).fold(1.0, f32::max);
    let raw = |value: &f32| (0.0..=255.0).contains(value) && value.fract() == 0.0;
    if values.iter().all(raw) && values.iter().any(|value| *value > 2.0 * most) {
        let reason = format!(
            "holds whole numbers up to 255, which are pixels; normalised pixels are at most {most:.2}. Save them as uint8, \
             which is normalised as the weights file says"
        );
        return Err(Error::file(path, reason));
    }
    Ok(())
}
