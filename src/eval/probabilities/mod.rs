//! Tables of probabilities per clip: one distribution, or the two heads with their alignment.
//!
//! * CSV of a distribution, what `decode` takes: `filename,ang,disg,…`
//! * CSV of both heads, what `predict` writes: `filename,presence_ang,…,salience_ang,…,aligned_ang,…`
//! * CSV of explanations, what `predict` writes too: the same columns among others, several rows a clip
//! * `.npz` with the arrays `filenames`, `classes`, `aligned` and, of both heads, `presence`, `salience`

mod csv_file;
mod npz_file;

pub(crate) use npz_file::decoding_in;

use std::collections::HashSet;
use std::io;
use std::path::Path;

use ndarray::Array2;

use super::align::{Alignment, align};
use crate::data::filename::clip_key;
use crate::data::label::{CHALLENGE_CLASSES, Classes};
use crate::files::atomic_file;
use crate::{Error, Result};

const FILENAME: &str = "filename";
const HEADS: [&str; 3] = ["presence_", "salience_", "aligned_"];

/// Probabilities of clips; every array `(clips, classes)`, rows in the order of `filenames`.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbabilityTable {
    /// One per row, each once.
    pub filenames: Vec<String>,
    /// One per column.
    pub classes: Classes,
    /// p of eq. 8, in [0, 1]; `None` where the file holds one distribution.
    pub presence: Option<Array2<f64>>,
    /// s of eq. 8, in [0, 1], rows summing to 1; `None` where the file holds one distribution.
    pub salience: Option<Array2<f64>>,
    /// f of eq. 14, or the distribution as the file holds it (not normalised); what is decoded.
    pub aligned: Array2<f64>,
}

impl ProbabilityTable {
    /// A table from the heads' outputs, each `(clips, classes)`, aligned with these exponents.
    ///
    /// # Errors
    /// [`Error::Shape`] if names, classes and arrays do not fit; [`Error::Data`] for a clip that
    /// is listed twice; those of [`align`].
    pub fn from_heads(
        filenames: Vec<String>,
        classes: Classes,
        presence: Array2<f64>,
        salience: Array2<f64>,
        alignment: impl Into<Alignment>,
    ) -> Result<Self> {
        let aligned = align(presence.view(), salience.view(), alignment)?;
        let table = Self {
            filenames,
            classes,
            presence: Some(presence),
            salience: Some(salience),
            aligned,
        };
        table.check()?;
        Ok(table)
    }

    /// The same heads aligned with other exponents (eq. 14).
    ///
    /// # Errors
    /// [`Error::Data`] where the table holds one distribution, which has no α; those of [`align`].
    pub fn realigned(&self, alignment: impl Into<Alignment>) -> Result<Self> {
        let (Some(presence), Some(salience)) = (&self.presence, &self.salience) else {
            return Err(Error::Data(
                "one distribution per clip cannot be aligned with another alpha: \
                 that takes the presence_ and salience_ columns of `predict --probs`"
                    .into(),
            ));
        };
        Ok(Self {
            aligned: align(presence.view(), salience.view(), alignment)?,
            ..self.clone()
        })
    }

    /// Reads a file of probabilities of any form: an `.npz`, else a CSV.
    ///
    /// # Errors
    /// As [`ProbabilityTable::read_npz`] and [`ProbabilityTable::read_csv`].
    pub fn read(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default();
        match ending.eq_ignore_ascii_case("npz") {
            true => Self::read_npz(path),
            false => Self::read_csv(path),
        }
    }

    /// The clips whose scores to decode do not sum to 1 (within 0.01): how many, and the first with its sum.
    /// Distances between distributions mean nothing for them.
    pub fn unnormalised(&self) -> Option<(usize, &str, f64)> {
        let sums = self.aligned.rows().into_iter().map(|row| row.sum());
        let mut off = sums
            .zip(&self.filenames)
            .filter(|(sum, _)| (sum - 1.0).abs() > 0.01);
        let (sum, name) = off.next()?;
        // Without the digits of rounding errors.
        Some((1 + off.count(), name, (1e4 * sum).round() / 1e4))
    }

    /// Writes the form that the table has: both heads if it holds them, else one distribution.
    /// Every value is written with the digits that read back to the same f64. An interrupted
    /// write leaves no partial file.
    ///
    /// # Errors
    /// [`Error::Shape`] or [`Error::Data`] for a table that does not fit together; [`Error::Write`].
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        self.check()?;
        atomic_file::write(path, |out| {
            self.write_csv_header(out)?;
            self.write_csv_rows(out)
        })
    }

    /// Writes the names of the columns of [`ProbabilityTable::write_csv`].
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv_header(&self, out: &mut impl io::Write) -> io::Result<()> {
        let (prefixes, _) = self.arrays();
        let names = self.classes.names();
        let columns = prefixes
            .iter()
            .flat_map(|prefix| names.iter().map(move |name| format!("{prefix}{name}")));
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(std::iter::once(FILENAME.to_owned()).chain(columns))?;
        csv.flush()
    }

    /// Writes the rows of [`ProbabilityTable::write_csv`]: a table of many clips may be written in
    /// parts. Whether a clip is listed twice is not looked at.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_csv_rows(&self, out: &mut impl io::Write) -> io::Result<()> {
        let (_, arrays) = self.arrays();
        let mut csv = csv::Writer::from_writer(out);
        for (row, filename) in self.filenames.iter().enumerate() {
            csv.write_field(filename)?;
            for value in arrays.iter().flat_map(|array| array.row(row)) {
                csv.write_field(format!("{value:?}"))?;
            }
            csv.write_record(None::<&[u8]>)?;
        }
        csv.flush()
    }

    /// The prefix of each group of columns, and its values.
    fn arrays(&self) -> (&'static [&'static str], Vec<&Array2<f64>>) {
        match (&self.presence, &self.salience) {
            (Some(presence), Some(salience)) => (&HEADS, vec![presence, salience, &self.aligned]),
            _ => (&[""], vec![&self.aligned]),
        }
    }

    fn check(&self) -> Result<()> {
        let expected = (self.filenames.len(), self.classes.len());
        let arrays = [&self.presence, &self.salience].into_iter().flatten();
        for array in arrays.chain([&self.aligned]) {
            if array.dim() != expected {
                return Err(Error::Shape {
                    op: "probability table",
                    expected: format!("(clips, classes) = {expected:?}"),
                    got: format!("{:?}", array.dim()),
                });
            }
        }
        let mut seen = HashSet::new();
        match self
            .filenames
            .iter()
            .find(|name| !seen.insert(clip_key(name)))
        {
            None => Ok(()),
            Some(name) => Err(Error::Data(format!("clip `{name}` is listed twice"))),
        }
    }
}

/// The order in which classes are kept: the challenge's where all are among its six, else as given.
fn class_order(classes: &mut [&str]) {
    let place = |class: &&str| CHALLENGE_CLASSES.iter().position(|known| known == class);
    if classes.iter().all(|class| place(class).is_some()) {
        classes.sort_by_key(place);
    }
}

/// Why a value is no score; `None` if it is one.
fn fault_of(value: f64) -> Option<String> {
    let sound = value.is_finite() && value >= 0.0;
    (!sound).then(|| format!("found {value}, expected a finite number of at least 0"))
}

#[cfg(test)]
mod tests;
