//! Files of `torch.save`: their tensors, without Python.
//!
//! A file holds a pickle, which is a program for a stack machine, and the storages that its tensors share. Such programs can run
//! whatever code they name; [`pickle`] knows nothing but containers and tensors, and refuses all else by its name. The format is
//! that of `torch/serialization.py`: since PyTorch 1.6 a zip archive ([`archive`]), before that several pickles in a row, with
//! the storages behind them ([`legacy`]).

mod archive;
pub(super) mod class;
mod legacy;
pub(super) mod pickle;
mod storage;
mod write;

use std::path::Path;

use super::NamedTensors;
use crate::error::{Error, Result};
use pickle::{Key, Objects, Value};
use storage::Storages;
pub use write::write_pytorch;

/// What a file of `torch.save` holds, as far as it is a network's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PyTorchFile {
    /// The tensors of the state dict, as f32, in the layout of the file.
    pub tensors: NamedTensors,
    /// The epoch of a training checkpoint.
    pub epoch: Option<i64>,
    /// What was dropped or changed, a sentence each.
    pub notes: Vec<String>,
}

/// The keys under which training checkpoints hold the state dict.
const STATE_DICTS: [&str; 4] = ["state_dict", "model_state_dict", "model", "net"];

/// Whether these bytes are of a file of `torch.save`, as far as their beginning says.
pub fn is_pytorch(bytes: &[u8]) -> bool {
    archive::begins(bytes) || legacy::begins(bytes)
}

/// Reads the bytes of a `.pt`, `.pth` or `.pth.tar` file: a state dict, or a training checkpoint that holds one. `path` is what
/// errors call it. Memory is bounded by ten times the file.
///
/// # Errors
/// [`Error::File`] for a file that is cut short or damaged, or that holds something else than tensors and containers, which is
/// named; [`Error::Weights`] names a tensor that does not fit its storage.
pub fn parse_pytorch(path: &Path, bytes: &[u8]) -> Result<PyTorchFile> {
    let bad = |reason: String| Error::file(path, format!("{reason} (read as a file of PyTorch's torch.save)"));
    let (objects, top, storages) = if archive::begins(bytes) {
        archive::parse(bytes).map_err(bad)?
    } else if legacy::begins(bytes) {
        legacy::parse(bytes).map_err(bad)?
    } else {
        return Err(bad("is no file of torch.save".into()));
    };
    collect(path, bytes.len(), &objects, &top, &storages)
}

/// The tensors of the state dict that `top` is, or holds.
fn collect(path: &Path, size: usize, objects: &Objects, top: &Value, storages: &Storages) -> Result<PyTorchFile> {
    let nothing =
        || Error::file(path, "holds no state dict: save model.state_dict(), or a dict that has one as \"state_dict\"");
    let entries = objects.dict(top).ok_or_else(nothing)?;
    let held = STATE_DICTS.iter().find_map(|name| objects.dict(objects.get(entries, name)?));
    let epoch = held.and_then(|_| match objects.get(entries, "epoch") {
        Some(Value::Int(epoch)) => Some(*epoch),
        _ => None,
    });
    let mut file = PyTorchFile { epoch, ..PyTorchFile::default() };
    let (mut room, mut others) = (10 * size, 0);
    for (key, value) in held.unwrap_or(entries) {
        let (Key::Text(name), Value::Tensor(tensor)) = (key, value) else {
            others += 1;
            continue;
        };
        let bad = |reason: String| Error::Weights { path: path.into(), name: name.to_string(), reason };
        let tensor = objects.tensor(*tensor).ok_or_else(nothing)?;
        room = room
            .checked_sub(4 * tensor.len())
            .ok_or_else(|| bad("makes the tensors larger than the file can be".into()))?;
        file.tensors.insert(name.to_string(), (tensor.shape.clone(), storages.values(tensor).map_err(bad)?));
    }
    if file.tensors.is_empty() {
        return Err(nothing());
    }
    if others > 0 {
        file.notes.push(format!("{others} entries of the state dict are not tensors, and were left out"));
    }
    Ok(without_prefix(file))
}

/// Without the prefix that `DataParallel` adds.
fn without_prefix(mut file: PyTorchFile) -> PyTorchFile {
    const PREFIX: &str = "module.";
    if file.tensors.keys().all(|name| name.starts_with(PREFIX)) {
        let tensors = std::mem::take(&mut file.tensors).into_iter();
        file.tensors = tensors.map(|(name, tensor)| (name[PREFIX.len()..].to_owned(), tensor)).collect();
        file.notes.push(format!("every name began with {PREFIX:?}, as DataParallel makes them: it was taken off"));
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pytorch").join(name)
    }

    fn read(name: &str) -> Result<PyTorchFile> {
        let path = golden(name);
        parse_pytorch(&path, &std::fs::read(&path).unwrap())
    }

    /// The values of `fill` in tests/golden/pytorch/make.py.
    fn fill(t: i32, count: i32) -> Vec<f32> {
        (0..count).map(|i| ((i * 7 + t * 3) % 23 - 11) as f32 / 8.0).collect()
    }

    #[test]
    fn both_formats_hold_every_kind_of_tensor() {
        for name in ["formats.pth", "formats_old.pth"] {
            let PyTorchFile { tensors, epoch, notes } = read(name).unwrap();
            assert_eq!((tensors.len(), epoch, notes.len()), (12, None, 0), "{name}");
            let is = |key: &str, shape: &[usize], values: Vec<f32>| {
                assert_eq!(tensors[key], (shape.to_vec(), values), "{name}: {key}");
            };
            is("f64", &[2, 3], fill(0, 6));
            is("f32", &[4], fill(1, 4));
            is("f16", &[3], fill(2, 3));
            is("bf16", &[3], fill(3, 3));
            let rows = fill(4, 6);
            is("transposed", &[2, 3], [0, 2, 4, 1, 3, 5].map(|i| rows[i]).to_vec());
            let rows = fill(5, 20);
            is("strided", &[3, 3], [5, 7, 9, 10, 12, 14, 15, 17, 19].map(|i| rows[i]).to_vec());
            is("first", &[4], fill(6, 10)[..4].to_vec());
            is("second", &[7], fill(6, 10)[3..].to_vec());
            is("empty", &[0, 3], vec![]);
            is("scalar", &[], fill(7, 1));
            is("num_batches_tracked", &[], vec![12345.0]);
            is("parameter", &[2, 2], fill(8, 4));
        }
    }

    #[test]
    fn a_training_checkpoint_gives_its_state_dict() {
        let new = read("training.pth.tar").unwrap();
        assert_eq!(new.epoch, Some(17));
        assert!(new.notes[0].contains("module."), "{:?}", new.notes);
        assert_eq!(new.tensors["layer0.0.dn.weight"].0, [1, 1, 3, 3]);
        let old = read("training_old.pth.tar").unwrap();
        assert!(old.notes.is_empty() && old.tensors.contains_key("layer4.layers.1.bn2.running_var"));
    }

    #[test]
    fn what_is_neither_a_tensor_nor_a_container_is_refused_by_name() {
        let message = read("hostile.pth").unwrap_err().to_string();
        assert!(message.contains("posix.system") && message.contains("state_dict()"), "{message}");
        let message = read("whole_model.pth").unwrap_err().to_string();
        assert!(message.contains("torch.nn.modules.linear.Linear"), "{message}");
        assert!(parse_pytorch(Path::new("x"), b"no file").is_err());
    }

    #[test]
    fn every_truncation_is_an_error() {
        for name in ["formats.pth", "formats_old.pth"] {
            let bytes = std::fs::read(golden(name)).unwrap();
            for length in 0..bytes.len() {
                assert!(parse_pytorch(&golden(name), &bytes[..length]).is_err(), "{name}: {length} bytes");
            }
        }
    }

    #[test]
    fn a_changed_value_is_noticed_by_its_checksum() {
        let mut bytes = std::fs::read(golden("formats.pth")).unwrap();
        let value = bytes.windows(4).position(|b| b == (fill(1, 4)[2]).to_le_bytes()).unwrap();
        bytes[value] ^= 1;
        let message = parse_pytorch(&golden("formats.pth"), &bytes).unwrap_err().to_string();
        assert!(message.contains("is damaged within"), "{message}");
    }

    /// A pickle of protocol 2 in the older format, before which the three of every file stand.
    fn old(object: &[u8], behind: &[u8]) -> Result<PyTorchFile> {
        let whole = std::fs::read(golden("formats_old.pth")).unwrap();
        let start = whole.windows(2).enumerate().filter(|(_, pair)| *pair == [0x80, 2]).nth(3).unwrap().0;
        parse_pytorch(Path::new("x.pth"), &[&whole[..start], object, behind].concat())
    }

    #[test]
    fn circles_absurd_shapes_and_offsets_are_refused() {
        let keys = b"\x80\x02]U\x01kq\x01a.";
        let storage = b"(U\x07storagectorch\nFloatStorage\nU\x01kU\x03cpuK\x02tQ";
        let tensor = |offset: &[u8], shape: &[u8], strides: &[u8]| {
            let start = b"\x80\x02}U\x01actorch._utils\n_rebuild_tensor_v2\n(";
            [&start[..], storage, offset, shape, strides, b"\x89Nt", b"Rs."].concat()
        };
        let data = [&2_u64.to_le_bytes()[..], &[0; 8]].concat();
        let read = |object: &[u8]| old(object, &[&keys[..], &data].concat());
        let good = read(&tensor(b"K\x00", b"K\x02\x85", b"K\x01\x85")).unwrap();
        assert_eq!(good.tensors["a"], (vec![2], vec![0.0; 2]));
        for (offset, shape, strides) in [
            (&b"K\x01"[..], &b"K\x02\x85"[..], &b"K\x01\x85"[..]),
            (b"J\xff\xff\xff\xff", b"K\x01\x85", b"K\x01\x85"),
            (b"K\x00", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86", b"K\x00K\x00\x86"),
            (b"K\x00", b"J\xff\xff\xff\x7f\x85", b"K\x00\x85"),
            (b"K\x00", b"K\x02\x85", b"J\xff\xff\xff\x7f\x85"),
            (b"K\x00", b"K\x01K\x02\x86", b"K\x01\x85"),
        ] {
            assert!(read(&tensor(offset, shape, strides)).is_err(), "{offset:?} {shape:?} {strides:?}");
        }
        // A dict that holds itself, a list that holds itself, and a hundred thousand lists in each other.
        assert!(read(b"\x80\x02}q\x00U\x0astate_dicth\x00s.").is_err());
        assert!(read(b"\x80\x02]q\x00h\x00a.").is_err());
        let deep = [&b"\x80\x02"[..], &b"]".repeat(100_000), &b"a".repeat(99_999), b"."].concat();
        assert!(read(&deep).is_err());
        assert!(read(b"\x80\x02(.").is_err() && read(b"\x80\x02R.").is_err() && read(b"\x80\x02h\x07.").is_err());
    }
}
