//! The elements of tensors.

use half::{bf16, f16};

/// The type of a storage's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::files) enum Element {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl Element {
    /// Of a class such as `torch.FloatStorage`.
    pub(super) fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "DoubleStorage" => Self::F64,
            "FloatStorage" => Self::F32,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::Bf16,
            "LongStorage" => Self::I64,
            "IntStorage" => Self::I32,
            "ShortStorage" => Self::I16,
            "CharStorage" => Self::I8,
            "ByteStorage" => Self::U8,
            "BoolStorage" => Self::Bool,
            _ => return None,
        })
    }

    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// An element from its bytes, little-endian, of which there are enough.
    fn value(self, bytes: &[u8]) -> f32 {
        fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
            bytes.first_chunk().copied().unwrap_or([0; N])
        }
        match self {
            Self::F64 => f64::from_le_bytes(first(bytes)) as f32,
            Self::F32 => f32::from_le_bytes(first(bytes)),
            Self::F16 => f16::from_le_bytes(first(bytes)).to_f32(),
            Self::Bf16 => bf16::from_le_bytes(first(bytes)).to_f32(),
            Self::I64 => i64::from_le_bytes(first(bytes)) as f32,
            Self::I32 => i32::from_le_bytes(first(bytes)) as f32,
            Self::I16 => i16::from_le_bytes(first(bytes)).into(),
            Self::I8 => i8::from_le_bytes(first(bytes)).into(),
            Self::U8 | Self::Bool => bytes.first().copied().unwrap_or(0).into(),
        }
    }
}

/// A view of a storage.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    /// Its place among the storages.
    pub(super) storage: usize,
    /// The first element.
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    /// Elements from one to the next, along each dimension.
    pub(super) strides: Vec<usize>,
}

impl Tensor {
    /// Number of elements; as good as infinite where that overflows.
    pub(super) fn len(&self) -> usize {
        self.shape.iter().fold(1, |len: usize, size| len.saturating_mul(*size)).min(usize::MAX / 8)
    }
}

/// The bytes of every storage, in the order of the pickle's.
pub(super) struct Storages<'a> {
    pub(super) all: Vec<(Element, &'a [u8])>,
    pub(super) big_endian: bool,
}

impl Storages<'_> {
    /// The elements of a tensor in C order.
    pub(super) fn values(&self, tensor: &Tensor) -> Result<Vec<f32>, String> {
        let Tensor { storage, offset, shape, strides } = tensor;
        let (element, bytes) = self.all.get(*storage).ok_or("has no storage")?;
        if shape.len() != strides.len() {
            return Err(format!("has shape {shape:?} and strides {strides:?}"));
        }
        let (size, count) = (element.bytes(), bytes.len() / element.bytes());
        if tensor.len() == 0 {
            return Ok(Vec::new());
        }
        let last = shape
            .iter()
            .zip(strides)
            .try_fold(*offset, |at, (size, stride)| at.checked_add((size - 1).checked_mul(*stride)?));
        if tensor.len() > count || last.is_none_or(|last| last >= count) {
            return Err(format!("of shape {shape:?} reaches beyond its storage of {count} elements"));
        }
        let mut values = Vec::with_capacity(tensor.len());
        let mut index = vec![0; shape.len()];
        let mut at = *offset;
        for _ in 0..tensor.len() {
            values.push(self.element(*element, &bytes[at * size..][..size]));
            // The next index, the last dimension first.
            for dimension in (0..shape.len()).rev() {
                index[dimension] += 1;
                at += strides[dimension];
                if index[dimension] < shape[dimension] {
                    break;
                }
                at -= strides[dimension] * shape[dimension];
                index[dimension] = 0;
            }
        }
        Ok(values)
    }

    fn element(&self, element: Element, bytes: &[u8]) -> f32 {
        if !self.big_endian {
            return element.value(bytes);
        }
        let mut reversed = [0; 8];
        let reversed = &mut reversed[..bytes.len()];
        reversed.copy_from_slice(bytes);
        reversed.reverse();
        element.value(reversed)
    }
}
