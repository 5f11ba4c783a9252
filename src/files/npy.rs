//! Arrays in NumPy's format.

use std::fs;
use std::path::Path;

use half::f16;
use npyz::{NpyHeader, Order};

use super::safetensors::check_count;
use super::write_atomic;
use crate::error::{Error, Result};

/// An array of a file, in C order (the last dimension varies fastest), whatever the order in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// Its elements.
    pub values: Values,
}

/// The elements of an [`Array`].
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Of a file of float16, float32 or float64 (which are rounded), little-endian or big-endian.
    Float(Vec<f32>),
    /// Of a file of uint8.
    Bytes(Vec<u8>),
}

/// Reads an array of floats or bytes. It never allocates more than a few times the size of the file.
///
/// # Errors
/// [`Error::Io`], or [`Error::File`] for other types, for files that are cut short or longer than their header says, and
/// for files that are not in this format; the message says how to save the array instead.
pub fn read_array(path: &Path) -> Result<Array> {
    let raw = Raw::read(path)?;
    let values = match raw.element.as_str() {
        "u1" => Values::Bytes(raw.values(|[byte]| byte)),
        "f2" => Values::Float(raw.values(|bytes| f16::from_le_bytes(bytes).to_f32())),
        "f4" => Values::Float(raw.values(f32::from_le_bytes)),
        "f8" => Values::Float(raw.values(|bytes| f64::from_le_bytes(bytes) as f32)),
        other => return Err(Error::file(path, refusal(other))),
    };
    Ok(Array { shape: raw.shape, values })
}

/// Reads an array of floats: its shape, and its elements in C order.
///
/// # Errors
/// Those of [`read_array`], and [`Error::File`] for an array of bytes.
pub fn read_npy(path: &Path) -> Result<(Vec<usize>, Vec<f32>)> {
    match read_array(path)? {
        Array { shape, values: Values::Float(values) } => Ok((shape, values)),
        Array { values: Values::Bytes(_), .. } => {
            Err(Error::file(path, "holds bytes (uint8) where floats are needed; save array.astype('float32')"))
        }
    }
}

/// Reads an array of integers, of any size and sign: its shape, and its elements in C order.
///
/// # Errors
/// [`Error::Io`], or [`Error::File`] as [`read_array`].
pub(crate) fn read_integers(path: &Path) -> Result<(Vec<usize>, Vec<i64>)> {
    let raw = Raw::read(path)?;
    let values = match raw.element.as_str() {
        "u1" => raw.values(|[byte]: [u8; 1]| i64::from(byte)),
        "i1" => raw.values(|bytes| i8::from_le_bytes(bytes).into()),
        "u2" => raw.values(|bytes| u16::from_le_bytes(bytes).into()),
        "i2" => raw.values(|bytes| i16::from_le_bytes(bytes).into()),
        "u4" => raw.values(|bytes| u32::from_le_bytes(bytes).into()),
        "i4" => raw.values(|bytes| i32::from_le_bytes(bytes).into()),
        // What is beyond i64 becomes -1, which is no label either.
        "u8" => raw.values(|bytes| u64::from_le_bytes(bytes).try_into().unwrap_or(-1)),
        "i8" => raw.values(i64::from_le_bytes),
        other => {
            let reason = format!("holds values of type {other} where integers are needed; save array.astype('int64')");
            return Err(Error::file(path, reason));
        }
    };
    Ok((raw.shape, values))
}

/// What to do with an array of another type. `element` is NumPy's code without the byte order.
fn refusal(element: &str) -> String {
    let what = match element.as_bytes().first() {
        Some(b'b') => "truth values",
        Some(b'i' | b'u') => "integers",
        Some(b'O') => "Python objects",
        _ => "values",
    };
    format!(
        "holds {what} of type {element}; save array.astype('float32') instead, or array.astype('uint8') where they are pixels from \
         0 to 255"
    )
}

/// A file whose length fits its header; the elements are still bytes.
struct Raw {
    shape: Vec<usize>,
    /// NumPy's code of the type, without the byte order: `f4` for float32.
    element: String,
    big_endian: bool,
    order: Order,
    data: Vec<u8>,
}

impl Raw {
    fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(|e| Error::io(path, e))?;
        Self::parse(&bytes).map_err(|reason| Error::file(path, reason))
    }

    fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let Header { shape, element, big_endian, order, start } = Header::parse(bytes, bytes.len())?;
        Ok(Self { shape, element, big_endian, order, data: bytes[start..].to_vec() })
    }

    /// The elements in C order. `convert` takes little-endian bytes.
    fn values<T: Copy, const N: usize>(&self, convert: impl Fn([u8; N]) -> T) -> Vec<T> {
        let native = self.data.as_chunks().0.iter().map(|bytes: &[u8; N]| {
            let mut bytes = *bytes;
            if self.big_endian {
                bytes.reverse();
            }
            convert(bytes)
        });
        match self.order {
            Order::C => native.collect(),
            Order::Fortran => to_c_order(&self.shape, &native.collect::<Vec<_>>()),
        }
    }
}

/// What a file says of its array, which fits the length of the file.
pub(super) struct Header {
    pub(super) shape: Vec<usize>,
    /// NumPy's code of the type, without the byte order.
    pub(super) element: String,
    big_endian: bool,
    pub(super) order: Order,
    /// Where the elements begin.
    pub(super) start: usize,
}

impl Header {
    /// Reads it from the beginning of a file of this length.
    pub(super) fn parse(bytes: &[u8], length: usize) -> std::result::Result<Self, String> {
        check_start(bytes, length)?;
        let mut data = bytes;
        let header = NpyHeader::from_reader(&mut data).map_err(|e| format!("is not a .npy file, or damaged ({e})"))?;
        let code = header.dtype().descr();
        let code = code.trim_matches('\'');
        let element = code.trim_start_matches(['<', '>', '|', '=']).to_owned();
        let Some(size) = header.dtype().num_bytes().filter(|_| !header.uses_pickled_array()) else {
            return Err(refusal(&element));
        };
        let shape: Vec<usize> = header.shape().iter().map(|&d| d as usize).collect();
        let needed = shape.iter().try_fold(size, |bytes, &d| bytes.checked_mul(d));
        let start = bytes.len() - data.len();
        let follow = length - start;
        if needed != Some(follow) {
            let state = if needed < Some(follow) { "has more bytes than that" } else { "is cut short" };
            let state = if needed.is_none() { "cannot be that large" } else { state };
            return Err(format!("{state}: its header says {shape:?} of type {element}, {follow} bytes follow"));
        }
        Ok(Self { shape, element, big_endian: code.starts_with('>'), order: header.order(), start })
    }
}

/// Refuses what is not a NumPy file, and a header that claims to be longer than the file of this length.
fn check_start(bytes: &[u8], length: usize) -> std::result::Result<(), String> {
    if bytes.starts_with(b"PK") {
        return Err("is an .npz archive of several arrays; save the array alone with numpy.save".into());
    }
    let header = match bytes {
        [0x93, b'N', b'U', b'M', b'P', b'Y', 1, _, rest @ ..] => {
            rest.first_chunk().map(|b| u16::from_le_bytes(*b).into())
        }
        [0x93, b'N', b'U', b'M', b'P', b'Y', _, _, rest @ ..] => rest.first_chunk().map(|b| u32::from_le_bytes(*b)),
        _ => return Err("is not a .npy file, which begins with \\x93NUMPY".into()),
    };
    match header {
        Some(header) if (header as usize) < length => Ok(()),
        _ => Err("is cut short within its header".into()),
    }
}

/// Elements in Fortran order (the first dimension varies fastest), in C order.
fn to_c_order<T: Copy>(shape: &[usize], values: &[T]) -> Vec<T> {
    let place = |mut index: usize| {
        let (mut place, mut stride) = (0, values.len());
        for &size in shape.iter().rev() {
            stride /= size;
            place += index % size * stride;
            index /= size;
        }
        place
    };
    (0..values.len()).map(|index| values[place(index)]).collect()
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

    fn read<T>(bytes: &[u8], reader: impl Fn(&Path) -> Result<T>) -> Result<T> {
        let folder = folder();
        let path = folder.path().join("x.npy");
        std::fs::write(&path, bytes).unwrap();
        reader(&path)
    }

    #[test]
    fn every_float_is_read_in_both_byte_orders() {
        let wanted = (vec![2], vec![0.1, -3.0]);
        let pair = |f: fn(f64) -> Vec<u8>| [f(0.1), f(-3.0)].concat();
        for (descr, data) in [
            ("<f8", pair(|v| v.to_le_bytes().into())),
            (">f8", pair(|v| v.to_be_bytes().into())),
            ("<f4", pair(|v| (v as f32).to_le_bytes().into())),
            (">f4", pair(|v| (v as f32).to_be_bytes().into())),
        ] {
            assert_eq!(read(&npy(descr, "False", "(2,)", &data), read_npy).unwrap(), wanted, "{descr}");
        }
        for (descr, data) in [("<f2", [0x00, 0xc2]), (">f2", [0xc2, 0x00])] {
            assert_eq!(read(&npy(descr, "False", "(1,)", &data), read_npy).unwrap(), (vec![1], vec![-3.0]), "{descr}");
        }
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        // Element (i, j, k) of [2, 3, 4] is 100 i + 10 j + k; the first dimension varies fastest in the file.
        let value = |i: usize, j: usize, k: usize| (100 * i + 10 * j + k) as u8;
        let stored = (0..24).map(|at| value(at % 2, at / 2 % 3, at / 6)).collect::<Vec<_>>();
        let wanted = (0..24).map(|at| value(at / 12, at / 4 % 3, at % 4)).collect::<Vec<_>>();
        let array = read(&npy("|u1", "True", "(2, 3, 4)", &stored), read_array).unwrap();
        assert_eq!(array, Array { shape: vec![2, 3, 4], values: Values::Bytes(wanted) });
        let empty = read(&npy("<f4", "True", "(2, 0)", &[]), read_npy).unwrap();
        assert_eq!(empty, (vec![2, 0], vec![]));
    }

    #[test]
    fn other_types_and_wrong_lengths_are_refused_by_name() {
        let long = [b"\x93NUMPY\x02\x00", &u32::MAX.to_le_bytes()[..], b"{}"].concat();
        for (bytes, expected) in [
            (npy("<i4", "False", "(1,)", &[0; 4]), "integers of type i4; save array.astype('float32')"),
            (npy("|b1", "False", "(1,)", &[0]), "truth values"),
            (npy("|O", "False", "(1,)", &[0; 8]), "Python objects"),
            (npy("<c8", "False", "(1,)", &[0; 8]), "type c8"),
            (npy("|u1", "False", "(1,)", &[0]), "holds bytes (uint8)"),
            (npy("<f4", "False", "(2, 2)", &[0; 15]), "cut short"),
            (npy("<f4", "False", "(2, 2)", &[0; 17]), "more bytes than that"),
            (npy("<f4", "False", "(1000000000, 1000)", &[0; 17]), "cut short"),
            (npy("<f4", "False", "(4611686018427387904,)", &[0; 17]), "cannot be that large"),
            (long, "cut short within its header"),
            (b"PK\x03\x04 and so on".to_vec(), "numpy.save"),
            (b"garbage".to_vec(), "not a .npy file"),
        ] {
            let error = read(&bytes, read_npy).unwrap_err().to_string();
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
