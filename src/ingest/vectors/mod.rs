//! Features that are already one vector per clip, such as openSMILE functionals: no aggregation.
//!
//! A table has one row per clip; a folder has one file per clip, either `.npy` with one vector `(D)` or
//! `(1, D)`, or `.csv` with one row after its header.

mod columns;
mod folder;
mod table;

use std::path::Path;

use super::aggregate::BadClip;
use super::clip_files::ClipFiles;
use super::encoder_file::EncoderRows;
use crate::Result;
use crate::data::provenance::Provenance;

/// How to read vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VectorOptions {
    /// The column with the clip names; by default the first of [`NAME_COLUMNS`] that exists.
    pub name_column: Option<String>,
    /// Columns to leave out, in addition to those whose names say that they are no features, such as
    /// labels, speakers and row numbers.
    pub drop: Vec<String>,
    /// Columns that are features although their names say otherwise.
    pub keep: Vec<String>,
}

/// Columns that can contain the clip names, in order of priority; then the first column, if it has no name and
/// holds text.
pub const NAME_COLUMNS: [&str; 6] = ["filename", "file", "clip", "name", "video", "audio"];

/// Vectors that were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// One row per clip.
    pub rows: EncoderRows,
    /// Names of the columns, if the files have them.
    pub columns: Option<Vec<String>>,
    /// Names of the columns that were left out because they are plainly no features.
    pub left_out: Vec<String>,
    /// Unusable rows and files; the reasons give their position.
    pub bad: Vec<BadClip>,
}

/// Reads a table, or the selected files of a folder.
///
/// # Errors
/// [`crate::Error::Read`] if it cannot be opened; [`crate::Error::Csv`] or [`crate::Error::Data`]
/// if it is malformed, has no clip names, or names a clip twice. Single unusable rows and files (text,
/// NaN, another width than most) are reported in [`Vectors::bad`].
pub fn read(path: &Path, files: &ClipFiles<'_>, options: &VectorOptions) -> Result<Vectors> {
    let found = if path.is_dir() {
        folder::read(path, files, options)?
    } else {
        table::read(path, options)?
    };
    let made = Provenance::of_command("vectors", serde_json::Map::new(), &[]);
    Ok(Vectors {
        rows: found.rows.with_provenance(made),
        ..found
    })
}

/// A clip name without the quotes and folders that some programs write, and without the `b'…'` of bytes
/// that Python turned into text.
fn clip_name(text: &str) -> &str {
    let bytes = ["b'", "b\""].into_iter().find_map(|start| {
        let end = &start[1..];
        text.strip_prefix(start)?.strip_suffix(end)
    });
    let bare = bytes.unwrap_or(text).trim_matches(['\'', '"']);
    let name = bare.rsplit(['/', '\\']).next().unwrap_or(bare);
    crate::data::filename::clip_key(name)
}

#[cfg(test)]
mod tests;
