//! A whole CSV table as spreadsheets, pandas and R write it, in bounded memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::{Error, Result};

/// A table of a million clips takes about 100 MiB.
const MAX_BYTES: u64 = 128 << 20;
pub(crate) const MAX_LINE: usize = 1 << 20;
pub(crate) const MAX_COLUMNS: usize = 10_000;
/// Why a separator line is refused.
pub(crate) const SEPARATOR_LINE: &str =
    "only tells Excel which separator follows; delete this line";

/// A table: named columns, rows of trimmed cells.
#[derive(Debug)]
pub struct CsvTable {
    path: PathBuf,
    columns: Vec<String>,
    rows: Vec<CsvRow>,
}

/// One row of a [`CsvTable`].
#[derive(Debug)]
pub struct CsvRow {
    /// Its first line in the file; the header is line 1.
    pub line: u64,
    cells: StringRecord,
}

impl CsvRow {
    /// A cell without surrounding blanks.
    pub fn cell(&self, column: usize) -> &str {
        &self.cells[column]
    }
}

impl CsvTable {
    /// Reads a table. Quoted cells, CRLF, a byte-order mark and blanks around cells are accepted;
    /// blank lines are skipped.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened; [`Error::Csv`] if it is empty, not UTF-8, has
    /// a row with more or fewer cells than the header, a column twice, a line longer than 1 MiB,
    /// more than 10,000 columns or more than 128 MiB in all.
    pub fn read(path: &Path) -> Result<CsvTable> {
        let failed = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let fault = |line, reason| Error::csv(path, line, None, reason);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(fault(None, "is not a file; expected a CSV table".into()));
        }
        if metadata.len() > MAX_BYTES {
            let reason = format!(
                "has {} bytes; expected a table of at most {MAX_BYTES}",
                metadata.len()
            );
            return Err(fault(None, reason));
        }
        let mut bytes = Vec::new();
        file.take(MAX_BYTES)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut lines = text.split(|&byte| byte == b'\n');
        if let Some(line) = lines.position(|line| line.len() > MAX_LINE) {
            let reason = format!("has more than {MAX_LINE} bytes");
            return Err(fault(Some(line as u64 + 1), reason));
        }
        if is_separator_line(text.split(|&byte| byte == b'\n').next().unwrap_or_default()) {
            return Err(fault(Some(1), SEPARATOR_LINE.into()));
        }
        let mut lines = LineNumbers::new(text);
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(text);
        let header = reader.headers();
        let header = header.map_err(|error| explain(path, &error, &mut lines))?;
        let columns: Vec<String> = header.iter().map(str::to_string).collect();
        check_columns(&columns).map_err(|reason| fault(Some(1), reason))?;
        let mut rows = Vec::new();
        for record in reader.into_records() {
            let cells = record.map_err(|error| explain(path, &error, &mut lines))?;
            let line = lines.at(cells.position());
            rows.push(CsvRow { line, cells });
        }
        if rows.is_empty() {
            return Err(fault(None, "has no rows after its header".into()));
        }
        Ok(CsvTable {
            path: path.to_path_buf(),
            columns,
            rows,
        })
    }

    /// The table with only those of these columns that it has; unchanged if it has none of them.
    pub fn select(self, names: &[&str]) -> CsvTable {
        let kept: Vec<(usize, &str)> = names
            .iter()
            .filter_map(|&name| Some((self.column(name)?, name)))
            .collect();
        if kept.is_empty() {
            return self;
        }
        let select = |row: CsvRow| CsvRow {
            line: row.line,
            cells: kept.iter().map(|&(column, _)| row.cell(column)).collect(),
        };
        CsvTable {
            path: self.path,
            columns: kept.iter().map(|(_, name)| name.to_string()).collect(),
            rows: self.rows.into_iter().map(select).collect(),
        }
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Index of the column with this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|known| known == name)
    }

    /// All rows in order.
    pub fn rows(&self) -> &[CsvRow] {
        &self.rows
    }

    /// An error that names this table and, if given, a line and a column.
    pub fn fault(&self, line: Option<u64>, column: Option<&str>, reason: String) -> Error {
        Error::csv(&self.path, line, column, reason)
    }
}

/// Whether a line is Excel's `sep=,`.
pub(crate) fn is_separator_line(line: &[u8]) -> bool {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    line.len() <= 6 && line.to_ascii_lowercase().starts_with(b"sep=")
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
            "its cells seem to be separated by ';' or tabs; save the table with commas and decimal points, e.g. pandas.read_csv(file, sep=';', decimal=',').to_csv(file, index=False)".into(),
        );
    }
    let mut indices = HashMap::new();
    for (index, name) in columns.iter().enumerate() {
        // Spreadsheets and pandas' index leave unnamed columns; nothing refers to them.
        if let Some(first) = indices.insert(name, index).filter(|_| !name.is_empty()) {
            return Err(format!(
                "column {name:?} appears twice, as number {} and {}; keep one",
                first + 1,
                index + 1
            ));
        }
    }
    Ok(())
}

fn explain(path: &Path, error: &csv::Error, lines: &mut LineNumbers<'_>) -> Error {
    let line = error.position().map(|at| lines.at(Some(at)));
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!(
            "has {len} {}; expected {expected_len}, as in the header",
            if *len == 1 { "cell" } else { "cells" }
        ),
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8; save the table as UTF-8".into(),
        _ => error.to_string(),
    };
    Error::csv(path, line, None, reason)
}

/// Line numbers by position in a text without byte-order mark, requested in ascending order. Those of
/// the CSV reader are wrong after CRLF and blank lines.
pub(crate) struct LineNumbers<'a> {
    text: &'a [u8],
    index: usize,
    line: u64,
}

impl<'a> LineNumbers<'a> {
    pub(crate) fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            index: 0,
            line: 1,
        }
    }

    /// The line of the first record at or after a position.
    pub(crate) fn at(&mut self, position: Option<&csv::Position>) -> u64 {
        let start = position.map_or(0, |at| at.byte() as usize);
        while let Some(&byte) = self.text.get(self.index)
            && (self.index < start || matches!(byte, b'\r' | b'\n'))
        {
            self.line += u64::from(byte == b'\n');
            self.index += 1;
        }
        self.line
    }
}
