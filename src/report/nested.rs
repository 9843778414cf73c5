//! The tables of a nested search.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cells::without_result;
use super::main_measure::Drawn;
use super::table::{Cell, DIGITS, Reading, Table};
use super::{comparison, main_measure, significance};
use crate::error::Result;
use crate::experiments::comparison::Row;
use crate::experiments::cross_validation::FoldScore;
use crate::experiments::sweep::nested::{ChosenWithout, Nested};

/// The file of the estimates.
pub(super) const ESTIMATES: &str = "nested.csv";
/// The file of what was chosen without each fold.
pub(super) const FOLDS: &str = "nested_folds.csv";

/// The estimates, then what was chosen without each fold.
pub fn tables(found: &Nested) -> [Table; 2] {
    [estimates(found), by_fold(found)]
}

/// Writes the tables into a folder and returns their paths.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write(found: &Nested, folder: &Path) -> Result<Vec<PathBuf>> {
    let files = [ESTIMATES, FOLDS].map(|name| folder.join(name));
    for (table, path) in tables(found).iter().zip(&files) {
        table.write_csv(path)?;
    }
    Ok(files.into())
}

/// Two rows: the setup's own configuration, and what the searches chose.
fn estimates(found: &Nested) -> Table {
    let main = main_measure::of_rows(&found.rows);
    let mut columns = vec![
        ("configuration", "Configuration"),
        ("acc_presence", "ACC_presence"),
        ("acc_salience", "ACC_salience"),
        ("average", "Average"),
    ];
    columns.extend(main_measure::column(main));
    let before = columns.len();
    columns.extend(significance::columns(main));
    let mut table = Table::new("Nothing chosen on the scored clips", &columns);
    table.reading = Some(Reading::in_order());
    for row in &found.rows {
        let name = &row.entry.candidate.name;
        let mut cells = vec![Cell::text(name)];
        match &row.result {
            Ok(found) => {
                let summary = &found.summary;
                cells.extend([
                    Cell::spread(summary.acc_presence.as_ref(), false),
                    Cell::spread(summary.acc_salience.as_ref(), false),
                    main_measure::average(summary, false),
                ]);
                if main_measure::column(main).is_some() {
                    cells.push(Cell::spread(summary.main.as_ref(), false));
                }
            }
            Err(reason) => {
                cells.resize(before, Cell::Empty);
                table.notes.push(without_result(name, reason));
            }
        }
        cells.extend(significance::cells(row));
        table.row(cells);
    }
    table.notes.insert(
        0,
        "Mean ± sample standard deviation over folds. Each clip is scored by a model that was trained without the clip's fold, and whose configuration, epochs and thresholds were chosen without it."
            .into(),
    );
    main_measure::note(&mut table, main);
    table.notes.extend(significance::notes(&found.rows));
    table
}

/// One row per fold: what was chosen without it, and what both models score on it.
fn by_fold(found: &Nested) -> Table {
    let main = main_measure::of_rows(&found.rows);
    let columns = [
        ("fold", "Fold"),
        ("chosen", "Chosen without it"),
        ("tuned", "Tuned"),
        ("not_tuned", "Not tuned"),
        ("difference", "Difference"),
    ];
    let title = format!("Fold by fold: {}", Drawn::of(main).name);
    let mut table = Table::new(title, &columns);
    table.reading = Some(Reading::in_order());
    let score = |row: Option<&Row>, fold: usize| {
        let found = row?.result.as_ref().ok()?;
        FoldScore::mean(&found.folds, fold, main)
    };
    for ChosenWithout { fold, chosen } in &found.folds {
        let [not_tuned, tuned] = [0, 1].map(|row| score(found.rows.get(row), *fold));
        let difference = tuned.zip(not_tuned).map(|(tuned, other)| tuned - other);
        table.row(vec![
            Cell::Count(*fold as u64),
            chosen.as_ref().map_or(Cell::Empty, Cell::text),
            Cell::number(tuned),
            Cell::number(not_tuned),
            difference.map_or(Cell::Empty, |x| Cell::Difference(x, DIGITS)),
        ]);
        if let Err(reason) = chosen {
            table
                .notes
                .push(format!("NO CHOICE without fold {fold}: {reason}."));
        }
    }
    table.notes.insert(
        0,
        "Scores are those of the fold's clips, the mean over seeds; the differences of single folds are of few clips, so the one of all clips together above decides."
            .into(),
    );
    table
}

/// The rows in full, their table, and the choice without each fold with its scores.
pub fn json(found: &Nested) -> Value {
    let [estimates, by_fold] = tables(found).map(|table| table.json());
    json!({
        "rows": comparison::json(&found.rows),
        "table": estimates,
        "folds": by_fold["rows"],
    })
}
