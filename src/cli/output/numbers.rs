//! Formatting of numbers and tables for a terminal of 80 columns.

use super::console;
use crate::report::terminal;

/// A share with four decimals, `-` if it is undefined.
pub fn share(x: Option<f64>) -> String {
    x.map_or_else(|| "-".to_owned(), |x| format!("{x:.4}"))
}

/// A threshold without trailing zeros.
pub fn threshold(x: f64) -> String {
    format!("{:.3}", x)
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// The exponent of the presence, where it is not the paper's.
pub fn beta(x: f64) -> String {
    match x {
        1.0 => String::new(),
        x => format!(", beta {}", threshold(x)),
    }
}

/// A count with `,` between thousands.
pub fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A count and its noun: `1 clip`, `2,456 clips`.
pub fn counted(n: usize, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Bytes in the largest unit that leaves at least one whole.
pub fn bytes(n: u64) -> String {
    let units = [(1u64 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(size, _)| n >= *size);
    unit.map_or_else(
        || format!("{n} bytes"),
        |(size, name)| format!("{:.1} {name}", n as f64 / size as f64),
    )
}

/// A duration for people: `3.2 s`, `1 min 15 s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// Text truncated to a width in characters.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

/// A plain-text table: the first column left-aligned, the others right-aligned, two spaces between.
#[derive(Debug, Default)]
pub struct PlainTable {
    rows: Vec<Vec<String>>,
}

impl PlainTable {
    /// With a header.
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Self {
        Self {
            rows: vec![header.into_iter().map(Into::into).collect()],
        }
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The text, each line indented by two; on a narrower terminal, in blocks of columns.
    pub fn text(&self) -> String {
        let text = self.in_lines();
        let widest = text.lines().map(|line| line.chars().count()).max();
        match (console::width(), self.rows.split_first()) {
            (Some(width), Some((headings, rows))) if widest > Some(width) => {
                let blocks = terminal::columns(headings, rows, width.saturating_sub(2));
                let lines = blocks.lines().map(|line| format!("  {line}"));
                let lines = lines.map(|line| format!("{}\n", line.trim_end()));
                lines.collect()
            }
            _ => text,
        }
    }

    fn in_lines(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 {
                    line += &format!("  {cell:<width$}");
                } else {
                    line += &format!("  {cell:>width$}");
                }
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "clip"), "1 clip");
        assert_eq!(threshold(0.1), "0.1");
        assert_eq!(threshold(0.286_842), "0.287");
        assert_eq!(threshold(0.0), "0");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(duration(3.24), "3.2 s");
        assert_eq!(duration(75.0), "1 min 15 s");
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    #[test]
    fn columns_line_up() {
        let mut table = PlainTable::new(["a", "n"]);
        table.row(["long".to_owned(), "1,000".to_owned()]);
        assert_eq!(table.text(), "  a         n\n  long  1,000\n");
    }
}
