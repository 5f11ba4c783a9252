//! The IDX format of MNIST: magic number, big-endian sizes, bytes. Gzipped files are recognised by their content.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::{Dataset, Split, numbered};
use crate::error::{Error, Result};

/// The parts of a split: what their files hold, and of which kind they are.
const IMAGES: [&str; 2] = ["images", "idx3-ubyte"];
const LABELS: [&str; 2] = ["labels", "idx1-ubyte"];

/// Reads a split of a folder with the standard file names, each with or without `.gz`.
pub(super) fn read_folder(folder: &Path, split: Split) -> Result<Dataset> {
    let (images, labels) = (find(folder, IMAGES, split), find(folder, LABELS, split));
    let (Some(images), Some(labels)) = (images, labels) else {
        let [images, labels] = [IMAGES, LABELS].map(|part| format!("{}-{}-{}", prefix(split), part[0], part[1]));
        return Err(Error::file(folder, format!("{images} and {labels} (plain or .gz) do not both exist")));
    };
    let mut data = read_pair(open(&images)?, &images, open(&labels)?, &labels)?;
    data.name = folder.display().to_string();
    // The other split may have classes that this one lacks.
    if let Some(other) = find(folder, LABELS, split.other()) {
        let (_, labels) = read_array(open(&other)?, &other, 1)?;
        data.classes = data.classes.max(class_count(&labels));
        data.class_names = numbered(data.classes);
    }
    Ok(data)
}

/// Whether a folder has the images of a split.
pub(super) fn is_there(folder: &Path, split: Split) -> bool {
    find(folder, IMAGES, split).is_some()
}

/// Reads images and their labels; the paths are for messages.
pub(super) fn read_pair(
    images: impl BufRead,
    images_path: &Path,
    labels: impl BufRead,
    labels_path: &Path,
) -> Result<Dataset> {
    let (shape, images) = read_array(images, images_path, 3)?;
    let (_, labels) = read_array(labels, labels_path, 1)?;
    let [count, height, width] = shape[..] else {
        return Err(Error::file(images_path, "does not hold [n, height, width]"));
    };
    if labels.len() != count {
        let reason = format!("has {} labels for the {count} images of {}", labels.len(), images_path.display());
        return Err(Error::file(labels_path, reason));
    }
    let classes = class_count(&labels);
    Ok(Dataset {
        name: images_path.display().to_string(),
        images,
        labels: labels.into_iter().map(u16::from).collect(),
        height,
        width,
        channels: 1,
        classes,
        class_names: numbered(classes),
        ..Dataset::default()
    })
}

/// Reads one array of bytes of `rank` dimensions: its shape and its content.
fn read_array(mut reader: impl BufRead, path: &Path, rank: usize) -> Result<(Vec<usize>, Vec<u8>)> {
    let start = reader.fill_buf().map_err(|e| Error::io(path, e))?;
    if start.starts_with(&[0x1f, 0x8b]) {
        parse(MultiGzDecoder::new(reader), path, rank)
    } else {
        parse(reader, path, rank)
    }
}

fn parse(mut reader: impl Read, path: &Path, rank: usize) -> Result<(Vec<usize>, Vec<u8>)> {
    let mut header = vec![0; 4 + 4 * rank];
    reader.read_exact(&mut header).map_err(|e| broken(path, e))?;
    let mut words = header.as_chunks().0.iter().map(|&w| u32::from_be_bytes(w));
    let (magic, wanted) = (words.next(), 0x800 + rank as u32);
    if magic != Some(wanted) {
        let reason = format!(
            "is not an IDX file of bytes in {rank} dimension(s): its magic number is {:#010x}, not {wanted:#010x}",
            magic.unwrap_or_default()
        );
        return Err(Error::file(path, reason));
    }
    let shape: Vec<usize> = words.map(|w| w as usize).collect();
    let size = shape.iter().try_fold(1usize, |size, &d| size.checked_mul(d)).filter(|&size| size > 0);
    let Some(size) = size else {
        return Err(Error::file(path, format!("declares shape {shape:?}, which is empty or too large")));
    };
    let mut data = Vec::new();
    reader.take(size as u64 + 1).read_to_end(&mut data).map_err(|e| broken(path, e))?;
    if data.len() != size {
        let found = if data.len() < size { data.len().to_string() } else { "more".to_owned() };
        let reason = format!("shape {shape:?} needs {size} bytes but there are {found}: truncated or damaged");
        return Err(Error::file(path, reason));
    }
    Ok((shape, data))
}

fn broken(path: &Path, error: std::io::Error) -> Error {
    Error::file(path, format!("truncated or damaged ({error}); fetch it again"))
}

fn class_count(labels: &[u8]) -> usize {
    labels.iter().max().map_or(0, |&l| usize::from(l) + 1)
}

fn prefix(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Test => "t10k",
    }
}

/// The file of a part of a split: with a hyphen or a dot before its kind, plain or gzipped, in the folder or where torchvision
/// puts it.
fn find(folder: &Path, [part, kind]: [&str; 2], split: Split) -> Option<PathBuf> {
    let prefix = prefix(split);
    let marks = [("-", ""), ("-", ".gz"), (".", ""), (".", ".gz")];
    let names = marks.map(|(mark, end)| format!("{prefix}-{part}{mark}{kind}{end}"));
    let places = ["", "raw", "MNIST/raw", "FashionMNIST/raw"].map(|place| folder.join(place));
    places.iter().flat_map(|place| names.iter().map(|name| place.join(name))).find(|path| path.is_file())
}

fn open(path: &Path) -> Result<BufReader<File>> {
    File::open(path).map(BufReader::new).map_err(|e| Error::io(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn idx(shape: &[u32], data: &[u8]) -> Vec<u8> {
        let header = std::iter::once(0x800 + shape.len() as u32).chain(shape.iter().copied());
        header.flat_map(u32::to_be_bytes).chain(data.iter().copied()).collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn dotted_names_and_the_folders_of_torchvision_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let raw = dir.path().join("MNIST/raw");
        std::fs::create_dir_all(&raw).unwrap();
        assert!(!is_there(dir.path(), Split::Test));
        std::fs::write(raw.join("t10k-images.idx3-ubyte"), idx(&[1, 1, 2], &[3, 4])).unwrap();
        std::fs::write(raw.join("t10k-labels-idx1-ubyte"), idx(&[1], &[2])).unwrap();
        assert!(is_there(dir.path(), Split::Test) && !is_there(dir.path(), Split::Train));
        assert_eq!(read_folder(dir.path(), Split::Test).unwrap().labels, [2]);
    }

    fn write_split(folder: &Path, split: Split, images: &[u8], labels: &[u8]) {
        let [images_name, labels_name] =
            [IMAGES, LABELS].map(|part| format!("{}-{}-{}", prefix(split), part[0], part[1]));
        std::fs::write(folder.join(images_name), images).unwrap();
        std::fs::write(folder.join(format!("{labels_name}.gz")), labels).unwrap();
    }

    #[test]
    fn plain_and_gzipped_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let images: Vec<u8> = (0..12).collect();
        write_split(dir.path(), Split::Train, &idx(&[2, 2, 3], &images), &gzip(&idx(&[2], &[1, 0])));
        write_split(dir.path(), Split::Test, &gzip(&idx(&[1, 2, 3], &images[..6])), &idx(&[1], &[4]));
        let train = read_folder(dir.path(), Split::Train).unwrap();
        assert_eq!((train.height, train.width, train.channels, train.len()), (2, 3, 1, 2));
        assert_eq!(&*train.image(1).unwrap(), &images[6..]);
        assert_eq!(train.labels, [1, 0]);
        assert_eq!((train.classes, train.class_names.len()), (5, 5), "the test split has class 4");
        let test = read_folder(dir.path(), Split::Test).unwrap();
        assert_eq!((test.labels, test.classes), (vec![4], 5));
        assert_eq!(test.images, images[..6]);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let whole = idx(&[2, 2, 3], &[7; 12]);
        let labels = idx(&[2], &[0, 1]);
        for bytes in [whole.clone(), gzip(&whole)] {
            for length in 0..bytes.len() {
                write_split(dir.path(), Split::Train, &bytes[..length], &labels);
                let error = read_folder(dir.path(), Split::Train).unwrap_err().to_string();
                assert!(error.contains("train-images") && error.contains("truncated"), "{length}: {error}");
            }
        }
    }

    #[test]
    fn wrong_contents_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let (images, labels) = (idx(&[2, 2, 3], &[7; 12]), idx(&[2], &[0, 1]));
        let cases = [
            (labels.clone(), labels.clone(), "truncated"),
            (idx(&[2], &[0; 20]), labels.clone(), "magic number is 0x00000801"),
            (vec![9; 100], labels.clone(), "0x09090909"),
            (idx(&[2, 2, 3], &[7; 13]), labels.clone(), "there are more"),
            (idx(&[0, 2, 3], &[]), labels.clone(), "[0, 2, 3]"),
            (idx(&[u32::MAX; 3], &[]), labels.clone(), "empty or too large"),
            (images.clone(), idx(&[3], &[0, 1, 2]), "3 labels for the 2 images"),
            (images, gzip(b"no"), "train-labels"),
        ];
        for (images, labels, expected) in cases {
            write_split(dir.path(), Split::Train, &images, &labels);
            let error = read_folder(dir.path(), Split::Train).unwrap_err();
            assert!(matches!(error, Error::File { .. }));
            assert!(error.to_string().contains(expected), "{expected}: {error}");
        }
        assert!(matches!(read_folder(dir.path(), Split::Test), Err(Error::File { .. })));
    }
}
