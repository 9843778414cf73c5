//! Streaming reader: the rows of a CSV file one at a time, in memory bounded by one line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::arff::{HeaderLine, header_line, is_relation};
use super::table::{MAX_COLUMNS, MAX_LINE, SEPARATOR_LINE, is_separator_line};
use crate::{Error, Result};

/// Reader of a CSV file: cells are trimmed, blank lines skipped, LF and CRLF both accepted. A cell
/// may be quoted, but must end on the line it begins on.
pub(crate) struct CsvReader {
    path: PathBuf,
    file: BufReader<File>,
    parser: Reader,
    columns: Vec<String>,
    /// The current line as it is in the file.
    bytes: Vec<u8>,
    /// Its cells concatenated, without quotes.
    text: Vec<u8>,
    /// The end of each cell in `text`.
    ends: Vec<usize>,
    cells: usize,
    line: u64,
    /// Whether `?` is a missing value.
    arff: bool,
}

impl CsvReader {
    /// Opens a file and reads its header. The separator is whichever of `,`, `;` and tab the header
    /// contains most often. A file that begins with `@relation` is ARFF, as openSMILE writes it, whatever it is
    /// called.
    ///
    /// # Errors
    /// [`Error::Read`] if the file cannot be opened; [`Error::Csv`] if it is empty, or its header
    /// is too long, has more than 10,000 columns, or is not UTF-8.
    pub fn open(path: &Path) -> Result<CsvReader> {
        let failed = |source| Error::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(Error::csv(path, None, None, "is not a file".into()));
        }
        let mut rows = CsvReader {
            path: path.to_path_buf(),
            file: BufReader::new(file),
            parser: Reader::new(),
            columns: Vec::new(),
            bytes: Vec::new(),
            text: Vec::new(),
            ends: vec![0; MAX_COLUMNS],
            cells: 0,
            line: 0,
            arff: false,
        };
        if !rows.read_line()? {
            return Err(rows.fault(None, None, "is empty; expected a header".into()));
        }
        if let Some(rest) = rows.bytes.strip_prefix(b"\xef\xbb\xbf") {
            rows.bytes = rest.to_vec();
        }
        if is_relation(&String::from_utf8_lossy(&rows.bytes)) {
            rows.arff_header()?;
            return Ok(rows);
        }
        if is_separator_line(&rows.bytes) {
            return Err(rows.fault(Some(1), None, SEPARATOR_LINE.into()));
        }
        let count = |separator: u8| rows.bytes.iter().filter(|&&byte| byte == separator).count();
        let separators = [b',', b';', b'\t'];
        // `max_by_key` returns the last maximum: reversed, a tie goes to the earlier separator.
        let separator = separators.into_iter().rev().max_by_key(|&byte| count(byte));
        rows.parser = ReaderBuilder::new()
            .delimiter(separator.unwrap_or(b','))
            .build();
        if !rows.split() {
            let reason = rows.unsplit(MAX_COLUMNS);
            return Err(rows.fault(Some(rows.line), None, reason));
        }
        rows.columns = (0..rows.cells)
            .map(|cell| rows.cell(cell).map(str::to_owned))
            .collect::<Result<_>>()?;
        rows.ends.truncate(rows.columns.len());
        Ok(rows)
    }

    /// Reads the header of an ARFF file, whose first line is the current one.
    fn arff_header(&mut self) -> Result<()> {
        self.arff = true;
        while self.read_line()? {
            let fault = |reason| Error::csv(&self.path, Some(self.line), None, reason);
            let Ok(line) = std::str::from_utf8(&self.bytes) else {
                return Err(fault("is not UTF-8; save the file as UTF-8".into()));
            };
            match header_line(line).map_err(fault)? {
                HeaderLine::Attribute(_) if self.columns.len() >= MAX_COLUMNS => {
                    return Err(fault(format!("is attribute number {}", MAX_COLUMNS + 1)));
                }
                HeaderLine::Attribute(name) => self.columns.push(name.to_owned()),
                HeaderLine::Other => {}
                HeaderLine::Data if self.columns.is_empty() => {
                    return Err(fault("begins the data, but there is no @attribute".into()));
                }
                HeaderLine::Data => {
                    self.ends.truncate(self.columns.len());
                    self.parser = ReaderBuilder::new().quote(b'\'').build();
                    return Ok(());
                }
            }
        }
        Err(self.fault(None, None, "has no @data; is the file truncated?".into()))
    }

    /// Names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Index of the column with this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|known| known == name)
    }

    /// Moves to the next row; false at the end of the file.
    ///
    /// # Errors
    /// [`Error::Csv`] for a line that is too long or has another number of cells than the header,
    /// [`Error::Read`] if the file cannot be read.
    pub fn advance(&mut self) -> Result<bool> {
        if !self.read_line()? {
            return Ok(false);
        }
        let expected = self.columns.len();
        if !self.split() {
            let reason = self.unsplit(expected);
            return Err(self.fault(Some(self.line), None, reason));
        }
        if self.cells != expected {
            let reason = format!(
                "has {} {}; expected {expected}, as in the header (is the file truncated?)",
                self.cells,
                if self.cells == 1 { "cell" } else { "cells" }
            );
            return Err(self.fault(Some(self.line), None, reason));
        }
        Ok(true)
    }

    /// A cell of the current row, without surrounding blanks.
    ///
    /// # Errors
    /// [`Error::Csv`] if it is not UTF-8.
    pub fn cell(&self, column: usize) -> Result<&str> {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        let text = std::str::from_utf8(&self.text[start..self.ends[column]]);
        let not_utf8 = |_| {
            let reason = "is not UTF-8; save the file as UTF-8".into();
            self.fault(Some(self.line), None, reason)
        };
        Ok(text.map_err(not_utf8)?.trim())
    }

    /// A cell of the current row as a number, which may be NaN or infinite; `None` if it is empty.
    ///
    /// # Errors
    /// [`Error::Csv`] if it contains anything else.
    pub fn number(&self, column: usize) -> Result<Option<f64>> {
        let text = self.cell(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        let number = match text {
            // NaN as written by C++ on Windows.
            "-nan(ind)" | "nan(ind)" | "-nan" => Some(f64::NAN),
            "?" if self.arff => return Ok(None),
            _ => text.parse().ok(),
        };
        if number.is_none() {
            let shown: String = text.chars().take(20).collect();
            let reason = format!("expected a number, found {shown:?}");
            return Err(self.cell_fault(column, reason));
        }
        Ok(number)
    }

    /// Line number of the current row; the header is line 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// An error that names this file and, if given, a line and a column.
    pub fn fault(&self, line: Option<u64>, column: Option<&str>, reason: String) -> Error {
        Error::csv(&self.path, line, column, reason)
    }

    /// An error about a cell of the current row.
    pub fn cell_fault(&self, column: usize, reason: String) -> Error {
        self.fault(Some(self.line), Some(&self.columns[column]), reason)
    }

    /// Reads the next line that is not blank, without its line ending; false at the end of the file.
    fn read_line(&mut self) -> Result<bool> {
        loop {
            self.bytes.clear();
            self.line += 1;
            // At most one byte over the limit is read into memory.
            let mut bounded = self.file.by_ref().take(MAX_LINE as u64 + 1);
            let read = bounded.read_until(b'\n', &mut self.bytes);
            let read = read.map_err(|source| Error::Read {
                path: self.path.clone(),
                source,
            })?;
            if self.bytes.len() > MAX_LINE {
                let reason = format!("has more than {MAX_LINE} bytes");
                return Err(self.fault(Some(self.line), None, reason));
            }
            while let Some(b'\n' | b'\r') = self.bytes.last() {
                self.bytes.pop();
            }
            if read == 0 || !self.bytes.trim_ascii().is_empty() {
                return Ok(read > 0);
            }
        }
    }

    /// Splits the line into cells; false if there are too many or a quote is not closed.
    fn split(&mut self) -> bool {
        self.bytes.push(b'\n');
        self.text.resize(self.bytes.len(), 0);
        self.parser.reset();
        let (result, _, _, cells) =
            self.parser
                .read_record(&self.bytes, &mut self.text, &mut self.ends);
        self.cells = cells;
        matches!(result, ReadRecordResult::Record)
    }

    fn unsplit(&self, most: usize) -> String {
        if self.cells >= most {
            format!("has more than {most} cells")
        } else {
            "a quoted cell does not end on the same line".into()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn rows(text: &[u8]) -> (tempfile::TempDir, Result<CsvReader>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        (folder, CsvReader::open(&path))
    }

    #[test]
    fn reads_all_separators_line_endings_and_quotes() {
        for text in [
            "a,b,c\n1,2.5,\n\n-nan(ind),\"[1, 2]\", x \n",
            "\u{feff}a, b, c\r\n1, 2.5, \r\n-nan(ind),\"[1, 2]\",x",
            "a;b;c\n1;2.5;\n-nan(ind);[1, 2];x\n\n",
            "a\tb\tc\n1\t2.5\t \n-nan(ind)\t[1, 2]\tx\n",
        ] {
            let (_folder, rows) = rows(text.as_bytes());
            let mut rows = rows.unwrap();
            assert_eq!(rows.columns(), ["a", "b", "c"], "{text}");
            assert!(rows.advance().unwrap());
            assert_eq!(rows.number(0).unwrap(), Some(1.0));
            assert_eq!(rows.number(1).unwrap(), Some(2.5));
            assert_eq!(rows.number(2).unwrap(), None, "{text}");
            assert!(rows.advance().unwrap());
            assert!(rows.number(0).unwrap().unwrap().is_nan());
            assert_eq!(
                (rows.cell(1).unwrap(), rows.cell(2).unwrap()),
                ("[1, 2]", "x")
            );
            assert!(!rows.advance().unwrap());
        }
    }

    #[test]
    fn arff_is_read_like_a_table() {
        let text = "@relation f\n\n@attribute name string\n@attribute 'a b' numeric\n\
                    @attribute class {x, y}\n% data\n@DATA\n\n'c, 1',0.5,?\n'c2',?,x\n";
        let (_folder, rows) = rows(text.as_bytes());
        let mut rows = rows.unwrap();
        assert_eq!(rows.columns(), ["name", "a b", "class"]);
        assert!(rows.advance().unwrap());
        assert_eq!((rows.cell(0).unwrap(), rows.line()), ("c, 1", 9));
        assert_eq!(rows.number(1).unwrap(), Some(0.5));
        assert!(rows.advance().unwrap());
        assert_eq!(rows.number(1).unwrap(), None);
        assert!(!rows.advance().unwrap());
        for (text, expected) in [
            ("@relation f\n@attribute a numeric\n", "no @data"),
            ("@relation f\n@data\n1\n", "no @attribute"),
            ("@relation f\n1,2\n", "line 2: \"1,2\" is not part"),
            ("sep=;\na;b\n", "line 1: only tells Excel"),
        ] {
            let (_folder, rows) = self::rows(text.as_bytes());
            let fault = rows.err().unwrap().to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn errors_name_their_line() {
        for (text, expected) in [
            ("a,b\n1,2\n1\n", "line 3: has 1 cell; expected 2"),
            ("a,b\n1,2,3\n", "line 2: has more than 2 cells"),
            (
                "a,b\n1,\"2\n",
                "line 2: a quoted cell does not end on the same line",
            ),
            (
                "a,b\n1,x\n",
                "line 2, column b: expected a number, found \"x\"",
            ),
        ] {
            let (_folder, rows) = rows(text.as_bytes());
            let mut rows = rows.unwrap();
            let fault = loop {
                match rows.advance().and_then(|_| rows.number(1)) {
                    Ok(_) => {}
                    Err(fault) => break fault.to_string(),
                }
            };
            assert!(fault.contains(expected), "{fault}");
        }
        for (text, expected) in [
            ("", "is empty"),
            ("\n\n", "is empty"),
            ("\"a,b\n", "quoted"),
        ] {
            let (_folder, rows) = rows(text.as_bytes());
            let fault = rows.err().unwrap().to_string();
            assert!(fault.contains(expected), "{fault}");
        }
    }

    #[test]
    fn endless_lines_and_a_million_columns_are_refused() {
        let (_folder, wide) = rows(&b"a,".repeat(500_000));
        assert!(wide.err().unwrap().to_string().contains("10000 cells"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"a,b\n1").unwrap();
        // A sparse file of a gigabyte.
        file.set_len(1 << 30).unwrap();
        let fault = CsvReader::open(&path).unwrap().advance().unwrap_err();
        assert!(
            fault.to_string().contains("line 2: has more than"),
            "{fault}"
        );
    }
}
