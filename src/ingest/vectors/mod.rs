//! Features that are one vector a clip already, such as openSMILE's functionals: no aggregation.
//!
//! A table has one row a clip; a folder one file a clip, either `.npy` with one vector `(D)` or
//! `(1, D)`, or `.csv` with one row below its header.

mod folder;
mod table;

use std::path::Path;

use super::aggregate::BadClip;
use super::clip_files::Files;
use super::encoder_file::EncoderRows;
use crate::Result;

/// How to read vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The column with the clips' names; otherwise the first of [`NAME_COLUMNS`] that is there.
    pub name_column: Option<String>,
    /// Columns to leave out, beside [`NO_FEATURES`].
    pub drop: Vec<String>,
}

/// Columns that name the clip, in the order in which they are looked for.
pub const NAME_COLUMNS: [&str; 6] = ["filename", "file", "clip", "name", "video", "audio"];

/// Columns that are never features: openSMILE's times, metadata, and columns without a name.
pub const NO_FEATURES: [&str; 12] = [
    "",
    "frameTime",
    "frameIndex",
    "start",
    "end",
    "class",
    "fold",
    "actor",
    "split",
    "filename",
    "file",
    "name",
];

/// Vectors that were read.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    /// One row a clip.
    pub rows: EncoderRows,
    /// Names of the columns, where the files have names.
    pub columns: Option<Vec<String>>,
    /// What could not be used; reasons name their place.
    pub bad: Vec<BadClip>,
}

/// Reads a table, or of a folder these files.
///
/// # Errors
/// [`crate::Error::Read`] if it cannot be opened; [`crate::Error::Csv`] or [`crate::Error::Data`]
/// if it is malformed, names no clips, or names one twice. Single rows and files that cannot be
/// used (text, NaN, another width than most) are reported in [`Vectors::bad`].
pub fn read(path: &Path, files: &Files<'_>, options: &Options) -> Result<Vectors> {
    if path.is_dir() {
        folder::read(path, files, options)
    } else {
        table::read(path, options)
    }
}

/// A clip's name as tools write it: quoted, or with the folders before it.
fn clip_name(text: &str) -> &str {
    let bare = text.trim_matches(['\'', '"']);
    let name = bare.rsplit(['/', '\\']).next().unwrap_or(bare);
    crate::data::filename::clip_key(name)
}

#[cfg(test)]
mod tests;
