//! The paper's tables from a reproduction.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::comparison;
use super::final_model;
use super::table::{Cell, Table, write_json, write_markdown};
use crate::error::Result;
use crate::experiments::PlanFolder;
use crate::experiments::comparison::Row;
use crate::experiments::paper::{ENCODERS, table_1};
use crate::experiments::repro::Reproduced;

/// Folders of the final models, in the order of Table I.
const FINALS: [&str; 2] = ["final", "final_uda"];

/// Table I: the models on validation and on the test part.
pub fn table_1(found: &Reproduced) -> Table {
    let columns = [
        ("model", "Model"),
        ("changes", "Changes"),
        ("val_acc_presence", "Validation ACC_presence"),
        ("val_acc_salience", "Validation ACC_salience"),
        ("val_average", "Validation average"),
        ("test_acc_presence", "Test ACC_presence"),
        ("test_acc_salience", "Test ACC_salience"),
        ("test_average", "Test average"),
        ("folds", "Folds"),
        ("seeds", "Seeds"),
        ("paper_test_average", "Test average, paper"),
    ];
    let mut table = Table::new("Table I: validation and test", &columns);
    let paper = [table_1::ALL_ENCODERS, table_1::WITH_UDA];
    for (i, row) in found.models.iter().enumerate() {
        let name = &row.contender.candidate.name;
        let changes = comparison::changes(&row.contender.changes);
        let mut cells = vec![Cell::text(name), Cell::text(&changes)];
        let (mut folds, mut seeds) = (Cell::Empty, Cell::Empty);
        match &row.found {
            Ok(found) => {
                let summary = &found.summary;
                cells.push(Cell::spread(summary.acc_presence.as_ref(), false));
                cells.push(Cell::spread(summary.acc_salience.as_ref(), false));
                cells.push(Cell::spread(Some(&summary.average), false));
                folds = Cell::Count((found.folds.len() / found.by_seed.len().max(1)) as u64);
                seeds = Cell::Text(comparison::seeds(found.by_seed.iter().map(|(s, _)| *s)));
            }
            Err(reason) => {
                cells.resize(5, Cell::Empty);
                table.notes.push(format!("{name} FAILED: {reason}"));
            }
        }
        let retrained = found.finals.get(i).and_then(|found| found.as_ref().ok());
        match retrained {
            Some(retrained) => cells.extend(final_model::test_cells(&retrained.tests)),
            None => cells.resize(8, Cell::Empty),
        }
        cells.extend([
            folds.clone(),
            seeds.clone(),
            paper.get(i).map_or(Cell::Empty, |x| Cell::Number(*x, 3)),
        ]);
        table.row(cells);
        let ensemble = retrained.and_then(|retrained| retrained.ensemble.as_ref());
        if let Some(ensemble) = ensemble {
            let mut cells = vec![
                Cell::Text(format!(
                    "{name}, ensemble of {} fold models",
                    ensemble.models
                )),
                Cell::Text(changes),
                Cell::Empty,
                Cell::Empty,
                Cell::Empty,
            ];
            cells.extend(final_model::test_cells(std::slice::from_ref(
                &ensemble.test,
            )));
            cells.extend([folds, seeds, Cell::Empty]);
            table.row(cells);
        }
        if let Some(Err(reason)) = found.finals.get(i)
            && row.found.is_ok()
        {
            table
                .notes
                .push(format!("{name}, trained on all clips, FAILED: {reason}"));
        }
        for note in retrained.iter().flat_map(|retrained| &retrained.notes) {
            table.notes.push(format!("{name}: {note}."));
        }
    }
    table.notes.push(
        "Validation: mean ± sample standard deviation over folds, thresholds chosen on each fold. \
         Test: a model trained on all clips for the median best epoch, decoded with the thresholds \
         chosen on all out-of-fold scores; mean ± standard deviation over seeds."
            .into(),
    );
    let without_labels = found
        .finals
        .iter()
        .flatten()
        .all(|retrained| retrained.tests.iter().all(|test| test.accuracy.is_none()));
    if without_labels {
        table.notes.push(
            "The test part has no labels here (or is not there), so it has no scores.".into(),
        );
    }
    table
}

/// Table II: ablations on validation.
pub fn table_2(found: &Reproduced) -> Table {
    comparison::table("Table II: ablations, validation", &found.ablations)
}

/// Table V: how many encoders are kept, on validation.
pub fn table_5(found: &Reproduced, encoders: usize) -> Table {
    let rows: Vec<Row> = found.kept.iter().map(|(_, row)| row.clone()).collect();
    let mut table = comparison::table("Table V: encoders kept, validation", &rows);
    if encoders != ENCODERS {
        table.notes.push(format!(
            "The data have {encoders} encoders, the paper {ENCODERS}: its figures stand for another share of the encoders."
        ));
    }
    table
}

/// All tables.
pub fn tables(found: &Reproduced, encoders: usize) -> [Table; 3] {
    [table_1(found), table_2(found), table_5(found, encoders)]
}

/// Everything as JSON: the tables, and the cross-validations and final models behind them.
pub fn json(found: &Reproduced, encoders: usize) -> Value {
    let finals = found.finals.iter().map(|found| match found {
        Ok(retrained) => final_model::json(retrained),
        Err(reason) => json!({ "failed": reason }),
    });
    let kept: Vec<Row> = found.kept.iter().map(|(_, row)| row.clone()).collect();
    json!({
        "tables": tables(found, encoders).map(|table| table.json()),
        "models": comparison::json(&found.models),
        "finals": finals.collect::<Vec<_>>(),
        "selected": found.selected,
        "ablations": comparison::json(&found.ablations),
        "kept": comparison::json(&kept),
    })
}

/// Writes `tables.md`, `tables.json`, `table_1.csv`, `table_2.csv`, `table_5.csv`, the final models in
/// `final/` and `final_uda/`, and `submission.zip`, the test predictions of the one with the higher
/// validation average. Gives the files' names.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write(found: &Reproduced, folder: &PlanFolder, encoders: usize) -> Result<Vec<PathBuf>> {
    let out: &Path = folder.path();
    let mut written = Vec::new();
    for (i, (retrained, name)) in found.finals.iter().zip(FINALS).enumerate() {
        let Ok(retrained) = retrained else { continue };
        written.extend(final_model::write(retrained, folder, &out.join(name))?);
        if found.selected == Some(i)
            && let Some(test) = retrained.tests.first()
        {
            let path = out.join("submission.zip");
            test.predictions().write(&path, &test.table.classes)?;
            written.push(path);
        }
    }
    let tables = tables(found, encoders);
    for (table, name) in tables
        .iter()
        .zip(["table_1.csv", "table_2.csv", "table_5.csv"])
    {
        table.write_csv(&out.join(name))?;
        written.push(out.join(name));
    }
    let [one, two, five] = &tables;
    write_markdown(&out.join("tables.md"), &[one, two, five])?;
    written.push(out.join("tables.md"));
    // Last: where it stands, everything stands.
    write_json(&out.join("tables.json"), &json(found, encoders))?;
    written.push(out.join("tables.json"));
    Ok(written)
}
