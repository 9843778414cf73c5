//! One table, three formats: Markdown to read, CSV and JSON to compute with. All numbers are formatted
//! here.

use std::io::{self, Write};
use std::path::Path;

use serde_json::{Map, Number, Value};

use crate::error::Result;
use crate::experiments::score::Spread;

/// Decimals of accuracies and losses.
pub const DIGITS: usize = 4;

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Empty, because the value does not exist.
    Empty,
    /// Text.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number, and the decimals to show.
    Number(f64, usize),
    /// A mean with its standard deviation, if there is one, and the decimals to show.
    Spread(f64, Option<f64>, usize),
    /// A difference, shown with its sign, and the decimals to show.
    Difference(f64, usize),
    /// The ends of an interval, and the decimals to show.
    Interval(f64, f64, usize),
}

impl Cell {
    /// A text cell.
    pub fn text(text: impl Into<String>) -> Self {
        Cell::Text(text.into())
    }

    /// A number with the default decimals; empty if it is undefined.
    pub fn number(value: impl Into<Option<f64>>) -> Self {
        value
            .into()
            .map_or(Cell::Empty, |x| Cell::Number(x, DIGITS))
    }

    /// A mean with its spread over folds, or over seeds if `over_seeds`.
    pub fn spread(spread: Option<&Spread>, over_seeds: bool) -> Self {
        spread.map_or(Cell::Empty, |spread| {
            let std = if over_seeds {
                spread.std_seeds
            } else {
                spread.std_folds
            };
            Cell::Spread(spread.mean, std, DIGITS)
        })
    }

    /// The number that it shows, or the first of several.
    pub(super) fn value(&self) -> Option<f64> {
        match self {
            Cell::Empty | Cell::Text(_) => None,
            Cell::Count(count) => Some(*count as f64),
            Cell::Number(x, _)
            | Cell::Spread(x, _, _)
            | Cell::Difference(x, _)
            | Cell::Interval(x, _, _) => Some(*x),
        }
    }

    /// The formatted value.
    pub(super) fn shown(&self) -> String {
        match self {
            Cell::Empty => "–".into(),
            Cell::Text(text) => text.clone(),
            Cell::Count(n) => n.to_string(),
            Cell::Number(x, digits) | Cell::Spread(x, None, digits) => fixed(*x, *digits),
            Cell::Spread(mean, Some(std), digits) => {
                format!("{} ± {}", fixed(*mean, *digits), fixed(*std, *digits))
            }
            Cell::Difference(x, digits) if x.is_finite() => format!("{x:+.digits$}"),
            Cell::Difference(x, digits) => fixed(*x, *digits),
            Cell::Interval(low, high, digits) => {
                format!("{} to {}", fixed(*low, *digits), fixed(*high, *digits))
            }
        }
    }

    /// The value in full precision.
    fn exact(&self) -> [String; 2] {
        match self {
            Cell::Empty => [String::new(), String::new()],
            Cell::Text(text) => [text.clone(), String::new()],
            Cell::Count(n) => [n.to_string(), String::new()],
            Cell::Number(x, _) | Cell::Difference(x, _) => [format!("{x:?}"), String::new()],
            Cell::Interval(low, high, _) => [format!("{low:?}"), format!("{high:?}")],
            Cell::Spread(mean, std, _) => [
                format!("{mean:?}"),
                std.map_or_else(String::new, |std| format!("{std:?}")),
            ],
        }
    }

    fn json(&self) -> [Value; 2] {
        let number = |x: f64| Number::from_f64(x).map_or(Value::Null, Value::Number);
        match self {
            Cell::Empty => [Value::Null, Value::Null],
            Cell::Text(text) => [Value::String(text.clone()), Value::Null],
            Cell::Count(n) => [Value::Number((*n).into()), Value::Null],
            Cell::Number(x, _) | Cell::Difference(x, _) => [number(*x), Value::Null],
            Cell::Interval(low, high, _) => [number(*low), number(*high)],
            Cell::Spread(mean, std, _) => [number(*mean), std.map_or(Value::Null, number)],
        }
    }
}

fn fixed(x: f64, digits: usize) -> String {
    if x.is_finite() {
        format!("{x:.digits$}")
    } else {
        "not finite".into()
    }
}

/// How a table of several configurations is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// The column whose best value comes first, and whether higher is better; `None`: as they are.
    pub order: Option<(&'static str, bool)>,
    /// Columns that readers need not see.
    pub hidden: Vec<&'static str>,
}

/// A table with a title, named columns and notes below.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The title above the table, and its name in JSON.
    pub title: String,
    pub(super) columns: Vec<(String, String)>,
    pub(super) rows: Vec<Vec<Cell>>,
    /// Notes below the table, one line each.
    pub notes: Vec<String>,
    /// How people read it, where that differs from the files.
    pub(super) reading: Option<Reading>,
}

impl Table {
    /// An empty table. A column is given by its name in CSV and JSON, and its heading elsewhere.
    pub fn new(title: impl Into<String>, columns: &[(&str, &str)]) -> Self {
        Self {
            title: title.into(),
            columns: columns
                .iter()
                .map(|(key, heading)| ((*key).to_owned(), (*heading).to_owned()))
                .collect(),
            ..Self::default()
        }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// If the number of cells is not that of the columns.
    pub fn row(&mut self, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.columns.len(), "one cell for each column");
        self.rows.push(cells);
    }

    /// The rows.
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// The place of a column.
    pub(super) fn column(&self, key: &str) -> Option<usize> {
        self.columns.iter().position(|(name, _)| name == key)
    }

    /// The texts of a column; none if it is not there.
    pub(super) fn texts(&self, key: &str) -> Vec<&str> {
        let column = self.column(key);
        let cells = self.rows.iter().filter_map(|row| match &row[column?] {
            Cell::Text(text) => Some(text.as_str()),
            _ => None,
        });
        cells.collect()
    }

    /// Removes a column, if it is there.
    pub(super) fn remove(&mut self, key: &str) {
        if let Some(at) = self.column(key) {
            self.columns.remove(at);
            for row in &mut self.rows {
                row.remove(at);
            }
        }
    }

    /// The headings of the columns.
    pub(super) fn headings(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(_, heading)| heading.as_str())
    }

    /// For each column, whether it is right-aligned, as numbers are.
    pub(super) fn right_columns(&self) -> Vec<bool> {
        let has_words = |column: usize| {
            let mut cells = self.rows.iter().map(|row| &row[column]);
            cells.any(|cell| matches!(cell, Cell::Text(_)))
        };
        (0..self.columns.len())
            .map(|column| !has_words(column))
            .collect()
    }

    /// The Markdown table as it is, with aligned columns, so that it is readable as plain text too.
    pub(super) fn as_markdown(&self) -> String {
        let shown: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| escaped(&cell.shown())).collect())
            .collect();
        let width = |column: usize| {
            let cells = shown.iter().map(|row| row[column].chars().count());
            let heading = self.columns[column].1.chars().count();
            cells.chain([heading, 3]).max().unwrap_or(3)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let right = self.right_columns();
        let line = |cells: &[String]| {
            let cells = cells.iter().enumerate().map(|(column, cell)| {
                let blanks = " ".repeat(widths[column].saturating_sub(cell.chars().count()));
                if right[column] {
                    format!("{blanks}{cell}")
                } else {
                    format!("{cell}{blanks}")
                }
            });
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let headings: Vec<String> = self.headings().map(str::to_owned).collect();
        let mut text = format!("### {}\n\n{}", self.title, line(&headings));
        for (width, right) in widths.iter().zip(&right) {
            let dashes = "-".repeat(width + 1);
            text += &format!("|{dashes}{}", if *right { ":" } else { "-" });
        }
        text += "|\n";
        for row in &shown {
            text += &line(row);
        }
        for note in &self.notes {
            text += &format!("\n{note}\n");
        }
        text
    }

    /// The names of a column's values in CSV and JSON: mean and standard deviation, or the two ends of
    /// an interval, have separate names.
    fn keys(&self, column: usize) -> Vec<String> {
        let key = &self.columns[column].0;
        let any = |wanted: fn(&Cell) -> bool| self.rows.iter().any(|row| wanted(&row[column]));
        if any(|cell| matches!(cell, Cell::Interval(..))) {
            vec![format!("{key}_low"), format!("{key}_high")]
        } else if any(|cell| matches!(cell, Cell::Spread(..))) {
            vec![key.clone(), format!("{key}_std")]
        } else {
            vec![key.clone()]
        }
    }

    /// Writes CSV, with numbers in full precision.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn csv(&self, out: impl Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        let keys: Vec<Vec<String>> = (0..self.columns.len()).map(|c| self.keys(c)).collect();
        csv.write_record(keys.iter().flatten())?;
        for row in &self.rows {
            let values = row.iter().zip(&keys);
            let values = values.flat_map(|(cell, keys)| cell.exact().into_iter().take(keys.len()));
            csv.write_record(values)?;
        }
        csv.flush()
    }

    /// The JSON form: title, rows as objects, notes.
    pub fn json(&self) -> Value {
        let keys: Vec<Vec<String>> = (0..self.columns.len()).map(|c| self.keys(c)).collect();
        let rows = self.rows.iter().map(|row| {
            let mut object = Map::new();
            for (cell, keys) in row.iter().zip(&keys) {
                object.extend(keys.iter().cloned().zip(cell.json()));
            }
            Value::Object(object)
        });
        serde_json::json!({
            "title": self.title,
            "rows": rows.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    /// Writes a CSV file.
    ///
    /// # Errors
    /// [`crate::Error::Write`].
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        crate::files::atomic_file::write(path, |out| self.csv(out))
    }
}

/// Writes a JSON file, indented.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    crate::files::atomic_file::write(path, |out| {
        serde_json::to_writer_pretty(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let columns = [("name", "Model"), ("average", "Average"), ("n", "Clips")];
        let mut table = Table::new("Table I", &columns);
        let third = 1.0 / 3.0;
        table.row(vec![
            Cell::text("a|b"),
            Cell::Spread(third, Some(0.25), 4),
            Cell::Count(7),
        ]);
        table.row(vec![
            Cell::text("c"),
            Cell::Spread(0.5, None, 4),
            Cell::Empty,
        ]);
        table.notes.push("A note.".into());
        table
    }

    #[test]
    fn markdown_lines_up_and_rounds() {
        let expected = "### Table I\n\n\
            | Model | Average         | Clips |\n\
            |-------|-----------------|------:|\n";
        let text = table().markdown();
        assert!(
            text.contains("| a\\|b  | 0.3333 ± 0.2500 |     7 |\n"),
            "{text}"
        );
        assert!(text.contains("0.5000 |     – |\n"), "{text}");
        assert!(text.ends_with("|\n\nA note.\n"), "{text}");
        assert_eq!(text.lines().next(), expected.lines().next());
    }

    #[test]
    fn csv_and_json_hold_the_same_numbers_in_full() {
        let mut bytes = Vec::new();
        table().csv(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(
            text,
            "name,average,average_std,n\na|b,0.3333333333333333,0.25,7\nc,0.5,,\n"
        );
        let json = table().json();
        assert_eq!(json["rows"][0]["average"].as_f64(), Some(1.0 / 3.0));
        assert_eq!(json["rows"][0]["average_std"].as_f64(), Some(0.25));
        assert_eq!(json["rows"][1]["n"], Value::Null);
        assert_eq!(json["rows"][1]["average_std"], Value::Null);
    }
}
