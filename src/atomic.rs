//! Files that appear whole or not at all: written beside their place, synced, then renamed.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Writes a file through `fill`; replaces what stood there only once everything is on disk.
///
/// # Errors
/// [`Error::Write`], with nothing left behind.
pub fn write(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<()> {
    replace(path, |temporary| {
        let mut buffered = BufWriter::new(temporary.as_file());
        fill(&mut buffered)?;
        buffered.flush()
    })
}

/// As [`write()`], for a writer that wants a path.
///
/// # Errors
/// [`Error::Write`], with nothing left behind.
pub fn write_path(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    replace(path, |temporary| fill(temporary.path()))
}

fn replace(
    path: &Path,
    fill: impl FnOnce(&tempfile::NamedTempFile) -> io::Result<()>,
) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let attempt = || -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".blendfuse-");
        // Temporary files are private; a result is as readable as any other new file.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let temporary = builder.tempfile_in(&folder)?;
        let permissions = temporary.as_file().metadata()?.permissions();
        fill(&temporary)?;
        // The writer may have replaced the file under this name: look at what stands there now.
        std::fs::set_permissions(temporary.path(), permissions)?;
        File::open(temporary.path())?.sync_all()?;
        temporary.persist(path).map_err(|e| e.error)?;
        sync_folder(&folder)
    };
    attempt().map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
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

    #[cfg(unix)]
    #[test]
    fn results_are_as_readable_as_any_new_file_however_they_are_written() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, b"x").unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        let (by_file, by_path) = (folder.path().join("a"), folder.path().join("b"));
        write(&by_file, |out| out.write_all(b"x")).unwrap();
        write_path(&by_path, |path| {
            // As a writer does that makes a private file of its own and moves it here.
            let other = path.with_extension("other");
            std::fs::write(&other, b"x")?;
            std::fs::set_permissions(&other, std::fs::Permissions::from_mode(0o600))?;
            std::fs::rename(other, path)
        })
        .unwrap();
        assert_eq!(mode(&by_file), mode(&plain));
        assert_eq!(mode(&by_path), mode(&plain));
    }

    #[test]
    fn a_folder_that_does_not_exist_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/such/a.txt");
        let message = write(&path, |_| Ok(())).unwrap_err().to_string();
        assert!(message.contains("no/such/a.txt"), "{message}");
    }
}
