//! What all readers do with what they find in a folder.
//!
//! | found | done |
//! |---|---|
//! | what systems leave behind: names that begin with `.`, `Thumbs.db`, `desktop.ini` | ignored |
//! | an image (by the ending of its name, or by its content) | read; by its content, whatever its name says |
//! | an image of a format that cannot be read | refused by name |
//! | another file | left out, and counted in a note |
//! | a broken link; neither file nor folder | refused by name |
//!
//! Whether a sub-folder is wanted is for the reader to say, as is what to do with no images at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use image::ImageFormat;

use crate::error::{Error, Result};

/// Formats that are decoded.
pub(super) const FORMATS: [ImageFormat; 6] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff];

/// Endings of images that are not decoded.
const OTHER_FORMATS: &str = " heic heif avif jxl jp2 j2k psd svg tga ico pbm pgm ppm pnm pam exr hdr dds qoi ff raw cr2 \
                             cr3 nef arw dng orf rw2 raf ";

/// What a folder holds, each sorted by name.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub folders: Vec<PathBuf>,
    pub images: Vec<PathBuf>,
    /// Files that are not images.
    pub others: Vec<PathBuf>,
}

/// Lists a folder.
pub(super) fn list(folder: &Path) -> Result<Listing> {
    let mut listing = Listing::default();
    for path in entries(folder)? {
        match kind(&path)? {
            Kind::Folder => listing.folders.push(path),
            Kind::Image => listing.images.push(path),
            Kind::Other => listing.others.push(path),
        }
    }
    Ok(listing)
}

/// What is in a folder, sorted by name, without what systems leave behind.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listed = fs::read_dir(folder).and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect());
    let mut paths: Vec<PathBuf> = listed.map_err(|e| Error::io(folder, e))?;
    paths.retain(|path| !is_left_behind(path));
    paths.sort();
    Ok(paths)
}

/// Adds the images in a folder and the folders inside it, sorted by folder, and the files that are not images. What has something
/// wrong with it counts as an image, so that reading it says what. `above` are the folders that hold this one: links back to them
/// are not followed.
pub(super) fn images_below(
    folder: &Path,
    above: &mut Vec<PathBuf>,
    images: &mut Vec<PathBuf>,
    others: &mut Vec<PathBuf>,
) -> Result<()> {
    let here = folder.canonicalize().map_err(|e| Error::io(folder, e))?;
    if above.contains(&here) {
        others.push(folder.to_owned());
        return Ok(());
    }
    above.push(here);
    let mut folders = Vec::new();
    for path in entries(folder)? {
        match kind(&path) {
            Ok(Kind::Folder) => folders.push(path),
            Ok(Kind::Image) | Err(_) => images.push(path),
            Ok(Kind::Other) => others.push(path),
        }
    }
    folders.iter().try_for_each(|inner| images_below(inner, above, images, others))?;
    above.pop();
    Ok(())
}

/// What an entry of a folder is.
enum Kind {
    Folder,
    Image,
    Other,
}

fn kind(path: &Path) -> Result<Kind> {
    let found = fs::metadata(path).map_err(|e| unreachable(path, e))?;
    if found.is_dir() {
        Ok(Kind::Folder)
    } else if !found.is_file() {
        Err(Error::file(path, "is neither a file nor a folder; remove it"))
    } else {
        Ok(if is_image(path)? { Kind::Image } else { Kind::Other })
    }
}

/// The note on files that are not images, if there are any.
pub(super) fn left_out(others: &[PathBuf]) -> Option<String> {
    match others {
        [] => None,
        [one] => Some(format!("left out {}, which is not an image", one.display())),
        [first, ..] => {
            Some(format!("left out {} files that are not images (such as {})", others.len(), first.display()))
        }
    }
}

fn is_left_behind(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") || name.eq_ignore_ascii_case(b"thumbs.db") || name.eq_ignore_ascii_case(b"desktop.ini")
}

pub(super) fn unreachable(path: &Path, error: std::io::Error) -> Error {
    if error.kind() == ErrorKind::NotFound && path.is_symlink() {
        return Error::file(path, "is a broken link; mend it or remove it");
    }
    Error::io(path, error)
}

/// # Errors
/// [`Error::File`] for an image that cannot be decoded.
fn is_image(path: &Path) -> Result<bool> {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    let ending = ending.to_str().unwrap_or_default();
    if FORMATS.iter().any(|format| format.extensions_str().contains(&ending)) {
        return Ok(true);
    }
    if !ending.is_empty() && OTHER_FORMATS.contains(&format!(" {ending} ")) {
        return Err(Error::file(path, format!("is of a format that is not read ({ending}); {CONVERT}")));
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    file.take(16).read_to_end(&mut start).map_err(|e| Error::io(path, e))?;
    Ok(image::guess_format(&start).is_ok_and(|format| FORMATS.contains(&format)))
}

/// What to do with an image of another format.
pub(super) const CONVERT: &str = "convert it to PNG or JPEG";

#[cfg(test)]
mod tests {
    use super::*;

    fn names(paths: &[PathBuf]) -> Vec<&str> {
        paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn entries_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let png = b"\x89PNG\r\n\x1a\n and so on";
        for name in ["b.JPG", "a.png", "w.webp", "t.tiff", "t.tif", "g.gif", "m.bmp", "j.jpeg"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        for name in [".DS_Store", "._a.png", "Thumbs.db", "Desktop.ini"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        fs::write(dir.path().join("0001"), png).unwrap();
        fs::write(dir.path().join("notes.txt"), "notes").unwrap();
        fs::create_dir(dir.path().join("x.png")).unwrap();
        let listing = list(dir.path()).unwrap();
        let images = ["0001", "a.png", "b.JPG", "g.gif", "j.jpeg", "m.bmp", "t.tif", "t.tiff", "w.webp"];
        assert_eq!(names(&listing.images), images);
        assert_eq!(names(&listing.folders), ["x.png"]);
        assert_eq!(names(&listing.others), ["notes.txt"]);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let files = ["a/b.txt", "c.csv"].map(PathBuf::from);
        assert_eq!(left_out(&files).unwrap(), "left out 2 files that are not images (such as a/b.txt)");
        assert_eq!(left_out(&files[1..]).unwrap(), "left out c.csv, which is not an image");
        assert!(left_out(&[]).is_none());
    }

    #[test]
    fn other_formats_and_missing_folders_are_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("phone.HEIC"), "").unwrap();
        let error = list(dir.path()).unwrap_err().to_string();
        assert!(error.contains("phone.HEIC") && error.contains("convert it"), "{error}");
        let error = list(&dir.path().join("none")).unwrap_err();
        assert!(matches!(error, Error::Io { .. }) && error.to_string().contains("none"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_broken_ones_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.png"), "").unwrap();
        std::os::unix::fs::symlink("a.png", dir.path().join("b.png")).unwrap();
        assert_eq!(names(&list(dir.path()).unwrap().images), ["a.png", "b.png"]);
        std::os::unix::fs::symlink("/nowhere", dir.path().join("c.png")).unwrap();
        let error = list(dir.path()).unwrap_err().to_string();
        assert!(error.contains("c.png: is a broken link"), "{error}");
        fs::remove_file(dir.path().join("c.png")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("d.png")).unwrap();
        let error = list(dir.path()).unwrap_err().to_string();
        assert!(error.contains("d.png: is neither"), "{error}");
    }
}
