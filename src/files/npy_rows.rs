//! Large arrays of bytes in NumPy's format, read a few rows at a time.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use npyz::Order;

use super::npy::Header;
use crate::error::{Error, Result};

/// Bytes in which the header must end.
const LONGEST_HEADER: u64 = 1 << 16;

/// A file of uint8 `[n, ..]` in C order.
#[derive(Debug)]
pub(crate) struct ByteRows {
    path: PathBuf,
    shape: Vec<usize>,
    start: usize,
}

impl ByteRows {
    /// Reads the header alone, and holds it against the length of the file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for files that are cut short or longer than their header says, for other types and orders, and
    /// for files that are not in this format.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let io = |e| Error::io(path, e);
        let file = File::open(path).map_err(io)?;
        let length = file.metadata().map_err(io)?.len();
        let mut beginning = Vec::new();
        file.take(LONGEST_HEADER).read_to_end(&mut beginning).map_err(io)?;
        let bad = |reason: String| Error::file(path, reason);
        let length = usize::try_from(length).map_err(|_| bad("is too large for this system".into()))?;
        let Header { shape, element, order, start, .. } = Header::parse(&beginning, length).map_err(bad)?;
        if element != "u1" {
            return Err(bad(format!("holds values of type {element} where pixels from 0 to 255 (uint8) are needed")));
        }
        if order != Order::C && shape.len() > 1 {
            return Err(bad("holds an array in Fortran order; save numpy.ascontiguousarray(array)".into()));
        }
        Ok(Self { path: path.to_owned(), shape, start })
    }

    /// Its dimensions.
    pub(crate) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// So many rows, from `first` on.
    ///
    /// # Errors
    /// [`Error::Io`], also where the file has become shorter, or has fewer rows.
    pub(crate) fn read(&self, first: usize, count: usize) -> Result<Vec<u8>> {
        let io = |e| Error::io(&self.path, e);
        let row = self.shape.iter().skip(1).product::<usize>();
        let mut file = File::open(&self.path).map_err(io)?;
        file.seek(SeekFrom::Start((self.start + first * row) as u64)).map_err(io)?;
        let mut bytes = vec![0; count * row];
        file.read_exact(&mut bytes).map_err(io)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn rows_are_read_by_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        let values = (0..200_000_u32).map(|i| (i * 7 % 251) as u8).collect::<Vec<_>>();
        std::fs::write(&path, npy("|u1", "False", "(500, 20, 20)", &values)).unwrap();
        let rows = ByteRows::open(&path).unwrap();
        assert_eq!(rows.shape(), [500, 20, 20]);
        for (first, count) in [(0, 1), (499, 1), (123, 77)] {
            assert_eq!(rows.read(first, count).unwrap(), values[400 * first..][..400 * count], "{first}");
        }
        assert!(rows.read(499, 2).is_err());
    }

    #[test]
    fn what_is_no_array_of_bytes_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        for (bytes, word) in [
            (npy("|u1", "False", "(2, 3)", &[0; 5]), "cut short"),
            (npy("|u1", "False", "(2, 3)", &[0; 7]), "more bytes"),
            (npy("<f4", "False", "(2,)", &[0; 8]), "type f4"),
            (npy("|u1", "True", "(2, 3)", &[0; 6]), "Fortran"),
            (b"\x93NUMPY\x01\x00\xff\xff{'descr".to_vec(), "within its header"),
            (b"nonsense".to_vec(), "not a .npy file"),
            (vec![], "not a .npy file"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = ByteRows::open(&path).unwrap_err().to_string();
            assert!(message.contains(word) && message.contains("x.npy"), "{word}: {message}");
        }
    }
}
