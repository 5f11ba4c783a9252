//! Images in files of their own.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::array::UNKNOWN;
use super::{Batch, PredictArgs, is_array};
use crate::checkpoint::Recipe;
use crate::cli::console::note;
use crate::data::{Normalization, Picture, pictures_below, read_pictures};
use crate::error::{Error, Result};
use crate::models::{Model, Network};
use crate::robust::Adapted;

/// Files of images, and what becomes of them.
pub(super) struct Pictures {
    files: Vec<PathBuf>,
    /// The size that all images are brought to, or that they must have.
    size: [usize; 2],
    center: f32,
    resize: bool,
    channels: usize,
    background: [u8; 3],
    normalization: Normalization,
    resized: AtomicUsize,
    recoloured: AtomicUsize,
}

impl Pictures {
    /// Finds the files that the inputs name.
    pub(super) fn find(
        inputs: &[PathBuf],
        options: &PredictArgs,
        network: &Adapted<Network>,
        recipe: &Recipe,
    ) -> Result<Self> {
        let mut files = Vec::new();
        for input in inputs {
            match input.to_str() {
                Some("-") => listed()?.iter().try_for_each(|path| add(path, &mut files))?,
                _ => add(input, &mut files)?,
            }
        }
        let Some(first) = files.first() else {
            return Err(Error::argument("images", "none", "the list on standard input is empty"));
        };
        let background = options.background.or(recipe.background).unwrap_or([255; 3]);
        let wanted = options.size.or(recipe.size);
        let size = match wanted {
            Some(size) if size.iter().all(|side| (1..=4096).contains(side)) => size,
            Some([height, width]) => {
                return Err(Error::argument("size", format!("{height}x{width}"), "must be 1 to 4096 pixels"));
            }
            None => {
                let picture = Picture::read(first, background)?;
                [picture.height, picture.width]
            }
        };
        let center = options.center.or(recipe.center).unwrap_or(1.0);
        if let Some(center) = options.center.filter(|_| wanted.is_none()) {
            return Err(Error::argument("center", center, "is for images that are resized: give --size"));
        }
        let channels = network.model().in_channels();
        let normalization = options.normalize.of(recipe.normalization.as_ref(), channels)?;
        Ok(Self {
            size,
            center,
            resize: wanted.is_some(),
            channels,
            background,
            normalization: normalization.ok_or_else(|| Error::file(&options.weights.path, UNKNOWN))?,
            files,
            resized: AtomicUsize::new(0),
            recoloured: AtomicUsize::new(0),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Reads a part of the files by all processors.
    pub(super) fn batch(&self, first: usize, count: usize) -> Result<Batch> {
        let files = &self.files[first..(first + count).min(self.files.len())];
        let mut batch = Batch { names: Vec::new(), size: self.size, pixels: Vec::new(), failed: Vec::new() };
        for (path, picture) in files.iter().zip(read_pictures(files, self.background)?) {
            match picture.and_then(|picture| self.fitted(path, picture)) {
                Ok(picture) => {
                    batch.names.push(path.display().to_string());
                    batch.pixels.extend(self.normalization.apply(&picture.pixels));
                }
                Err(error) => batch.failed.push(error),
            }
        }
        Ok(batch)
    }

    /// A picture as the network takes it.
    fn fitted(&self, path: &Path, picture: Picture) -> Result<Picture> {
        let size = [picture.height, picture.width];
        if size != self.size && !self.resize {
            let ([height, width], [first_height, first_width]) = (size, self.size);
            let reason = format!(
                "is {width}x{height} pixels, but the first image is {first_width}x{first_height}, and the weights file names no \
                 size: give --size"
            );
            return Err(Error::file(path, reason));
        }
        self.resized.fetch_add(usize::from(size != self.size), Ordering::Relaxed);
        self.recoloured.fetch_add(usize::from(picture.channels > self.channels), Ordering::Relaxed);
        picture.framed(self.size, self.center)?.with_channels(self.channels)
    }

    /// What was done to the images, a sentence each.
    pub(super) fn notes(&self) -> Vec<String> {
        let ([height, width], of) = (self.size, self.files.len());
        let [resized, recoloured] = [&self.resized, &self.recoloured].map(|count| count.load(Ordering::Relaxed));
        let resized =
            (resized > 0).then(|| format!("{resized} of {of} images were resized and cropped to {height}x{width}"));
        let recoloured = (recoloured > 0)
            .then(|| format!("{recoloured} of {of} images were turned grey, as the network takes them"));
        resized.into_iter().chain(recoloured).collect()
    }
}

/// Adds a file, or all images in a folder.
fn add(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        if is_array(path) {
            return Err(Error::file(path, "is an array, which must be the only input"));
        }
        files.push(path.to_owned());
        return Ok(());
    }
    let before = files.len();
    let left_out = pictures_below(path, files)?;
    if files.len() == before {
        return Err(Error::file(path, "holds no images (PNG, JPEG, WebP, BMP, GIF, TIFF)"));
    }
    left_out.into_iter().for_each(|text| note(format_args!("note: {text}")));
    Ok(())
}

/// The paths on standard input, one a line.
fn listed() -> Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(|e| Error::io("(standard input)", e))?;
    // Some editors mark their texts as UTF-8.
    let lines = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes).split(|byte| *byte == b'\n');
    Ok(lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty()).map(path).collect())
}

/// A path of any bytes, where the system has such.
fn path(bytes: &[u8]) -> PathBuf {
    #[cfg(unix)]
    {
        PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
    }
    #[cfg(not(unix))]
    {
        PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
    }
}
