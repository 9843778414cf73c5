//! Tables as people read them, on a terminal, in Markdown and on the page: best rows first, no column
//! that is the same in every row, nothing too long for a cell. CSV and JSON have everything.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use super::lists::Lists;
use super::table::{Cell, Reading, Table};
use crate::config::{Config, Monitor};

impl Reading {
    /// By the column of a main measure, best first.
    pub fn by(main: Monitor) -> Self {
        let key = match main {
            Monitor::Auto | Monitor::Average => "average",
            Monitor::Presence => "acc_presence",
            Monitor::Salience => "acc_salience",
            Monitor::Overlap => "overlap",
            Monitor::Kl => "kl",
            Monitor::Loss => "main_loss",
        };
        Self {
            order: Some((key, main.higher_is_better())),
            ..Self::in_order()
        }
    }

    /// As the rows are.
    pub fn in_order() -> Self {
        Self {
            order: None,
            // Holm's p decides; the others are of use to programs.
            hidden: vec!["p", "pooled_average", "best_epoch"],
        }
    }
}

impl Table {
    /// The Markdown table as people read it, with aligned columns, so that it is readable as plain text
    /// too.
    pub fn markdown(&self) -> String {
        for_readers(self).as_markdown()
    }
}

/// Writes tables to a Markdown file.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write_markdown(path: &Path, tables: &[&Table]) -> crate::Result<()> {
    let texts: Vec<String> = tables.iter().map(|table| table.markdown()).collect();
    crate::files::atomic_file::write(path, |out| out.write_all(texts.join("\n").as_bytes()))
}

/// Columns that are shown though they are the same in every row: what a table is about.
const SCORES: [&str; 12] = [
    "acc_presence",
    "acc_salience",
    "average",
    "overlap",
    "kl",
    "main_loss",
    "val_acc_presence",
    "val_acc_salience",
    "val_average",
    "test_acc_presence",
    "test_acc_salience",
    "test_average",
];

/// The column with the verdicts.
const VERDICT: &str = "verdict";

/// A table as people read it; one without a [`Reading`] as it is.
pub fn for_readers(table: &Table) -> Table {
    let mut table = table.clone();
    let Some(reading) = table.reading.take() else {
        return table;
    };
    if let Some((key, higher)) = reading.order {
        best_first(&mut table, key, higher);
    }
    for key in &reading.hidden {
        table.remove(key);
    }
    shorten(&mut table);
    split_assignments(&mut table);
    put_changes_last(&mut table);
    mark_verdicts(&mut table);
    drop_constant(&mut table);
    table
}

/// The places of rows by a column's value, best first; rows without a value last.
fn best_first(table: &mut Table, key: &str, higher: bool) {
    let Some(column) = table.column(key) else {
        return;
    };
    table.rows.sort_by(|a, b| {
        let [a, b] = [a, b].map(|row| row[column].value());
        match (a, b) {
            (Some(a), Some(b)) if higher => b.total_cmp(&a),
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    });
}

/// Shortens long lists in cells and notes.
fn shorten(table: &mut Table) {
    let mut lists = Lists::default();
    let texts = table.rows.iter().flatten().filter_map(|cell| match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    });
    texts.for_each(|text| lists.see(text));
    let mut shortened = false;
    let mut brief = |text: &mut String| {
        let short = lists.brief(text);
        shortened |= short != *text;
        *text = short;
    };
    for cell in table.rows.iter_mut().flatten() {
        if let Cell::Text(text) = cell {
            brief(text);
        }
    }
    table.notes.iter_mut().for_each(&mut brief);
    if shortened {
        table
            .notes
            .push("Long lists are shortened here; the CSV file has them whole.".into());
    }
}

/// One column for each key, where every row is named by values of the same keys.
fn split_assignments(table: &mut Table) {
    let named: Option<Vec<Vec<(String, String)>>> = table
        .rows
        .iter()
        .map(|row| match row.first() {
            Some(Cell::Text(name)) => assignments(name),
            _ => None,
        })
        .collect();
    let Some(named) = named else { return };
    let keys: Vec<String> = match named.first() {
        Some(first) => first.iter().map(|(key, _)| key.clone()).collect(),
        None => return,
    };
    let same = |row: &Vec<(String, String)>| row.iter().map(|(key, _)| key).eq(&keys);
    if !named.iter().all(same) {
        return;
    }
    let names = keys.iter().map(|key| (key.clone(), key.clone()));
    table.columns.splice(0..1, names);
    for (row, values) in table.rows.iter_mut().zip(named) {
        let values = values.into_iter().map(|(_, value)| Cell::Text(value));
        row.splice(0..1, values);
    }
    // They are the same values again.
    table.remove("changes");
}

/// `KEY=VALUE, KEY=VALUE`, the keys those of the configuration.
pub fn assignments(name: &str) -> Option<Vec<(String, String)>> {
    let known = Config::keys();
    let is_key = |key: &str| known.iter().any(|(known, _)| known == key);
    let mut found: Vec<(String, String)> = Vec::new();
    for part in name.split(", ") {
        match (part.split_once('='), found.last_mut()) {
            (Some((key, value)), _) if is_key(key) => {
                found.push((key.to_owned(), value.to_owned()));
            }
            // A comma inside of a value.
            (_, Some((_, value))) => *value += &format!(", {part}"),
            _ => return None,
        }
    }
    Some(found)
}

/// The column with changes says nothing where it repeats the names; otherwise it follows the numbers, for
/// which there would be no room beside two columns of names.
fn put_changes_last(table: &mut Table) {
    let Some(column) = table.column("changes") else {
        return;
    };
    let repeats = |row: &Vec<Cell>| {
        let changes = row[column].shown();
        changes == row[0].shown() || ["none", "–", ""].contains(&changes.as_str())
    };
    if table.rows.iter().all(repeats) {
        return table.remove("changes");
    }
    let heading = table.columns.remove(column);
    table.columns.push(heading);
    for row in &mut table.rows {
        let repeated = repeats(row);
        let changes = row.remove(column);
        row.push(if repeated { Cell::Empty } else { changes });
    }
}

/// The verdict as a mark beside the name.
fn mark_verdicts(table: &mut Table) {
    let Some(column) = table.column(VERDICT) else {
        return;
    };
    let marks = HashMap::from([
        ("within noise", "≈ within noise"),
        ("better", "▲ better"),
        ("worse", "▼ worse"),
    ]);
    for row in &mut table.rows {
        if let Cell::Text(text) = &mut row[column]
            && let Some(mark) = marks.get(text.as_str())
        {
            *text = (*mark).to_owned();
        }
    }
    let is_text = |row: &Vec<Cell>, at: usize| matches!(row[at], Cell::Text(_));
    let names = (0..column).take_while(|&at| table.rows.iter().all(|row| is_text(row, at)));
    let to = names.count().min(column);
    let heading = table.columns.remove(column);
    table
        .columns
        .insert(to, (heading.0, "Against the reference".into()));
    for row in &mut table.rows {
        let cell = row.remove(column);
        row.insert(to, cell);
    }
}

/// Columns that are the same in every row become one line below the table, empty ones nothing.
fn drop_constant(table: &mut Table) {
    let mut said = Vec::new();
    for at in (1..table.columns.len()).rev() {
        let (key, heading) = &table.columns[at];
        let mut cells = table.rows.iter().map(|row| &row[at]);
        let Some(first) = cells.next().cloned() else {
            return;
        };
        let empty = matches!(first, Cell::Empty);
        let same = cells.all(|cell| *cell == first);
        let several = table.rows.len() > 1;
        if !same || !(empty || several) || (SCORES.contains(&key.as_str()) && !empty) {
            continue;
        }
        if !empty {
            said.push(format!("{heading} {}", first.shown()));
        }
        let key = key.clone();
        table.remove(&key);
    }
    if !said.is_empty() {
        said.reverse();
        let note = format!("The same in every row: {}.", said.join("; "));
        table.notes.push(note);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: &[(&str, f64, &str)]) -> Table {
        let columns = [
            ("configuration", "Configuration"),
            ("changes", "Changes"),
            ("average", "Average"),
            ("folds", "Folds"),
            ("verdict", "Beyond noise?"),
            ("paper_average", "Average, paper"),
        ];
        let mut table = Table::new("T", &columns);
        for (name, average, verdict) in rows {
            table.row(vec![
                Cell::text(*name),
                Cell::text(*name),
                Cell::Number(*average, 4),
                Cell::Count(5),
                Cell::text(*verdict),
                Cell::Empty,
            ]);
        }
        table.reading = Some(Reading::by(Monitor::Average));
        table
    }

    #[test]
    fn the_best_row_is_first_and_only_what_differs_is_shown() {
        let table = table(&[
            ("a", 0.2, "reference"),
            ("b", 0.4, "within noise"),
            ("c", 0.3, "better"),
        ]);
        let read = for_readers(&table);
        let shown: Vec<Vec<String>> = read
            .rows()
            .iter()
            .map(|row| row.iter().map(Cell::shown).collect())
            .collect();
        assert_eq!(shown[0], ["b", "≈ within noise", "0.4000"]);
        assert_eq!(shown[1], ["c", "▲ better", "0.3000"]);
        assert_eq!(shown[2], ["a", "reference", "0.2000"]);
        assert_eq!(read.notes, ["The same in every row: Folds 5."]);
        // The files have all of it, in the order of the study.
        let mut csv = Vec::new();
        table.csv(&mut csv).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        assert!(
            csv.starts_with(
                "configuration,changes,average,folds,verdict,paper_average\na,a,0.2,5,reference,\n"
            ),
            "{csv}"
        );
    }

    #[test]
    fn values_of_keys_have_columns_of_their_own() {
        let table = table(&[
            ("model.top_k=2, train.lr=0.1", 0.2, "reference"),
            ("model.top_k=4, train.lr=0.1", 0.1, "worse"),
        ]);
        let read = for_readers(&table);
        let headings: Vec<&str> = read.headings().collect();
        assert_eq!(
            headings,
            ["model.top_k", "Against the reference", "Average"]
        );
        assert_eq!(
            read.notes,
            ["The same in every row: train.lr 0.1; Folds 5."]
        );
        assert_eq!(assignments("fusion"), None);
        let found = assignments("data.encoders=[\"a\", \"b\"], model.top_k=1").unwrap();
        assert_eq!(found[0].1, "[\"a\", \"b\"]");
        assert_eq!(found[1], ("model.top_k".into(), "1".into()));
    }

    #[test]
    fn changes_that_are_not_the_names_follow_the_numbers() {
        let mut table = table(&[
            ("full model", 0.4, "reference"),
            ("without gate", 0.2, "worse"),
        ]);
        table.rows[0][1] = Cell::text("none");
        table.rows[1][1] = Cell::text("model.gate=\"uniform\"");
        let read = for_readers(&table);
        let headings: Vec<&str> = read.headings().collect();
        assert_eq!(
            headings,
            [
                "Configuration",
                "Against the reference",
                "Average",
                "Changes"
            ]
        );
        let changes = |row: usize| read.rows()[row][3].shown();
        assert_eq!([changes(0), changes(1)], ["–", "model.gate=\"uniform\""]);
    }

    #[test]
    fn rows_without_a_value_are_last_and_lower_may_be_better() {
        let mut table = table(&[("a", 0.2, "reference"), ("b", 0.1, "better")]);
        table.rows[0][2] = Cell::Empty;
        let read = for_readers(&table);
        assert_eq!(read.rows()[1][0].shown(), "a");
        let mut table = self::table(&[("a", 0.2, "reference"), ("b", 0.1, "better")]);
        table.reading = Some(Reading {
            order: Some(("average", false)),
            hidden: Vec::new(),
        });
        assert_eq!(for_readers(&table).rows()[0][0].shown(), "b");
    }
}
