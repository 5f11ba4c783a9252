//! Data sets by name or folder.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::bundled::FASHION_CLASSES;
use super::{Corrupted, Dataset, HoldOut, Layout, Split, arrays, bundled, cifar, corrupted, folder, idx, policy};
use crate::error::{Error, Result};
use crate::named::named;

/// Where Debian's package dataset-fashion-mnist puts its files.
const SYSTEM_FASHION: &str = "/usr/share/datasets/fashion-mnist";

/// A data set by name or folder; see [`load`] for the list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataSource {
    /// `fashion-mnist`, `fashion-mnist-small`, `cifar10`, `cifar100`, or a folder.
    pub name: String,
    /// Folder that holds the files of a named data set; a folder given as `name` is taken relative to it.
    pub root: Option<PathBuf>,
    /// Height and width that images are resized and cropped to; without it, all images must have one size. For folders of
    /// images only.
    pub size: Option<[usize; 2]>,
    /// With `size`: images show this share of the sides of their largest centred part, unless they are cropped at random; 1 by
    /// default, 0.875 for the middle 224 of 256 pixels.
    pub center: Option<f32>,
    /// What transparent pixels of pictures show (red, green, blue); white by default, as in most programs. For folders of images
    /// only.
    pub background: Option<[u8; 3]>,
    /// Images to hold out for testing, where a folder of images has none of its own.
    pub hold_out: Option<HoldOut>,
    /// Where the pixels are between batches; by default, they are held up to 2 GiB a split, and streamed beyond that. For folders
    /// of images only.
    pub pixels: Option<Pixels>,
    /// Threads that read and prepare images; by default, as many as there are processors. No result depends on it, and it is not
    /// recorded.
    #[serde(skip)]
    pub workers: Option<NonZero<usize>>,
}

/// Where the pixels of images are between batches. The network sees the same in either case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pixels {
    /// In memory.
    Held,
    /// In their files, which are decoded whenever they are wanted.
    Streamed,
}

named!(Pixels as "pixels" { Held = "held", Streamed = "streamed" });

/// The most threads that may be asked for.
const MOST_WORKERS: usize = 1024;

/// The data sets that go by a name.
const NAMES: [&str; 4] = ["fashion-mnist", "fashion-mnist-small", "cifar10", "cifar100"];

impl DataSource {
    /// The same data, found from any working folder.
    ///
    /// # Errors
    /// [`Error::Io`] if the working folder is not known.
    pub fn absolute(&self) -> Result<Self> {
        let absolute = |path: PathBuf| std::path::absolute(&path).map_err(|e| Error::io(path, e));
        if NAMES.contains(&self.name.as_str()) {
            return Ok(Self { root: self.root.clone().map(absolute).transpose()?, ..self.clone() });
        }
        let path = self.root.as_ref().map_or_else(|| PathBuf::from(&self.name), |root| root.join(&self.name));
        Ok(Self { name: absolute(path)?.display().to_string(), root: None, ..self.clone() })
    }

    /// The folder or file, if it is not a named data set.
    pub(super) fn path(&self) -> Option<PathBuf> {
        if NAMES.contains(&self.name.as_str()) {
            return None;
        }
        Some(self.root.as_ref().map_or_else(|| PathBuf::from(&self.name), |root| root.join(&self.name)))
    }

    /// The folder or file, if there is none.
    pub fn missing(&self) -> Option<PathBuf> {
        self.path().filter(|path| !path.exists())
    }

    /// Whether a file or folder lies, or would lie, in the folder of these pictures.
    pub fn would_hold(&self, path: &Path) -> bool {
        let Some(folder) = self.path().filter(|_| self.is_pictures()) else { return false };
        let Ok(path) = std::path::absolute(path) else { return false };
        let there = path.ancestors().find_map(|above| above.canonicalize().ok());
        matches!((folder.canonicalize(), there), (Ok(folder), Some(there)) if there.starts_with(&folder))
    }

    /// Whether images to test on could be held out: a folder of images without any of its own.
    pub fn can_hold_out(&self) -> bool {
        self.path().is_some_and(|path| {
            path.is_dir()
                && ![idx::is_there, arrays::is_there, folder::is_there].iter().any(|is| is(&path, Split::Test))
        })
    }

    /// Whether these are pictures in files of their own, which may be of any size, and transparent.
    pub fn is_pictures(&self) -> bool {
        let in_arrays = |path: &Path, split| idx::is_there(path, split) || arrays::is_there(path, split);
        let alone = |path: &Path| !path.is_file() && !corrupted::is_there(path);
        self.path()
            .is_some_and(|path| alone(&path) && !in_arrays(&path, Split::Train) && !in_arrays(&path, Split::Test))
    }

    /// The corrupted images, if this is a folder of such.
    ///
    /// # Errors
    /// [`Error::Argument`] for what is only for folders of images; those of [`Corrupted::open`].
    pub fn corrupted(&self) -> Result<Option<Corrupted>> {
        let Some(folder) = self.path().filter(|path| corrupted::is_there(path)) else { return Ok(None) };
        self.check()?;
        Corrupted::open(&folder).map(Some)
    }

    /// # Errors
    /// [`Error::Argument`] for a place where nothing is, or for what is only for folders of images, with other data.
    fn check(&self) -> Result<()> {
        if let Some(path) = self.missing() {
            return Err(not_there(&path));
        }
        let pictures = self.is_pictures();
        if let Some([height, width]) = self.size {
            let shown = format!("{height}x{width}");
            if !pictures {
                return Err(Error::argument("size", shown, "is for folders of images, which may be of any size"));
            }
            if !(1..=4096).contains(&height) || !(1..=4096).contains(&width) {
                return Err(Error::argument("size", shown, "must be 1 to 4096 pixels"));
            }
        }
        if let Some(center) = self.center {
            if self.size.is_none() {
                return Err(Error::argument("center", center, "is for images that are resized: give --size"));
            }
            if !(center > 0.0 && center <= 1.0) {
                return Err(Error::argument("center", center, "must be more than 0 and at most 1"));
            }
        }
        if let Some(background) = self.background.filter(|_| !pictures) {
            let reason = "is for folders of images, which may be transparent";
            return Err(Error::argument("background", format!("{background:?}"), reason));
        }
        if let Some(pixels) = self.pixels.filter(|_| !pictures) {
            return Err(Error::argument("pixels", pixels, "is for folders of images; other data are held in memory"));
        }
        if let Some(workers) = self.workers.filter(|workers| workers.get() > MOST_WORKERS) {
            return Err(Error::argument("workers", workers, format!("must be 1 to {MOST_WORKERS} threads")));
        }
        match self.hold_out.filter(|_| !pictures || !self.can_hold_out()) {
            Some(hold_out) => {
                let reason = match pictures {
                    true => "is for folders without images to test on, but there is a folder test or val",
                    false => "is for folders of images, one for each class",
                };
                Err(Error::argument("hold-out", hold_out, reason))
            }
            None => Ok(()),
        }
    }
}

/// Reads a split into memory, or what there is to know of its files where they are to be streamed.
///
/// | name | is read from |
/// |---|---|
/// | `fashion-mnist` | the IDX files in `root`; without `root`, those of Debian's package dataset-fashion-mnist in `/usr/share/datasets/fashion-mnist`, and where that is not installed, the bundled subset (its name is then `fashion-mnist-small`) |
/// | `fashion-mnist-small` | [`bundled`](super::bundled), whatever is installed |
/// | `cifar10` | `data_batch_1.bin` to `data_batch_5.bin` and `test_batch.bin` in `root` or `root/cifar-10-batches-bin`, or the same without `.bin` in `root` or `root/cifar-10-batches-py` |
/// | `cifar100` | `train.bin` and `test.bin` in `root` or `root/cifar-100-binary`, or `train`, `test` and `meta` in `root` or `root/cifar-100-python`; labels are the fine ones |
/// | a folder with IDX files | `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte` (or with a dot, as in `train-images.idx3-ubyte`), each plain or gzipped (`.gz`); in the folder, or in its `raw`, `MNIST/raw` or `FashionMNIST/raw` |
/// | a folder with NumPy files | `x_train.npy`, `y_train.npy`, `x_test.npy`, `y_test.npy`: bytes `[n, height, width]`, `[n, height, width, channels]` or `[n, channels, height, width]`, and `n` integers |
/// | a file `X.npy` | images to test on, as above, with their labels in `labels.npy` beside it, as in CIFAR-10-C |
/// | a folder `*.npy` with `labels.npy` | [`Corrupted`], which is read block by block, not by this function |
/// | a folder of class folders | `train/<class>/*` and `test/<class>/*` (or `val`, `valid`, `validation`), or with `hold_out` `train/<class>/*` or `<class>/*` alone: PNG, JPEG, WebP, BMP, GIF or TIFF, all of one size unless `size` is given, turned as EXIF says. Grey stays one channel where all images of both splits are grey, else they are RGB; transparent pixels show `background` |
///
/// # Errors
/// [`Error::Argument`] for an unknown name, or for CIFAR without `root`; [`Error::Io`] and [`Error::File`]
/// naming the file that is missing, truncated, or of the wrong format.
pub fn load(source: &DataSource, split: Split) -> Result<Dataset> {
    source.check()?;
    Ok(Dataset { workers: source.workers, ..read(source, split)? })
}

fn read(source: &DataSource, split: Split) -> Result<Dataset> {
    let root = source.root.as_deref();
    match source.name.as_str() {
        "fashion-mnist" => fashion(root, Path::new(SYSTEM_FASHION), split),
        "fashion-mnist-small" => match root {
            Some(root) => Err(Error::argument("root", root.display(), "fashion-mnist-small is part of the program")),
            None => bundled(split),
        },
        "cifar10" => cifar::read(cifar::Kind::Ten, root, split),
        "cifar100" => cifar::read(cifar::Kind::Hundred, root, split),
        name => read_path(&root.map_or_else(|| PathBuf::from(name), |root| root.join(name)), split, source),
    }
}

/// An explicit root must have the files; a system without the package is not an error.
fn fashion(root: Option<&Path>, system: &Path, split: Split) -> Result<Dataset> {
    let folder = match root {
        Some(root) => root,
        None if idx::is_there(system, Split::Train) && idx::is_there(system, Split::Test) => system,
        None => return bundled(split),
    };
    let data = idx::read_folder(folder, split)?;
    if data.classes > FASHION_CLASSES.len() {
        let reason =
            format!("has {} classes, so it is not Fashion-MNIST; give the folder as the data set", data.classes);
        return Err(Error::file(folder, reason));
    }
    let (name, class_names) = ("fashion-mnist".to_owned(), FASHION_CLASSES.map(str::to_owned).to_vec());
    Ok(Dataset { name, class_names, classes: FASHION_CLASSES.len(), ..data })
}

fn read_path(path: &Path, split: Split, source: &DataSource) -> Result<Dataset> {
    if idx::is_there(path, split) {
        idx::read_folder(path, split)
    } else if arrays::is_there(path, split) {
        arrays::read_folder(path, split)
    } else if path.is_file() {
        arrays::read_file(path, split)
    } else if folder::is_there(path, split) || (source.hold_out.is_some() && path.is_dir()) {
        folder::read_folder(path, split, source)
    } else if corrupted::is_there(path) {
        let reason = "is a folder of corrupted images, such as CIFAR-10-C, which eval and robust sweep take as a whole; elsewhere, \
                      name one of its files";
        Err(Error::file(path, reason))
    } else if arrays::is_there(path, split.other()) {
        Err(Error::file(path, format!("lacks {}", arrays::names(split).join(" and "))))
    } else if let Some(name) = corrupted::unlabelled(path) {
        let reason = format!(
            "holds {name}, but neither {}, which says what the images of NumPy files are, nor {}",
            arrays::LABELS,
            arrays::names(split).join(" and ")
        );
        Err(Error::file(path, reason))
    } else if folder::is_there(path, split.other()) {
        let missing = match split {
            Split::Train => "has images to test on, but no folder train with a folder of images for each class",
            Split::Test => {
                "has images to train on, but none to test on: add a folder test or val with the same classes, or give \
                 --hold-out 0.1 to hold some out"
            }
        };
        Err(Error::file(path, missing))
    } else if let Some(Layout::Cifar { name, version }) = source.layout() {
        let reason = format!("holds the {version} of {name}: give --data {name} --root {}", path.display());
        Err(Error::file(path, reason))
    } else if path.is_dir() {
        let reason = "has neither IDX files (train-images-idx3-ubyte, ..), nor NumPy files (x_train.npy, ..), nor the folders \
                      train and test with a folder of images for each class; for one folder of such folders, give \
                      --hold-out 0.1 to hold some images out for testing";
        Err(Error::file(path, format!("{reason}{}", holds(path))))
    } else {
        Err(not_there(path))
    }
}

fn not_there(path: &Path) -> Error {
    let reason = "is neither a folder nor one of fashion-mnist, fashion-mnist-small, cifar10, cifar100";
    Error::argument("data", path.display(), reason)
}

/// Names what a folder holds instead.
fn holds(folder: &Path) -> String {
    const SHOWN: usize = 5;
    let Ok(entries) = policy::entries(folder) else { return String::new() };
    let names = entries.iter().filter_map(|path| path.file_name()).map(|name| name.display().to_string());
    let shown = names.take(SHOWN).collect::<Vec<_>>().join(", ");
    match entries.len() {
        ..=0 => " (it is empty)".into(),
        1..=SHOWN => format!(" (it holds {shown})"),
        many => format!(" (it holds {shown} .. {many} in all)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn source(name: &str, root: Option<&Path>) -> DataSource {
        DataSource { name: name.to_owned(), root: root.map(Path::to_owned), ..DataSource::default() }
    }

    fn assets() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/fashion-mnist")
    }

    #[test]
    fn fashion_falls_back_to_the_bundled_subset() {
        let dir = tempfile::tempdir().unwrap();
        let small = fashion(None, dir.path(), Split::Test).unwrap();
        assert_eq!(small, load(&source("fashion-mnist-small", None), Split::Test).unwrap());
        assert_eq!((small.name.as_str(), small.len()), ("fashion-mnist-small", 2000));
        let installed = fashion(None, &assets(), Split::Test).unwrap();
        assert_eq!(installed.name, "fashion-mnist");
        assert_eq!(installed.images, small.images);
        assert_eq!(installed.class_names[9], "Ankle boot");
    }

    #[test]
    fn a_root_is_binding() {
        let dir = tempfile::tempdir().unwrap();
        let error = load(&source("fashion-mnist", Some(dir.path())), Split::Train).unwrap_err().to_string();
        assert!(error.contains("train-images-idx3-ubyte"), "{error}");
        let data = load(&source("fashion-mnist", Some(&assets())), Split::Train).unwrap();
        assert_eq!(data.len(), 10_000);
    }

    #[test]
    fn folders_are_recognised() {
        let parent = assets().parent().unwrap().to_owned();
        let data = load(&source("fashion-mnist/", Some(&parent)), Split::Test).unwrap();
        assert_eq!((data.len(), data.class_names[3].as_str()), (2000, "3"));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test/cat/1.png");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::GrayImage::new(4, 4).save(&path).unwrap();
        let data = load(&source(dir.path().to_str().unwrap(), None), Split::Test).unwrap();
        assert_eq!(data.class_names, ["cat"]);
        let error = load(&source(dir.path().to_str().unwrap(), None), Split::Train).unwrap_err().to_string();
        assert!(error.contains("no folder train"), "{error}");
    }

    #[test]
    fn other_data_cannot_be_streamed_and_threads_are_limited() {
        for pixels in Pixels::ALL {
            let source = DataSource { pixels: Some(pixels), ..source("fashion-mnist-small", None) };
            let error = load(&source, Split::Test).unwrap_err().to_string();
            assert!(error.starts_with(&format!("pixels = {pixels}: is for folders of images")), "{error}");
        }
        let workers = |n| DataSource { workers: NonZero::new(n), ..source("fashion-mnist-small", None) };
        assert_eq!(load(&workers(3), Split::Test).unwrap().workers, NonZero::new(3));
        assert!(load(&workers(1025), Split::Test).unwrap_err().to_string().starts_with("workers = 1025"));
    }

    #[test]
    fn unknown_names_say_what_there_is() {
        let error = load(&source("no-such-set", None), Split::Test).unwrap_err();
        assert!(matches!(error, Error::Argument { name: "data", .. }));
        assert!(error.to_string().contains("cifar100"), "{error}");
        let dir = tempfile::tempdir().unwrap();
        let error = load(&source(dir.path().to_str().unwrap(), None), Split::Test).unwrap_err();
        assert!(matches!(error, Error::File { .. }), "{error}");
    }
}
