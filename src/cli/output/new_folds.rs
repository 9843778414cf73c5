//! What is said of folds that were made, and their file.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::numbers::counted;
use crate::data::dataset::Dataset;
use crate::data::folds::folds;
use crate::data::metadata::{by_clip, write_with_folds};
use crate::error::Result;

/// The metadata with the folds, in the folder of a run or plan.
const FILE: &str = "train_metadata_with_folds.csv";

/// Writes the folds into a folder, if any were made; gives the path.
///
/// # Errors
/// As [`write_with_folds`].
pub fn write(dataset: &Dataset, folder: &Path) -> Result<Option<PathBuf>> {
    if dataset.new_folds.is_none() {
        return Ok(None);
    }
    let path = folder.join(FILE);
    write_with_folds(dataset.train.metadata_path(), &dataset.train.clips, &path)?;
    Ok(Some(path))
}

/// Which folds, by which actors, and where they are.
pub fn text(dataset: &Dataset, path: &Path) -> String {
    let made = match by_clip(&dataset.train.clips) {
        true => "clip by clip".to_owned(),
        false => format!("by actor, actors {}", dataset.train.actors),
    };
    format!(
        "{} made {made}: {}",
        counted(folds(&dataset.train).len(), "fold"),
        path.display()
    )
}

/// The same for programs; `None` where the folds are those of the metadata.
pub fn json(dataset: &Dataset, folder: &Path) -> Option<Value> {
    let new = dataset.new_folds?;
    Some(json!({
        "folds": new.count,
        "seed": new.seed,
        "by": if by_clip(&dataset.train.clips) { "clip" } else { "actor" },
        "actors": dataset.train.actors.to_string(),
        "warnings": dataset.notes(),
        "file": folder.join(FILE),
    }))
}
