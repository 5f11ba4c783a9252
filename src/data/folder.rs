//! Class folders: `train/<class>/*.png`, `test/<class>/*.jpg` etc.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

use super::decode::{Header, WHITE, header};
use super::picture::reduced_size;
use super::policy::{Listing, entries, left_out, list};
use super::streamed::{Framing, HELD_MOST, ImageFile, Streamed};
use super::{DataSource, Dataset, HoldOut, Pixels, Split, parallel};
use crate::error::{Error, Result};

/// The names of the folders of a split, in small letters; the first one counts.
fn split_names(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train => &["train"],
        Split::Test => &["test", "val", "valid", "validation"],
    }
}

/// Whether a folder has class folders for a split.
pub(super) fn is_there(folder: &Path, split: Split) -> bool {
    !split_folders(folder, split).is_empty()
}

/// The folders of a split, the one that counts first.
pub(super) fn split_folders(folder: &Path, split: Split) -> Vec<PathBuf> {
    let folders = entries(folder).unwrap_or_default().into_iter().filter(|path| path.is_dir()).collect::<Vec<_>>();
    let named = |wanted: &str| {
        let named = |path: &&PathBuf| path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        folders.iter().filter(named).cloned().collect::<Vec<_>>()
    };
    split_names(split).iter().flat_map(|name| named(name)).collect()
}

/// A class folder and its images.
struct Class {
    name: String,
    images: Vec<PathBuf>,
}

/// Reads a split. Classes are the folders of both splits, sorted by name; images are ordered by class, then by
/// file name. If all images of both splits are grey, they have one channel, else all become RGB; transparent pixels show the
/// background, and 16 bits become 8. Hidden entries are ignored, other files that are not images are counted in the notes.
///
/// With a size, images are resized and cropped to it ([`super::Picture::framed`]); those for training also come as they were, reduced,
/// so that they can be cropped at random.
///
/// Headers are read first. Where the pixels would take more than [`HELD_MOST`], or as the source says, the images are streamed.
pub(super) fn read_folder(folder: &Path, split: Split, source: &DataSource) -> Result<Dataset> {
    let &DataSource { size, hold_out, workers, .. } = source;
    let background = source.background.unwrap_or(WHITE);
    let mut notes = Vec::new();
    let ours = classes(folder, split, hold_out, &mut notes)?;
    // Where all images are for tests, there are no others.
    let others = hold_out.is_none_or(|hold_out| hold_out.share < 1.0);
    let theirs = if others { classes(folder, split.other(), hold_out, &mut Vec::new())? } else { Vec::new() };
    notes.extend(hold_out.filter(|_| split == Split::Test).map(|hold_out| held_out(hold_out, &ours, &theirs)));
    let names = ours.iter().chain(&theirs).map(|class| class.name.clone()).collect::<BTreeSet<_>>();
    let class_names = names.into_iter().collect::<Vec<_>>();
    let (mut paths, mut labels) = (Vec::new(), Vec::new());
    for class in ours {
        let label = class_names.binary_search(&class.name).unwrap_or_default();
        let label = u16::try_from(label).map_err(|_| Error::file(folder, "has more than 65,536 class folders"))?;
        labels.extend(std::iter::repeat_n(label, class.images.len()));
        paths.extend(class.images);
    }
    let headers = parallel::map(workers, &paths, |path| header(path, background))?;
    let (Some(first), Some(first_path)) = (headers.first(), paths.first()) else {
        let reason = "has no images in subfolders, one for each class";
        return Err(Error::file(folder.join(split_names(split)[0]), reason));
    };
    notes.extend(size.and_then(|size| resized(&headers, size)));
    if size.is_none() {
        for (header, path) in headers.iter().zip(&paths) {
            check_size(header, path, first, first_path)?;
        }
    }
    let theirs = theirs.iter().flat_map(|class| &class.images).collect::<Vec<_>>();
    let theirs = parallel::map(workers, &theirs, |path| header(path, background))?;
    let framing = Framing {
        size: size.unwrap_or([first.height, first.width]),
        center: source.center.unwrap_or(1.0),
        channels: if headers.iter().chain(&theirs).any(|header| header.colour) { 3 } else { 1 },
        resizes: size.is_some(),
        crops: size.is_some() && split == Split::Train,
        background,
    };
    let named = Dataset {
        name: folder.display().to_string(),
        height: framing.size[0],
        width: framing.size[1],
        channels: framing.channels,
        classes: class_names.len(),
        labels,
        class_names,
        notes,
        ..Dataset::default()
    };
    let bytes = bytes_held(&framing, &headers);
    let usual = if bytes > HELD_MOST { Pixels::Streamed } else { Pixels::Held };
    match source.pixels.unwrap_or(usual) {
        Pixels::Streamed => Ok(streamed(named, framing, paths, &headers, bytes)),
        Pixels::Held => held(named, framing, &paths, source),
    }
}

/// Bytes of the pixels that the images would be held as, originals included.
fn bytes_held(framing: &Framing, headers: &[Header]) -> u64 {
    let pixels = |[height, width]: [usize; 2]| (height * width * framing.channels) as u64;
    let original = |header: &Header| pixels(reduced_size([header.height, header.width], framing.size));
    let originals = headers.iter().filter(|_| framing.crops).map(original).sum::<u64>();
    headers.len() as u64 * pixels(framing.size) + originals
}

/// Leaves the pixels in their files.
fn streamed(named: Dataset, framing: Framing, paths: Vec<PathBuf>, headers: &[Header], bytes: u64) -> Dataset {
    let mut notes = named.notes;
    let alpha = headers.iter().filter(|header| header.alpha).count();
    notes.extend(seen_through(alpha, headers.len(), "may have", framing.background));
    notes.push(format!(
        "{} images are decoded whenever they are wanted; in memory (--pixels held) they would take {} MiB",
        headers.len(),
        bytes.div_ceil(1 << 20)
    ));
    let files = paths.into_iter().zip(headers).map(|(path, header)| ImageFile { path, bytes: header.bytes }).collect();
    Dataset { notes, streamed: Some(Streamed { files, framing }), ..named }
}

/// Decodes all images.
fn held(named: Dataset, framing: Framing, paths: &[PathBuf], source: &DataSource) -> Result<Dataset> {
    let decoded = parallel::map(source.workers, paths, |path| {
        let decoded = framing.decode(path)?;
        let original = framing.crops.then(|| framing.original(&decoded.picture)).transpose()?;
        Ok((framing.image(&decoded.picture)?, original, decoded.transparent))
    })?;
    let transparent = decoded.iter().filter(|(_, _, transparent)| *transparent).count();
    let mut notes = named.notes;
    notes.extend(seen_through(transparent, decoded.len(), "have", framing.background));
    let mut images = Vec::with_capacity(decoded.len() * framing.size[0] * framing.size[1] * framing.channels);
    let mut originals = Vec::new();
    for (image, original, _) in decoded {
        images.extend(image.pixels);
        originals.extend(original);
    }
    Ok(Dataset { images, originals, notes, ..named })
}

/// The note on images of another size, if there are any.
fn resized(all: &[Header], [height, width]: [usize; 2]) -> Option<String> {
    let count = all.iter().filter(|header| [header.height, header.width] != [height, width]).count();
    (count > 0).then(|| format!("{count} of {} images were resized and cropped to {height}x{width}", all.len()))
}

/// The note on images with transparent pixels, if there are any.
fn seen_through(count: usize, of: usize, have: &str, background: [u8; 3]) -> Option<String> {
    let shown = if background == WHITE { "white".into() } else { format!("{background:?} (RGB)") };
    (count > 0).then(|| format!("{count} of {of} images {have} transparent pixels, which became {shown}"))
}

/// How the note on held-out images begins.
pub const TESTED_ON: &str = "tested on";

/// The note on held-out images, where they are tested on.
fn held_out(hold_out: HoldOut, ours: &[Class], theirs: &[Class]) -> String {
    let count = |classes: &[Class]| classes.iter().map(|class| class.images.len()).sum::<usize>();
    let (held, all) = (count(ours), count(ours) + count(theirs));
    if hold_out.share >= 1.0 {
        return format!("{TESTED_ON} all {all} images (--hold-out {hold_out})");
    }
    format!("{TESTED_ON} {held} of {all} images, which are held out of training (--hold-out {hold_out})")
}

fn check_size(header: &Header, path: &Path, first: &Header, first_path: &Path) -> Result<()> {
    let (ours, theirs) = ((header.width, header.height), (first.width, first.height));
    if ours == theirs {
        return Ok(());
    }
    let reason = format!(
        "is {}x{} pixels, but {} is {}x{}; bring all images to one size, or have that done by --size",
        ours.0,
        ours.1,
        first_path.display(),
        theirs.0,
        theirs.1
    );
    Err(Error::file(path, reason))
}

/// The classes of a split, each with at least one image; none where there is no such split.
fn classes(folder: &Path, split: Split, hold_out: Option<HoldOut>, notes: &mut Vec<String>) -> Result<Vec<Class>> {
    let Some(hold_out) = hold_out else {
        notes.extend(besides(folder).filter(|_| split == Split::Test));
        let folders = split_folders(folder, split);
        if let [inside, other, ..] = &folders[..] {
            notes.push(format!("{} is not used, since there is {}", other.display(), inside.display()));
        }
        return folders.first().map_or(Ok(Vec::new()), |inside| classes_in(inside, notes));
    };
    let inside = split_folders(folder, Split::Train).into_iter().next().unwrap_or_else(|| folder.to_owned());
    let part = |Class { name, images }| Ok(Class { images: hold_out.part(split, &name, images)?, name });
    classes_in(&inside, notes)?.into_iter().map(part).collect()
}

/// The note on folders beside those of the splits, if there are any.
fn besides(folder: &Path) -> Option<String> {
    let is_split = |path: &PathBuf| {
        let mut names = split_names(Split::Train).iter().chain(split_names(Split::Test));
        names.any(|name| path.file_name().is_some_and(|found| found.eq_ignore_ascii_case(name)))
    };
    let others = entries(folder).unwrap_or_default().into_iter().filter(|path| path.is_dir() && !is_split(path));
    match &others.collect::<Vec<_>>()[..] {
        [] => None,
        [one] => Some(format!("left out {}, which is neither train nor test", one.display())),
        [first, ..] => Some(format!("left out folders that are neither train nor test, such as {}", first.display())),
    }
}

/// The class folders in a folder.
fn classes_in(inside: &Path, notes: &mut Vec<String>) -> Result<Vec<Class>> {
    let Listing { folders, images, mut others } = list(inside)?;
    if let Some(stray) = images.first() {
        return Err(Error::file(stray, "lies beside the class folders; move it into one"));
    }
    let mut all = Vec::<Class>::new();
    for path in folders {
        let name = path.file_name().and_then(|name| name.to_str());
        // Systems write accents in two ways; the same name must be the same class.
        let name = name
            .ok_or_else(|| Error::file(&path, "has a name that is not UTF-8; rename it"))?
            .nfc()
            .collect::<String>();
        if all.iter().any(|class| class.name == name) {
            return Err(Error::file(
                &path,
                "has the same name as another class but for how accents are encoded; merge them",
            ));
        }
        let class = list(&path)?;
        if let Some(inner) = class.folders.first() {
            let reason = "is a folder in a class folder, which holds images only; move its images up, or remove it";
            return Err(Error::file(inner, reason));
        }
        if class.images.is_empty() {
            return Err(Error::file(&path, "is a class folder without images; remove it, or add images"));
        }
        others.extend(class.others);
        all.push(Class { name, images: class.images });
    }
    notes.extend(left_out(&others));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    use image::{GrayImage, Luma, Rgb, RgbImage};

    fn grey(path: PathBuf, width: u32, height: u32, value: u8) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        GrayImage::from_fn(width, height, |x, y| Luma([value + (y * width + x) as u8])).save(path).unwrap();
    }

    fn rgb(path: PathBuf, value: [u8; 3]) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(3, 2, Rgb(value)).save(path).unwrap();
    }

    fn read(folder: &Path, split: Split, size: Option<[usize; 2]>) -> Result<Dataset> {
        read_folder(folder, split, &DataSource { size, ..DataSource::default() })
    }

    #[test]
    fn images_are_held_out_of_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        for (class, count) in [("cat", 10), ("dog", 5)] {
            for i in 0..count {
                grey(dir.path().join(class).join(format!("{i}.png")), 3, 2, 10 * i);
            }
        }
        let source = DataSource { hold_out: Some("0.2".parse().unwrap()), ..DataSource::default() };
        let [train, test] = [Split::Train, Split::Test].map(|split| read_folder(dir.path(), split, &source).unwrap());
        assert_eq!((train.len(), test.len()), (12, 3));
        assert_eq!(test.labels, [0, 0, 1], "a fifth of each class");
        assert!(test.images.chunks(6).all(|image| train.images.chunks(6).all(|other| other != image || image[0] < 50)));
        assert!(train.notes.is_empty() && test.notes[0].starts_with("tested on 3 of 15 images"), "{:?}", test.notes);
        std::fs::rename(dir.path().join("dog"), dir.path().join("lone")).unwrap();
        for i in 1..5 {
            fs::remove_file(dir.path().join("lone").join(format!("{i}.png"))).unwrap();
        }
        let error = read_folder(dir.path(), Split::Test, &source).unwrap_err().to_string();
        assert!(error.contains("hold-out") && error.contains("lone"), "{error}");
    }

    #[test]
    fn accents_may_be_encoded_in_either_way() {
        let dir = tempfile::tempdir().unwrap();
        let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}");
        grey(dir.path().join("train/bar/1.png"), 3, 2, 0);
        grey(dir.path().join("train").join(composed).join("1.png"), 3, 2, 0);
        grey(dir.path().join("test").join(decomposed).join("1.png"), 3, 2, 0);
        let test = read(dir.path(), Split::Test, None).unwrap();
        assert_eq!((test.classes, &test.labels[..]), (2, &[1][..]));
        grey(dir.path().join("test").join(composed).join("1.png"), 3, 2, 0);
        assert!(read(dir.path(), Split::Test, None).unwrap_err().to_string().contains("accents"));
    }

    #[test]
    fn transparent_pixels_show_the_background() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train/a/1.png");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::RgbaImage::from_pixel(2, 2, image::Rgba([9, 9, 9, 0])).save(&path).unwrap();
        let shown = |background| {
            let source = DataSource { background, ..DataSource::default() };
            read_folder(dir.path(), Split::Train, &source).unwrap()
        };
        assert_eq!(shown(None).image(0).unwrap()[..3], [255; 3]);
        assert_eq!(shown(Some([1, 20, 3])).image(0).unwrap()[..3], [1, 20, 3]);
        assert!(shown(Some([0; 3])).notes[0].contains("1 of 1 images"));
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
        let train = read(dir.path(), Split::Train, None).unwrap();
        assert_eq!(train.class_names, ["bag", "coat", "shoe"]);
        assert_eq!((train.height, train.width, train.channels, train.classes), (2, 3, 1, 3));
        assert_eq!(train.labels, [0, 2, 2]);
        assert_eq!(train.image(1).unwrap()[..], [20, 21, 22, 23, 24, 25], "1.PNG comes before 2.png");
        let test = read(dir.path(), Split::Test, None).unwrap();
        assert_eq!((test.labels, test.classes), (vec![1], 3));
    }

    #[test]
    fn one_colour_image_makes_all_rgb() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("train/a/grey.png"), 3, 2, 10);
        rgb(dir.path().join("train/b/colour.png"), [1, 2, 3]);
        rgb(dir.path().join("train/b/photo.jpg"), [90, 90, 90]);
        let data = read(dir.path(), Split::Train, None).unwrap();
        assert_eq!((data.channels, data.len()), (3, 3));
        assert_eq!(data.image(0).unwrap()[..6], [10, 10, 10, 11, 11, 11]);
        assert_eq!(data.image(1).unwrap()[..6], [1, 2, 3, 1, 2, 3]);
        assert!(data.image(2).unwrap().iter().all(|p| p.abs_diff(90) < 3));
    }

    #[test]
    fn the_offending_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("train/a/1.png"), 3, 2, 0);
        grey(dir.path().join("train/b/odd.png"), 2, 3, 0);
        let error = read(dir.path(), Split::Train, None).unwrap_err().to_string();
        assert!(error.contains("odd.png: is 2x3 pixels") && error.contains("1.png is 3x2"), "{error}");
        let bytes = fs::read(dir.path().join("train/a/1.png")).unwrap();
        fs::write(dir.path().join("train/b/odd.png"), &bytes[..40]).unwrap();
        let error = read(dir.path(), Split::Train, None).unwrap_err().to_string();
        assert!(error.contains("odd.png: is cut short"), "{error}");
        fs::create_dir_all(dir.path().join("test/a")).unwrap();
        let error = read(dir.path(), Split::Test, None).unwrap_err().to_string();
        assert!(error.contains("without images"), "{error}");
    }

    #[test]
    fn empty_classes_images_one_folder_deeper_and_broken_links_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("train/a/1.png"), 3, 2, 0);
        let refusal = || read(dir.path(), Split::Train, None).unwrap_err().to_string();
        fs::create_dir(dir.path().join("train/__MACOSX")).unwrap();
        assert!(refusal().contains("__MACOSX: is a class folder without"), "{}", refusal());
        fs::remove_dir(dir.path().join("train/__MACOSX")).unwrap();
        grey(dir.path().join("train/b/deep/1.png"), 3, 2, 0);
        assert!(refusal().contains("deep: is a folder in a class folder"), "{}", refusal());
        fs::remove_dir_all(dir.path().join("train/b")).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("nowhere", dir.path().join("train/a/2.png")).unwrap();
            assert!(refusal().contains("2.png: is a broken link"), "{}", refusal());
        }
    }

    #[test]
    fn half_a_jpeg_is_refused_even_with_a_whole_preview_inside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("train/a/1.jpg");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8 * 5, y as u8 * 7, 9])).save(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        // A comment segment that holds an end marker, as previews do.
        let preview = [&whole[..2], &[0xff, 0xfe, 0, 6, 0xff, 0xd9, 0xff, 0xd9], &whole[2..]].concat();
        for bytes in [&whole, &preview] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(read(dir.path(), Split::Train, None).unwrap().len(), 1);
            for length in [bytes.len() / 2, bytes.len() - 2] {
                fs::write(&path, &bytes[..length]).unwrap();
                let error = read(dir.path(), Split::Train, None).unwrap_err().to_string();
                assert!(error.contains("1.jpg: is cut short"), "{length}: {error}");
            }
        }
    }

    #[test]
    fn other_formats_are_read_and_other_files_counted() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.bmp", "b.webp", "c.gif", "d.tiff", "e.png"] {
            rgb(dir.path().join("train/a").join(name), [9, 80, 200]);
        }
        fs::write(dir.path().join("train/a/notes.txt"), "notes").unwrap();
        let data = read(dir.path(), Split::Train, None).unwrap();
        assert_eq!(data.len(), 5);
        for at in [0, 1, 3, 4] {
            assert_eq!(data.image(at).unwrap()[..3], [9, 80, 200]);
        }
        assert!(data.notes[0].contains("notes.txt"), "{:?}", data.notes);
    }

    #[test]
    fn both_splits_decide_on_grey_and_a_validation_folder_is_the_test_split() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("Train/a/1.png"), 3, 2, 10);
        rgb(dir.path().join("val/a/1.png"), [1, 2, 3]);
        assert_eq!(read(dir.path(), Split::Train, None).unwrap().channels, 3);
        assert_eq!(read(dir.path(), Split::Test, None).unwrap().image(0).unwrap()[..3], [1, 2, 3]);
        grey(dir.path().join("test/a/1.png"), 3, 2, 50);
        let test = read(dir.path(), Split::Test, None).unwrap();
        assert!(test.image(0).unwrap()[0] == 50 && test.notes[0].contains("val is not used"), "{:?}", test.notes);
    }

    #[test]
    fn images_of_any_size_are_brought_to_one_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        grey(dir.path().join("train/a/1.png"), 8, 8, 10);
        grey(dir.path().join("train/a/2.png"), 30, 20, 20);
        grey(dir.path().join("train/b/1.png"), 3, 50, 30);
        let data = read(dir.path(), Split::Train, Some([8, 8])).unwrap();
        assert_eq!((data.height, data.width, data.len(), data.originals.len()), (8, 8, 3, 3));
        assert_eq!(data.image(0).unwrap()[..3], [10, 11, 12], "an image of that size stays as it is");
        assert!(data.notes[0].starts_with("2 of 3 images were resized"), "{:?}", data.notes);
        assert!(data.originals.iter().all(|p| p.height.min(p.width) <= 16));
    }
}
