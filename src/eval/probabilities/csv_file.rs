//! Reading probabilities from CSV.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ndarray::Array2;

use super::{FILENAME, HEADS, ProbabilityTable, class_order, fault_of};
use crate::data::filename::clip_key;
use crate::data::label::Classes;
use crate::formats::csv::table::LineNumbers;
use crate::{Error, Result};

/// What explanations have besides the scores.
const OF_EXPLANATIONS: [&str; 7] = [
    "encoder",
    "modality",
    "status",
    "importance",
    "kept_weight",
    "decision",
    "steps",
];

impl ProbabilityTable {
    /// Reads a CSV of any form, recognised by the column names. Columns may be in any order; classes
    /// get the challenge's order where all are among its six, else that of their columns. Blanks
    /// around values and a byte order mark do not matter. A first column without a name, as pandas writes an
    /// index, is ignored, or has the clips' names if there is no column `filename`. Of explanations the first
    /// row of each clip is read, and their scores have six decimals only.
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
}

/// The columns of each array in a record, in class order.
struct Layout {
    filename: usize,
    classes: Classes,
    /// One list (a distribution) or three (the heads).
    columns: Vec<Vec<usize>>,
    /// Whether the rows are explanations, of which a clip has one for each encoder.
    explanations: bool,
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
            if let Some(&first) = lines.get(clip_key(name)) {
                if layout.explanations {
                    continue;
                }
                let reason = format!("clip `{name}` is listed twice, first in line {first}");
                return Err(fault(FILENAME, reason));
            }
            lines.insert(clip_key(name).to_owned(), line);
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
        let of_heads = |name: &str| HEADS.iter().any(|head| name.starts_with(head));
        let explanations = OF_EXPLANATIONS.iter().all(|name| places.contains_key(name));
        let names: Vec<&str> = header
            .iter()
            .filter(|&name| name != FILENAME && !name.is_empty())
            .filter(|name| !explanations || of_heads(name))
            .collect();
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
        class_order(&mut classes);
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
            explanations,
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
    let value: Result<f64, _> = text.parse();
    let value = value.map_err(|_| format!("found `{text}`, expected a number"))?;
    match fault_of(value) {
        None => Ok(value),
        // As the file has it.
        Some(reason) => Err(reason.replacen(&value.to_string(), text, 1)),
    }
}
