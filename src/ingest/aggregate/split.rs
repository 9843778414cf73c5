//! Assignment of clips to the training and test splits.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::OutputFile;
use crate::data::filename::clip_key;
use crate::data::near_names::NearNames;
use crate::formats::csv::table::CsvTable;
use crate::suggest::meant;
use crate::{Error, Result};

/// The splits of a data folder, as in the names of their folders and tables.
pub const SPLITS: [&str; 2] = ["train", "test"];

/// `DIR/PART/NAME.npz` for `DIR/NAME.npz`.
pub fn split_path(path: &Path, part: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default();
    path.with_file_name(part).join(name)
}

/// The split of each clip.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitOfClip {
    /// Index in [`SPLITS`] by clip.
    splits: HashMap<String, usize>,
}

/// Clips, divided into splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divided {
    /// One per split that has a clip: `DIR/train/NAME.npz` and `DIR/test/NAME.npz`.
    pub targets: Vec<OutputFile>,
    /// Number of clips that no table lists.
    pub unlisted: usize,
    /// Number of listed clips that are not among the clips.
    pub absent: usize,
    /// Unlisted clips with names similar to those of absent ones.
    pub near: Option<NearNames>,
}

impl SplitOfClip {
    /// Reads `train_metadata.csv` and `test_metadata.csv` of a data folder (one may be absent), or
    /// one table with the columns `filename` and `split` (`train` or `test`).
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::Csv`] for a malformed table, another value, or a clip that is
    /// listed twice; [`Error::Missing`] for a folder without either table.
    pub fn read(path: &Path) -> Result<SplitOfClip> {
        let mut found = SplitOfClip::default();
        if !path.is_dir() {
            found.add(&CsvTable::read(path)?, None)?;
            return Ok(found);
        }
        let tables = SPLITS.map(|part| path.join(format!("{part}_metadata.csv")));
        if !tables.iter().any(|table| table.is_file()) {
            return Err(Error::Missing {
                path: path.to_owned(),
                expected: "a folder with train_metadata.csv or test_metadata.csv, or a table with the columns filename and split".into(),
                found: "the folder contains neither table".into(),
            });
        }
        for (part, table) in tables.iter().enumerate() {
            if table.is_file() {
                found.add(&CsvTable::read(table)?, Some(part))?;
            }
        }
        Ok(found)
    }

    fn add(&mut self, table: &CsvTable, part: Option<usize>) -> Result<()> {
        let column = |name: &str| {
            let advice = if name == "split" {
                "; or name a data folder with train_metadata.csv and test_metadata.csv"
            } else {
                ""
            };
            let meant = meant(name, table.columns().iter().map(String::as_str));
            let reason =
                format!("has no column {name}; expected filename and split{advice}{meant}");
            let found = table.column(name);
            found.ok_or_else(|| table.fault(Some(1), None, reason))
        };
        let filename = column("filename")?;
        let split = match part {
            Some(_) => None,
            None => Some(column("split")?),
        };
        for row in table.rows() {
            let place = match (part, split) {
                (Some(part), _) => part,
                (None, split) => {
                    let word = split.map_or("", |split| row.cell(split));
                    let known = |part: &str| part.eq_ignore_ascii_case(word);
                    SPLITS.iter().position(|part| known(part)).ok_or_else(|| {
                        let reason = format!(
                            "{word:?}; expected train or test (validation clips are training \
                             clips with a fold)"
                        );
                        table.fault(Some(row.line), Some("split"), reason)
                    })?
                }
            };
            let key = clip_key(row.cell(filename));
            if key.is_empty() || self.splits.insert(key.to_owned(), place).is_some() {
                let reason = if key.is_empty() {
                    "is empty".to_owned()
                } else {
                    format!("{key:?} is listed twice")
                };
                return Err(table.fault(Some(row.line), Some("filename"), reason));
            }
        }
        Ok(())
    }

    /// Divides clips by their names; `path` is `DIR/NAME.npz`.
    pub fn divide(&self, clips: &[String], path: &Path) -> Divided {
        let mut targets = SPLITS.map(|part| OutputFile {
            path: split_path(path, part),
            clips: Vec::new(),
        });
        let (mut unlisted, mut listed) = (Vec::new(), HashSet::new());
        for (number, clip) in clips.iter().enumerate() {
            match self.splits.get_key_value(clip_key(clip)) {
                Some((key, part)) => {
                    targets[*part].clips.push(number);
                    listed.insert(key);
                }
                None => unlisted.push(clip.as_str()),
            }
        }
        let targets = targets.into_iter();
        let names = self.splits.keys().filter(|key| !listed.contains(key));
        // In order, so that the pair that is named does not depend on hashes.
        let absent: BTreeSet<&str> = names.map(String::as_str).collect();
        Divided {
            targets: targets.filter(|target| !target.clips.is_empty()).collect(),
            absent: self.splits.len() - listed.len(),
            near: NearNames::find(unlisted.iter().copied(), absent),
            unlisted: unlisted.len(),
        }
    }
}
