//! The files of a span: coordinates in the form of feature files, bases, and a record that tells what they
//! belong to.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::basis::{Basis, scale};
use crate::error::{Error, Result};
use crate::files::atomic_file;
use crate::files::folder_lock::FolderLock;
use crate::formats::npy::Array;
use crate::formats::npz::Npz;
use crate::formats::npz::write::{Precision, write};
use crate::train::stop::Stop;

/// The name of the training split's coordinates.
pub(super) const TRAIN: &str = "train";

/// The name of the test split's coordinates.
pub(super) const TEST: &str = "test";

/// Digits of a key that name a folder.
const KEY_DIGITS: usize = 16;

/// How an encoder enters training.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Record {
    /// With its columns, standardised: there are no more of them than clips.
    Columns,
    /// With coordinates in a basis of this many vectors.
    Basis {
        /// r.
        rank: usize,
    },
    /// With one column of zeros: no training row has it, or all of them are constant.
    Nothing,
}

impl Record {
    /// Columns in training of an encoder that has `width`.
    pub(super) fn width(self, width: usize) -> usize {
        match self {
            Record::Columns => width,
            Record::Basis { rank } => rank,
            Record::Nothing => 1,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Contents {
    key: String,
    record: Record,
}

/// How long to wait before another look at a folder that another process holds.
const PAUSE: Duration = Duration::from_millis(200);

/// The folder of one encoder's coordinates.
#[derive(Clone, Debug)]
pub(super) struct EncoderFiles {
    folder: PathBuf,
    key: String,
}

impl EncoderFiles {
    /// In `spans`, named by the key of all that its contents depend on.
    pub(super) fn new(spans: &Path, key: String) -> Self {
        let folder = spans.join(&key[..KEY_DIGITS]);
        Self { folder, key }
    }

    /// Takes the folder, which is made if need be; waits for a process that holds it.
    ///
    /// # Errors
    /// [`Error::Write`]; [`Error::Interrupted`] if `stop` is asked meanwhile.
    pub(super) fn lock(&self, stop: &Stop) -> Result<FolderLock> {
        std::fs::create_dir_all(&self.folder).map_err(failed(&self.folder))?;
        loop {
            match FolderLock::take(&self.folder) {
                Err(Error::InUse { .. }) if stop.is_asked() => {
                    let text = "while another process computed the span of the training rows";
                    return Err(Error::Interrupted(text.into()));
                }
                Err(Error::InUse { .. }) => std::thread::sleep(PAUSE),
                other => return other,
            }
        }
    }

    fn contents(&self) -> PathBuf {
        self.folder.join("span.json")
    }

    fn basis_file(&self) -> PathBuf {
        self.folder.join("basis.npz")
    }

    /// The file of the coordinates of a split's clips.
    pub(super) fn coordinates(&self, part: &str) -> PathBuf {
        self.folder.join(format!("{part}.npz"))
    }

    /// What lies there; `None` if there is nothing whole, or something else. The files themselves are
    /// checked when they are opened.
    pub(super) fn record(&self) -> Option<Record> {
        let text = std::fs::read_to_string(self.contents()).ok()?;
        let contents: Contents = serde_json::from_str(&text).ok()?;
        (contents.key == self.key).then_some(contents.record)
    }

    /// Forgets what lay there before.
    pub(super) fn clear(&self) -> Result<()> {
        let files = [self.contents(), self.basis_file()];
        let parts = [TRAIN, TEST].map(|part| self.coordinates(part));
        for path in files.iter().chain(&parts) {
            match std::fs::remove_file(path) {
                Err(source) if source.kind() != ErrorKind::NotFound => {
                    return Err(failed(path)(source));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Records that all files are there.
    pub(super) fn finish(&self, record: Record) -> Result<()> {
        let contents = Contents {
            key: self.key.clone(),
            record,
        };
        let path = self.contents();
        let text = serde_json::to_string(&contents).map_err(|e| failed(&path)(e.into()))?;
        atomic_file::write(&path, |file| {
            std::io::Write::write_all(file, text.as_bytes())
        })
    }

    /// Writes the coordinates `(clips, cols)` of a split's clips, unless the encoder has none of them.
    pub(super) fn write_coordinates(
        &self,
        part: &str,
        cols: usize,
        names: &[&str],
        values: &[f64],
    ) -> Result<()> {
        if names.is_empty() {
            return Ok(());
        }
        write(&self.coordinates(part), |npz| {
            npz.rows("X", Precision::F32, [names.len(), cols], |row, out| {
                out.copy_from_slice(&values[row * cols..][..cols]);
            })?;
            npz.names("filenames", names)
        })
    }

    /// Writes a basis; of L⁻¹ only what is not above the diagonal.
    pub(super) fn write_basis(&self, basis: &Basis) -> Result<()> {
        let rank = basis.rank();
        let triangle = rank * (rank + 1) / 2;
        write(&self.basis_file(), |npz| {
            npz.rows("pivots", Precision::F64, [1, rank], |_, out| {
                for (out, &pivot) in out.iter_mut().zip(&basis.pivots) {
                    *out = pivot as f64;
                }
            })?;
            npz.rows("inverse", Precision::F64, [1, triangle], |_, out| {
                let mut out = out.iter_mut();
                for (row, values) in basis.inverse.chunks(rank).enumerate() {
                    let known = out.by_ref().take(row + 1);
                    known.zip(values).for_each(|(out, &value)| *out = value);
                }
            })
        })
    }

    /// The pivots of the encoder's basis and the triangle of its L⁻¹, as its file holds them.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Npz`] if it is damaged or of another rank.
    pub(super) fn stored_basis(&self, rank: usize) -> Result<[Array; 2]> {
        let path = self.basis_file();
        let mut npz = Npz::open(&path)?;
        let (pivots, triangle) = (npz.numbers("pivots")?, npz.numbers("inverse")?);
        if pivots.shape != [1, rank] || triangle.shape != [1, rank * (rank + 1) / 2] {
            let (pivots, inverse) = (pivots.shape, triangle.shape);
            return Err(Error::Npz {
                path,
                array: None,
                reason: format!(
                    "found pivots {pivots:?} and inverse {inverse:?}, expected a basis of {rank} rows; remove the folder of the span"
                ),
            });
        }
        Ok([pivots, triangle])
    }

    /// The basis of the encoder, which has `width` columns.
    ///
    /// # Errors
    /// As [`EncoderFiles::stored_basis`].
    pub(super) fn basis(&self, rank: usize, width: usize) -> Result<Basis> {
        let [pivots, triangle] = self
            .stored_basis(rank)?
            .map(|stored| stored.values.to_f64());
        let mut inverse = vec![0.0; rank * rank];
        let mut values = triangle.into_iter();
        for (row, out) in inverse.chunks_mut(rank).enumerate() {
            let known = out[..=row].iter_mut();
            known
                .zip(values.by_ref())
                .for_each(|(out, value)| *out = value);
        }
        Ok(Basis {
            pivots: pivots.into_iter().map(|place| place as usize).collect(),
            inverse,
            scale: scale(width, rank),
        })
    }
}

/// The error of a path that cannot be written.
fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Write { path, source }
}
