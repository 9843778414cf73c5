//! The feature file of one encoder, made from rows in memory: whole, or for each part of the data.

use std::path::{Path, PathBuf};

use super::aggregate::split::PartOfClip;
use super::aggregate::{BadClip, Target, Written, folder_of, make_folder, sidecar, write_skipped};
use crate::formats::npz::write;
use crate::formats::npz::write::Precision;
use crate::{Error, Result};

/// Rows of one encoder with the names of their clips.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderRows {
    cols: usize,
    names: Vec<String>,
    values: Vec<f32>,
}

/// Which clips go where, and what is left over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The files, none of them without a row.
    pub written: Vec<Written>,
    /// Clips with a row that neither part lists; not written.
    pub unlisted: usize,
    /// Clips of the parts without a row.
    pub absent: usize,
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

    /// Writes `path`, or with `parts` the file of each part. With `skipped`, clips that could not
    /// be used, each file has a list of those of its part beside it.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no row to write; [`Error::Write`].
    pub fn write(
        &self,
        path: &Path,
        parts: Option<&PartOfClip>,
        skipped: Option<&[BadClip]>,
    ) -> Result<Output> {
        let mut output = Output {
            written: Vec::new(),
            unlisted: 0,
            absent: 0,
        };
        let targets = match parts {
            None => vec![Target {
                path: path.to_path_buf(),
                clips: (0..self.names.len()).collect(),
            }],
            Some(parts) => {
                let shared = parts.share(&self.names, path);
                (output.unlisted, output.absent) = (shared.unlisted, shared.absent);
                shared.targets
            }
        };
        for target in targets.iter().filter(|target| !target.clips.is_empty()) {
            make_folder(folder_of(&target.path))?;
            self.write_rows(target)?;
            let list = skipped.map(|bad| -> Result<PathBuf> {
                let list = sidecar(&target.path);
                write_skipped(&list, &of_target(bad, path, parts, &target.path))?;
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
            let reason = match (self.names.len(), parts) {
                (count @ 1.., Some(_)) => format!("none of {count} clips is in either split"),
                _ => "no clip has features".to_owned(),
            };
            return Err(Error::Data(format!("{reason}: nothing was written")));
        }
        Ok(output)
    }

    /// Writes `X (N, D)` and `filenames (N)`, whole or not at all.
    fn write_rows(&self, target: &Target) -> Result<()> {
        write::write(&target.path, |npz| {
            let shape = [target.clips.len(), self.cols];
            npz.rows("X", Precision::F32, shape, |row, out| {
                let values = self.row(target.clips[row]);
                out.iter_mut()
                    .zip(values)
                    .for_each(|(out, &x)| *out = f64::from(x));
            })?;
            let names = target.clips.iter().map(|&row| &self.names[row]);
            npz.names("filenames", &names.collect::<Vec<_>>())
        })
    }
}

/// The bad clips of one file; all of them where there are no parts.
fn of_target(
    bad: &[BadClip],
    path: &Path,
    parts: Option<&PartOfClip>,
    file: &Path,
) -> Vec<BadClip> {
    let Some(parts) = parts else {
        return bad.to_vec();
    };
    let names: Vec<String> = bad.iter().map(|bad| bad.clip.clone()).collect();
    let targets = parts.share(&names, path).targets.into_iter();
    let mine = targets.filter(|target| target.path == file);
    mine.flat_map(|target| target.clips)
        .map(|clip| bad[clip].clone())
        .collect()
}
