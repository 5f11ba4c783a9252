//! The binary version of CIFAR-10 and CIFAR-100: records of one or two labels and 32x32 pixels in planes R, G, B.

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

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Ten => "cifar10",
            Self::Hundred => "cifar100",
        }
    }

    /// The folder inside the published archive.
    fn folder(self) -> &'static str {
        match self {
            Self::Ten => "cifar-10-batches-bin",
            Self::Hundred => "cifar-100-binary",
        }
    }

    fn classes(self) -> usize {
        match self {
            Self::Ten => 10,
            Self::Hundred => 100,
        }
    }

    /// Bytes before the pixels; the last of them is the label (CIFAR-100 puts the coarse one before the fine one).
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

    fn files(self, split: Split) -> Vec<String> {
        match (self, split) {
            (Self::Ten, Split::Train) => (1..=5).map(|i| format!("data_batch_{i}.bin")).collect(),
            (Self::Ten, Split::Test) => vec!["test_batch.bin".to_owned()],
            (Self::Hundred, Split::Train) => vec!["train.bin".to_owned()],
            (Self::Hundred, Split::Test) => vec!["test.bin".to_owned()],
        }
    }
}

/// Reads a split from `root`, or from the archive's folder inside it.
pub(super) fn read(kind: Kind, root: Option<&Path>, split: Split) -> Result<Dataset> {
    let Some(root) = root else {
        let reason = format!("{} needs the folder of its binary version, which is at {HOME}", kind.name());
        return Err(Error::argument("root", "none", reason));
    };
    let folder = locate(kind, root, split)?;
    let mut data = Dataset {
        name: kind.name().to_owned(),
        images: Vec::new(),
        labels: Vec::new(),
        height: SIDE,
        width: SIDE,
        channels: 3,
        classes: kind.classes(),
        class_names: class_names(kind, &folder),
        ..Dataset::default()
    };
    kind.files(split).iter().try_for_each(|name| append(&mut data, kind, split, &folder.join(name)))?;
    Ok(data)
}

fn locate(kind: Kind, root: &Path, split: Split) -> Result<PathBuf> {
    let first = kind.files(split).swap_remove(0);
    let folders = [root.to_owned(), root.join(kind.folder())];
    folders.into_iter().find(|folder| folder.join(&first).is_file()).ok_or_else(|| {
        let reason = format!("neither it nor its {} has {first}; the binary version is at {HOME}", kind.folder());
        Error::file(root, reason)
    })
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
    let (found, published) = (bytes.len() / record, kind.images(split));
    if found != published {
        data.notes.push(format!("{} has {found} images, {published} were published: is it whole?", path.display()));
    }
    for (i, record) in bytes.chunks_exact(record).enumerate() {
        let (head, planes) = record.split_at(labels);
        let label = u16::from(head[labels - 1]);
        if usize::from(label) >= data.classes {
            let reason = format!("image {i} has label {label}: damaged, or not the binary version of {}", kind.name());
            return Err(Error::file(path, reason));
        }
        data.labels.push(label);
        data.images.extend((0..PIXELS).flat_map(|p| [planes[p], planes[PIXELS + p], planes[2 * PIXELS + p]]));
    }
    Ok(())
}

/// CIFAR-10's are built in, CIFAR-100's come with its archive; without that list, numbers are used.
fn class_names(kind: Kind, folder: &Path) -> Vec<String> {
    if kind == Kind::Ten {
        return TEN.map(str::to_owned).to_vec();
    }
    let listed = fs::read_to_string(folder.join("fine_label_names.txt")).unwrap_or_default();
    let names: Vec<String> = listed.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
    if names.len() == kind.classes() { names } else { numbered(kind.classes()) }
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
