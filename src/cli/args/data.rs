//! Which images, and how their pixels are normalised.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use clap::Args;
use toml::Value;

use super::normalization::NormalizationArgs;
use super::values::{float, one_of, shown};
use crate::checkpoint::Recipe;
use crate::cli::console::note;
use crate::data::{DataSource, Dataset, HoldOut, Normalization, Pixels, Split, TESTED_ON, load};
use crate::error::{Error, Result};

/// Which images, and how their pixels are normalised.
#[derive(Debug, Args)]
pub struct DataArgs {
    /// Data set: fashion-mnist, fashion-mnist-small (the bundled subset), cifar10, cifar100; a folder that holds IDX files, NumPy
    /// files (x_train.npy, y_train.npy, x_test.npy, y_test.npy), or folders of images, one for each class; or, to test on, a file
    /// X.npy of images with labels.npy beside it [default: what the network was trained on; for a new one, fashion-mnist]
    #[arg(long, value_name = "NAME|FOLDER")]
    pub data: Option<String>,
    /// Folder that holds the files of the named data set
    #[arg(long, value_name = "FOLDER")]
    pub root: Option<PathBuf>,
    /// Resize and crop images to this many pixels, N for squares or HEIGHTxWIDTH; in training, crop them at random. For folders
    /// of images of any size [default: what the network was trained with; without it, all images must have one size]
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    pub size: Option<[usize; 2]>,
    /// With --size: let images that are not cropped at random show this share of the sides of their largest centred part, such as
    /// 0.875 for the middle 224 of 256 pixels [default: what the network was trained with, or 1]
    #[arg(long, value_name = "SHARE", value_parser = center)]
    pub center: Option<f32>,
    /// What transparent pixels of images show: white, black, or #RRGGBB [default: what the network was trained with, or white]
    #[arg(long, value_name = "COLOUR", value_parser = background)]
    pub background: Option<[u8; 3]>,
    /// Hold this share of each class out for testing, where a folder of images has no folder test or val; SHARE:SEED holds
    /// others out, 1 tests on all images [default: what the network was trained with]
    #[arg(long, value_name = "SHARE")]
    pub hold_out: Option<HoldOut>,
    /// Hold the pixels of a folder of images in memory, or decode its images whenever they are wanted; the network sees the same
    /// [default: held, but streamed where they would take more than 2 GiB]
    #[arg(long, value_parser = one_of::<Pixels>(Pixels::ALL.map(Pixels::name)))]
    pub pixels: Option<Pixels>,
    /// Threads that read images and prepare batches; no result depends on it [default: one for each processor]
    #[arg(long, value_name = "N")]
    pub workers: Option<NonZero<usize>>,
    #[command(flatten)]
    pub normalize: NormalizationArgs,
}

impl DataArgs {
    /// What the flags say, else what is recorded, else fashion-mnist. How pictures become images is taken from the record for
    /// other pictures too.
    pub fn source(&self, recorded: Option<&DataSource>) -> DataSource {
        let place = recorded.filter(|source| self.data.is_none() && !source.name.is_empty());
        let name = self.data.clone().or(place.map(|source| source.name.clone()));
        let root = self.root.clone().or(place.and_then(|source| source.root.clone()));
        let name = name.unwrap_or_else(|| "fashion-mnist".into());
        let &Self { size, center, background, hold_out, pixels, workers, .. } = self;
        let given = DataSource { name, root, size, center, background, hold_out, pixels, workers };
        let recorded = recorded.filter(|_| given.is_pictures()).cloned().unwrap_or_default();
        DataSource {
            size: given.size.or(recorded.size),
            center: given.center.or(recorded.center),
            background: given.background.or(recorded.background),
            pixels: given.pixels.or(recorded.pixels),
            // Other data may well have images to test on.
            hold_out: given.hold_out.or(recorded.hold_out.filter(|_| given.can_hold_out())),
            ..given
        }
    }

    /// [`DataArgs::source`] for a training that goes on: only the place of the images may have changed.
    ///
    /// # Errors
    /// [`Error::Argument`] for a flag by which the images would differ.
    pub fn source_to_resume(&self, recorded: Option<&DataSource>) -> Result<DataSource> {
        let source = self.source(recorded);
        self.check_moved(&source)?;
        let Some(was) = recorded else { return Ok(source) };
        let &Self { size, center, background, hold_out, .. } = self;
        let (given, recorded) =
            (DataSource { size, center, background, hold_out, ..DataSource::default() }, framing(was));
        if let Some((flag, value)) = framing(&given).into_iter().find(|entry| !recorded.contains(entry)) {
            let reason = "differs from what the training was started with; leave the flag out";
            return Err(Error::argument(flag, shown(&value), reason));
        }
        Ok(DataSource {
            size: was.size,
            center: was.center,
            background: was.background,
            hold_out: was.hold_out,
            ..source
        })
    }

    /// [`DataArgs::source`] for a network from a file.
    pub fn source_for(&self, recipe: &Recipe) -> DataSource {
        let &Recipe { center, background, hold_out, .. } = recipe;
        let size = recipe.size.filter(|_| recipe.resized);
        let name = recipe.data.clone();
        self.source(Some(&DataSource { name, size, center, background, hold_out, ..DataSource::default() }))
    }

    /// Images for a network from a file, with their labels in its numbering.
    ///
    /// # Errors
    /// Those of [`load`]; [`Error::Classes`] for images of a class that the network does not know.
    pub fn load_for(&self, split: Split, recipe: &Recipe) -> Result<Dataset> {
        let data = self.read_for(split, recipe)?;
        // Training images are known by those that are tested on, which lie beside them.
        match split {
            Split::Test => self.compare(&data, recipe)?,
            Split::Train if self.is_as_recorded() && recipe.tested.is_some() => {
                let beside = load(&self.source_for(recipe), Split::Test)?;
                self.compare(&beside.in_classes(&recipe.class_names)?, recipe)?;
            }
            Split::Train => (),
        }
        Ok(data)
    }

    /// Training images, and test images, as [`DataArgs::load_for`] gives them; each is read once.
    ///
    /// # Errors
    /// As [`DataArgs::load_for`].
    pub fn load_both_for(&self, recipe: &Recipe) -> Result<[Dataset; 2]> {
        let [train, test] = [self.read_for(Split::Train, recipe)?, self.read_for(Split::Test, recipe)?];
        self.compare(&test, recipe)?;
        Ok([train, test])
    }

    /// Images in the numbering of a network, whatever images they are.
    fn read_for(&self, split: Split, recipe: &Recipe) -> Result<Dataset> {
        let source = self.source_for(recipe);
        self.check_moved(&source)?;
        let data = load_aloud(&source, split)?.in_classes(&recipe.class_names)?;
        if let Some([height, width]) = recipe.size.filter(|size| *size != [data.height, data.width]) {
            note(format_args!(
                "note: the network was trained on images of {height}x{width} pixels; those of {} have {}x{}",
                data.name, data.height, data.width
            ));
        }
        Ok(data)
    }

    /// Demands that recorded images are where they were.
    fn check_moved(&self, source: &DataSource) -> Result<()> {
        match source.missing().filter(|_| self.data.is_none()) {
            Some(path) => {
                Err(Error::file(path, "is where the network's images were, and is not there now: give --data"))
            }
            None => Ok(()),
        }
    }

    /// Whether no flag asks for other images than the recorded ones.
    fn is_as_recorded(&self) -> bool {
        matches!(self, Self { data: None, root: None, size: None, center: None, background: None, hold_out: None, .. })
    }

    /// Holds test images against those that the network was tested on in training.
    fn compare(&self, data: &Dataset, recipe: &Recipe) -> Result<()> {
        let Some(known) = recipe.tested.as_ref().filter(|known| **known != data.fingerprint()) else { return Ok(()) };
        if self.is_as_recorded() {
            if data.is_fingerprint_of_other_kind(known) {
                note(format_args!(
                    "note: whether these are the images that the network was tested on in training is not checked, since only one of \
                     the two streams them (--pixels)"
                ));
                return Ok(());
            }
            let reason = format!(
                "these are not the images that the network was tested on in training (fingerprint {known}): they have changed, \
                 or this is another place of that name; give --data to test on them nevertheless"
            );
            return Err(Error::argument("data", &data.name, reason));
        }
        if recipe.hold_out.is_some() && data.notes.iter().any(|text| text.starts_with(TESTED_ON)) {
            note(format_args!(
                "note: these are other images than those held out in training, so that some may have been trained on; --hold-out 1 \
                 tests on all images of other data"
            ));
        }
        Ok(())
    }

    /// `--mean` and `--std` where they are given, else what the weights file has recorded, else the usual values for the
    /// data.
    ///
    /// # Errors
    /// [`Error::Argument`] for numbers that do not fit the channels of the data.
    pub fn normalization(&self, data: &Dataset, recorded: Option<Normalization>) -> Result<Normalization> {
        let base = recorded.unwrap_or_else(|| Normalization::default_for(&data.name, data.channels));
        self.normalize.applied_to(base, data.channels)
    }
}

/// Which images of a folder are seen, and how: the flags and their values, as a recipe has them.
pub fn framing(source: &DataSource) -> Vec<(&'static str, Value)> {
    let given = [
        ("size", source.size.map(|[height, width]| format!("{height}x{width}").into())),
        ("center", source.center.map(float)),
        ("background", source.background.map(|[r, g, b]| format!("#{r:02x}{g:02x}{b:02x}").into())),
        ("hold-out", source.hold_out.map(|hold_out| hold_out.to_string().into())),
    ];
    given.into_iter().filter_map(|(flag, value)| Some((flag, value?))).collect()
}

/// Reads a split, and says what was left out or changed.
///
/// # Errors
/// Those of [`load`].
pub fn load_aloud(source: &DataSource, split: Split) -> Result<Dataset> {
    let data = load(source, split)?;
    data.notes.iter().for_each(|text| note(format_args!("note: {text}")));
    Ok(data)
}

/// Parses white, black or #RRGGBB.
pub fn background(text: &str) -> std::result::Result<[u8; 3], String> {
    let digits = match text {
        "white" => "ffffff",
        "black" => "000000",
        _ => text.strip_prefix('#').unwrap_or(text),
    };
    let value = u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 6);
    value
        .map(|rgb| [16, 8, 0].map(|shift| (rgb >> shift) as u8))
        .ok_or_else(|| "must be white, black or #RRGGBB".into())
}

/// Parses the share of an image's sides that it shows.
pub fn center(text: &str) -> std::result::Result<f32, String> {
    let share = text.parse::<f32>().map_err(|_| format!("{text:?} is not a number"))?;
    (share > 0.0 && share <= 1.0).then_some(share).ok_or_else(|| "must be more than 0 and at most 1".into())
}

/// Parses 32 or 32x48.
pub fn size(text: &str) -> std::result::Result<[usize; 2], String> {
    let number = |part: &str| part.parse::<usize>().map_err(|_| format!("{part:?} is not a number of pixels"));
    match text.split_once('x') {
        Some((height, width)) => Ok([number(height)?, number(width)?]),
        None => number(text).map(|side| [side; 2]),
    }
}

/// Demands that another network numbers its classes as these data are labelled.
///
/// # Errors
/// [`Error::Argument`] with this flag.
pub fn check_classes(flag: &'static str, path: &Path, recipe: &Recipe, data: &Dataset) -> Result<()> {
    if data.is_labelled_as(&recipe.class_names) {
        return Ok(());
    }
    let reason = "has other classes than the network, or the same in another order";
    Err(Error::argument(flag, path.display(), reason))
}
