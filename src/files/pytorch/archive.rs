//! Files of `torch.save` since PyTorch 1.6: zip archives of `NAME/data.pkl` and `NAME/data/KEY` for each storage, uncompressed.

use std::io::Cursor;

use zip::{CompressionMethod, ZipArchive};

use super::class::Admitted;
use super::pickle::{self, Objects, Value};
use super::storage::Storages;

pub(super) fn begins(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

pub(super) fn parse(bytes: &[u8]) -> Result<(Objects, Value, Storages<'_>), String> {
    let damaged = |e: zip::result::ZipError| format!("is cut short or damaged ({e})");
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let names = archive.file_names().filter_map(Result::ok);
    let prefix = names.into_iter().find_map(|name| name.strip_suffix("data.pkl").map(str::to_owned));
    let prefix = prefix.ok_or("is a zip archive without a data.pkl, and so no file of torch.save")?;
    let mut entry = |name: &str| -> Result<&[u8], String> {
        let name = format!("{prefix}{name}");
        let mut file = archive.by_name(&name).map_err(|e| format!("lacks {name} ({e})"))?;
        if file.compression() != CompressionMethod::Stored {
            return Err(format!("holds {name} compressed, as torch.save does not"));
        }
        let start = file.data_start().and_then(|start| usize::try_from(start).ok()).ok_or("is damaged")?;
        let end = usize::try_from(file.size()).ok().and_then(|size| start.checked_add(size));
        let content = end.and_then(|end| bytes.get(start..end)).ok_or_else(|| format!("is cut short within {name}"))?;
        // Reading it to the end compares checksums; PyTorch can be told to write none.
        if file.crc32() != 0 {
            std::io::copy(&mut file, &mut std::io::sink()).map_err(|e| format!("is damaged within {name} ({e})"))?;
        }
        Ok(content)
    };
    let mut objects = Objects::default();
    let (top, _) = pickle::run(entry("data.pkl")?, Admitted::Tensors, &mut objects)?;
    let big_endian = entry("byteorder").is_ok_and(|order| order == b"big");
    let mut all = Vec::new();
    for (key, element, count) in &objects.storages {
        let bytes = entry(&format!("data/{key}"))?;
        if count.checked_mul(element.bytes()) != Some(bytes.len()) {
            return Err(format!("has {} bytes for the {count} elements of storage {key}", bytes.len()));
        }
        all.push((*element, bytes));
    }
    Ok((objects, top, Storages { all, big_endian }))
}
