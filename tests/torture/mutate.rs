//! Files with bytes that were changed at random: no panic, no hang, no memory beyond what the file can stand for.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};
use image::{ImageFormat, Rgb, RgbImage};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use sdnet::data::{DataSource, Picture, Split, load};
use sdnet::files::{
    NamedTensors, TensorFile, parse_pytorch, parse_safetensors, read_npy, write_npy, write_safetensors,
};

use crate::allocation::most_allocated;
use crate::setting::*;

/// Longest that reading may take.
const LONGEST: Duration = Duration::from_secs(5);

/// One reader, and whole files to start from.
struct Reader {
    name: &'static str,
    whole: Vec<Vec<u8>>,
    /// The file that is changed.
    path: PathBuf,
    /// Reads the file; whether it was accepted.
    read: Box<dyn Fn(&Path) -> bool>,
    /// Bytes of memory that a file of so many bytes may take.
    most: fn(usize) -> usize,
}

/// Ten times the file, and what messages and small tables take.
fn ten_times(bytes: usize) -> usize {
    10 * bytes + (1 << 18)
}

/// Pictures are compressed, so that they may stand for more: what the reader allows, held a few times over while decoding.
fn decoded(bytes: usize) -> usize {
    6 * (2800 * bytes + (1 << 26))
}

fn readers(folder: &Path) -> Vec<Reader> {
    let at = |name: &str| folder.join(name);
    let tensors: NamedTensors =
        [("a".to_owned(), (vec![2, 3], vec![1.0; 6])), ("b.c".to_owned(), (vec![], vec![2.0]))].into();
    let metadata = [("sdnet".to_owned(), "{\"model\":{}}".to_owned())].into();
    write_safetensors(&at("w.safetensors"), &TensorFile { tensors, metadata }).unwrap();
    write_npy(&at("x.npy"), &[2, 3], &[0.5; 6]).unwrap();
    let data = data(folder, 5);
    let idx = PathBuf::from(&data).join("t10k-images-idx3-ubyte");
    let mut zipped = GzEncoder::new(Vec::new(), Compression::best());
    zipped.write_all(&std::fs::read(&idx).unwrap()).unwrap();
    let cifar = at("cifar");
    std::fs::create_dir(&cifar).unwrap();
    std::fs::write(cifar.join("test_batch.bin"), [7; 2 * 3073]).unwrap();
    let reader = |name, whole: &Path, read: Box<dyn Fn(&Path) -> bool>| Reader {
        name,
        whole: vec![std::fs::read(whole).unwrap()],
        path: whole.to_owned(),
        read,
        most: ten_times,
    };
    let source = |name: String, root: Option<PathBuf>| {
        let source = DataSource { name, root, ..DataSource::default() };
        Box::new(move |_: &Path| load(&source, Split::Test).is_ok()) as Box<dyn Fn(&Path) -> bool>
    };
    let mut all = vec![
        reader(
            "safetensors",
            &at("w.safetensors"),
            Box::new(|path| parse_safetensors(path, &std::fs::read(path).unwrap()).is_ok()),
        ),
        reader("npy", &at("x.npy"), Box::new(|path| read_npy(path).is_ok())),
        reader("cifar", &cifar.join("test_batch.bin"), source("cifar10".into(), Some(cifar.clone()))),
        reader("idx", &idx, source(data, None)),
    ];
    let golden = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pytorch").join(name);
    std::fs::copy(golden("formats.pth"), at("m.pth")).unwrap();
    let read = |path: &Path| parse_pytorch(path, &std::fs::read(path).unwrap()).is_ok();
    let mut pytorch = reader("pytorch", &at("m.pth"), Box::new(read));
    pytorch.whole.push(std::fs::read(golden("formats_old.pth")).unwrap());
    all.push(pytorch);
    // Compressed and plain files are told apart by their content. A thousand times is what gzip can do.
    all[3].whole.push(zipped.finish().unwrap());
    all[3].most = |bytes| 1100 * bytes + (1 << 18);
    let picture = RgbImage::from_fn(9, 7, |x, y| Rgb([(x * 25) as u8, (y * 31) as u8, 90]));
    let formats = [
        ("png", ImageFormat::Png),
        ("jpeg", ImageFormat::Jpeg),
        ("gif", ImageFormat::Gif),
        ("bmp", ImageFormat::Bmp),
        ("tiff", ImageFormat::Tiff),
        ("webp", ImageFormat::WebP),
    ];
    for (name, format) in formats {
        let path = at(&format!("p.{name}"));
        picture.save_with_format(&path, format).unwrap();
        let mut reader = reader(name, &path, Box::new(|path| Picture::read(path, [255; 3]).is_ok()));
        reader.most = decoded;
        all.push(reader);
    }
    all
}

/// One to four changes: bytes set at random or to the ends of their range, parts removed, repeated or moved, the end cut off.
fn changed(whole: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = whole.to_vec();
    for _ in 0..random.random_range(1..5) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        // Headers matter most.
        let at = if random.random() { at % 64.min(bytes.len()) } else { at };
        let end = (at + random.random_range(1..9)).min(bytes.len());
        match random.random_range(0..8) {
            0 => bytes[at] = random.random(),
            1 => bytes[at] ^= 1 << random.random_range(0..8),
            2 => bytes[at..end].fill([0, 0x7f, 0x80, 0xff][random.random_range(0..4)]),
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let part = bytes[at..end].to_vec();
                let to = random.random_range(0..=bytes.len());
                bytes.splice(to..to, part);
            }
            6 => bytes[at..end].iter_mut().for_each(|byte| *byte = byte.wrapping_add(1)),
            _ => bytes[at] = b"0123456789[]{}\",-e"[random.random_range(0..18)],
        }
    }
    bytes
}

/// Reads a file; says what is wrong with how that went.
fn fault(reader: &Reader, bytes: &[u8]) -> Result<bool, String> {
    std::fs::write(&reader.path, bytes).unwrap();
    let start = Instant::now();
    let (done, most) = most_allocated(|| catch_unwind(AssertUnwindSafe(|| (reader.read)(&reader.path))));
    let accepted = done.map_err(|_| "panics".to_owned())?;
    if start.elapsed() > LONGEST {
        return Err(format!("takes {:?}", start.elapsed()));
    }
    if most > (reader.most)(bytes.len()) {
        return Err(format!("allocates {most} bytes for {}", bytes.len()));
    }
    Ok(accepted)
}

#[test]
fn damaged_files_neither_panic_nor_hang_nor_take_memory() {
    // In memory where there is such a place, since files are written by the million.
    let place = if Path::new("/dev/shm").is_dir() { PathBuf::from("/dev/shm") } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(place).unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture/corpus");
    for reader in readers(folder.path()) {
        // What was found before.
        for entry in std::fs::read_dir(corpus.join(reader.name)).into_iter().flatten().flatten() {
            let found = fault(&reader, &std::fs::read(entry.path()).unwrap());
            assert!(found.is_ok(), "{}: {found:?}", entry.path().display());
        }
        for whole in &reader.whole {
            assert_eq!(fault(&reader, whole), Ok(true), "{}: a whole file is read", reader.name);
        }
        let (mut random, mut accepted) = (random(20), 0);
        let rounds = times(2000, 1_000_000);
        for round in 0..rounds {
            let bytes = changed(&reader.whole[round % reader.whole.len()], &mut random);
            match fault(&reader, &bytes) {
                Ok(read) => accepted += usize::from(read),
                Err(what) => {
                    let kept = std::env::temp_dir().join(format!("sdnet-{}-{round}", reader.name));
                    std::fs::write(&kept, &bytes).unwrap();
                    panic!("{}: a damaged file {what}; it is kept as {}", reader.name, kept.display());
                }
            }
        }
        println!("{}: {rounds} damaged files, {accepted} of them still readable", reader.name);
    }
}
