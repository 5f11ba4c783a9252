//! Named tensors in the safetensors format.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Error, Result};

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
    parse_safetensors(path, &std::fs::read(path).map_err(|e| Error::io(path, e))?)
}

/// [`read_safetensors`] from the bytes of a file; `path` is what errors call it.
///
/// # Errors
/// [`Error::File`] for bytes that are cut short or something else.
pub fn parse_safetensors(path: &Path, bytes: &[u8]) -> Result<TensorFile> {
    if bytes.starts_with(b"PK") || bytes.starts_with(b"\x80\x02") {
        let reason = "is a PyTorch file (a zip archive or a pickle), not a safetensors file: in PyTorch, save the state_dict \
                      with safetensors.torch.save_file";
        return Err(Error::file(path, reason));
    }
    let bad = |e: safetensors::SafeTensorError| {
        Error::file(path, format!("is cut short or not a safetensors file ({e}); fetch or train it again"))
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(bad)?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(bytes).map_err(bad)?;
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
#[cfg(feature = "files")]
const METADATA: &str = "__metadata__";

/// Writes a safetensors file, sorted by name; equal content gives equal bytes.
///
/// The header is put together here because the `safetensors` crate writes metadata in the random order of a `HashMap`.
///
/// # Errors
/// [`Error::Shape`] where a shape does not have as many elements as there are values, [`Error::Weights`] for a tensor
/// named `__metadata__`, [`Error::Io`].
#[cfg(feature = "files")]
pub fn write_safetensors(path: &Path, file: &TensorFile) -> Result<()> {
    let header = safetensors_header(path, file)?;
    super::write_atomic(path, |out| {
        let mut write = |bytes: &[u8]| out.write_all(bytes).map_err(|e| Error::io(path, e));
        write(&(header.len() as u64).to_le_bytes())?;
        write(&header)?;
        file.tensors.values().try_for_each(|(_, values)| write(bytemuck::cast_slice(values)))
    })
}

/// The JSON header, padded with spaces so that the data begin at a multiple of 8 bytes.
#[cfg(feature = "files")]
fn safetensors_header(path: &Path, file: &TensorFile) -> Result<Vec<u8>> {
    let bad = |e: serde_json::Error| Error::file(path, format!("its header cannot be written: {e}"));
    let mut header = BTreeMap::new();
    let mut start = 0;
    for (name, (shape, values)) in &file.tensors {
        check_count("write_safetensors", shape, values)?;
        let end = start + size_of_val(&values[..]);
        let info =
            safetensors::tensor::TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets: (start, end) };
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

#[cfg(feature = "files")]
pub(super) fn check_count(op: &'static str, shape: &[usize], values: &[f32]) -> Result<()> {
    if shape.iter().try_fold(1usize, |size, &d| size.checked_mul(d)) == Some(values.len()) {
        return Ok(());
    }
    Err(Error::shape(op, "the shape must have as many elements as there are values", &[shape, &[values.len()]]))
}

#[cfg(all(test, feature = "files"))]
mod tests {
    use super::*;
    use crate::files::write_npy;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
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
}
