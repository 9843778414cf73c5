//! The files of a folder that hold one clip each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::filename::clip_key;
use crate::{Error, Result};

/// A file of one clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClipFile {
    /// The clip: the file's name without its ending, and without a media extension before it.
    pub clip: String,
    /// The file.
    pub path: PathBuf,
}

/// Files of a folder (not of those in it) with an ending, in any case, by the names of their clips.
/// Hidden files are left out.
///
/// # Errors
/// [`Error::Read`] if the folder cannot be read; [`Error::Data`] if it holds no such file, a name
/// that is not Unicode, or two files of one clip.
pub(super) fn list(folder: &Path, ending: &str) -> Result<Vec<ClipFile>> {
    let failed = |source| Error::Read {
        path: folder.to_path_buf(),
        source,
    };
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if !fits(&path, ending) {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let Some(stem) = stem else {
            let name = path.display();
            return Err(Error::Data(format!(
                "{name}: its name is not Unicode; rename it"
            )));
        };
        if stem.starts_with('.') {
            continue;
        }
        let clip = clip_key(stem).to_owned();
        if let Some(first) = files.insert(clip.clone(), path.clone()) {
            // In the order of names, not of the folder.
            let mut both = [first, path];
            both.sort();
            return Err(Error::Data(format!(
                "{} and {} are both of the clip {clip:?}; keep one",
                both[0].display(),
                both[1].display()
            )));
        }
    }
    if files.is_empty() {
        let folder = folder.display();
        return Err(Error::Data(format!(
            "{folder}: expected files that end in .{ending}, one a clip; found none"
        )));
    }
    let files = files.into_iter();
    Ok(files.map(|(clip, path)| ClipFile { clip, path }).collect())
}

/// Whether a folder has a file with an ending, in any case.
///
/// # Errors
/// [`Error::Read`] if the folder cannot be read.
pub(super) fn holds(folder: &Path, ending: &str) -> Result<bool> {
    let failed = |source| Error::Read {
        path: folder.to_path_buf(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        if fits(&entry.map_err(failed)?.path(), ending) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn fits(path: &Path, ending: &str) -> bool {
    let same = |found: &std::ffi::OsStr| found.eq_ignore_ascii_case(ending);
    path.extension().is_some_and(same) && path.is_file()
}
