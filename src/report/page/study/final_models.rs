//! The models of a cross-validation that were trained on all clips.

use serde_json::Value;

use crate::report::page::stored::StoredRow;
use crate::report::page::tables::{html, paragraph};
use crate::report::page::tiles::counted;
use crate::report::table::{Cell, Table};

/// The models that followed a cross-validation: one for each seed, and the ensemble of its folds' models, with
/// their test scores where the test split has labels; nothing where none followed.
pub fn of(row: &StoredRow) -> String {
    let last = row.last();
    let columns = [
        ("model", "Model"),
        ("epochs", "Epochs"),
        ("test_acc_presence", "Test ACC_presence"),
        ("test_acc_salience", "Test ACC_salience"),
        ("test_average", "Test average"),
    ];
    let title = "Trained on all clips";
    let mut table = Table::new(title, &columns);
    for run in last["runs"].as_array().into_iter().flatten() {
        let epochs = run["epochs"].as_u64().map_or(Cell::Empty, Cell::Count);
        let name = format!("seed {}", run["seed"]);
        table.row([vec![Cell::Text(name), epochs], scores(&run["test"])].concat());
    }
    if let Some(models) = last["ensemble"]["models"].as_u64() {
        let name = format!("ensemble of {}", counted(models as usize, "fold model"));
        let test = scores(&last["ensemble"]["test"]);
        table.row([vec![Cell::Text(name), Cell::Empty], test].concat());
    }
    if table.rows().is_empty() {
        return String::new();
    }
    let none = |row: &Vec<Cell>| row[2..].iter().all(|cell| *cell == Cell::Empty);
    let note = match table.rows().iter().all(none) {
        true => "The test split has no labels, so there are no scores.",
        false => {
            "For the median best epoch of the folds, decoded with one setting of the thresholds, chosen on all out-of-fold scores."
        }
    };
    html(&table, title, None) + &paragraph(note)
}

/// Test scores; all empty without labels.
fn scores(test: &Value) -> Vec<Cell> {
    let salience = test["acc_salience"].as_f64();
    // Half of an accuracy is no average of two.
    let average = test["average"].as_f64().filter(|_| salience.is_some());
    vec![
        Cell::number(test["acc_presence"].as_f64()),
        Cell::number(salience),
        Cell::number(average),
    ]
}
