//! Atomic writes: files are written to a temporary file in the same folder, synced, then renamed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// The prefix of temporary files; the process ID follows.
const PREFIX: &str = ".blendfuse-";

/// What a file has to outlast.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A loss of power: whoever writes it waits for the disk.
    #[default]
    Lasting,
    /// The process that reads it and removes it.
    Passing,
}

/// Writes a file through `fill`; replaces an existing file only when everything is on disk.
///
/// # Errors
/// [`Error::Write`], with nothing left behind.
pub fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<()> {
    write_as(Durability::Lasting, path, fill)
}

/// As [`write()`]; a passing file is whole too, but need not be on disk.
///
/// # Errors
/// As [`write()`].
pub fn write_as(
    durability: Durability,
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<()> {
    let folder = folder_of(path);
    let attempt = || -> io::Result<()> {
        let temporary = create_in(&folder)?;
        let mut buffered = BufWriter::new(temporary.as_file());
        fault::step()?;
        fill(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        match durability {
            Durability::Lasting => persist(temporary, path, &folder),
            Durability::Passing => temporary.persist(path).map(drop).map_err(|e| e.error),
        }
    };
    attempt().map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

/// A file that is written incrementally: it appears under its name when it is finished, and never if it
/// is dropped before.
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    buffered: BufWriter<NamedTempFile>,
}

impl Unfinished {
    /// Begins a file.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(path: &Path) -> Result<Self> {
        let attempt = || -> io::Result<_> {
            let temporary = create_in(&folder_of(path))?;
            fault::step()?;
            Ok(BufWriter::new(temporary))
        };
        let buffered = attempt().map_err(|source| Error::Write {
            path: path.to_owned(),
            source,
        })?;
        let path = path.to_owned();
        Ok(Self { path, buffered })
    }

    /// Writes on.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(
        &mut self,
        fill: impl FnOnce(&mut BufWriter<NamedTempFile>) -> io::Result<()>,
    ) -> Result<()> {
        fill(&mut self.buffered).map_err(|source| Error::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Gives the file its name, in the place of what stood there, once everything is on disk.
    ///
    /// # Errors
    /// [`Error::Write`], with nothing left behind.
    pub fn finish(self) -> Result<()> {
        let Self { path, buffered } = self;
        let attempt = || -> io::Result<()> {
            let temporary = buffered.into_inner().map_err(|e| e.into_error())?;
            persist(temporary, &path, &folder_of(&path))
        };
        attempt().map_err(|source| Error::Write {
            path: path.clone(),
            source,
        })
    }
}

/// Writes a small file, whole or not at all, without waiting for the disk: for the thousands that a loss
/// of power may take, since they are written again when they are needed.
///
/// # Errors
/// [`Error::Write`].
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<()> {
    let attempt = || -> io::Result<()> {
        let mut temporary = create_in(&folder_of(path))?;
        temporary.write_all(bytes)?;
        temporary.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    attempt().map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn create_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let prefix = format!("{PREFIX}{}-", std::process::id());
    builder.prefix(&prefix);
    // Temporary files are private; a result is as readable as any other new file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    fault::step()?;
    builder.tempfile_in(folder)
}

fn persist(temporary: NamedTempFile, path: &Path, folder: &Path) -> io::Result<()> {
    fault::step()?;
    temporary.as_file().sync_all()?;
    fault::step()?;
    temporary.persist(path).map_err(|e| e.error)?;
    fault::step()?;
    sync_folder(folder)
}

/// Whether a file of this name is one that is being written, or was when its process was killed.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Removes every unfinished file from a folder that no other process works in.
///
/// # Errors
/// [`Error::Write`].
pub fn remove_temporary(folder: &Path) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        if is_temporary(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            std::fs::remove_file(&path).map_err(|source| Error::Write { path, source })?;
        }
    }
    Ok(())
}

/// Removes from a folder what this program left there when it was killed while it wrote: temporary
/// files of processes of this machine that are gone. Does nothing where that cannot be told, or
/// cannot be done.
pub fn remove_leftovers(folder: &Path) {
    let processes = Path::new("/proc");
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    if !processes.join("self").exists() {
        return;
    }
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'))
            .and_then(|(process, _)| process.parse::<u32>().ok());
        if process.is_some_and(|process| !processes.join(process.to_string()).exists()) {
            // One that stays does no harm.
            let _kept = std::fs::remove_file(entry.path());
        }
    }
}

/// Faults for the tests: `BLENDFUSE_FAULT=kill:N` ends the process, as a kill would, at the Nth step
/// of writing, `full:N` fails there as a full disk would. Not in release builds.
#[cfg(debug_assertions)]
mod fault {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};

    static STEPS: AtomicUsize = AtomicUsize::new(1);

    pub(crate) fn step() -> io::Result<()> {
        let Ok(wanted) = std::env::var("BLENDFUSE_FAULT") else {
            return Ok(());
        };
        let step = STEPS.fetch_add(1, Ordering::Relaxed);
        match wanted.split_once(':') {
            Some(("kill", at)) if at == step.to_string() => std::process::abort(),
            Some(("full", at)) if at == step.to_string() => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

#[cfg(not(debug_assertions))]
mod fault {
    pub(crate) fn step() -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, |out| out.write_all(b"old")).unwrap();
        let failed = write(&path, |out| {
            out.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        assert!(
            failed
                .unwrap_err()
                .to_string()
                .ends_with("a.txt: disk full")
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_unfinished_file_appears_at_its_end_or_never() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let begin = || {
            let mut file = Unfinished::create(&path).unwrap();
            file.write(|out| out.write_all(b"one ")).unwrap();
            file.write(|out| out.write_all(b"two")).unwrap();
            file
        };
        drop(begin());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let file = begin();
        assert!(!path.exists());
        file.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"one two");
        let failed = begin().write(|_| Err(io::Error::other("disk full")));
        assert!(
            failed
                .unwrap_err()
                .to_string()
                .ends_with("a.txt: disk full")
        );
    }

    #[cfg(unix)]
    #[test]
    fn results_are_as_readable_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        let ours = folder.path().join("a");
        write(&ours, |out| out.write_all(b"x")).unwrap();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn only_what_a_dead_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let living = format!(".blendfuse-{}-abc", std::process::id());
        // Beyond the largest number that a process can have.
        for name in [".blendfuse-4194999-abc", &living, ".blendfuse-x", "kept"] {
            std::fs::write(folder.path().join(name), b"x").unwrap();
        }
        remove_leftovers(folder.path());
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, [living.as_str(), ".blendfuse-x", "kept"]);
    }

    #[test]
    fn a_folder_that_does_not_exist_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/a.txt");
        let message = write(&path, |_| Ok(())).unwrap_err().to_string();
        assert!(message.contains("no/such/a.txt"), "{message}");
    }
}
