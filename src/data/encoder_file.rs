//! The feature file of one encoder, made from rows in memory: whole, or for each part of the data.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::filename::clip_key;
use super::npz_write::{self, Precision};
use super::table::Table;
use crate::{Error, Result};

/// Rows of one encoder with the names of their clips.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderRows {
    cols: usize,
    names: Vec<String>,
    values: Vec<f32>,
}

impl EncoderRows {
    /// None yet, of so many columns.
    pub fn new(cols: usize) -> Self {
        Self {
            cols,
            names: Vec::new(),
            values: Vec::new(),
        }
    }

    /// One more.
    ///
    /// # Panics
    /// If it has another number of columns.
    pub fn push(&mut self, name: String, row: &[f32]) {
        assert_eq!(row.len(), self.cols, "rows of one encoder are equally long");
        self.names.push(name);
        self.values.extend(row);
    }

    /// Columns of a row.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Names of the clips.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The values of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.cols..][..self.cols]
    }

    /// Writes `X (N, D)` and `filenames (N)` of some rows, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Write`].
    fn write(&self, path: &Path, rows: &[usize]) -> Result<()> {
        npz_write::write(path, |npz| {
            npz.rows("X", Precision::F32, [rows.len(), self.cols], |row, out| {
                let values = self.row(rows[row]);
                out.iter_mut()
                    .zip(values)
                    .for_each(|(out, &x)| *out = f64::from(x));
            })?;
            let names: Vec<&String> = rows.iter().map(|&row| &self.names[row]).collect();
            npz.names("filenames", &names)
        })
    }

    /// Writes the files of a plan.
    ///
    /// # Errors
    /// [`Error::Data`] if a file would have no row; [`Error::Write`].
    pub fn write_all(&self, plan: &FilePlan) -> Result<Vec<WrittenFile>> {
        let mut parts = Vec::new();
        for (path, clips) in &plan.files {
            let wanted = |&row: &usize| {
                let name = clip_key(&self.names[row]);
                clips.as_ref().is_none_or(|clips| clips.contains(name))
            };
            let rows: Vec<usize> = (0..self.names.len()).filter(wanted).collect();
            if rows.is_empty() {
                let of = if clips.is_some() {
                    "that it is to hold"
                } else {
                    "at all"
                };
                return Err(Error::Data(format!(
                    "{}: would have no row: no clip {of} has features",
                    path.display()
                )));
            }
            let missing = clips.as_ref().map_or(0, |clips| clips.len() - rows.len());
            parts.push((path, rows, missing));
        }
        let written = parts.into_iter().map(|(path, rows, missing)| {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|source| Error::Write {
                    path: folder.to_path_buf(),
                    source,
                })?;
            }
            self.write(path, &rows)?;
            Ok(WrittenFile {
                file: path.clone(),
                rows: rows.len(),
                columns: self.cols,
                missing,
            })
        });
        written.collect()
    }

    /// How many rows no file of a plan takes.
    pub fn unlisted(&self, plan: &FilePlan) -> usize {
        let taken = |name: &&String| {
            let key = clip_key(name);
            let mut files = plan.files.iter();
            files.any(|(_, clips)| clips.as_ref().is_none_or(|clips| clips.contains(key)))
        };
        self.names.len() - self.names.iter().filter(taken).count()
    }
}

/// A feature file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenFile {
    /// The file.
    pub file: PathBuf,
    /// Its rows.
    pub rows: usize,
    /// Its columns.
    pub columns: usize,
    /// Clips that it was to hold and that have no row.
    pub missing: usize,
}

/// Which clips go into which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePlan {
    /// Files, each with the keys of its clips; without keys it takes all.
    files: Vec<(PathBuf, Option<HashSet<String>>)>,
}

impl FilePlan {
    /// All clips into one file.
    pub fn whole(path: &Path) -> FilePlan {
        FilePlan {
            files: vec![(path.to_path_buf(), None)],
        }
    }

    /// `DIR/NAME.npz` becomes `DIR/train/NAME.npz` and `DIR/test/NAME.npz`. Which clip goes where
    /// says a table with the columns `filename` and `split` (`train` or `test`), or a data folder
    /// by its `train_metadata.csv` and `test_metadata.csv`.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Csv`] if a table is unreadable, lacks a column, or has a clip
    /// twice or in another part.
    pub fn split(path: &Path, by: &Path) -> Result<FilePlan> {
        let mut part_of: HashMap<String, &'static str> = HashMap::new();
        if by.is_dir() {
            for part in ["train", "test"] {
                let table = Table::read(&by.join(format!("{part}_metadata.csv")))?;
                assign(&table, Some(part), &mut part_of)?;
            }
        } else {
            assign(&Table::read(by)?, None, &mut part_of)?;
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let name = path.file_name().unwrap_or_default();
        let files = ["train", "test"].map(|part| {
            let clips = part_of.iter().filter(|(_, of)| **of == part);
            let clips = clips.map(|(clip, _)| clip.clone()).collect();
            (folder.join(part).join(name), Some(clips))
        });
        Ok(FilePlan {
            files: files.into(),
        })
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }
}

/// Notes the part of every clip of a table.
fn assign(
    table: &Table,
    part: Option<&'static str>,
    part_of: &mut HashMap<String, &'static str>,
) -> Result<()> {
    let column = |name: &str| {
        let reason = || format!("has no column {name}; expected filename and split");
        table
            .column(name)
            .ok_or_else(|| table.fault(Some(1), None, reason()))
    };
    let filename = column("filename")?;
    let split = if part.is_none() {
        Some(column("split")?)
    } else {
        None
    };
    for row in table.rows() {
        let part = match (part, split.map(|split| row.cell(split))) {
            (Some(part), _) => part,
            (_, Some("train")) => "train",
            (_, Some("test")) => "test",
            (_, found) => {
                let reason = format!(
                    "expected train or test, found {:?}",
                    found.unwrap_or_default()
                );
                return Err(table.fault(Some(row.line), Some("split"), reason));
            }
        };
        let clip = clip_key(row.cell(filename));
        if part_of.insert(clip.to_owned(), part).is_some() {
            let reason = format!("the clip {clip:?} stands twice");
            return Err(table.fault(Some(row.line), Some("filename"), reason));
        }
    }
    Ok(())
}
