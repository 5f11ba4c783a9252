//! The image that is interpreted.

use std::path::Path;

use super::InterpretArgs;
use crate::checkpoint::Recipe;
use crate::cli::console::note;
use crate::data::{Dataset, Picture};
use crate::error::{Error, Result};

/// An image to interpret.
pub(super) struct Wanted {
    /// What it is called.
    pub name: String,
    /// The image alone.
    pub image: Dataset,
    /// Its class, where that is known.
    pub label: Option<usize>,
}

impl Wanted {
    /// The image that the options name, if they name one: a file, brought to the size of the test images, or one of these.
    ///
    /// # Errors
    /// [`Error::Argument`] for a number that no test image has; [`Error::File`] and [`Error::Io`] for a file that is no image, or
    /// not of that size where no size is known.
    pub fn of(options: &InterpretArgs, recipe: &Recipe, test: &Dataset) -> Result<Option<Self>> {
        match (options.index, &options.image) {
            (Some(index), _) if index >= test.len() => {
                let reason = format!("{} has {} test images, counted from 0", test.name, test.len());
                Err(Error::argument("index", index, reason))
            }
            (Some(index), _) => {
                let image = test.select(&[index]);
                let label = image.labels.first().map(|&label| usize::from(label));
                Ok(Some(Self { name: format!("test image {index} of {}", test.name), image, label }))
            }
            (None, Some(path)) => {
                let image = read(path, options, recipe, test)?;
                Ok(Some(Self { name: path.display().to_string(), image, label: None }))
            }
            (None, None) => Ok(None),
        }
    }
}

/// A file as a data set of one image, like those of `test`.
fn read(path: &Path, options: &InterpretArgs, recipe: &Recipe, test: &Dataset) -> Result<Dataset> {
    let data = &options.input.data;
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
        ..Dataset::default()
    })
}
