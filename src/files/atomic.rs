//! Files that are whole or not there.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Error, Result};

/// Makes a folder and those above it.
///
/// # Errors
/// [`Error::Io`] names the folder.
pub fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(|e| Error::io(path, e))
}

/// Where output to a path goes.
enum Target {
    /// A file, or what is to become one; links are followed.
    File(PathBuf),
    /// A device or a pipe, which is written straight, since a rename would destroy it.
    Special,
}

/// How temporary files begin and end, so that those of a killed program are known.
const PREFIX: &str = ".sdnet-";
const SUFFIX: &str = ".part";

/// Age from which a temporary file is taken for one of a program that was killed.
const STALE: Duration = Duration::from_secs(600);

/// Links in a row before they are taken for a circle.
const MOST_LINKS: usize = 40;

fn target(path: &Path) -> Result<Target> {
    // Also where no name leads there, as with /dev/stdout.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_dir() && !found.is_file()) {
        return Ok(Target::Special);
    }
    let mut target = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = std::fs::read_link(&target) else { break };
        target = folder_of(&target).join(next);
    }
    match std::fs::metadata(&target) {
        _ if target.is_symlink() => Err(Error::file(path, "is a link that leads nowhere but to itself; remove it")),
        Ok(found) if found.is_dir() => Err(Error::file(path, "is a folder; name a file")),
        Ok(found) if found.permissions().readonly() => Err(Error::file(path, "is read-only; name another file")),
        _ if !folder_of(&target).is_dir() => {
            Err(Error::file(path, format!("there is no folder {}", folder_of(&target).display())))
        }
        _ => Ok(Target::File(target)),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Finds out whether a file can be written, before the work whose result it is to hold, and removes what killed programs have
/// left beside it. Leaves nothing behind.
///
/// # Errors
/// As [`write_atomic`].
pub fn check_output(path: &Path) -> Result<()> {
    let Target::File(target) = target(path)? else { return Ok(()) };
    remove_left_over(folder_of(&target), STALE);
    like_any_new_file().tempfile_in(folder_of(&target)).map(drop).map_err(|e| Error::io(path, e))
}

/// [`check_output`] for a kind of file, by the endings of its names: a file of another kind that is there is not replaced.
///
/// # Errors
/// As [`check_output`]; [`Error::File`] for a file that is there and whose name has another ending.
pub fn check_output_of(path: &Path, endings: &[&str]) -> Result<()> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if !endings.contains(&&*ending) && (path.is_file() || !ending.is_empty()) {
        let wanted = endings.iter().filter(|e| !e.is_empty()).map(|e| format!(".{e}")).collect::<Vec<_>>().join(" or ");
        let reason = match path.is_file() {
            true => format!(
                "is there already and not named like a {wanted} file: it would be lost; name another, or remove it"
            ),
            false => format!("is not named like the {wanted} file that it would be; let its name end so"),
        };
        return Err(Error::file(path, reason));
    }
    check_output(path)
}

/// Finds out whether files of these names can be written into a folder, which need not exist yet, before the work whose results
/// they are to hold. Leaves nothing behind.
///
/// # Errors
/// [`Error::File`] where something on the way is no folder; [`Error::Io`] where the system does not allow it; those of
/// [`check_output`] for files that are there.
pub fn check_folder(path: &Path, names: &[&str]) -> Result<()> {
    let there = path.ancestors().find(|p| p.as_os_str().is_empty() || p.exists()).unwrap_or(path);
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    if !there.is_dir() {
        return Err(Error::file(there, "is no folder; name another"));
    }
    remove_left_over(there, STALE);
    like_any_new_file().tempfile_in(there).map(drop).map_err(|e| Error::io(there, e))?;
    names.iter().map(|name| path.join(name)).filter(|file| file.exists()).try_for_each(|file| check_output(&file))
}

/// Removes the temporary files of killed programs from a folder that no other program writes into: of any age. That some cannot be
/// removed is no reason to stop.
#[cfg(feature = "cli")]
pub(crate) fn remove_temporaries(folder: &Path) {
    remove_left_over(folder, Duration::ZERO);
}

/// Removes temporary files that were not written to for so long.
fn remove_left_over(folder: &Path, unchanged: Duration) {
    let is_left_over = |entry: &std::fs::DirEntry| {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        ours && age().unwrap_or_default() >= unchanged
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten().filter(is_left_over) {
        let _ = std::fs::remove_file(entry.path());
    }
}

/// Writes a file under a temporary name, in the same folder, and renames it: it is whole, or as it was before, and keeps its
/// permissions. Of a link, the file that it points to is replaced. Devices and pipes are written straight.
///
/// # Errors
/// [`Error::Io`] names the file; [`Error::File`] for a folder, a read-only file, or a file in a folder that there is not.
pub fn write_atomic(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let io = |e| Error::io(path, e);
    let target = match target(path)? {
        Target::File(target) => target,
        Target::Special => {
            let mut writer = BufWriter::new(OpenOptions::new().write(true).open(path).map_err(io)?);
            fill(&mut writer)?;
            return writer.flush().map_err(io);
        }
    };
    let mut aside = like_any_new_file().tempfile_in(folder_of(&target)).map_err(io)?;
    if let Ok(before) = std::fs::metadata(&target) {
        aside.as_file().set_permissions(before.permissions()).map_err(io)?;
    }
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
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_checked_before_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("a/b");
        check_folder(&new, &["x.csv"]).unwrap();
        assert!(!new.exists() && !folder.path().join("a").exists());
        std::fs::write(folder.path().join("a"), "").unwrap();
        let message = check_folder(&new, &[]).unwrap_err().to_string();
        assert!(message.contains("a: is no folder"), "{message}");
        std::fs::create_dir(folder.path().join("x.csv")).unwrap();
        let message = check_folder(folder.path(), &["x.csv"]).unwrap_err().to_string();
        assert!(message.contains("x.csv: is a folder"), "{message}");
    }
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
        let dangling = folder.path().join("dangling");
        std::os::unix::fs::symlink("later", &dangling).unwrap();
        write_bytes(&dangling, b"new").unwrap();
        assert!(dangling.is_symlink() && folder.path().join("later").is_file());
        let circle = folder.path().join("circle");
        std::os::unix::fs::symlink("circle", &circle).unwrap();
        write_bytes(&circle, b"new").unwrap_err();
        assert!(circle.is_symlink());
        assert!(refusal(&folder.path().join("none/file")).contains("there is no folder"));
    }

    #[cfg(unix)]
    #[test]
    fn private_files_stay_private_and_read_only_ones_as_they_are() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, "old").unwrap();
        let mode = |mode| std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        mode(0o600);
        write_bytes(&path, b"new").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        mode(0o400);
        for refused in [check_output(&path), write_bytes(&path, b"newer")] {
            assert!(refused.unwrap_err().to_string().contains("read-only"));
        }
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_stay_devices() {
        use std::os::unix::fs::FileTypeExt;
        let null = Path::new("/dev/null");
        check_output(null).unwrap();
        write_bytes(null, b"gone").unwrap();
        assert!(std::fs::metadata(null).unwrap().file_type().is_char_device());
        assert!(matches!(write_bytes(Path::new("/dev/full"), b"more"), Err(Error::Io { .. })));
    }

    #[test]
    fn what_a_killed_program_left_is_removed_once_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let (old, young) = (folder.path().join(".sdnet-a.part"), folder.path().join(".sdnet-b.part"));
        for path in [&old, &young] {
            std::fs::write(path, "half").unwrap();
        }
        let long_ago = std::time::SystemTime::now() - 2 * STALE;
        std::fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
        check_output(&folder.path().join("out")).unwrap();
        assert!(!old.exists() && young.exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the check itself leaves nothing");
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
