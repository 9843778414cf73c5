//! A CSV table as spreadsheets, pandas and R write it, in bounded memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::{Error, Result};

/// A table of a million clips takes about 100 MiB.
const MAX_BYTES: u64 = 256 << 20;
const MAX_LINE: u64 = 1 << 20;
const MAX_COLUMNS: usize = 10_000;

/// A table: named columns, rows of trimmed cells.
#[derive(Debug)]
pub struct Table {
    path: PathBuf,
    columns: Vec<String>,
    rows: Vec<Row>,
}

/// One row.
#[derive(Debug)]
pub struct Row {
    /// Its first line in the file, the header being line 1.
    pub line: u64,
    cells: StringRecord,
}

impl Row {
    /// A cell without surrounding blanks.
    pub fn cell(&self, column: usize) -> &str {
        &self.cells[column]
    }
}

impl Table {
    /// Reads a table: quoted cells, CRLF, a byte-order mark and blanks around cells are taken as
    /// they come; blank lines are skipped.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened; [`Error::Csv`] if it is empty, not UTF-8, has
    /// a row with more or fewer cells than the header, a column twice, a line longer than 1 MiB,
    /// more than 10,000 columns or more than 256 MiB in all.
    pub fn read(path: &Path) -> Result<Table> {
        let failed = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let fault = |line, reason| Error::csv(path, line, None, reason);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(fault(None, "is no file; expected a CSV table".into()));
        }
        if metadata.len() > MAX_BYTES {
            let reason = format!(
                "has {} bytes; expected a table of at most {MAX_BYTES}",
                metadata.len()
            );
            return Err(fault(None, reason));
        }
        let bounded = BoundedLines {
            inner: file.take(MAX_BYTES),
            line: 1,
            length: 0,
        };
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bounded);
        let header = reader.headers().map_err(|error| explain(path, &error))?;
        let columns: Vec<String> = header
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').trim().to_string())
            .collect();
        check_columns(&columns).map_err(|reason| fault(Some(1), reason))?;
        let mut rows = Vec::new();
        for record in reader.into_records() {
            let cells = record.map_err(|error| explain(path, &error))?;
            let line = cells.position().map_or(0, |at| at.line());
            rows.push(Row { line, cells });
        }
        if rows.is_empty() {
            return Err(fault(None, "has no rows below its header".into()));
        }
        Ok(Table {
            path: path.to_path_buf(),
            columns,
            rows,
        })
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The place of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|known| known == name)
    }

    /// All rows in order.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// An error that names this table and, where they are at fault, a line and a column.
    pub fn fault(&self, line: Option<u64>, column: Option<&str>, reason: String) -> Error {
        Error::csv(&self.path, line, column, reason)
    }
}

fn check_columns(columns: &[String]) -> Result<(), String> {
    if columns.iter().all(String::is_empty) {
        return Err("is empty; expected a header such as filename,fold,mix,emotion_1,…".into());
    }
    if columns.len() > MAX_COLUMNS {
        return Err(format!(
            "has {} columns; expected at most {MAX_COLUMNS}",
            columns.len()
        ));
    }
    if let [only] = columns
        && only.contains([';', '\t'])
    {
        return Err(
            "its cells seem to be separated by ';' or tabs; save the table with commas".into(),
        );
    }
    let mut places = HashMap::new();
    for (place, name) in columns.iter().enumerate() {
        // Unnamed columns are left by spreadsheets and by pandas' index; nothing refers to them.
        if let Some(first) = places.insert(name, place).filter(|_| !name.is_empty()) {
            return Err(format!(
                "the column {name:?} stands twice, as number {} and {}; keep one",
                first + 1,
                place + 1
            ));
        }
    }
    Ok(())
}

fn explain(path: &Path, error: &csv::Error) -> Error {
    let line = error.position().map(|at| at.line());
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => Error::csv(
            path,
            line,
            None,
            format!("has {len} cells; expected {expected_len}, as in the header"),
        ),
        csv::ErrorKind::Utf8 { .. } => Error::csv(
            path,
            line,
            None,
            "is not UTF-8; save the table as UTF-8".into(),
        ),
        csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::InvalidData => {
            Error::csv(path, None, None, source.to_string())
        }
        csv::ErrorKind::Io(source) => Error::Read {
            path: path.to_path_buf(),
            source: io::Error::new(source.kind(), source.to_string()),
        },
        _ => Error::csv(path, line, None, error.to_string()),
    }
}

/// Refuses lines beyond [`MAX_LINE`] before the CSV reader gathers them.
struct BoundedLines<R> {
    inner: R,
    line: u64,
    length: u64,
}

impl<R: Read> Read for BoundedLines<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for piece in buffer[..count].split_inclusive(|&byte| byte == b'\n') {
            self.length += piece.len() as u64;
            if self.length > MAX_LINE {
                let reason = format!("line {} has more than {MAX_LINE} bytes", self.line);
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
            if piece.ends_with(b"\n") {
                self.line += 1;
                self.length = 0;
            }
        }
        Ok(count)
    }
}
