//! Labelled images in NumPy files.

use std::path::{Path, PathBuf};

use super::{Dataset, Split, numbered};
use crate::error::{Error, Result};
use crate::files::{Array, Values, read_array, read_integers};
use crate::tensor::nchw_to_nhwc;

/// The labels of a file of images, beside it.
pub(super) const LABELS: &str = "labels.npy";

/// The files of a split in a folder: images and labels.
fn files(folder: &Path, split: Split) -> [PathBuf; 2] {
    names(split).map(|name| folder.join(name))
}

/// Their names.
pub(super) fn names(split: Split) -> [&'static str; 2] {
    match split {
        Split::Train => ["x_train.npy", "y_train.npy"],
        Split::Test => ["x_test.npy", "y_test.npy"],
    }
}

/// Whether a folder has the images of a split.
pub(super) fn is_there(folder: &Path, split: Split) -> bool {
    files(folder, split)[0].is_file()
}

/// Reads a split of a folder of `x_train.npy`, `y_train.npy`, `x_test.npy` and `y_test.npy`.
pub(super) fn read_folder(folder: &Path, split: Split) -> Result<Dataset> {
    let [images, labels] = files(folder, split);
    let data = read(&images, &labels)?;
    // The other split may have classes that this one lacks.
    let [_, other] = files(folder, split.other());
    let most = if other.is_file() { read_labels(&other)?.into_iter().max().unwrap_or_default() } else { 0 };
    let classes = data.classes.max(usize::from(most) + 1);
    Ok(Dataset { name: folder.display().to_string(), classes, class_names: numbered(classes), ..data })
}

/// Reads a file of images to test on, whose labels are in `labels.npy` beside it.
pub(super) fn read_file(path: &Path, split: Split) -> Result<Dataset> {
    if split == Split::Train {
        let reason = "is one file, which is taken for images to test on; to train, give a folder of x_train.npy, y_train.npy, \
                      x_test.npy and y_test.npy";
        return Err(Error::file(path, reason));
    }
    let labels = path.with_file_name(LABELS);
    if !labels.is_file() {
        // What is no array at all has no labels either, and is told so.
        read_array(path)?;
        return Err(Error::file(path, format!("its labels are missing: there is no {}", labels.display())));
    }
    read(path, &labels)
}

fn read(images: &Path, labels: &Path) -> Result<Dataset> {
    let Array { shape, values } = read_array(images)?;
    let Values::Bytes(values) = values else {
        let reason = "holds floats where pixels from 0 to 255 are needed; save (255 * array).round().astype('uint8') where they \
                      are from 0 to 1";
        return Err(Error::file(images, reason));
    };
    let (count, [height, width, channels], pixels) = match shape[..] {
        [n, height, width] => (n, [height, width, 1], values),
        [n, height, width, channels @ (1 | 3)] => (n, [height, width, channels], values),
        [n, channels @ (1 | 3), height, width] => (n, [height, width, channels], nchw_to_nhwc(&shape, &values)?),
        _ => {
            let reason = format!(
                "holds an array of shape {shape:?}; images are [n, height, width], [n, height, width, channels] or [n, \
                 channels, height, width], of 1 or 3 channels"
            );
            return Err(Error::file(images, reason));
        }
    };
    let known = read_labels(labels)?;
    if shape.contains(&0) || known.len() != count {
        let reason = format!("has {} labels for the images of shape {shape:?} in {}", known.len(), images.display());
        return Err(Error::file(labels, reason));
    }
    let classes = known.iter().max().map_or(0, |&label| usize::from(label) + 1);
    Ok(Dataset {
        name: images.display().to_string(),
        images: pixels,
        labels: known,
        height,
        width,
        channels,
        classes,
        class_names: numbered(classes),
        ..Dataset::default()
    })
}

/// The labels, `[n]` or `[n, 1]`.
pub(super) fn read_labels(path: &Path) -> Result<Vec<u16>> {
    let (shape, values) = read_integers(path)?;
    if !matches!(shape[..], [_] | [_, 1]) {
        return Err(Error::file(path, format!("holds an array of shape {shape:?}; labels are [n] or [n, 1]")));
    }
    let label = |(i, value): (usize, &i64)| {
        u16::try_from(*value).map_err(|_| Error::file(path, format!("label {value} at index {i} is not 0 to 65535")))
    };
    values.iter().enumerate().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A NumPy file of this type and shape.
    fn npy(path: &Path, kind: &str, shape: &str, data: &[u8]) {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        let header = format!("{header:<117}\n");
        let length = (header.len() as u16).to_le_bytes();
        fs::write(path, [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), data].concat()).unwrap();
    }

    #[test]
    fn a_file_has_its_labels_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("fog.npy");
        let pixels = (0..24).collect::<Vec<u8>>();
        npy(&path, "|u1", "(2, 2, 2, 3)", &pixels);
        assert!(read_file(&path, Split::Test).unwrap_err().to_string().contains("labels.npy"));
        npy(&dir.path().join(LABELS), "<i8", "(2,)", &[4_u64, 1].map(u64::to_le_bytes).concat());
        let data = read_file(&path, Split::Test).unwrap();
        assert_eq!((data.height, data.width, data.channels, data.classes), (2, 2, 3, 5));
        assert_eq!((&data.labels[..], &*data.image(1).unwrap()), (&[4, 1][..], &pixels[12..]));
        assert!(read_file(&path, Split::Train).unwrap_err().to_string().contains("x_train.npy"));
        // The other order of pixels.
        npy(&path, "|u1", "(2, 3, 2, 2)", &pixels);
        assert_eq!(read_file(&path, Split::Test).unwrap().image(0).unwrap()[..6], [0, 4, 8, 1, 5, 9]);
    }

    #[test]
    fn a_folder_has_both_splits() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        npy(&at("x_train.npy"), "|u1", "(3, 2, 2)", &[7; 12]);
        npy(&at("y_train.npy"), "|u1", "(3, 1)", &[0, 1, 0]);
        npy(&at("x_test.npy"), "|u1", "(1, 2, 2)", &[9; 4]);
        npy(&at("y_test.npy"), "<i4", "(1,)", &2_u32.to_le_bytes());
        let train = read_folder(dir.path(), Split::Train).unwrap();
        assert_eq!((train.len(), train.channels, train.classes), (3, 1, 3), "the other split has a third class");
        npy(&at("y_test.npy"), "<i4", "(2,)", &[0; 8]);
        assert!(read_folder(dir.path(), Split::Test).unwrap_err().to_string().contains("2 labels"));
        npy(&at("y_test.npy"), "<i2", "(1,)", &(-1_i16).to_le_bytes());
        assert!(read_folder(dir.path(), Split::Test).unwrap_err().to_string().contains("label -1 at index 0"));
        npy(&at("x_test.npy"), "<f4", "(1, 2, 2)", &[0; 16]);
        assert!(read_folder(dir.path(), Split::Test).unwrap_err().to_string().contains("uint8"));
    }
}
