//! State dicts as `torch.save` writes them.

use std::io::Write;
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::error::{Error, Result};
use crate::files::{NamedTensors, write_bytes};

/// Tensors of this name count steps: PyTorch keeps them as integers.
const COUNTER: &str = "num_batches_tracked";

/// Writes a state dict, `collections.OrderedDict` of name and tensor, as a zip archive that `torch.load` reads, also with
/// `weights_only=True`. Tensors are float32; those whose names end in `num_batches_tracked` are int64.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write_pytorch(path: &Path, tensors: &NamedTensors) -> Result<()> {
    let bytes = archive(tensors).map_err(|e| Error::file(path, e.to_string()))?;
    write_bytes(path, &bytes)
}

fn archive(tensors: &NamedTensors) -> zip::result::ZipResult<Vec<u8>> {
    let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    // As torch.save does; data that begin at multiples of 64 bytes can be mapped.
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).with_alignment(64);
    let mut entry = |name: &str, content: &[u8]| {
        zip.start_file(format!("archive/{name}"), options)?;
        zip.write_all(content).map_err(zip::result::ZipError::from)
    };
    entry("data.pkl", &pickle(tensors))?;
    entry("byteorder", b"little")?;
    for (key, (name, (_, values))) in tensors.iter().enumerate() {
        let bytes = match name.ends_with(COUNTER) {
            true => values.iter().flat_map(|value| (*value as i64).to_le_bytes()).collect::<Vec<_>>(),
            false => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        entry(&format!("data/{key}"), &bytes)?;
    }
    entry("version", b"3\n")?;
    Ok(zip.finish()?.into_inner())
}

/// The pickle, protocol 2; see [`super::pickle`] for the opcodes.
fn pickle(tensors: &NamedTensors) -> Vec<u8> {
    const ORDERED_DICT: &[u8] = b"ccollections\nOrderedDict\n)R";
    let mut out = [b"\x80\x02", ORDERED_DICT, b"("].concat();
    for (key, (name, (shape, values))) in tensors.iter().enumerate() {
        text(&mut out, name);
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut out, "storage");
        out.extend(if name.ends_with(COUNTER) { &b"ctorch\nLongStorage\n"[..] } else { b"ctorch\nFloatStorage\n" });
        text(&mut out, &key.to_string());
        text(&mut out, "cpu");
        integer(&mut out, values.len());
        out.extend(b"tQ");
        integer(&mut out, 0);
        tuple(&mut out, shape);
        tuple(&mut out, &strides(shape));
        out.push(0x89);
        out.extend(ORDERED_DICT);
        out.extend(b"tR");
    }
    out.extend(b"u.");
    out
}

/// Of a tensor in C order.
fn strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|dimension| shape[dimension + 1..].iter().product()).collect()
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn tuple(out: &mut Vec<u8>, sizes: &[usize]) {
    out.push(b'(');
    sizes.iter().for_each(|size| integer(out, *size));
    out.push(b't');
}

/// As an integer of eight bytes.
fn integer(out: &mut Vec<u8>, value: usize) {
    out.extend([0x8a, 8]);
    out.extend((value as u64).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::parse_pytorch;
    use super::*;

    #[test]
    fn what_is_written_is_read_back_bit_by_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.pth");
        let values = (0..24).map(|i| (i as f32).sin()).collect::<Vec<_>>();
        let tensors: NamedTensors = [
            ("a.weight".to_owned(), (vec![2, 3, 4], values)),
            ("b.step_size".to_owned(), (vec![], vec![0.1])),
            ("c.num_batches_tracked".to_owned(), (vec![], vec![7.0])),
            ("d".to_owned(), (vec![0, 2], vec![])),
        ]
        .into();
        write_pytorch(&path, &tensors).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(parse_pytorch(&path, &bytes).unwrap().tensors, tensors);
        write_pytorch(&path, &tensors).unwrap();
        assert!(std::fs::read(&path).unwrap() == bytes, "the same tensors make the same file");
    }
}
