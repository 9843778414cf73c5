//! Tables of probabilities per clip, as CSV: one distribution, or the two heads with their alignment.
//!
//! * a distribution, what `decode` takes: `filename,ang,disg,…`
//! * both heads, what `predict` writes: `filename,presence_ang,…,salience_ang,…,aligned_ang,…`

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ndarray::Array2;

use super::align::{Alignment, align};
use crate::data::filename::clip_key;
use crate::data::label::{CHALLENGE_CLASSES, Classes};
use crate::files::atomic_file;
use crate::formats::csv::table::LineNumbers;
use crate::formats::npz::write;
use crate::formats::npz::write::Precision;
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

    /// Reads either form, recognised by the column names. Columns may be in any order; classes
    /// get the challenge's order where all are among its six, else that of their columns. Blanks
    /// around values and a byte order mark do not matter. A first column without a name, as pandas writes an
    /// index, is ignored, or has the clips' names if there is no column `filename`.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::Csv`] with line and column for a missing or doubled column, a row
    /// of another length, a name that is empty or is listed twice (with or without a media
    /// extension), a value that is not a number, negative or not finite, and a file without clips.
    pub fn read_csv(path: &Path) -> Result<Self> {
        let mut text = Vec::new();
        let read = File::open(path).and_then(|mut file| file.read_to_end(&mut text));
        read.map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        Reader { path }.read(text)
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

    /// Writes an `.npz` with `filenames`, `classes` and, in double precision, `presence`, `salience`
    /// (where the table holds the heads) and `aligned`.
    ///
    /// # Errors
    /// As [`ProbabilityTable::write_csv`].
    pub fn write_npz(&self, path: &Path) -> Result<()> {
        self.check()?;
        let arrays = [
            ("presence", self.presence.as_ref()),
            ("salience", self.salience.as_ref()),
            ("aligned", Some(&self.aligned)),
        ];
        write::write(path, |npz| {
            npz.names("filenames", &self.filenames)?;
            npz.names("classes", self.classes.names())?;
            for (name, array) in arrays {
                let Some(array) = array else { continue };
                let shape = [array.nrows(), array.ncols()];
                npz.rows(name, Precision::F64, shape, |row, out| {
                    out.iter_mut()
                        .zip(array.row(row))
                        .for_each(|(to, x)| *to = *x);
                })?;
            }
            Ok(())
        })
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

/// The columns of each array in a record, in class order.
struct Layout {
    filename: usize,
    classes: Classes,
    /// One list (a distribution) or three (the heads).
    columns: Vec<Vec<usize>>,
}

struct Reader<'a> {
    path: &'a Path,
}

impl Reader<'_> {
    fn read(&self, text: &[u8]) -> Result<ProbabilityTable> {
        let mut csv = csv::ReaderBuilder::new()
            // Rows of another length are reported below, with what was expected.
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(io::Cursor::new(text));
        let mut line_of = LineNumbers::new(text);
        let header = csv.headers();
        let header = header
            .map_err(|error| self.broken(&error, &mut line_of))?
            .clone();
        let layout = self.layout(&header, begins_with_text(text))?;
        let mut values: Vec<Vec<f64>> = vec![Vec::new(); layout.columns.len()];
        let mut filenames: Vec<String> = Vec::new();
        let mut lines: HashMap<String, u64> = HashMap::new();
        for record in csv.records() {
            let record = record.map_err(|error| self.broken(&error, &mut line_of))?;
            let line = line_of.at(record.position());
            let fault = |column: &str, reason| self.fault(Some(line), Some(column), reason);
            if record.len() != header.len() {
                let reason = format!("{} values, expected {}", record.len(), header.len());
                return Err(self.fault(Some(line), None, reason));
            }
            let name = &record[layout.filename];
            if name.is_empty() {
                return Err(fault(FILENAME, "empty, expected a clip's name".into()));
            }
            if let Some(first) = lines.insert(clip_key(name).to_owned(), line) {
                let reason = format!("clip `{name}` is listed twice, first in line {first}");
                return Err(fault(FILENAME, reason));
            }
            filenames.push(name.to_owned());
            for (columns, values) in layout.columns.iter().zip(&mut values) {
                for &column in columns {
                    let value = probability(&record[column])
                        .map_err(|reason| fault(&header[column], reason))?;
                    values.push(value);
                }
            }
        }
        if filenames.is_empty() {
            return Err(self.fault(None, None, "contains no clips".into()));
        }
        let shape = (filenames.len(), layout.classes.len());
        let arrays: Result<Vec<_>> = values
            .into_iter()
            .map(|values| {
                Array2::from_shape_vec(shape, values)
                    .map_err(|error| self.fault(None, None, error.to_string()))
            })
            .collect();
        let mut arrays = arrays?.into_iter();
        let (presence, salience) = match layout.columns.len() {
            1 => (None, None),
            _ => (arrays.next(), arrays.next()),
        };
        let aligned = arrays.next().unwrap_or_else(|| Array2::zeros((0, 0)));
        Ok(ProbabilityTable {
            filenames,
            classes: layout.classes,
            presence,
            salience,
            aligned,
        })
    }

    /// `named` says whether the first column holds text.
    fn layout(&self, header: &csv::StringRecord, named: bool) -> Result<Layout> {
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (place, name) in header.iter().enumerate() {
            // What pandas writes over an index.
            if name.is_empty() && place == 0 {
                continue;
            }
            if name.is_empty() {
                let reason = format!("column {} has no name", place + 1);
                return Err(self.fault(Some(1), None, reason));
            }
            if places.insert(name, place).is_some() {
                return Err(self.fault(Some(1), Some(name), "is listed twice".into()));
            }
        }
        let index = header.get(0).filter(|name| named && name.is_empty());
        let index = index.map(|_| &0);
        let Some(&filename) = places.get(FILENAME).or(index) else {
            let found = header.iter().collect::<Vec<_>>().join(", ");
            let reason = format!("no such column, expected one; found {found}");
            return Err(self.fault(Some(1), Some(FILENAME), reason));
        };
        let names: Vec<&str> = header
            .iter()
            .filter(|&name| name != FILENAME && !name.is_empty())
            .collect();
        let of_heads = |name: &str| HEADS.iter().any(|head| name.starts_with(head));
        let heads = !names.is_empty() && names.iter().all(|name| of_heads(name));
        let prefixes: &[&str] = if heads { &HEADS } else { &[""] };
        // Classes in the order of the first column that names each.
        let mut classes: Vec<&str> = Vec::new();
        for name in names {
            let head = prefixes.iter().find(|prefix| name.starts_with(**prefix));
            let class = &name[head.map_or(0, |head| head.len())..];
            if !classes.contains(&class) {
                classes.push(class);
            }
        }
        if classes.is_empty() {
            let reason = "expected a column per class in addition to `filename`".into();
            return Err(self.fault(Some(1), None, reason));
        }
        if classes
            .iter()
            .all(|class| CHALLENGE_CLASSES.contains(class))
        {
            let place = |class: &&str| CHALLENGE_CLASSES.iter().position(|known| known == class);
            classes.sort_by_key(place);
        }
        let mut columns = Vec::new();
        for prefix in prefixes {
            let mut of_prefix = Vec::new();
            for class in &classes {
                let name = format!("{prefix}{class}");
                let Some(&place) = places.get(name.as_str()) else {
                    let reason = "no such column, although other heads have this class".into();
                    return Err(self.fault(Some(1), Some(&name), reason));
                };
                of_prefix.push(place);
            }
            columns.push(of_prefix);
        }
        Ok(Layout {
            filename,
            classes: Classes::new(classes),
            columns,
        })
    }

    fn broken(&self, error: &csv::Error, line_of: &mut LineNumbers<'_>) -> Error {
        let line = error.position().map(|at| line_of.at(Some(at)));
        self.fault(line, None, format!("is not a readable CSV: {error}"))
    }

    fn fault(&self, line: Option<u64>, column: Option<&str>, reason: String) -> Error {
        Error::Csv {
            path: self.path.to_owned(),
            line,
            column: column.map(String::from),
            reason,
        }
    }
}

/// Whether the first cell of the first row is no number.
fn begins_with_text(text: &[u8]) -> bool {
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(text);
    let row = csv.records().next().and_then(std::result::Result::ok);
    row.is_some_and(|row| {
        row.get(0)
            .is_some_and(|cell| cell.trim().parse::<f64>().is_err())
    })
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        Ok(_) => Err(format!(
            "found {text}, expected a finite number of at least 0"
        )),
        Err(_) => Err(format!("found `{text}`, expected a number")),
    }
}

#[cfg(test)]
#[path = "probabilities_tests.rs"]
mod tests;
