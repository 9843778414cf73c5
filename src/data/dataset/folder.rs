//! Required files of a data folder, and its feature files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::data::metadata::Metadata;
use crate::encoders::Modality;
use crate::error::{Error, NeededBy, Result};
use crate::suggest::path_instead;

/// Checks that a path is a data folder: that it exists and has training metadata.
pub(in crate::data) fn check_data_folder(path: &Path) -> Result<()> {
    let holds = |folder: &Path| folder.join("train_metadata.csv").is_file();
    let found = if !path.exists() {
        format!("no such folder{}", path_instead(path))
    } else if !path.is_dir() {
        "it is not a folder".into()
    } else if !holds(path) {
        // The path may be inside a data folder, or its parent.
        let around = path.ancestors().skip(1).find(|folder| holds(folder));
        match around
            .map(Path::to_path_buf)
            .or_else(|| inside(path, holds))
        {
            Some(meant) => format!("it has none; did you mean {}?", meant.display()),
            None => "it has none".into(),
        }
    } else {
        return Ok(());
    };
    Err(Error::Missing {
        path: path.to_owned(),
        expected: "a data folder with train_metadata.csv and features/train/NAME.npz".into(),
        found,
    })
}

/// The only subfolder that is a data folder.
fn inside(path: &Path, holds: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let entries = std::fs::read_dir(path).ok()?.flatten();
    let mut folders = entries.map(|entry| entry.path()).filter(|path| holds(path));
    let first = folders.next()?;
    folders.next().is_none().then_some(first)
}

/// Names of the `.npz` files of a folder, without the extension.
pub(in crate::data) fn feature_files(folder: &Path) -> Result<Vec<String>> {
    let expected = |found: &str| Error::Missing {
        path: folder.to_owned(),
        expected: "a folder with one NAME.npz per encoder".into(),
        found: found.to_owned(),
    };
    if !folder.is_dir() {
        return Err(expected("no such folder"));
    }
    let failed = |source| Error::Read {
        path: folder.to_path_buf(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        // Hidden files are leftovers of copying and of interrupted writing.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        if let Some(stem) = name.strip_suffix(".npz") {
            names.push(stem.to_string());
        }
    }
    if names.is_empty() {
        return Err(expected("it contains none"));
    }
    // The order of directory entries is arbitrary.
    names.sort();
    Ok(names)
}

pub(super) fn select(
    names: Vec<(String, Modality)>,
    subset: Option<&[String]>,
    folder: &Path,
) -> Result<Vec<(String, Modality)>> {
    let Some(subset) = subset else {
        return Ok(names);
    };
    let known = |wanted: &String| names.iter().any(|(name, _)| name == wanted);
    let fault = |reason| {
        Err(Error::Config {
            field: "data.encoders".into(),
            reason,
        })
    };
    if subset.is_empty() {
        return fault("is empty; expected at least one encoder".into());
    }
    if let Some(unknown) = subset.iter().find(|wanted| !known(wanted)) {
        return Err(Error::UnknownEncoder {
            owner: format!("configuration: data.encoders: {}", folder.display()),
            name: unknown.clone(),
            known: names.into_iter().map(|(name, _)| name).collect(),
        });
    }
    Ok(names
        .into_iter()
        .filter(|(name, _)| subset.contains(name))
        .collect())
}

/// Refuses a test split without an encoder of the training split: it would be missing for every clip.
pub(super) fn check_test_files(files: &[PathBuf], test: &Metadata) -> Result<()> {
    match files.iter().find(|file| !file.is_file()) {
        None => Ok(()),
        Some(missing) => Err(missing_features(missing, &test.path, test.clips.len())),
    }
}

/// The error for an encoder that a test split lacks; `table` lists its clips.
pub(in crate::data) fn missing_features(file: &Path, table: &Path, clips: usize) -> Error {
    let encoder = file.file_stem().unwrap_or_default();
    Error::MissingFeatures {
        path: file.to_owned(),
        encoder: encoder.to_string_lossy().into_owned(),
        needed_by: NeededBy::TestSplit {
            table: table.to_owned(),
            clips,
        },
    }
}

/// Refuses encoders that only the test split has: they would be ignored. `files` are the test files of
/// all encoders of the training split.
pub(in crate::data) fn check_untrained(files: &[PathBuf]) -> Result<()> {
    let Some(folder) = files.first().and_then(|file| file.parent()) else {
        return Ok(());
    };
    let known: HashSet<&PathBuf> = files.iter().collect();
    let mut names = feature_files(folder)?;
    names.sort();
    let file = |name: String| folder.join(format!("{name}.npz"));
    match names
        .into_iter()
        .map(file)
        .find(|file| !known.contains(file))
    {
        None => Ok(()),
        Some(extra) => Err(Error::Data(format!(
            "{}: the training split has no such encoder; add the file of the same name to features/train, or remove this one",
            extra.display()
        ))),
    }
}
