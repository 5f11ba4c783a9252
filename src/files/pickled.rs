//! Dicts of arrays and lists that Python has pickled, read without Python.
//!
//! Like checkpoints, such files could run whatever code they name: nothing but containers and NumPy arrays of bytes is admitted.

use std::path::{Path, PathBuf};

use super::pytorch::class::Admitted;
use super::pytorch::pickle::{self, Key, Objects, Value, string};
use crate::error::{Error, Result};

/// A pickled dict.
pub(crate) struct Pickled {
    path: PathBuf,
    objects: Objects,
    top: Value,
}

impl Pickled {
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for what is no pickle, is cut short or damaged, or holds something else than containers and
    /// arrays, which is named.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        let bad = |reason: String| Error::file(path, format!("{reason} (read as a pickle of Python's)"));
        if bytes.first() != Some(&0x80) {
            return Err(bad("is no pickle of protocol 2 or later".into()));
        }
        let mut objects = Objects::default();
        let (top, length) = pickle::run(&bytes, Admitted::Arrays, &mut objects).map_err(bad)?;
        if length < bytes.len() {
            return Err(bad(format!("has {} bytes behind its pickle", bytes.len() - length)));
        }
        let pickled = Self { path: path.to_owned(), objects, top };
        pickled.entries()?;
        Ok(pickled)
    }

    fn entries(&self) -> Result<&[(Key, Value)]> {
        let no_dict = || Error::file(&self.path, "holds no dict");
        self.objects.dict(&self.top).ok_or_else(no_dict)
    }

    fn get(&self, name: &str) -> Result<&Value> {
        let entries = self.entries()?;
        self.objects.get(entries, name).ok_or_else(|| {
            let texts = entries.iter().filter_map(|(key, _)| match key {
                Key::Text(text) => Some(&**text),
                Key::Other => None,
            });
            Error::file(&self.path, format!("has no {name:?}: it has {}", texts.collect::<Vec<_>>().join(", ")))
        })
    }

    fn list<T>(&self, name: &str, what: &str, item: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>> {
        let items = self.objects.list(self.get(name)?).map(|items| items.iter().map(item).collect::<Option<Vec<_>>>());
        items.flatten().ok_or_else(|| Error::file(&self.path, format!("{name:?} is no list of {what}")))
    }

    /// The shape and the elements, in C order, of an array of bytes.
    ///
    /// # Errors
    /// [`Error::File`] where there is none of this name.
    pub(crate) fn array(&self, name: &str) -> Result<(&[usize], &[u8])> {
        let found = self.objects.array(self.get(name)?);
        let array = found.ok_or_else(|| Error::file(&self.path, format!("{name:?} is no array of bytes")))?;
        Ok((&array.shape, &array.bytes))
    }

    /// A list of integers.
    ///
    /// # Errors
    /// [`Error::File`] where there is none of this name.
    pub(crate) fn integers(&self, name: &str) -> Result<Vec<i64>> {
        self.list(name, "integers", |value| match value {
            Value::Int(value) => Some(*value),
            _ => None,
        })
    }

    /// A list of strings.
    ///
    /// # Errors
    /// [`Error::File`] where there is none of this name.
    pub(crate) fn strings(&self, name: &str) -> Result<Vec<String>> {
        self.list(name, "strings", |value| matches!(value, Value::Text(_) | Value::Bytes(_)).then(|| string(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::parse_pytorch;

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/pickles").join(name)
    }

    /// Byte i of the arrays of tests/golden/pickles/make.py.
    fn fill(count: usize) -> Vec<u8> {
        (0..count).map(|i| (i * 37 % 256) as u8).collect()
    }

    #[test]
    fn every_protocol_gives_the_same_dict() {
        for name in ["python2.pickle", "protocol2.pickle", "protocol3.pickle", "protocol4.pickle", "protocol5.pickle"] {
            let file = Pickled::read(&golden(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(file.array("data").unwrap(), (&[3, 100][..], &fill(300)[..]), "{name}");
            assert_eq!(file.integers("labels").unwrap(), [2, 0, 300], "{name}");
            assert_eq!(file.strings("names").unwrap(), ["cat", "dog"], "{name}");
            for (message, word) in [
                (file.array("labels").unwrap_err(), "no array"),
                (file.integers("names").unwrap_err(), "no list of integers"),
                (file.strings("data").unwrap_err(), "no list of strings"),
                (file.array("pixels").unwrap_err(), "it has data, labels, names"),
            ] {
                assert!(message.to_string().contains(word), "{name}: {message}");
            }
        }
    }

    #[test]
    fn every_truncation_and_what_follows_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut");
        for name in ["python2.pickle", "protocol5.pickle"] {
            let bytes = std::fs::read(golden(name)).unwrap();
            for length in 0..bytes.len() {
                std::fs::write(&path, &bytes[..length]).unwrap();
                assert!(Pickled::read(&path).is_err(), "{name}: {length} bytes");
            }
            std::fs::write(&path, [&bytes[..], b"more"].concat()).unwrap();
            assert!(Pickled::read(&path).err().unwrap().to_string().contains("4 bytes behind"));
        }
    }

    #[test]
    fn what_is_neither_array_nor_container_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let refusal = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Pickled::read(&path).err().unwrap().to_string()
        };
        assert!(refusal(b"\x80\x02cos\nsystem\nU\x02ls\x85R.").contains("os.system"));
        // What checkpoints may hold is not admitted here, nor the other way round.
        assert!(refusal(b"\x80\x02ctorch\nFloatStorage\n.").contains("torch.FloatStorage"));
        assert!(refusal(b"\x80\x02cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R.").contains("\"f4\""));
        assert!(refusal(b"\x80\x02].").contains("no dict"));
        assert!(refusal(b"no pickle").contains("no pickle"));
        let whole = std::fs::read(golden("python2.pickle")).unwrap();
        let message = parse_pytorch(Path::new("x"), &whole).unwrap_err().to_string();
        assert!(message.contains("no file of torch.save"), "{message}");
        // A shape that does not fit the bytes: 3 x 100 becomes 2 x 100.
        let at = whole.windows(4).position(|bytes| bytes == b"K\x03Kd").unwrap();
        let mut other = whole.clone();
        other[at + 1] = 2;
        assert!(refusal(&other).contains("shape [2, 100] has 300 bytes"));
    }
}
