//! CIFAR-10 and CIFAR-100, in the binary version (records of one or two labels and 32x32 pixels in planes R, G, B) and in the
//! python version (pickled dicts), which torchvision keeps.

mod python;

use std::fs;
use std::path::{Path, PathBuf};

use super::{Dataset, Split, numbered};
use crate::error::{Error, Result};

const SIDE: usize = 32;
const PIXELS: usize = SIDE * SIDE;
const HOME: &str = "https://www.cs.toronto.edu/~kriz/cifar.html";
const TEN: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// CIFAR-10 or CIFAR-100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ten,
    Hundred,
}

/// How the files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    Binary,
    Python,
}

impl Version {
    const ALL: [Self; 2] = [Self::Binary, Self::Python];

    /// What its home page calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary version",
            Self::Python => "python version",
        }
    }
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Ten, Self::Hundred];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ten => "cifar10",
            Self::Hundred => "cifar100",
        }
    }

    /// The folder inside the published archive.
    fn folder(self, version: Version) -> &'static str {
        match (self, version) {
            (Self::Ten, Version::Binary) => "cifar-10-batches-bin",
            (Self::Ten, Version::Python) => "cifar-10-batches-py",
            (Self::Hundred, Version::Binary) => "cifar-100-binary",
            (Self::Hundred, Version::Python) => "cifar-100-python",
        }
    }

    fn classes(self) -> usize {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }

    /// Bytes before the pixels of the binary version; the last of them is the label (CIFAR-100 puts the coarse one before the fine
    /// one).
    fn label_bytes(self) -> usize {
        match self {
            Self::Ten => 1,
            Self::Hundred => 2,
        }
    }

    /// Images of every published file of a split.
    fn images(self, split: Split) -> usize {
        if self == Self::Hundred && split == Split::Train { 50_000 } else { 10_000 }
    }

    fn files(self, version: Version, split: Split) -> Vec<String> {
        let end = if version == Version::Binary { ".bin" } else { "" };
        match (self, split) {
            (Self::Ten, Split::Train) => (1..=5).map(|i| format!("data_batch_{i}{end}")).collect(),
            (Self::Ten, Split::Test) => vec![format!("test_batch{end}")],
            (Self::Hundred, Split::Train) => vec![format!("train{end}")],
            (Self::Hundred, Split::Test) => vec![format!("test{end}")],
        }
    }
}

/// Reads a split from `root`, or from the archive's folder inside it; of both versions, the binary one.
pub(super) fn read(kind: Kind, root: Option<&Path>, split: Split) -> Result<Dataset> {
    let Some(root) = root else {
        let reason = format!("{} needs the folder of its binary or python version, which are at {HOME}", kind.name());
        return Err(Error::argument("root", "none", reason));
    };
    let (version, folder) = locate(kind, root, split).ok_or_else(|| nothing(kind, root, split))?;
    let mut data = Dataset {
        name: kind.name().to_owned(),
        images: Vec::new(),
        labels: Vec::new(),
        height: SIDE,
        width: SIDE,
        channels: 3,
        classes: kind.classes(),
        class_names: class_names(kind, version, &folder)?,
        ..Dataset::default()
    };
    for name in kind.files(version, split) {
        let path = folder.join(&name);
        if !path.is_file() {
            let all = kind.files(version, split).join(", ");
            let reason = format!("is missing: the {} of {} has {all}; it is at {HOME}", version.name(), kind.name());
            return Err(Error::file(path, reason));
        }
        match version {
            Version::Binary => append(&mut data, kind, split, &path)?,
            Version::Python => python::append(&mut data, kind, split, &path)?,
        }
    }
    Ok(data)
}

/// The version and the folder that has a file of a split.
pub(super) fn locate(kind: Kind, root: &Path, split: Split) -> Option<(Version, PathBuf)> {
    let places = Version::ALL
        .into_iter()
        .flat_map(|version| [root.to_owned(), root.join(kind.folder(version))].map(|folder| (version, folder)));
    places
        .into_iter()
        .find(|(version, folder)| kind.files(*version, split).iter().any(|file| folder.join(file).is_file()))
}

fn nothing(kind: Kind, root: &Path, split: Split) -> Error {
    let [binary, python] = Version::ALL.map(|version| {
        let files = kind.files(version, split);
        format!("nor its {} has {} ({})", kind.folder(version), files.join(", "), version.name())
    });
    Error::file(root, format!("neither it {binary}, {python}; both versions are at {HOME}"))
}

fn append(data: &mut Dataset, kind: Kind, split: Split, path: &Path) -> Result<()> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
    let labels = kind.label_bytes();
    let record = labels + 3 * PIXELS;
    if bytes.is_empty() || bytes.len() % record != 0 {
        let reason = format!(
            "has {} bytes, not a multiple of {record}: truncated, or not the binary version of {}",
            bytes.len(),
            kind.name()
        );
        return Err(Error::file(path, reason));
    }
    count(data, kind, split, path, bytes.len() / record);
    for (i, record) in bytes.chunks_exact(record).enumerate() {
        let (head, planes) = record.split_at(labels);
        push(data, path, i, head[labels - 1].into(), planes)?;
    }
    Ok(())
}

/// Takes note of a file that has not as many images as the published one.
fn count(data: &mut Dataset, kind: Kind, split: Split, path: &Path, found: usize) {
    let published = kind.images(split);
    if found != published {
        data.notes.push(format!("{} has {found} images, {published} were published: is it whole?", path.display()));
    }
}

/// Adds image `i` of a file, whose pixels are in planes.
fn push(data: &mut Dataset, path: &Path, i: usize, label: i64, planes: &[u8]) -> Result<()> {
    let known = u16::try_from(label).ok().filter(|label| usize::from(*label) < data.classes);
    let Some(label) = known else {
        return Err(Error::file(path, format!("image {i} has label {label}: damaged, or not a file of {}", data.name)));
    };
    data.labels.push(label);
    data.images.extend((0..PIXELS).flat_map(|p| [planes[p], planes[PIXELS + p], planes[2 * PIXELS + p]]));
    Ok(())
}

/// CIFAR-10's are built in, CIFAR-100's come with its archive; without that list, numbers are used.
fn class_names(kind: Kind, version: Version, folder: &Path) -> Result<Vec<String>> {
    let names = match (kind, version) {
        (Kind::Ten, _) => TEN.map(str::to_owned).to_vec(),
        (Kind::Hundred, Version::Binary) => {
            let listed = fs::read_to_string(folder.join("fine_label_names.txt")).unwrap_or_default();
            listed.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect()
        }
        (Kind::Hundred, Version::Python) => python::class_names(folder)?,
    };
    Ok(if names.len() == kind.classes() { names } else { numbered(kind.classes()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(labels: &[u8], first: u8) -> Vec<u8> {
        let planes =
            (0..3).flat_map(|c: u8| (0..PIXELS).map(move |p| first.wrapping_add(c * 50).wrapping_add(p as u8)));
        labels.iter().copied().chain(planes).collect()
    }

    #[test]
    fn cifar10_becomes_interleaved() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("cifar-10-batches-bin");
        fs::create_dir(&inner).unwrap();
        for i in 1..=5 {
            fs::write(inner.join(format!("data_batch_{i}.bin")), [record(&[i], i), record(&[0], 9)].concat()).unwrap();
        }
        let data = read(Kind::Ten, Some(dir.path()), Split::Train).unwrap();
        assert_eq!((data.len(), data.height, data.width, data.channels, data.classes), (10, 32, 32, 3, 10));
        assert_eq!(data.labels, [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
        assert_eq!(data.image(2).unwrap()[..6], [2, 52, 102, 3, 53, 103]);
        assert_eq!(data.class_names[9], "truck");
        let error = read(Kind::Ten, Some(dir.path()), Split::Test).unwrap_err().to_string();
        assert!(error.contains("test_batch.bin"), "{error}");
        fs::remove_file(inner.join("data_batch_4.bin")).unwrap();
        let error = read(Kind::Ten, Some(dir.path()), Split::Train).unwrap_err().to_string();
        assert!(error.contains("data_batch_4.bin"), "{error}");
    }

    #[test]
    fn cifar100_takes_the_fine_label() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("test.bin"), record(&[3, 77], 0)).unwrap();
        let data = read(Kind::Hundred, Some(dir.path()), Split::Test).unwrap();
        assert_eq!((data.labels, data.classes), (vec![77], 100));
        assert_eq!(data.class_names[77], "77");
        let names: String = (0..100).map(|i| format!("class{i}\n")).collect();
        fs::write(dir.path().join("fine_label_names.txt"), names).unwrap();
        let data = read(Kind::Hundred, Some(dir.path()), Split::Test).unwrap();
        assert_eq!(data.class_names[77], "class77");
    }

    #[test]
    fn damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("test_batch.bin");
        for (bytes, expected) in [
            (record(&[1], 0)[..3072].to_vec(), "truncated"),
            (vec![], "truncated"),
            (record(&[10], 0), "label 10"),
            (record(&[1, 1], 0), "3074 bytes"),
        ] {
            fs::write(&path, bytes).unwrap();
            let error = read(Kind::Ten, Some(dir.path()), Split::Test).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("test_batch.bin"), "{expected}: {error}");
        }
        let error = read(Kind::Ten, None, Split::Test).unwrap_err().to_string();
        assert!(error.contains("root") && error.contains("http"), "{error}");
    }
}
