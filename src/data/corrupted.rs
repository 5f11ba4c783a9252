//! Corrupted test images, as CIFAR-10-C has them (Hendrycks and Dietterich, arXiv 1903.12261): a folder of one file of NumPy's for
//! each corruption, with the same images at five severities one after the other, and one file of labels for all.

use std::path::{Path, PathBuf};

use super::arrays::{self, LABELS};
use super::{Dataset, Split, numbered, policy};
use crate::error::{Error, Result};
use crate::files::ByteRows;

/// Severities of every corruption.
pub const SEVERITIES: usize = 5;

/// A folder of `labels.npy`, `[n]`, and one `NAME.npy` of bytes `[n, height, width, channels]` or `[n, height, width]` for each
/// corruption: `n / 5` images at severity 1, the same at severity 2, and so on. Images are read severity by severity.
#[derive(Debug)]
pub struct Corrupted {
    folder: PathBuf,
    labels: Vec<u16>,
    names: Vec<String>,
}

/// Whether a folder has labels, and images beside them that are not those of a set of training.
pub(super) fn is_there(folder: &Path) -> bool {
    let sets = [Split::Train, Split::Test].iter().any(|split| arrays::is_there(folder, *split));
    !sets && folder.join(LABELS).is_file() && !names(folder).is_empty()
}

/// The first of a folder's NumPy files, where there are no labels.
pub(super) fn unlabelled(folder: &Path) -> Option<String> {
    let first = names(folder).into_iter().next().filter(|_| !folder.join(LABELS).exists())?;
    Some(format!("{first}.npy"))
}

/// The names of the corruptions in a folder.
fn names(folder: &Path) -> Vec<String> {
    let name = |path: PathBuf| {
        let file = path.file_name()?.to_str()?;
        file.strip_suffix(".npy").filter(|_| file != LABELS && path.is_file()).map(str::to_owned)
    };
    policy::entries(folder).unwrap_or_default().into_iter().filter_map(name).collect()
}

impl Corrupted {
    /// Reads the labels.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for a number of labels that cannot be divided by five.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(LABELS);
        let labels = arrays::read_labels(&path)?;
        if labels.is_empty() || labels.len() % SEVERITIES != 0 {
            let reason = format!("has {} labels, which is no multiple of the {SEVERITIES} severities", labels.len());
            return Err(Error::file(path, reason));
        }
        Ok(Self { folder: folder.to_owned(), labels, names: names(folder) })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The corruptions, by name in alphabetical order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of images at each severity.
    pub fn len(&self) -> usize {
        self.labels.len() / SEVERITIES
    }

    /// Whether there are no images, which never is.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    fn rows(&self, name: &str) -> Result<(ByteRows, [usize; 3])> {
        let path = self.folder.join(format!("{name}.npy"));
        let rows = ByteRows::open(&path)?;
        let wanted = self.labels.len();
        let size = match *rows.shape() {
            [n, height, width, channels @ (1 | 3)] if n == wanted => Some([height, width, channels]),
            [n, height, width] if n == wanted => Some([height, width, 1]),
            _ => None,
        };
        let size = size.filter(|size| !size.contains(&0)).ok_or_else(|| {
            let reason = format!(
                "holds an array of shape {:?}, where [{wanted}, height, width, channels] is needed: {SEVERITIES} severities of {} \
                 images each, as {LABELS} has labels",
                rows.shape(),
                self.len()
            );
            Error::file(path, reason)
        })?;
        Ok((rows, size))
    }

    /// Height, width and channels of the images of a corruption; their pixels are not read.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for a file that does not fit the labels, or is damaged.
    pub fn size(&self, name: &str) -> Result<[usize; 3]> {
        self.rows(name).map(|(_, size)| size)
    }

    /// The images of a corruption at one severity, 1 to 5.
    ///
    /// # Errors
    /// As [`Corrupted::size`]; [`Error::Argument`] for another severity.
    pub fn images(&self, name: &str, severity: usize) -> Result<Dataset> {
        if !(1..=SEVERITIES).contains(&severity) {
            return Err(Error::argument("severity", severity, format!("must be 1 to {SEVERITIES}")));
        }
        let (rows, [height, width, channels]) = self.rows(name)?;
        let first = (severity - 1) * self.len();
        let classes = self.labels.iter().max().map_or(0, |label| usize::from(*label) + 1);
        Ok(Dataset {
            name: format!("{}, severity {severity}", self.folder.join(format!("{name}.npy")).display()),
            images: rows.read(first, self.len())?,
            labels: self.labels[first..][..self.len()].to_vec(),
            height,
            width,
            channels,
            classes,
            class_names: numbered(classes),
            ..Dataset::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSource, load};

    fn npy(path: &Path, kind: &str, shape: &str, data: &[u8]) {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        std::fs::write(path, [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), data].concat()).unwrap();
    }

    #[test]
    fn each_severity_has_its_images_and_labels() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        npy(&at("labels.npy"), "|u1", "(10,)", &[3, 1, 3, 1, 3, 1, 3, 1, 3, 1]);
        assert!(!is_there(dir.path()), "labels alone");
        let pixels = (0..120).collect::<Vec<u8>>();
        npy(&at("fog.npy"), "|u1", "(10, 2, 2, 3)", &pixels);
        npy(&at("snow.npy"), "|u1", "(10, 3, 4)", &pixels);
        let source = DataSource { name: dir.path().display().to_string(), ..DataSource::default() };
        let folder = source.corrupted().unwrap().unwrap();
        assert_eq!((folder.names(), folder.len()), (&["fog", "snow"].map(str::to_owned)[..], 2));
        for severity in 1..=5 {
            let data = folder.images("fog", severity).unwrap();
            assert_eq!(data.images, pixels[24 * (severity - 1)..][..24]);
            assert_eq!((&data.labels[..], data.classes, data.image_len()), (&[3, 1][..], 4, 12));
        }
        assert_eq!(folder.images("snow", 5).unwrap().channels, 1);
        for severity in [0, 6] {
            assert!(folder.images("fog", severity).unwrap_err().to_string().contains("1 to 5"));
        }
        let message = load(&source, Split::Test).unwrap_err().to_string();
        assert!(message.contains("name one of its files"), "{message}");
        let sized = DataSource { size: Some([2, 2]), ..source.clone() };
        assert!(sized.corrupted().unwrap_err().to_string().contains("size"));
        // A set of its own, which happens to have a file of that name.
        npy(&at("x_test.npy"), "|u1", "(10, 3, 4)", &pixels);
        assert!(source.corrupted().unwrap().is_none());
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        npy(&at("fog.npy"), "|u1", "(10, 2, 2, 3)", &[0; 120]);
        npy(&at("labels.npy"), "|u1", "(12,)", &[0; 12]);
        let message = Corrupted::open(dir.path()).unwrap_err().to_string();
        assert!(message.contains("labels.npy") && message.contains("12 labels"), "{message}");
        npy(&at("labels.npy"), "|u1", "(5,)", &[0; 5]);
        let folder = Corrupted::open(dir.path()).unwrap();
        let message = folder.size("fog").unwrap_err().to_string();
        assert!(message.contains("fog.npy") && message.contains("[5, height"), "{message}");
        npy(&at("fog.npy"), "|u1", "(5, 2, 2, 3)", &[0; 59]);
        assert!(folder.images("fog", 1).unwrap_err().to_string().contains("cut short"));
        assert!(folder.images("snow", 1).unwrap_err().to_string().contains("snow.npy"));
    }
}
