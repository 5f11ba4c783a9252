//! The folder of a training: one program at a time, one training, and nothing left of one that did not begin.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::output::{FILES, TRAINING, files_in};
use crate::error::{Error, Result};
use crate::files::{check_folder, check_output, create_dir, remove_temporaries};

/// Held as long as a program trains into the folder.
const LOCK: &str = ".lock";

/// The folder of a training, which no other program trains into meanwhile.
pub(super) struct RunFolder {
    path: PathBuf,
    /// The topmost of the folders that were made for it.
    made: Option<PathBuf>,
    lock: Option<File>,
    begun: bool,
}

impl RunFolder {
    /// For a new training. One that is there already is left alone until [`RunFolder::begin`].
    ///
    /// # Errors
    /// [`Error::File`] for a folder that holds a training, unless `overwrite`, or that another program trains into;
    /// [`Error::Io`] for a folder that cannot be written.
    pub(super) fn create(path: &Path, overwrite: bool) -> Result<Self> {
        if !overwrite && let Some(found) = files_in(path).first() {
            let resume = if path.join(TRAINING).exists() { "--resume continues it, " } else { "" };
            let reason = format!(
                "holds a training already ({}): {resume}--overwrite replaces it, or name another folder",
                found.file_name().unwrap_or_default().display()
            );
            return Err(Error::file(path, reason));
        }
        check_folder(path, &[])?;
        let made = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).last();
        let mut folder = Self { path: path.to_owned(), made: made.map(Path::to_owned), lock: None, begun: false };
        create_dir(path)?;
        folder.take()?;
        Ok(folder)
    }

    /// For a training that goes on.
    ///
    /// # Errors
    /// [`Error::File`] for a folder without a training, or that another program trains into.
    pub(super) fn resume(path: &Path) -> Result<Self> {
        if !path.join(TRAINING).is_file() {
            return Err(Error::file(path, format!("holds no training to resume: there is no {TRAINING} in it")));
        }
        let mut folder = Self { path: path.to_owned(), made: None, lock: None, begun: true };
        folder.take()?;
        Ok(folder)
    }

    fn take(&mut self) -> Result<()> {
        let path = self.path.join(LOCK);
        let lock = File::options().create(true).append(true).open(&path).map_err(|e| Error::io(&path, e))?;
        match lock.try_lock() {
            Ok(()) => self.lock = Some(lock),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::file(&self.path, "another program is training into this folder; name another"));
            }
            Err(TryLockError::Error(error)) => return Err(Error::io(&path, error)),
        }
        // Nobody else writes here now.
        remove_temporaries(&self.path);
        FILES.iter().try_for_each(|name| check_output(&self.path.join(name)))
    }

    /// The first step is done: what an earlier training left is removed, and the folder stays.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be removed.
    pub(super) fn begin(&mut self) -> Result<()> {
        if self.begun {
            return Ok(());
        }
        self.begun = true;
        for path in files_in(&self.path) {
            std::fs::remove_file(&path).map_err(|e| Error::io(&path, e))?;
        }
        Ok(())
    }
}

impl Drop for RunFolder {
    /// Removes the lock, and the folders that were made for a training that did not begin. If that fails, they are empty.
    fn drop(&mut self) {
        if self.lock.take().is_some() {
            let _ = std::fs::remove_file(self.path.join(LOCK));
        }
        let Some(made) = self.made.take().filter(|_| !self.begun) else { return };
        let mut path = Some(self.path.as_path());
        while let Some(folder) = path.filter(|folder| folder.starts_with(&made)) {
            let _ = std::fs::remove_dir(folder);
            path = folder.parent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_that_does_not_begin_leaves_nothing() {
        let outside = tempfile::tempdir().unwrap();
        let path = outside.path().join("runs/a");
        drop(RunFolder::create(&path, false).unwrap());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
        let mut folder = RunFolder::create(&path, false).unwrap();
        folder.begin().unwrap();
        drop(folder);
        assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0, "the lock is gone");
    }

    #[test]
    fn one_program_at_a_time() {
        let outside = tempfile::tempdir().unwrap();
        let first = RunFolder::create(outside.path(), false).unwrap();
        let message = RunFolder::create(outside.path(), true).err().unwrap().to_string();
        assert!(message.contains("another program"), "{message}");
        drop(first);
        RunFolder::create(outside.path(), true).unwrap();
    }

    #[test]
    fn an_earlier_training_is_kept_until_the_new_one_has_begun() {
        let outside = tempfile::tempdir().unwrap();
        let best = outside.path().join("best.safetensors");
        std::fs::write(&best, "precious").unwrap();
        let message = RunFolder::create(outside.path(), false).err().unwrap().to_string();
        assert!(message.contains("best.safetensors") && message.contains("--overwrite"), "{message}");
        drop(RunFolder::create(outside.path(), true).unwrap());
        assert!(best.exists());
        RunFolder::create(outside.path(), true).unwrap().begin().unwrap();
        assert!(!best.exists());
        let message = RunFolder::resume(outside.path()).err().unwrap().to_string();
        assert!(message.contains("no training to resume"), "{message}");
    }
}
