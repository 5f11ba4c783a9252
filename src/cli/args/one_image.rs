//! One image: a file, or one of the test images.

use std::path::{Path, PathBuf};

use super::input::InputArgs;
use crate::checkpoint::Recipe;
use crate::cli::console::{counted, note};
use crate::data::{Dataset, Picture};
use crate::error::{Error, Result};

/// One image to look at.
pub struct OneImage {
    /// What it is called.
    pub name: String,
    /// The image alone.
    pub image: Dataset,
    /// Its class, where that is known.
    pub label: Option<usize>,
}

impl OneImage {
    /// The test image of this number.
    ///
    /// # Errors
    /// [`Error::Argument`] for a number that no test image has.
    pub fn of_test(index: usize, test: &Dataset) -> Result<Self> {
        if index >= test.len() {
            let images = counted(test.len(), "test image");
            let reason = format!("{} has {images}, counted from 0", test.name);
            return Err(Error::argument("index", index, reason));
        }
        let image = test.select(&[index]);
        let label = image.labels.first().map(|&label| usize::from(label));
        Ok(Self { name: format!("test image {index} of {}", test.name), image, label })
    }

    /// A file, brought to the size of the test images.
    ///
    /// # Errors
    /// [`Error::File`] and [`Error::Io`] for a file that is no image, or not of that size where no size is known.
    pub fn of_file(path: &Path, input: &InputArgs, recipe: &Recipe, test: &Dataset) -> Result<Self> {
        Ok(Self { name: path.display().to_string(), image: read(path, input, recipe, test)?, label: None })
    }

    /// The file, or else the test image of this number.
    ///
    /// # Errors
    /// Those of [`OneImage::of_file`] and [`OneImage::of_test`].
    pub fn of(
        file: Option<&PathBuf>,
        index: usize,
        input: &InputArgs,
        recipe: &Recipe,
        test: &Dataset,
    ) -> Result<Self> {
        file.map_or_else(|| Self::of_test(index, test), |path| Self::of_file(path, input, recipe, test))
    }
}

/// A file as a data set of one image, like those of `test`.
fn read(path: &Path, input: &InputArgs, recipe: &Recipe, test: &Dataset) -> Result<Dataset> {
    let data = &input.data;
    let picture = Picture::read(path, data.background.or(recipe.background).unwrap_or([255; 3]))?;
    let (size, found) = ([test.height, test.width], [picture.height, picture.width]);
    if size != found && data.size.or(recipe.size).is_none() {
        let reason = format!(
            "is {}x{} pixels, but the images of {} are {}x{}, and the weights file names no size: give --size",
            found[1], found[0], test.name, size[1], size[0]
        );
        return Err(Error::file(path, reason));
    }
    if size != found {
        note(format_args!("note: {} was resized and cropped to {}x{}", path.display(), size[0], size[1]));
    }
    if picture.channels > test.channels {
        note(format_args!("note: {} was turned grey, as the network takes it", path.display()));
    }
    let center = data.center.or(recipe.center).unwrap_or(1.0);
    let Picture { height, width, channels, pixels } = picture.framed(size, center)?.with_channels(test.channels)?;
    Ok(Dataset {
        name: path.display().to_string(),
        images: pixels,
        labels: vec![0],
        height,
        width,
        channels,
        classes: test.classes,
        class_names: test.class_names.clone(),
        ..Dataset::default()
    })
}
