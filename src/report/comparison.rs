//! A table with a row for each of several configurations.

use serde_json::{Value, json};

use super::cross_validation;
use super::table::{Cell, Table};
use crate::experiments::comparison::Row;

/// One row each: scores as mean ± standard deviation over folds (and, of several seeds, the
/// average's over seeds), the pooled setting's average, and the paper's average.
pub fn table(title: &str, rows: &[Row]) -> Table {
    let several = rows.iter().any(|row| {
        row.found
            .as_ref()
            .is_ok_and(|found| found.by_seed.len() > 1)
    });
    let mut columns = vec![
        ("configuration", "Configuration"),
        ("changes", "Changes"),
        ("acc_presence", "ACC_presence"),
        ("acc_salience", "ACC_salience"),
        ("average", "Average"),
    ];
    if several {
        columns.push(("average_over_seeds", "Average, over seeds"));
    }
    columns.extend([
        ("pooled_average", "Average, pooled thresholds"),
        ("loss", "Loss"),
        ("best_epoch", "Median best epoch"),
        ("folds", "Folds"),
        ("seeds", "Seeds"),
        ("paper_average", "Average, paper"),
    ]);
    let mut table = Table::new(title, &columns);
    for row in rows {
        let name = &row.contender.candidate.name;
        let mut cells = vec![
            Cell::text(name),
            Cell::Text(changes(&row.contender.changes)),
        ];
        match &row.found {
            Ok(found) => {
                let summary = &found.summary;
                cells.push(Cell::spread(summary.acc_presence.as_ref(), false));
                cells.push(Cell::spread(summary.acc_salience.as_ref(), false));
                cells.push(Cell::spread(Some(&summary.average), false));
                if several {
                    cells.push(Cell::spread(Some(&summary.average), true));
                }
                cells.extend([
                    Cell::number(found.pooled_accuracy.average()),
                    Cell::spread(summary.task_loss.as_ref(), false),
                    Cell::Count(found.median_best_epoch as u64),
                    Cell::Count((found.folds.len() / found.by_seed.len().max(1)) as u64),
                    Cell::Text(seeds(found.by_seed.iter().map(|(seed, _)| *seed))),
                ]);
            }
            Err(reason) => {
                cells.resize(columns.len() - 1, Cell::Empty);
                table.notes.push(format!("{name} FAILED: {reason}"));
            }
        }
        cells.push(
            row.contender
                .paper
                .map_or(Cell::Empty, |x| Cell::Number(x, 3)),
        );
        table.row(cells);
    }
    table.notes.insert(
        0,
        "Mean ± sample standard deviation over folds; thresholds chosen on each fold, as in the paper."
            .into(),
    );
    table
}

/// The rows' cross-validations in full, as JSON.
pub fn json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|row| match &row.found {
        Ok(found) => {
            let mut value = cross_validation::json(found);
            value["changes"] = json!(row.contender.changes);
            value["paper"] = json!(row.contender.paper);
            value
        }
        Err(reason) => json!({
            "name": row.contender.candidate.name,
            "changes": row.contender.changes,
            "paper": row.contender.paper,
            "failed": reason,
        }),
    });
    Value::Array(rows.collect())
}

/// Changes of a configuration in one cell.
pub(super) fn changes(changes: &[String]) -> String {
    if changes.is_empty() {
        "none".into()
    } else {
        changes.join(", ")
    }
}

/// Seeds in one cell.
pub(super) fn seeds(seeds: impl Iterator<Item = u64>) -> String {
    let seeds: Vec<u64> = seeds.collect();
    match seeds[..] {
        [first, .., last] if last.wrapping_sub(first) == seeds.len() as u64 - 1 => {
            format!("{first}–{last}")
        }
        _ => seeds
            .iter()
            .map(u64::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}
