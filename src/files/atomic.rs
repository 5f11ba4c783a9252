//! Files that are whole or not there.

use std::io::{BufWriter, Write};
use std::path::Path;

use crate::error::{Error, Result};

/// Makes a folder and those above it.
///
/// # Errors
/// [`Error::Io`] names the folder.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(path, e))
}

/// Writes a file under a temporary name, in the same folder, and renames it: it is whole, or as it was before. Of a link,
/// the file that it points to is replaced.
///
/// # Errors
/// [`Error::Io`] names the file; [`Error::File`] where there is no such folder, or something that is no file, which a
/// rename would destroy.
pub fn write_atomic(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if target.exists() && !target.is_file() {
        return Err(Error::file(path, "is a folder or a device; name a file"));
    }
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Error::file(path, format!("there is no folder {}", folder.display())));
    }
    let io = |e| Error::io(path, e);
    let mut aside = like_any_new_file().tempfile_in(folder).map_err(io)?;
    let mut writer = BufWriter::new(&mut aside);
    fill(&mut writer)?;
    writer.flush().map_err(io)?;
    drop(writer);
    aside.as_file().sync_all().map_err(io)?;
    aside.persist(&target).map_err(|e| io(e.error))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(unix)]
    #[test]
    fn written_files_have_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomic(&ours, |_| Ok(())).unwrap();
        std::fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_bytes(&link, b"new").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert!(link.is_symlink());
        let refusal = |path: &Path| write_bytes(path, b"new").unwrap_err().to_string();
        assert!(refusal(folder.path()).contains("name a file"));
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(refusal(&socket).contains("name a file"));
        assert!(refusal(&folder.path().join("none/file")).contains("there is no folder"));
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
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
