//! Files: written aside and renamed, so that nothing half-written is left; read with every length checked.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};

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
    let mut aside = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    let mut writer = BufWriter::new(&mut aside);
    fill(&mut writer)?;
    writer.flush().map_err(io)?;
    drop(writer);
    aside.as_file().sync_all().map_err(io)?;
    readable_by_all(aside.as_file()).map_err(io)?;
    aside.persist(path).map_err(|e| io(e.error))?;
    Ok(())
}

/// Temporary files are private; results are like other files.
fn readable_by_all(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    let _ = file;
    Ok(())
}

/// # Errors
/// [`Error::NotFinite`] names the first value of `what` that is not finite.
pub fn check_finite(what: &str, values: &[f32], hint: &str) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(index) => {
            Err(Error::NotFinite { what: what.into(), value: values[index], index, hint: hint.into() })
        }
        None => Ok(()),
    }
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
/// [`Error::Io`].
pub fn write_npy(path: &Path, shape: &[usize], values: &[f32]) -> Result<()> {
    use npyz::WriterBuilder;
    let shape = shape.iter().map(|&d| d as u64).collect::<Vec<_>>();
    write_atomic(path, |file| {
        let io = |e| Error::io(path, e);
        let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
        let mut writer = options.writer(file).begin_nd().map_err(io)?;
        writer.extend(values.iter().copied()).map_err(io)?;
        writer.finish().map_err(io)
    })
}

/// Named tensors with a shape each, and text: the content of a safetensors file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TensorFile {
    /// Text by key.
    pub metadata: BTreeMap<String, String>,
    /// Shape and values by name.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
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

/// Writes a safetensors file; equal content gives equal bytes.
///
/// # Errors
/// [`Error::Io`].
pub fn write_safetensors(path: &Path, file: &TensorFile) -> Result<()> {
    let bad = |e: safetensors::SafeTensorError| Error::file(path, e.to_string());
    let views = file.tensors.iter().map(|(name, (shape, values))| {
        let view = TensorView::new(Dtype::F32, shape.clone(), bytemuck::cast_slice(values)).map_err(bad)?;
        Ok((name.as_str(), view))
    });
    let views = views.collect::<Result<Vec<_>>>()?;
    // One key at most: the library keeps metadata in a map without order.
    let metadata = file.metadata.clone().into_iter().collect();
    let bytes = serialize(views, Some(metadata)).map_err(bad)?;
    write_atomic(path, |out| out.write_all(&bytes).map_err(|e| Error::io(path, e)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn arrays_survive_npy() {
        let path = folder().keep().join("a.npy");
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

    #[test]
    fn tensors_survive_safetensors_and_equal_content_gives_equal_bytes() {
        let folder = folder();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        let file = TensorFile {
            metadata: [("sdnet".to_owned(), "{}".to_owned()), ("training".to_owned(), "1".to_owned())].into(),
            tensors: [("x".to_owned(), (vec![2, 2], vec![1.0, -0.0, f32::MIN, 1e-40]))].into(),
        };
        write_safetensors(&a, &file).unwrap();
        write_safetensors(&b, &file).unwrap();
        assert_eq!(read_safetensors(&a).unwrap(), file);
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

    #[test]
    fn the_first_value_that_is_not_finite_is_named() {
        assert!(check_finite("x", &[1.0, 2.0], "").is_ok());
        let error = check_finite("x", &[1.0, f32::NAN, f32::INFINITY], "clean it").unwrap_err();
        assert!(matches!(error, Error::NotFinite { index: 1, .. }), "{error}");
    }
}
