//! The table of a nested search.

use serde_json::{Value, json};

use super::cells::without_result;
use super::table::{Cell, Reading, Table};
use super::{comparison, main_measure, significance};
use crate::experiments::sweep::nested::{ChosenWithout, Nested};

/// Two rows: the setup's own configuration, and what the searches chose.
pub fn table(found: &Nested) -> Table {
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
    for ChosenWithout { fold, chosen } in &found.folds {
        table.notes.push(match chosen {
            Ok(name) => format!("Chosen without fold {fold}: {name}."),
            Err(reason) => format!("NO CHOICE without fold {fold}: {reason}."),
        });
    }
    table
}

/// The rows, and the choice without each fold.
pub fn json(found: &Nested) -> Value {
    let folds = found.folds.iter().map(|without| {
        json!({
            "fold": without.fold,
            "chosen": without.chosen.as_ref().ok(),
        })
    });
    json!({
        "rows": comparison::json(&found.rows),
        "folds": folds.collect::<Vec<_>>(),
    })
}
