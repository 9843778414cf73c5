//! A table on a terminal. If the columns do not fit its width, they are split into blocks that start
//! with the same key columns, so that rows can still be compared.

use std::collections::HashSet;

use anstyle::Style;
use textwrap::core::display_width;
use textwrap::{Options, WordSplitter};

use super::Table;
use super::reading::for_readers;

/// Spaces between columns.
const GAP: usize = 2;

/// Narrowest supported terminal; a narrower one wraps the lines itself.
const NARROWEST: usize = 30;

/// Longest word that is not broken when a column is narrowed.
const LONGEST_WORD: usize = 24;

/// Most lines of a cell; beyond it, each cell gets its own line.
const MOST_LINES: usize = 4;

/// Most key columns.
const MOST_KEYS: usize = 3;

/// The table in lines of at most `width` characters; title and headings in `bold`.
pub fn fitted(table: &Table, width: usize, bold: Style) -> String {
    let width = width.max(NARROWEST);
    let table = &for_readers(table);
    let shown = Shown::of(table);
    let mut text = String::new();
    for line in wrapped(&table.title, width) {
        text += &format!("{bold}{line}{bold:#}\n");
    }
    text.push('\n');
    text += &shown.text(width, bold);
    for note in &table.notes {
        text.push('\n');
        text += &wrapped(note, width).join("\n");
        text.push('\n');
    }
    text
}

/// Cells under their headings in lines of at most `width` characters, in blocks that start with the same
/// columns if they do not fit; the first column left-aligned, the others right-aligned.
pub fn columns(headings: &[String], rows: &[Vec<String>], width: usize) -> String {
    let columns = rows.iter().map(Vec::len).fold(headings.len(), usize::max);
    let whole = |cells: &[String]| {
        let mut cells = cells.to_vec();
        cells.resize(columns, String::new());
        cells
    };
    let shown = Shown {
        headings: whole(headings),
        rows: rows.iter().map(|row| whole(row)).collect(),
        right: (0..columns).map(|column| column > 0).collect(),
    };
    shown.text(width.max(NARROWEST), Style::new())
}

/// Wrapped lines without indent.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    hanging_indent(text, width, "")
}

/// Lines of at most `width` characters, wrapped between words if possible; all but the first start with
/// `indent`.
pub fn hanging_indent(text: &str, width: usize, indent: &str) -> Vec<String> {
    let options = Options::new(width.max(1)).word_splitter(WordSplitter::NoHyphenation);
    let options = options.subsequent_indent(indent);
    // Keeps a sign and its number together.
    let text = text.replace("± ", "±\u{a0}");
    let lines = textwrap::wrap(&text, options);
    let lines = lines.iter().map(|line| line.replace('\u{a0}', " "));
    lines.collect()
}

/// Column indices with their widths.
type Block = Vec<(usize, usize)>;

struct Shown {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns of numbers, which are right-aligned.
    right: Vec<bool>,
}

impl Shown {
    fn of(table: &Table) -> Self {
        let rows = table.rows().iter();
        Self {
            headings: table.headings().map(str::to_owned).collect(),
            rows: rows
                .map(|row| row.iter().map(|cell| cell.shown()).collect())
                .collect(),
            right: table.right_columns(),
        }
    }

    fn text(&self, width: usize, bold: Style) -> String {
        let Some(blocks) = self.blocks(width) else {
            return self.stacked(width, bold);
        };
        let blocks = blocks.iter();
        let blocks = blocks.map(|block| self.side_by_side(block, bold));
        blocks.collect::<Vec<_>>().join("\n")
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row[column].as_str())
    }

    /// The number of leading columns that identify a row.
    fn keys(&self) -> usize {
        let most = MOST_KEYS.min(self.headings.len());
        let apart = |keys: usize| {
            let different: HashSet<&[String]> = self.rows.iter().map(|row| &row[..keys]).collect();
            different.len() == self.rows.len()
        };
        (1..most).find(|&keys| apart(keys)).unwrap_or(most)
    }

    /// Splits the columns into as few blocks as possible, each starting with the key; `None` if not even
    /// one fits.
    fn blocks(&self, width: usize) -> Option<Vec<Block>> {
        let all: Vec<usize> = (0..self.headings.len()).collect();
        if let Some(one) = self.widths(&all, width) {
            return Some(vec![one]);
        }
        let (key, others) = all.split_at(self.keys());
        let mut blocks: Vec<(Vec<usize>, Block)> = Vec::new();
        for &column in others {
            let longer = blocks.last().and_then(|(columns, _)| {
                let columns: Vec<usize> = columns.iter().copied().chain([column]).collect();
                let widths = self.widths(&columns, width)?;
                Some((columns, widths))
            });
            match (longer, blocks.last_mut()) {
                (Some(longer), Some(last)) => *last = longer,
                _ => {
                    let columns: Vec<usize> = key.iter().copied().chain([column]).collect();
                    let widths = self.widths(&columns, width)?;
                    blocks.push((columns, widths));
                }
            }
        }
        Some(blocks.into_iter().map(|(_, block)| block).collect())
    }

    /// The widths of the columns, if they fit side by side. Text is wrapped if necessary, numbers never.
    fn widths(&self, columns: &[usize], width: usize) -> Option<Block> {
        let room = width.checked_sub(GAP * columns.len().saturating_sub(1))?;
        let whole = |column: usize| {
            let heading = std::iter::once(self.headings[column].as_str());
            let all = heading.chain(self.cells(column));
            all.map(display_width).max().unwrap_or(0)
        };
        let word = |text: &str| {
            let words = text.split(' ').map(display_width);
            words.max().unwrap_or(0).min(LONGEST_WORD)
        };
        let least = |column: usize| {
            let cells = self.cells(column).map(|cell| {
                if self.right[column] {
                    display_width(cell)
                } else if column == 0 {
                    // Keys should stay readable.
                    display_width(cell).min(LONGEST_WORD)
                } else {
                    word(cell)
                }
            });
            cells.max().unwrap_or(0).max(word(&self.headings[column]))
        };
        let whole: Vec<usize> = columns.iter().map(|&column| whole(column)).collect();
        let mut widths: Vec<usize> = columns.iter().map(|&column| least(column)).collect();
        let mut left = room.checked_sub(widths.iter().sum())?;
        // Distributes the rest, one by one, to the column that lacks most.
        while left > 0 {
            let lacks = |&at: &usize| whole[at].saturating_sub(widths[at]);
            let most = (0..columns.len()).rev().max_by_key(lacks)?;
            if lacks(&most) == 0 {
                break;
            }
            widths[most] += 1;
            left -= 1;
        }
        let fits = |(&column, &width): (&usize, &usize)| {
            let mut cells = self.cells(column);
            cells.all(|cell| wrapped(cell, width).len() <= MOST_LINES)
        };
        let mut columns_with = columns.iter().zip(&widths);
        columns_with.all(fits).then(|| {
            columns
                .iter()
                .copied()
                .zip(widths.iter().copied())
                .collect()
        })
    }

    fn side_by_side(&self, block: &Block, bold: Style) -> String {
        let mut text = self.lines(&self.headings, block, bold);
        let mut rules = vec![String::new(); self.headings.len()];
        for &(column, width) in block {
            rules[column] = "-".repeat(width);
        }
        text += &self.lines(&rules, block, Style::new());
        let several = |row: &Vec<String>| {
            let mut cells = block.iter();
            cells.any(|&(column, width)| display_width(&row[column]) > width)
        };
        // Rows of several lines need a separator.
        let apart = self.rows.iter().any(several);
        for (at, row) in self.rows.iter().enumerate() {
            if apart && at > 0 {
                text.push('\n');
            }
            text += &self.lines(row, block, Style::new());
        }
        text
    }

    /// The lines of a row, as many as its tallest cell needs.
    fn lines(&self, cells: &[String], block: &Block, style: Style) -> String {
        let in_lines = |&(column, width): &(usize, usize)| wrapped(&cells[column], width);
        let parts: Vec<Vec<String>> = block.iter().map(in_lines).collect();
        let height = parts.iter().map(Vec::len).max().unwrap_or(0);
        let mut text = String::new();
        for at in 0..height {
            let mut line = String::new();
            for (place, (lines, &(column, width))) in parts.iter().zip(block).enumerate() {
                let part = lines.get(at).map_or("", String::as_str);
                let blanks = " ".repeat(width.saturating_sub(display_width(part)));
                if place > 0 {
                    line += &" ".repeat(GAP);
                }
                line += &if self.right[column] {
                    blanks + part
                } else {
                    part.to_owned() + &blanks
                };
            }
            text += &format!("{style}{}{style:#}\n", line.trim_end());
        }
        text
    }

    /// One line per cell, under the first cell of its row.
    fn stacked(&self, width: usize, bold: Style) -> String {
        let label = self.headings.iter().skip(1).map(|text| display_width(text));
        let label = label.max().unwrap_or(0).min(width / 2);
        let mut text = String::new();
        for (at, row) in self.rows.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            for line in wrapped(&format!("{}: {}", self.headings[0], row[0]), width) {
                text += &format!("{bold}{line}{bold:#}\n");
            }
            for (heading, cell) in self.headings.iter().zip(row).skip(1) {
                let blanks = " ".repeat(label.saturating_sub(display_width(heading)));
                let cells = wrapped(cell, width.saturating_sub(label + 2 * GAP));
                for (line, cell) in cells.iter().enumerate() {
                    let before = if line == 0 {
                        format!("  {heading}{blanks}")
                    } else {
                        " ".repeat(label + GAP)
                    };
                    text += format!("{before}  {cell}").trim_end();
                    text.push('\n');
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::table::Cell;

    fn table() -> Table {
        let columns = [("name", "Model"), ("a", "ACC presence"), ("n", "Clips")];
        let mut table = Table::new("Baselines", &columns);
        table.row(vec![
            Cell::text("mlp-512 on imagebind + wavlm_large"),
            Cell::Spread(0.5, Some(0.25), 4),
            Cell::Count(1234),
        ]);
        table.row(vec![Cell::text("fusion"), Cell::Empty, Cell::Empty]);
        table
            .notes
            .push("A note of a few words that is longer than a line.".into());
        table
    }

    fn widest(text: &str) -> usize {
        text.lines().map(display_width).max().unwrap()
    }

    #[test]
    fn a_table_that_fits_stands_in_columns() {
        let text = fitted(&table(), 80, Style::new());
        let expected = "Baselines\n\n\
            Model                                  ACC presence  Clips\n\
            ----------------------------------  ---------------  -----\n\
            mlp-512 on imagebind + wavlm_large  0.5000 ± 0.2500   1234\n\
            fusion                                            –      –\n";
        assert!(text.starts_with(expected), "{text}");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_nothing_is_lost() {
        for width in [30, 34, 40, 45, 50, 60, 80] {
            let text = fitted(&table(), width, Style::new());
            assert!(widest(&text) <= width, "{width}:\n{text}");
            let words: Vec<&str> = text.split_whitespace().collect();
            for word in [
                "wavlm_large",
                "0.5000",
                "0.2500",
                "1234",
                "longer",
                "fusion",
            ] {
                assert!(words.contains(&word), "{width}: no {word}:\n{text}");
            }
        }
    }

    #[test]
    fn columns_that_do_not_fit_follow_in_blocks_that_begin_with_what_tells_rows_apart() {
        let columns: Vec<String> = (0..9).map(|at| format!("measure_{at}")).collect();
        let columns: Vec<(&str, &str)> =
            columns.iter().map(|name| (&name[..], &name[..])).collect();
        let mut table = Table::new("Wide", &columns);
        for row in 0..2 {
            // The first column is the same in both rows.
            let cells = (0..9).map(|at| Cell::Count(if at == 0 { 7 } else { at + 10 * row }));
            table.row(cells.collect());
        }
        let text = fitted(&table, 45, Style::new());
        let expected = "Wide\n\n\
            measure_0  measure_1  measure_2  measure_3\n\
            ---------  ---------  ---------  ---------\n        \
            7          1          2          3\n        \
            7         11         12         13\n\n\
            measure_0  measure_1  measure_4  measure_5\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("measure_0  measure_1  measure_8\n"), "{text}");
        let narrow = fitted(&table, 30, Style::new());
        assert!(
            narrow.contains("measure_0: 7\n  measure_1  1\n"),
            "{narrow}"
        );
    }
}
