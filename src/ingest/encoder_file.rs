//! The feature file of one encoder, made from rows in memory: a single file, or one per split.

use std::path::{Path, PathBuf};

use super::aggregate::split::SplitOfClip;
use super::aggregate::{
    BadClip, OutputFile, Written, folder_of, make_folder, sidecar, write_skipped,
};
use crate::data::near_names::NearNames;
use crate::data::provenance::{self, Provenance};
use crate::formats::npz::write;
use crate::formats::npz::write::Precision;
use crate::{Error, Result};

/// Rows of one encoder with the names of their clips.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderRows {
    cols: usize,
    names: Vec<String>,
    values: Vec<f32>,
    columns: Option<Vec<String>>,
    provenance: Option<Provenance>,
}

/// The files that were written, and the clips that are in none of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFiles {
    /// The files; each has at least one row.
    pub written: Vec<Written>,
    /// Number of clips with a row that are in neither split; not written.
    pub unlisted: usize,
    /// Number of clips in the splits without a row.
    pub absent: usize,
    /// Unlisted clips with names similar to those of absent ones.
    pub near: Option<NearNames>,
    /// Number of rows that contain only zeros, and the first such clip; of a single column they are usual.
    pub zero: Option<(usize, String)>,
}

impl EncoderRows {
    /// No rows yet, of `cols` columns.
    pub fn new(cols: usize) -> Self {
        Self {
            cols,
            names: Vec::new(),
            values: Vec::new(),
            columns: None,
            provenance: None,
        }
    }

    /// The same with how they were made, which is written beside the values.
    pub fn with_provenance(self, provenance: Provenance) -> Self {
        Self {
            provenance: Some(provenance),
            ..self
        }
    }

    /// The same with the names of the columns, which are written beside the values.
    ///
    /// # Panics
    /// If their number is not that of the columns.
    pub fn with_columns(self, columns: Option<Vec<String>>) -> Self {
        let fits = |names: &Vec<String>| names.len() == self.cols;
        assert!(columns.as_ref().is_none_or(fits), "one name per column");
        Self { columns, ..self }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the number of columns differs.
    pub fn push(&mut self, name: String, row: &[f32]) {
        assert_eq!(
            row.len(),
            self.cols,
            "rows of one encoder have the same length"
        );
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

    /// Writes `path`, or with `splits` one file per split. With `skipped`, the unusable clips, a list of
    /// those of the split is written beside each file.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no rows to write; [`Error::Write`].
    pub fn write(
        &self,
        path: &Path,
        splits: Option<&SplitOfClip>,
        skipped: Option<&[BadClip]>,
    ) -> Result<WrittenFiles> {
        let mut output = WrittenFiles {
            written: Vec::new(),
            unlisted: 0,
            absent: 0,
            near: None,
            zero: self.zero_rows(),
        };
        let targets = match splits {
            None => vec![OutputFile {
                path: path.to_path_buf(),
                clips: (0..self.names.len()).collect(),
            }],
            Some(splits) => {
                let divided = splits.divide(&self.names, path);
                (output.unlisted, output.absent) = (divided.unlisted, divided.absent);
                output.near = divided.near;
                divided.targets
            }
        };
        for target in targets.iter().filter(|target| !target.clips.is_empty()) {
            make_folder(folder_of(&target.path))?;
            self.write_rows(target)?;
            let list = skipped.map(|bad| -> Result<PathBuf> {
                let list = sidecar(&target.path);
                write_skipped(&list, &of_target(bad, path, splits, &target.path))?;
                Ok(list)
            });
            output.written.push(Written {
                path: target.path.clone(),
                clips: target.clips.len(),
                new_clips: target.clips.len(),
                columns: self.cols,
                sidecar: list.transpose()?,
            });
        }
        if output.written.is_empty() {
            let reason = match (self.names.len(), splits) {
                (count @ 1.., Some(_)) => {
                    let near = output.near.map(|near| format!(" (compare {near})"));
                    format!(
                        "none of {count} clips is in either split{}",
                        near.unwrap_or_default()
                    )
                }
                _ => "no clip has features".to_owned(),
            };
            return Err(Error::Data(format!("{reason}: nothing was written")));
        }
        Ok(output)
    }

    fn zero_rows(&self) -> Option<(usize, String)> {
        let zero = |row: &usize| self.cols > 1 && self.row(*row).iter().all(|&x| x == 0.0);
        let mut rows = (0..self.names.len()).filter(zero);
        let first = rows.next()?;
        Some((1 + rows.count(), self.names[first].clone()))
    }

    /// Writes `X (N, D)`, `filenames (N)` and, as far as they are known, `columns (D)` and `provenance ()`,
    /// atomically.
    fn write_rows(&self, target: &OutputFile) -> Result<()> {
        write::write(&target.path, |npz| {
            let shape = [target.clips.len(), self.cols];
            npz.rows("X", Precision::F32, shape, |row, out| {
                let values = self.row(target.clips[row]);
                out.iter_mut()
                    .zip(values)
                    .for_each(|(out, &x)| *out = f64::from(x));
            })?;
            let names = target.clips.iter().map(|&row| &self.names[row]);
            npz.names("filenames", &names.collect::<Vec<_>>())?;
            if let Some(columns) = &self.columns {
                npz.names("columns", columns)?;
            }
            match &self.provenance {
                Some(made) => npz.text(provenance::ARRAY, &made.to_text()),
                None => Ok(()),
            }
        })
    }
}

/// The bad clips of one file; all of them if there are no splits.
fn of_target(
    bad: &[BadClip],
    path: &Path,
    splits: Option<&SplitOfClip>,
    file: &Path,
) -> Vec<BadClip> {
    let Some(splits) = splits else {
        return bad.to_vec();
    };
    let names: Vec<String> = bad.iter().map(|bad| bad.clip.clone()).collect();
    let targets = splits.divide(&names, path).targets.into_iter();
    let mine = targets.filter(|target| target.path == file);
    mine.flat_map(|target| target.clips)
        .map(|clip| bad[clip].clone())
        .collect()
}
