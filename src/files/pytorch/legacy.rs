//! Files of `torch.save` before PyTorch 1.6, and with `_use_new_zipfile_serialization=False`: five pickles in a row (a magic number,
//! a version, the system's properties, the object, the keys of its storages), then the storages in the order of these keys, each
//! behind its number of elements.

use std::collections::HashMap;

use super::class::Admitted;
use super::pickle::{self, Objects, Value};
use super::storage::Storages;

/// The first pickle: protocol 2, the number 0x1950a86a20f9469cfc6c, the end.
const MAGIC: [u8; 15] = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, b'.'];

pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

pub(super) fn parse(bytes: &[u8]) -> Result<(Objects, Value, Storages<'_>), String> {
    let mut objects = Objects::default();
    let mut rest = &bytes[MAGIC.len()..];
    let mut next = |objects: &mut Objects| {
        let (value, length) = pickle::run(rest, Admitted::Tensors, objects)?;
        rest = &rest[length..];
        Ok::<_, String>(value)
    };
    next(&mut objects)?;
    let system = next(&mut objects)?;
    let top = next(&mut objects)?;
    let keys = next(&mut objects)?;
    let entries = objects.dict(&system).unwrap_or_default();
    let big_endian = matches!(objects.get(entries, "little_endian"), Some(Value::Bool(false)));
    let elements: HashMap<_, _> = objects.storages.iter().map(|(key, element, _)| (key.clone(), *element)).collect();
    let mut found = HashMap::new();
    for key in objects.list(&keys).ok_or("is damaged: it does not list its storages")? {
        let Value::Text(key) = key else { return Err("is damaged: it lists a storage without a name".into()) };
        let element = *elements.get(key).ok_or_else(|| format!("is damaged: nothing says what storage {key} holds"))?;
        let short = || format!("is cut short within storage {key}");
        let (count, behind) = rest.split_first_chunk::<8>().ok_or_else(short)?;
        let count = if big_endian { u64::from_be_bytes(*count) } else { u64::from_le_bytes(*count) };
        let size = usize::try_from(count).ok().and_then(|count| count.checked_mul(element.bytes()));
        let (storage, behind) = size.and_then(|size| behind.split_at_checked(size)).ok_or_else(short)?;
        rest = behind;
        found.insert(key.clone(), storage);
    }
    let storage = |(key, element, _): &(std::rc::Rc<str>, _, usize)| {
        found.get(key).map(|bytes| (*element, *bytes)).ok_or_else(|| format!("lacks storage {key}"))
    };
    let all = objects.storages.iter().map(storage).collect::<Result<_, _>>()?;
    Ok((objects, top, Storages { all, big_endian }))
}
