//! Folders with one file per clip.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::data::filename::clip_key;
use crate::{Error, Result};

/// A file of one clip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClipFile {
    /// The clip: the file's name without its extension, and without a media extension before that.
    pub clip: String,
    /// The file.
    pub path: PathBuf,
}

/// Returns the clip of a file, by its name; `None` leaves the file out.
pub type ClipOf<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Which files of a folder are read; by default all files directly in it, named after their clips.
#[derive(Clone, Copy, Default)]
pub struct ClipFiles<'a> {
    /// Whether subfolders are searched.
    pub recursive: bool,
    /// The clip of a file; `None`: the one that it is named after.
    pub clip: Option<ClipOf<'a>>,
}

impl ClipFiles<'_> {
    /// The clip of a file, if the file is to be read.
    fn clip_of(&self, file: &str) -> Option<String> {
        let clip = match self.clip {
            Some(clip) => clip(file)?,
            None => file.rsplit_once('.')?.0.to_owned(),
        };
        Some(clip_key(&clip).to_owned())
    }
}

/// Files of a folder with an extension, in any case, sorted by clip. Hidden files and folders are
/// ignored.
///
/// # Errors
/// [`Error::Read`] if a folder cannot be read; [`Error::NoFiles`] or [`Error::NoMatch`] if there is
/// no such file; [`Error::Data`] for a name that is not Unicode; [`Error::DuplicateClip`].
pub(crate) fn list(folder: &Path, ending: &str, files: &ClipFiles<'_>) -> Result<Vec<ClipFile>> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut others = 0;
    for (name, path) in with_ending(folder, ending, files)? {
        let Some(clip) = files.clip_of(&name) else {
            others += 1;
            continue;
        };
        if let Some(first) = found.insert(clip.clone(), path.clone()) {
            // Sorted by name, because the order of a folder is arbitrary.
            let mut both = [first, path];
            both.sort();
            return Err(Error::DuplicateClip {
                clip,
                first: both[0].display().to_string(),
                second: both[1].display().to_string(),
                frames: false,
            });
        }
    }
    if found.is_empty() {
        let path = folder.to_owned();
        return Err(match others {
            0 => Error::NoFiles {
                path,
                expected: format!(
                    ".{ending} files, one per clip{}",
                    if files.recursive {
                        ", in it or its subfolders"
                    } else {
                        ""
                    }
                ),
                found: "none".into(),
                unsearched: !files.recursive,
            },
            files => Error::NoMatch {
                path,
                extension: ending.to_owned(),
                files,
            },
        });
    }
    let found = found.into_iter();
    Ok(found.map(|(clip, path)| ClipFile { clip, path }).collect())
}

/// Whether there is a file with an extension, in any case.
///
/// # Errors
/// As [`list`] for the folder and names.
pub(crate) fn holds(folder: &Path, ending: &str, files: &ClipFiles<'_>) -> Result<bool> {
    Ok(!with_ending(folder, ending, files)?.is_empty())
}

/// Names and paths of all files with an extension.
fn with_ending(
    folder: &Path,
    ending: &str,
    files: &ClipFiles<'_>,
) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    // Canonical paths: links can form cycles.
    let mut seen = HashSet::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(folder) = waiting.pop() {
        let failed = |source| Error::Read {
            path: folder.clone(),
            source,
        };
        if !seen.insert(fs::canonicalize(&folder).map_err(failed)?) {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let is_folder = path.is_dir();
            let fits = |found: &std::ffi::OsStr| found.eq_ignore_ascii_case(ending);
            let wanted = path.extension().is_some_and(fits) && path.is_file();
            if !(wanted || is_folder && files.recursive) {
                continue;
            }
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                let name = path.display();
                return Err(Error::Data(format!(
                    "{name}: its name is not Unicode; rename it"
                )));
            };
            if name.starts_with('.') {
                continue;
            }
            if is_folder {
                waiting.push(path);
            } else {
                found.push((name.to_owned(), path));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_inside_and_a_rule_of_names_choose_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        for name in [
            "a.mov.csv",
            "b_face.CSV",
            "x/c_face.csv",
            ".h/d.csv",
            "n.txt",
        ] {
            put(name);
        }
        let names = |files: &ClipFiles<'_>| -> Result<Vec<String>> {
            let found = list(folder.path(), "csv", files)?;
            Ok(found.into_iter().map(|file| file.clip).collect())
        };
        assert_eq!(names(&ClipFiles::default()).unwrap(), ["a", "b_face"]);
        let recursive = ClipFiles {
            recursive: true,
            clip: None,
        };
        assert_eq!(names(&recursive).unwrap(), ["a", "b_face", "c_face"]);
        let faces = |name: &str| {
            let (clip, _) = name.split_once("_face.")?;
            Some(clip.to_owned())
        };
        let files = ClipFiles {
            recursive: true,
            clip: Some(&faces),
        };
        assert_eq!(names(&files).unwrap(), ["b", "c"]);
        // A cyclic link does not cause an endless loop.
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(folder.path(), folder.path().join("x/back")).unwrap();
            assert_eq!(names(&files).unwrap(), ["b", "c"]);
        }
        put("y/b_face.csv");
        let twice = names(&files).unwrap_err().to_string();
        assert!(twice.contains("both belong to clip \"b\""), "{twice}");
        let none = |_: &str| None;
        let files = ClipFiles {
            recursive: false,
            clip: Some(&none),
        };
        let fault = names(&files).unwrap_err().to_string();
        assert!(fault.contains("none of its 2"), "{fault}");
    }
}
