//! The tables and files of `repro`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::reading::write_markdown;
use super::study::{StudyReport, StudyTables};
use super::table::{Cell, Reading, Table, write_json};
use super::{cells, comparison, final_model, main_measure, significance};
use crate::error::Result;
use crate::experiments::comparison::Row;
use crate::experiments::repro::{MODELS, NEW_PEOPLE, Reproduce, Reproduced};
use crate::plan::PlanFolder;

/// Folders of the final models.
const FINALS: [&str; 2] = ["final", "final_uda"];

/// Table I: baselines and models on the validation and test splits.
pub fn table_1(found: &Reproduced) -> Table {
    let mut columns = vec![
        ("model", "Model"),
        ("changes", "Changes"),
        ("val_acc_presence", "Validation ACC_presence"),
        ("val_acc_salience", "Validation ACC_salience"),
        ("val_average", "Validation average"),
        ("test_acc_presence", "Test ACC_presence"),
        ("test_acc_salience", "Test ACC_salience"),
        ("test_average", "Test average"),
        ("paper_test_average", "Test average, paper"),
        ("folds", "Folds"),
        ("seeds", "Seeds"),
    ];
    columns.extend(significance::columns(main_measure::of_rows(&found.models)));
    let mut table = Table::new("Table I: validation and test", &columns);
    let mut reading = Reading::in_order();
    let beside_the_paper = found.models.iter().any(comparison::beside_the_paper);
    if !beside_the_paper {
        reading.hidden.push("paper_test_average");
    }
    table.reading = Some(reading);
    // Baselines first, as in the paper.
    let (fusion, others) = found.models.split_at(MODELS.len().min(found.models.len()));
    // Ours last.
    let is_ours = |row: &&Row| row.entry.candidate.name == NEW_PEOPLE;
    let (ours, baselines): (Vec<&Row>, Vec<&Row>) = others.iter().partition(is_ours);
    for row in baselines.into_iter().chain(fusion).chain(ours) {
        let name = &row.entry.candidate.name;
        let changes = comparison::changes(&row.entry);
        let mut cells = vec![Cell::text(name), Cell::text(&changes)];
        let (mut folds, mut seeds) = (Cell::Empty, Cell::Empty);
        match &row.result {
            Ok(found) => {
                let summary = &found.summary;
                cells.push(Cell::spread(summary.acc_presence.as_ref(), false));
                cells.push(Cell::spread(summary.acc_salience.as_ref(), false));
                cells.push(Cell::spread(Some(&summary.average), false));
                folds = Cell::Count((found.folds.len() / found.by_seed.len().max(1)) as u64);
                seeds = Cell::Text(cells::seeds(found.by_seed.iter().map(|(s, _)| *s)));
            }
            Err(reason) => {
                cells.resize(5, Cell::Empty);
                table.notes.push(cells::without_result(name, reason));
            }
        }
        cells.extend(final_model::cells_of(row, &mut table.notes));
        let paper = row.entry.paper;
        cells.push(paper.map_or(Cell::Empty, |x| Cell::Number(x, 3)));
        cells.extend([folds.clone(), seeds.clone()]);
        cells.extend(significance::cells(row));
        table.row(cells);
        let retrained = row.retrained.as_ref().and_then(|found| found.as_ref().ok());
        if let Some(ensemble) = retrained.and_then(|retrained| retrained.ensemble.as_ref()) {
            let name = format!("{name}, ensemble of {} fold models", ensemble.models);
            let mut cells = vec![Cell::Text(name), Cell::Text(changes)];
            cells.resize(5, Cell::Empty);
            let test = std::slice::from_ref(&ensemble.test);
            cells.extend(final_model::test_cells(test));
            cells.extend([Cell::Empty, folds, seeds]);
            cells.resize(columns.len(), Cell::Empty);
            table.row(cells);
        }
    }
    table.notes.push(
        "Validation: mean ± sample standard deviation over folds, thresholds chosen on each fold."
            .into(),
    );
    table.notes.push(final_model::PROTOCOL.into());
    if beside_the_paper {
        table.notes.push(comparison::PAPER.into());
    }
    let left_out = found.left_out.iter();
    table
        .notes
        .extend(left_out.map(|row| format!("LEFT OUT, {row}.")));
    table.notes.extend(significance::notes(&found.models));
    let mut tests = found
        .models
        .iter()
        .filter_map(|row| row.retrained.as_ref()?.as_ref().ok())
        .flat_map(|retrained| &retrained.tests);
    if tests.all(|test| test.accuracy.is_none()) {
        table.notes.push(
            "There are no test scores, because there is no test split or it has no labels.".into(),
        );
    }
    table
}

/// Table II: ablations on validation.
pub fn table_2(found: &Reproduced) -> Table {
    let mut table = comparison::table("Table II: ablations, validation", &found.ablations);
    comparison::note_unchanged(&mut table, &found.unchanged);
    in_the_papers_order(table)
}

/// The rows stay as in the paper.
fn in_the_papers_order(mut table: Table) -> Table {
    if let Some(reading) = &mut table.reading {
        reading.order = None;
    }
    table
}

/// Table V: values of top-k on validation.
pub fn table_5(found: &Reproduced) -> Table {
    let rows: Vec<Row> = found.kept.iter().map(|(_, row)| row.clone()).collect();
    in_the_papers_order(comparison::table(
        "Table V: encoders kept, validation",
        &rows,
    ))
}

/// All tables.
pub fn tables(found: &Reproduced) -> [Table; 3] {
    [table_1(found), table_2(found), table_5(found)]
}

/// Everything as JSON: the tables, and the cross-validations and final models behind them.
pub fn json(found: &Reproduced) -> Value {
    let fusion = || found.models.iter().take(MODELS.len());
    let finals = fusion().map(|row| row.retrained.as_ref().map(final_model::json_of));
    let kept: Vec<Row> = found.kept.iter().map(|(_, row)| row.clone()).collect();
    json!({
        "tables": tables(found).map(|table| table.json()),
        "models": comparison::json(&found.models),
        "left_out": found.left_out,
        "finals": finals.collect::<Vec<_>>(),
        "selected": found.selected,
        "ablations": comparison::json(&found.ablations),
        "kept": comparison::json(&kept),
    })
}

/// Writes `tables.md`, `tables.json`, `table_1.csv`, `table_2.csv`, `table_5.csv`, the final models in
/// `final/` and `final_uda/`, and `submission.zip`, the test predictions of the one with the higher
/// validation average. Returns the paths of the files.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write(found: &Reproduced, folder: &PlanFolder) -> Result<Vec<PathBuf>> {
    let out: &Path = folder.path();
    let mut written = Vec::new();
    for (i, (row, name)) in found.models.iter().zip(FINALS).enumerate() {
        let Some(Ok(retrained)) = &row.retrained else {
            continue;
        };
        written.extend(final_model::write(retrained, folder, &out.join(name))?);
        if found.selected == Some(i)
            && let Some(test) = retrained.tests.first()
        {
            let path = out.join("submission.zip");
            test.predictions().write(&path, &test.table.classes)?;
            written.push(path);
        }
    }
    let tables = tables(found);
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
    // Last: its presence marks the folder as complete.
    write_json(&out.join("tables.json"), &json(found))?;
    written.push(out.join("tables.json"));
    Ok(written)
}

impl StudyReport for Reproduce {
    fn tables(&self, found: &Reproduced) -> std::result::Result<StudyTables, String> {
        Ok(StudyTables {
            tables: tables(found).into(),
            json: json(found),
        })
    }

    fn unusable(&self, found: &Reproduced) -> Option<String> {
        found.models.first()?.unusable()
    }

    fn write(&self, found: &Reproduced, _: &StudyTables, to: &PlanFolder) -> Result<Vec<PathBuf>> {
        write(found, to)
    }
}
