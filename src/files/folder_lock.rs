//! One process at a time in a folder of results. The lock is the system's: a process that dies,
//! however it dies, holds it no longer.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::files::atomic_file::is_temporary;

/// The locked file in the folder. It stays behind, unlocked.
pub const NAME: &str = ".lock";

/// A lock that this very process let go is held on by a child that another thread is just starting, between its
/// fork and its new program: for a moment, which is waited for.
const OWN_TRIES: usize = 50;
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

/// A folder that no other process can take until this is dropped.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes an existing folder, and notes in the locked file which process did.
    ///
    /// # Errors
    /// [`Error::InUse`] with the number of the process that holds it; [`Error::Write`].
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let failed = |source| Error::Write {
            path: path.clone(),
            source,
        };
        let mut options = OpenOptions::new();
        // What a holder wrote must stay readable to those that it keeps out.
        options.create(true).write(true).truncate(false);
        let mut file = options.open(&path).map_err(failed)?;
        let holder = || {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            text.trim().parse().ok()
        };
        let mut tries = 0;
        let locked = loop {
            match file.try_lock() {
                Err(TryLockError::WouldBlock)
                    if tries < OWN_TRIES && holder() == Some(std::process::id()) =>
                {
                    tries += 1;
                    std::thread::sleep(BETWEEN_TRIES);
                }
                locked => break locked,
            }
        };
        match locked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse {
                    path: folder.to_owned(),
                    pid: holder(),
                });
            }
            // Some network file systems have no locks; there the user has to see to it.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Whether a folder holds anything that a process killed at its very start would not have left.
pub fn holds_anything(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    let left = |name: &str| name == NAME || is_temporary(name);
    entries
        .flatten()
        .any(|entry| !left(&entry.file_name().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_with_the_number_of_the_first_until_that_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        // Left by a process that is gone.
        std::fs::write(folder.path().join(NAME), "4194999\n").unwrap();
        let held = FolderLock::take(folder.path()).unwrap();
        let message = FolderLock::take(folder.path()).unwrap_err().to_string();
        let expected = format!(
            "another process (pid {}) is using this folder",
            std::process::id()
        );
        assert!(message.contains(&expected), "{message}");
        drop(held);
        FolderLock::take(folder.path()).unwrap();
        assert!(!holds_anything(folder.path()));
        std::fs::write(folder.path().join("mine"), "x").unwrap();
        assert!(holds_anything(folder.path()));
    }
}
