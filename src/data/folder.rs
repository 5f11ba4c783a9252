//! Class folders: `train/<class>/*.png`, `test/<class>/*.jpg` etc.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageReader};

use super::{Dataset, Split};
use crate::error::{Error, Result};

/// Pixels of one file, grey or RGB.
struct Picture {
    height: usize,
    width: usize,
    grey: bool,
    pixels: Vec<u8>,
}

/// Whether a folder has class folders for a split.
pub(super) fn is_there(folder: &Path, split: Split) -> bool {
    folder.join(split_name(split)).is_dir()
}

/// Reads a split. Classes are the folders of both splits, sorted by name; images are ordered by class, then by
/// file name. If all images are grey, they have one channel, else all become RGB; alpha is dropped, and 16 bits
/// become 8. Hidden entries and files that are not png, jpg or jpeg are ignored.
pub(super) fn read_folder(folder: &Path, split: Split) -> Result<Dataset> {
    let class_names = class_names(folder)?;
    let mut files: Vec<(PathBuf, u16)> = Vec::new();
    for (class, name) in class_names.iter().enumerate() {
        let label = u16::try_from(class).map_err(|_| Error::file(folder, "has more than 65,536 class folders"))?;
        let inside = folder.join(split_name(split)).join(name);
        if inside.is_dir() {
            files.extend(images_of(&inside)?.into_iter().map(|path| (path, label)));
        }
    }
    let pictures = files.iter().map(|(path, _)| decode(path)).collect::<Result<Vec<_>>>()?;
    let (Some(first), Some((first_path, _))) = (pictures.first(), files.first()) else {
        let reason = "has no png or jpg images in subfolders, one for each class";
        return Err(Error::file(folder.join(split_name(split)), reason));
    };
    for (picture, (path, _)) in pictures.iter().zip(&files) {
        check_size(picture, path, first, first_path)?;
    }
    let grey = pictures.iter().all(|picture| picture.grey);
    Ok(Dataset {
        name: folder.display().to_string(),
        height: first.height,
        width: first.width,
        channels: if grey { 1 } else { 3 },
        classes: class_names.len(),
        images: pictures.into_iter().flat_map(|picture| with_channels(picture, grey)).collect(),
        labels: files.iter().map(|(_, label)| *label).collect(),
        class_names,
    })
}

fn check_size(picture: &Picture, path: &Path, first: &Picture, first_path: &Path) -> Result<()> {
    if (picture.height, picture.width) == (first.height, first.width) {
        return Ok(());
    }
    let (ours, theirs) = ((picture.width, picture.height), (first.width, first.height));
    let reason = format!(
        "is {}x{} pixels, but {} is {}x{}; bring all images to one size",
        ours.0,
        ours.1,
        first_path.display(),
        theirs.0,
        theirs.1
    );
    Err(Error::file(path, reason))
}

fn class_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for split in [Split::Train, Split::Test].into_iter().filter(|&split| is_there(folder, split)) {
        for path in entries(&folder.join(split_name(split)))?.iter().filter(|path| path.is_dir()) {
            match path.file_name().and_then(|name| name.to_str()) {
                Some(name) => names.insert(name.to_owned()),
                None => return Err(Error::file(path, "has a name that is not UTF-8; rename it")),
            };
        }
    }
    Ok(names.into_iter().collect())
}

/// The images of a class folder, which must hold some, and no folders.
fn images_of(class: &Path) -> Result<Vec<PathBuf>> {
    let found = entries(class)?;
    if let Some(inner) = found.iter().find(|path| path.is_dir()) {
        let reason = format!("holds a folder, {}: images lie in the class folder itself", inner.display());
        return Err(Error::file(class, reason));
    }
    if let Some(broken) = found.iter().find(|path| !path.exists()) {
        return Err(Error::file(broken, "is a link to a file that there is not; mend or remove it"));
    }
    let images = found.into_iter().filter(|path| is_image(path)).collect::<Vec<_>>();
    if images.is_empty() {
        return Err(Error::file(class, "is a class folder without png or jpg images; remove it, or add images"));
    }
    Ok(images)
}

/// What is in a folder, sorted, without hidden entries.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect());
    let mut paths: Vec<PathBuf> = listed.map_err(|e| Error::io(folder, e))?;
    paths.retain(|path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")));
    paths.sort();
    Ok(paths)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    path.is_file() && ["png", "jpg", "jpeg"].iter().any(|known| extension == *known)
}

fn decode(path: &Path) -> Result<Picture> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|e| Error::io(path, e))?;
    let image = reader.decode().map_err(|e| Error::file(path, format!("truncated or not a png or jpg image ({e})")))?;
    let grey = !image.color().has_color();
    let (height, width) = (image.height() as usize, image.width() as usize);
    let pixels = if grey { DynamicImage::into_luma8(image).into_raw() } else { image.into_rgb8().into_raw() };
    Ok(Picture { height, width, grey, pixels })
}

fn with_channels(picture: Picture, grey: bool) -> Vec<u8> {
    if picture.grey && !grey { picture.pixels.iter().flat_map(|&p| [p; 3]).collect() } else { picture.pixels }
}

fn split_name(split: Split) -> &'static str {
    match split {
        Split::Train => "train",
        Split::Test => "test",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgb, RgbImage};

    fn grey(path: PathBuf, width: u32, height: u32, value: u8) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        GrayImage::from_fn(width, height, |x, y| Luma([value + (y * width + x) as u8])).save(path).unwrap();
    }

    fn rgb(path: PathBuf, value: [u8; 3]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(3, 2, Rgb(value)).save(path).unwrap();
    }

    #[test]
    fn grey_folders_stay_grey() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("train/shoe/2.png"), 3, 2, 10);
        grey(dir.path().join("train/shoe/1.PNG"), 3, 2, 20);
        grey(dir.path().join("train/bag/a.png"), 3, 2, 30);
        grey(dir.path().join("test/coat/a.png"), 3, 2, 40);
        fs::write(dir.path().join("train/bag/notes.txt"), "no image").unwrap();
        fs::write(dir.path().join("train/bag/.hidden.png"), "no image").unwrap();
        let train = read_folder(dir.path(), Split::Train).unwrap();
        assert_eq!(train.class_names, ["bag", "coat", "shoe"]);
        assert_eq!((train.height, train.width, train.channels, train.classes), (2, 3, 1, 3));
        assert_eq!(train.labels, [0, 2, 2]);
        assert_eq!(train.image(1), [20, 21, 22, 23, 24, 25], "1.PNG comes before 2.png");
        let test = read_folder(dir.path(), Split::Test).unwrap();
        assert_eq!((test.labels, test.classes), (vec![1], 3));
    }

    #[test]
    fn one_colour_image_makes_all_rgb() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("train/a/grey.png"), 3, 2, 10);
        rgb(dir.path().join("train/b/colour.png"), [1, 2, 3]);
        rgb(dir.path().join("train/b/photo.jpg"), [90, 90, 90]);
        let data = read_folder(dir.path(), Split::Train).unwrap();
        assert_eq!((data.channels, data.len()), (3, 3));
        assert_eq!(data.image(0)[..6], [10, 10, 10, 11, 11, 11]);
        assert_eq!(data.image(1)[..6], [1, 2, 3, 1, 2, 3]);
        assert!(data.image(2).iter().all(|p| p.abs_diff(90) < 3));
    }

    #[test]
    fn the_offending_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("train/a/1.png"), 3, 2, 0);
        grey(dir.path().join("train/b/odd.png"), 2, 3, 0);
        let error = read_folder(dir.path(), Split::Train).unwrap_err().to_string();
        assert!(error.contains("odd.png: is 2x3 pixels") && error.contains("1.png is 3x2"), "{error}");
        let bytes = fs::read(dir.path().join("train/a/1.png")).unwrap();
        fs::write(dir.path().join("train/b/odd.png"), &bytes[..40]).unwrap();
        let error = read_folder(dir.path(), Split::Train).unwrap_err().to_string();
        assert!(error.contains("odd.png: truncated"), "{error}");
        fs::create_dir_all(dir.path().join("test/a")).unwrap();
        let error = read_folder(dir.path(), Split::Test).unwrap_err().to_string();
        assert!(error.contains("without png or jpg"), "{error}");
    }

    #[test]
    fn empty_classes_images_one_folder_deeper_and_broken_links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("train/a/1.png"), 3, 2, 0);
        let refusal = || read_folder(dir.path(), Split::Train).unwrap_err().to_string();
        fs::create_dir(dir.path().join("train/__MACOSX")).unwrap();
        assert!(refusal().contains("__MACOSX: is a class folder without"), "{}", refusal());
        fs::remove_dir(dir.path().join("train/__MACOSX")).unwrap();
        grey(dir.path().join("train/b/deep/1.png"), 3, 2, 0);
        assert!(refusal().contains("holds a folder") && refusal().contains("deep"), "{}", refusal());
        fs::remove_dir_all(dir.path().join("train/b")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("nowhere", dir.path().join("train/a/2.png")).unwrap();
            assert!(refusal().contains("2.png: is a link"), "{}", refusal());
        }
    }
}
