//! The python version: pickled dicts of `data`, bytes `[n, 3072]` in planes R, G, B, and lists of labels.

use std::path::Path;

use super::{Kind, PIXELS, count, push};
use crate::data::{Dataset, Split};
use crate::error::{Error, Result};
use crate::files::Pickled;

/// The file of CIFAR-100's class names.
const META: &str = "meta";

/// The list of labels; CIFAR-100's are the fine ones.
fn labels(kind: Kind) -> &'static str {
    match kind {
        Kind::Ten => "labels",
        Kind::Hundred => "fine_labels",
    }
}

/// Adds the images of a file.
pub(super) fn append(data: &mut Dataset, kind: Kind, split: Split, path: &Path) -> Result<()> {
    let file = Pickled::read(path)?;
    let (shape, pixels) = file.array("data")?;
    let labels = file.integers(labels(kind))?;
    if shape.is_empty() || pixels.is_empty() || shape[1..].iter().product::<usize>() != 3 * PIXELS {
        return Err(Error::file(path, format!("has images of shape {shape:?} where [n, 3072] is needed")));
    }
    if labels.len() != shape[0] {
        return Err(Error::file(path, format!("is damaged: it has {} labels for {} images", labels.len(), shape[0])));
    }
    count(data, kind, split, path, labels.len());
    let images = pixels.chunks_exact(3 * PIXELS).zip(labels).enumerate();
    images.into_iter().try_for_each(|(i, (planes, label))| push(data, path, i, label, planes))
}

/// The names of CIFAR-100's classes; none where the file of names is missing.
pub(super) fn class_names(folder: &Path) -> Result<Vec<String>> {
    let path = folder.join(META);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    Pickled::read(&path)?.strings("fine_label_names")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::read;
    use super::*;

    fn golden() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pickles")
    }

    #[test]
    fn files_of_python_2_and_3_are_read() {
        let train = read(Kind::Ten, Some(&golden()), Split::Train).unwrap();
        assert_eq!(train.labels, [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
        // Value p of image i of file `tag` is p + 7 i + 31 tag, modulo 256; green and blue are 1024 further on, which is 0 there.
        for (at, tag, i) in [(0, 1, 0), (1, 1, 1), (9, 5, 1)] {
            let first = (7 * i + 31 * tag) as u8;
            assert_eq!(train.image(at).unwrap()[..6], [first, first, first, first + 1, first + 1, first + 1], "{at}");
        }
        assert_eq!(train.notes.len(), 5, "of files that are not whole: {:?}", train.notes);
        let test = read(Kind::Ten, Some(&golden().join("cifar-10-batches-py")), Split::Test).unwrap();
        assert_eq!((&test.labels[..], test.class_names[9].as_str()), (&[9][..], "truck"));
        let train = read(Kind::Hundred, Some(&golden()), Split::Train).unwrap();
        assert_eq!((&train.labels[..], train.class_names[99].as_str()), (&[99, 3, 0][..], "fine99"));
        assert_eq!(read(Kind::Hundred, Some(&golden()), Split::Test).unwrap().labels, [77]);
    }

    #[test]
    fn missing_and_damaged_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let refusal = |kind, split| read(kind, Some(dir.path()), split).unwrap_err().to_string();
        let said = refusal(Kind::Ten, Split::Train);
        for word in ["data_batch_1.bin", "cifar-10-batches-bin", "data_batch_5", "cifar-10-batches-py", "http"] {
            assert!(said.contains(word), "{said}");
        }
        let copy = |from: &str, to: &str| {
            std::fs::copy(golden().join(from), dir.path().join(to)).unwrap();
        };
        copy("cifar-10-batches-py/data_batch_2", "data_batch_2");
        let said = refusal(Kind::Ten, Split::Train);
        assert!(said.contains("data_batch_1: is missing") && said.contains("python version"), "{said}");
        // A file of CIFAR-100 under the name of one of CIFAR-10.
        copy("cifar-100-python/test", "test_batch");
        let said = refusal(Kind::Ten, Split::Test);
        assert!(
            said.contains("test_batch") && said.contains("no \"labels\"") && said.contains("fine_labels"),
            "{said}"
        );
        copy("python2.pickle", "test_batch");
        assert!(refusal(Kind::Ten, Split::Test).contains("shape [3, 100] where [n, 3072]"));
        let bytes = std::fs::read(golden().join("cifar-10-batches-py/test_batch")).unwrap();
        std::fs::write(dir.path().join("test_batch"), &bytes[..bytes.len() - 900]).unwrap();
        assert!(refusal(Kind::Ten, Split::Test).contains("test_batch: is cut short"));
        let label = bytes.windows(2).position(|pair| pair == b"K\x09").unwrap();
        let mut wrong = bytes.clone();
        wrong[label + 1] = 10;
        std::fs::write(dir.path().join("test_batch"), &wrong).unwrap();
        assert!(refusal(Kind::Ten, Split::Test).contains("image 0 has label 10"));
        copy("cifar-100-python/test", "test");
        std::fs::write(dir.path().join("meta"), b"\x80\x02cos\nsystem\nU\x02ls\x85R.").unwrap();
        assert!(refusal(Kind::Hundred, Split::Test).contains("os.system"));
    }
}
