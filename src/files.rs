//! Files: written aside and renamed, so that nothing half-written is left; read with every length checked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorInfo, TensorView};

use crate::error::{Error, Result};

/// Makes a folder and those above it.
///
/// # Errors
/// [`Error::Io`] names the folder.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(path, e))
}

/// Writes a file aside, in the same folder, and renames it: it is whole, or it is as it was before.
///
/// # Errors
/// [`Error::Io`] names the file.
pub fn write_atomic(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let io = |e| Error::io(path, e);
    let mut aside = like_any_new_file().tempfile_in(folder).map_err(io)?;
    let mut writer = BufWriter::new(&mut aside);
    fill(&mut writer)?;
    writer.flush().map_err(io)?;
    drop(writer);
    aside.as_file().sync_all().map_err(io)?;
    aside.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

/// Writes these bytes with [`write_atomic`].
///
/// # Errors
/// [`Error::Io`] names the file.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomic(path, |file| file.write_all(bytes).map_err(|e| Error::io(path, e)))
}

/// Temporary files are private (0600); results have the permissions of any new file, less the umask.
fn like_any_new_file() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// An array of f32 (or f64, which is rounded) in NumPy's format, in C order.
///
/// # Errors
/// [`Error::Io`], or [`Error::File`] for other types, Fortran order, or a file that is cut short.
pub fn read_npy(path: &Path) -> Result<(Vec<usize>, Vec<f32>)> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let bad = |reason: String| Error::file(path, reason);
    let npy = npyz::NpyFile::new(BufReader::new(file)).map_err(|e| bad(format!("not a .npy file ({e})")))?;
    if npy.order() != npyz::Order::C {
        return Err(bad("is in Fortran order; save numpy.ascontiguousarray of it".into()));
    }
    let shape = npy.shape().iter().map(|&d| d as usize).collect::<Vec<_>>();
    let dtype = npy.dtype().descr();
    if shape.iter().try_fold(8usize, |bytes, &d| bytes.checked_mul(d)).is_none() {
        return Err(bad(format!("its header says {shape:?}, which is too large")));
    }
    let cut = |e: std::io::Error| bad(format!("is cut short or damaged ({e}); its header says {shape:?}"));
    let values = match dtype.trim_matches('\'') {
        "<f4" => npy.into_vec::<f32>().map_err(cut)?,
        "<f8" => npy.into_vec::<f64>().map_err(cut)?.into_iter().map(|v| v as f32).collect(),
        other => return Err(bad(format!("holds values of type {other}; save it as float32"))),
    };
    Ok((shape, values))
}

/// Writes an array of f32 in NumPy's format, in C order.
///
/// # Errors
/// [`Error::Shape`] where `shape` does not have as many elements as there are values, [`Error::Io`].
pub fn write_npy(path: &Path, shape: &[usize], values: &[f32]) -> Result<()> {
    use npyz::WriterBuilder;
    check_count("write_npy", shape, values)?;
    let shape = shape.iter().map(|&d| d as u64).collect::<Vec<_>>();
    write_atomic(path, |file| {
        let io = |e| Error::io(path, e);
        let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
        let mut writer = options.writer(file).begin_nd().map_err(io)?;
        writer.extend(values.iter().copied()).map_err(io)?;
        writer.finish().map_err(io)
    })
}

/// Shape and values by name.
pub type NamedTensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Named tensors and text: the content of a safetensors file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    /// Text by key.
    pub metadata: BTreeMap<String, String>,
    /// Shape and values by name.
    pub tensors: NamedTensors,
}

/// Reads a safetensors file of f32 (or f64, f16, bf16, which are converted). Integers, such as counters of other
/// programs, are left out.
///
/// # Errors
/// [`Error::Io`], or [`Error::File`] for a file that is cut short or something else.
pub fn read_safetensors(path: &Path) -> Result<TensorFile> {
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    let bad = |e: safetensors::SafeTensorError| {
        Error::file(path, format!("is cut short or not a safetensors file ({e}); fetch or train it again"))
    };
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(bad)?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(&bytes).map_err(bad)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        if let Some(values) = to_f32(&view) {
            tensors.insert(name, (view.shape().to_vec(), values));
        }
    }
    Ok(TensorFile { metadata, tensors })
}

fn to_f32(view: &TensorView) -> Option<Vec<f32>> {
    let data = view.data();
    match view.dtype() {
        Dtype::F32 => Some(data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F64 => {
            let eight = |b: &[u8]| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32;
            Some(data.chunks_exact(8).map(eight).collect())
        }
        Dtype::F16 => Some(data.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect()),
        Dtype::BF16 => Some(data.chunks_exact(2).map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect()),
        _ => None,
    }
}

/// The key of a safetensors header that holds the metadata, and so no name for a tensor.
const METADATA: &str = "__metadata__";

/// Writes a safetensors file, sorted by name; equal content gives equal bytes.
///
/// The header is put together here because the `safetensors` crate writes metadata in the random order of a `HashMap`.
///
/// # Errors
/// [`Error::Shape`] where a shape does not have as many elements as there are values, [`Error::Weights`] for a tensor
/// named `__metadata__`, [`Error::Io`].
pub fn write_safetensors(path: &Path, file: &TensorFile) -> Result<()> {
    let header = safetensors_header(path, file)?;
    write_atomic(path, |out| {
        let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(|e| Error::io(path, e));
        write(&(header.len() as u64).to_le_bytes())?;
        write(&header)?;
        file.tensors.values().try_for_each(|(_, values)| write(bytemuck::cast_slice(values)))
    })
}

/// The JSON header, padded with spaces so that the data begin at a multiple of 8 bytes.
fn safetensors_header(path: &Path, file: &TensorFile) -> Result<Vec<u8>> {
    let bad = |e: serde_json::Error| Error::file(path, format!("its header cannot be written: {e}"));
    let mut header = BTreeMap::new();
    let mut start = 0;
    for (name, (shape, values)) in &file.tensors {
        check_count("write_safetensors", shape, values)?;
        let end = start + size_of_val(&values[..]);
        let info = TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (start, end) };
        header.insert(name.as_str(), serde_json::to_value(info).map_err(bad)?);
        start = end;
    }
    if header.contains_key(METADATA) {
        let reason = "is the name under which the format keeps its metadata; choose another".to_owned();
        return Err(Error::Weights { path: path.into(), name: METADATA.to_owned(), reason });
    }
    if !file.metadata.is_empty() {
        header.insert(METADATA, serde_json::to_value(&file.metadata).map_err(bad)?);
    }
    let mut bytes = serde_json::to_vec(&header).map_err(bad)?;
    bytes.resize(bytes.len().next_multiple_of(8), b' ');
    Ok(bytes)
}

fn check_count(op: &'static str, shape: &[usize], values: &[f32]) -> Result<()> {
    if shape.iter().try_fold(1usize, |size, &d| size.checked_mul(d)) == Some(values.len()) {
        return Ok(());
    }
    Err(Error::shape(op, "the shape must have as many elements as there are values", &[shape, &[values.len()]]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn arrays_survive_npy() {
        let folder = folder();
        let path = folder.path().join("a.npy");
        let values = (0..24).map(|i| i as f32 / 7.0).collect::<Vec<_>>();
        write_npy(&path, &[2, 3, 4], &values).unwrap();
        assert_eq!(read_npy(&path).unwrap(), (vec![2, 3, 4], values));
    }

    #[test]
    fn a_cut_npy_is_refused_by_name() {
        let folder = folder();
        let path = folder.path().join("cut.npy");
        write_npy(&path, &[100], &[1.0; 100]).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for len in [0, 5, 60, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..len]).unwrap();
            let message = read_npy(&path).unwrap_err().to_string();
            assert!(message.contains("cut.npy"), "{message}");
        }
    }

    fn sample() -> TensorFile {
        let mut file = TensorFile::default();
        for key in ["sdnet", "training", "a", "b", "c"] {
            file.metadata.insert(key.into(), format!("{{\"{key}\":1}}"));
        }
        file.tensors.insert("x".into(), (vec![2, 2], vec![1.0, -0.0, f32::MIN, 1e-40]));
        file.tensors.insert("layer0.bias".into(), (vec![1], vec![0.25]));
        file.tensors.insert("scalar".into(), (vec![], vec![7.0]));
        file.tensors.insert("empty".into(), (vec![0, 4], vec![]));
        file
    }

    #[test]
    fn tensors_survive_safetensors_and_equal_content_gives_equal_bytes() {
        let folder = folder();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        write_safetensors(&a, &sample()).unwrap();
        write_safetensors(&b, &sample()).unwrap();
        assert_eq!(std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap());
        assert_eq!(read_safetensors(&a).unwrap(), sample());
        write_safetensors(&a, &TensorFile::default()).unwrap();
        assert_eq!(read_safetensors(&a).unwrap(), TensorFile::default());
    }

    #[test]
    fn other_float_types_are_converted_and_integers_left_out() {
        let folder = folder();
        let path = folder.path().join("x");
        let view = |dtype, bytes| TensorView::new(dtype, vec![1], bytes).unwrap();
        let double = 0.1f64.to_le_bytes();
        let (half, brain) = (half::f16::from_f32(1.5).to_le_bytes(), half::bf16::from_f32(-2.0).to_le_bytes());
        let views = [
            ("d", view(Dtype::F64, &double)),
            ("h", view(Dtype::F16, &half)),
            ("b", view(Dtype::BF16, &brain)),
            ("i", view(Dtype::I64, &[0; 8])),
        ];
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let tensors = read_safetensors(&path).unwrap().tensors;
        assert_eq!(tensors.keys().collect::<Vec<_>>(), ["b", "d", "h"]);
        assert_eq!((tensors["d"].1[0], tensors["h"].1[0], tensors["b"].1[0]), (0.1, 1.5, -2.0));
    }

    #[test]
    fn what_the_formats_cannot_hold_is_refused() {
        let folder = folder();
        let path = folder.path().join("w");
        let file = |name: &str, shape| TensorFile {
            tensors: [(name.to_owned(), (shape, vec![0.5]))].into(),
            ..TensorFile::default()
        };
        assert!(matches!(write_safetensors(&path, &file("x", vec![3])), Err(Error::Shape { .. })));
        assert!(matches!(write_safetensors(&path, &file(METADATA, vec![1])), Err(Error::Weights { .. })));
        assert!(matches!(write_npy(&path, &[2, 2], &[1.0]), Err(Error::Shape { .. })));
        assert!(!path.exists());
    }

    fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn npy_of_doubles_is_rounded_and_other_types_are_refused() {
        let folder = folder();
        let path = folder.path().join("x.npy");
        std::fs::write(&path, npy("<f8", "False", "(1,)", &0.1f64.to_le_bytes())).unwrap();
        assert_eq!(read_npy(&path).unwrap(), (vec![1], vec![0.1]));
        for (bytes, expected) in [
            (npy("<i4", "False", "(1,)", &[0; 4]), "<i4"),
            (npy(">f4", "False", "(1,)", &[0; 4]), ">f4"),
            (npy("<f4", "True", "(1, 2)", &[0; 8]), "Fortran"),
            (npy("<f4", "False", "(2, 2)", &[0; 15]), "cut short"),
            (b"garbage".to_vec(), "not a .npy file"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let error = read_npy(&path).unwrap_err().to_string();
            assert!(error.contains(expected) && error.contains("x.npy"), "{expected}: {error}");
        }
    }

    #[test]
    fn a_missing_folder_is_named() {
        let folder = folder();
        let path = folder.path().join("missing/x.npy");
        let error = write_npy(&path, &[1], &[1.0]).unwrap_err();
        assert!(matches!(&error, Error::Io { path: p, .. } if *p == path), "{error}");
        create_dir(&folder.path().join("missing")).unwrap();
        write_npy(&path, &[1], &[1.0]).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn written_files_have_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = folder();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomic(&ours, |_| Ok(())).unwrap();
        std::fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn a_cut_safetensors_is_refused_by_name() {
        let folder = folder();
        let path = folder.path().join("w.safetensors");
        let tensors = [("x".to_owned(), (vec![50], vec![0.5; 50]))].into();
        write_safetensors(&path, &TensorFile { tensors, ..TensorFile::default() }).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for len in [0, 4, 20, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..len]).unwrap();
            let message = read_safetensors(&path).unwrap_err().to_string();
            assert!(message.contains("w.safetensors") && message.contains("cut short"), "{message}");
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = folder();
        let path = folder.path().join("a");
        std::fs::write(&path, "old").unwrap();
        write_atomic(&path, |out| {
            out.write_all(b"half").unwrap();
            Err(Error::file("a", "no"))
        })
        .unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
