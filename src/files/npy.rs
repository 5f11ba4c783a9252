//! Arrays in NumPy's format.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::safetensors::check_count;
use super::write_atomic;
use crate::error::{Error, Result};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::create_dir;

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
        assert!(matches!(&error, Error::File { path: p, .. } if *p == path), "{error}");
        create_dir(&folder.path().join("missing")).unwrap();
        write_npy(&path, &[1], &[1.0]).unwrap();
    }
}
