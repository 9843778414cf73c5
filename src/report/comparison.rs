//! A table with one row per configuration.

use std::path::{Path, PathBuf};

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::cells::{seeds, without_result};
use super::reading::write_markdown;
use super::study::{StudyReport, StudyTables};
use super::table::{Cell, Reading, Table, write_json};
use super::{cross_validation, final_model, main_measure, measures, significance};
use crate::config::Monitor;
use crate::error::Result;
use crate::experiments::CrossValidation;
use crate::experiments::ablate::{Ablate, Ablation};
use crate::experiments::baselines::{CompareBaselines, ComparedBaselines, ComparingBaselines};
use crate::experiments::comparison::{Entry, Row};
use crate::experiments::paper::is_comparable;
use crate::plan::{PlanFolder, TrialKind};

/// The note on the paper's scores beside ours.
pub(super) const PAPER: &str = "The paper's scores are from BlEmoRE with 36 encoders; with other data or encoders they are not comparable with these rows.";

/// The note on losses of rows that minimise different functions.
const SAME_WEIGHTS: &str = "Loss follows each row's own weights and form, so compare rows by the loss with the weights of the base configuration; it is empty where the presence loss has another form.";

/// One row per configuration: scores as mean ± standard deviation over folds (with several seeds,
/// also the average over seeds), the average with pooled thresholds, and the paper's average if it
/// gives one for any row.
pub fn table(title: &str, rows: &[Row]) -> Table {
    let optional = Optional::of(rows);
    let mut table = Table::new(title, &optional.columns());
    table.reading = Some(Reading::by(optional.main));
    let beside_the_paper = rows.iter().any(beside_the_paper);
    if let Some(reading) = &mut table.reading
        && !beside_the_paper
    {
        reading.hidden.push("paper_average");
    }
    for row in rows {
        let name = &row.entry.candidate.name;
        let mut cells = vec![Cell::text(name), Cell::Text(changes(&row.entry))];
        match &row.result {
            Ok(found) => cells.extend(scores(found, optional)),
            Err(reason) => {
                cells.resize(optional.before_significance(), Cell::Empty);
                table.notes.push(without_result(name, reason));
            }
        }
        cells.extend(significance::cells(row));
        if optional.tested {
            cells.extend(final_model::cells_of(row, &mut table.notes));
        }
        if optional.of_the_paper {
            let paper = row.entry.paper;
            cells.push(paper.map_or(Cell::Empty, |x| Cell::Number(x, 3)));
        }
        if optional.other_losses {
            cells.push(Cell::spread(row.comparable_loss().as_ref(), false));
        }
        table.row(cells);
    }
    table.notes.insert(
        0,
        "Mean ± sample standard deviation over folds; thresholds chosen on each fold, as in the paper."
            .into(),
    );
    for row in rows {
        let faults = row
            .result
            .as_ref()
            .map_or_else(|_| Vec::new(), |found| found.faults());
        if let Some(first) = faults.first() {
            let name = &row.entry.candidate.name;
            let count = faults.len();
            table.notes.push(format!(
                "{name}, {}, such as {first}.",
                match count {
                    1 => "1 faulty training".to_owned(),
                    _ => format!("{count} faulty trainings"),
                }
            ));
        }
    }
    main_measure::note(&mut table, optional.main);
    table.notes.extend(significance::notes(rows));
    table.notes.extend(rows.iter().filter_map(not_converged));
    if optional.of_the_paper && beside_the_paper {
        table.notes.push(PAPER.into());
    }
    if optional.other_losses {
        table.notes.push(SAME_WEIGHTS.into());
    }
    if optional.tested {
        table.notes.push(final_model::PROTOCOL.into());
        let baseline = |row: &Row| row.entry.candidate.kind.config().is_none();
        if beside_the_paper
            && rows
                .iter()
                .any(|row| baseline(row) && row.entry.paper.is_some())
        {
            table
                .notes
                .push("The paper's scores for baselines are test averages.".into());
        }
    }
    table
}

/// Whether the paper's scores may stand beside a row's.
pub(super) fn beside_the_paper(row: &Row) -> bool {
    let dataset = &row.entry.candidate.data.dataset;
    is_comparable(dataset.classes.names(), dataset.task().main_measure())
}

/// Which columns a table has beside those that every one has.
#[derive(Clone, Copy)]
struct Optional {
    several_seeds: bool,
    tested: bool,
    of_the_paper: bool,
    other_losses: bool,
    /// The main measure of the rows.
    main: Monitor,
}

impl Optional {
    fn of(rows: &[Row]) -> Self {
        let several = |row: &Row| {
            let found = row.result.as_ref();
            found.is_ok_and(|found| found.by_seed.len() > 1)
        };
        Self {
            several_seeds: rows.iter().any(several),
            tested: rows.iter().any(|row| row.retrained.is_some()),
            of_the_paper: rows.iter().any(|row| row.entry.paper.is_some()),
            other_losses: rows.iter().any(Row::has_other_loss),
            main: main_measure::of_rows(rows),
        }
    }

    /// The columns up to those on significance.
    fn leading(self) -> Vec<(&'static str, &'static str)> {
        let mut columns = vec![
            ("configuration", "Configuration"),
            ("changes", "Changes"),
            ("acc_presence", "ACC_presence"),
            ("acc_salience", "ACC_salience"),
            ("average", "Average"),
        ];
        columns.extend(main_measure::column(self.main));
        if self.several_seeds {
            columns.push(("average_over_seeds", "Average, over seeds"));
        }
        columns.extend([
            ("pooled_average", "Average, pooled thresholds"),
            ("loss", "Loss"),
            ("best_epoch", "Median best epoch"),
            ("folds", "Folds"),
            ("seeds", "Seeds"),
        ]);
        columns
    }

    fn before_significance(self) -> usize {
        self.leading().len()
    }

    fn columns(self) -> Vec<(&'static str, &'static str)> {
        let mut columns = self.leading();
        columns.extend(significance::columns(self.main));
        if self.tested {
            columns.extend([
                ("test_acc_presence", "Test ACC_presence"),
                ("test_acc_salience", "Test ACC_salience"),
                ("test_average", "Test average"),
            ]);
        }
        if self.of_the_paper {
            columns.push(("paper_average", "Average, paper"));
        }
        if self.other_losses {
            columns.push(("comparable_loss", "Loss, base weights"));
        }
        columns
    }
}

/// The cells of a row with a result between its changes and its significance.
fn scores(found: &CrossValidation, optional: Optional) -> Vec<Cell> {
    let summary = &found.summary;
    let mut cells = vec![
        Cell::spread(summary.acc_presence.as_ref(), false),
        Cell::spread(summary.acc_salience.as_ref(), false),
        main_measure::average(summary, false),
    ];
    if main_measure::column(optional.main).is_some() {
        cells.push(Cell::spread(summary.main.as_ref(), false));
    }
    if optional.several_seeds {
        cells.push(main_measure::average(summary, true));
    }
    cells.extend([
        Cell::number(found.pooled_accuracy.defined_average()),
        Cell::spread(summary.task_loss.as_ref(), false),
        Cell::Count(found.median_best_epoch as u64),
        Cell::Count((found.folds.len() / found.by_seed.len().max(1)) as u64),
        Cell::Text(seeds(found.by_seed.iter().map(|(seed, _)| *seed))),
    ]);
    cells
}

/// The note on a baseline that was still improving when its training ended.
fn not_converged(row: &Row) -> Option<String> {
    let found = row.result.as_ref().ok()?;
    let count = found.folds.iter().filter(|fold| fold.unconverged).count();
    (count > 0).then(|| {
        format!(
            "NOT CONVERGED: {}, in {count} of {} trainings; its scores say little about the model: train it for more epochs or with a higher learning rate, or have both chosen inside the training folds.",
            row.entry.candidate.name,
            found.folds.len()
        )
    })
}

/// Adds a note on variants without a row, because they equal the configuration.
pub fn note_unchanged(table: &mut Table, names: &[String]) {
    if !names.is_empty() {
        table.notes.push(format!(
            "No row, because the configuration already has this setting: {}.",
            names.join("; ")
        ));
    }
}

/// The rows' cross-validations in full, as JSON.
pub fn json(rows: &[Row]) -> Value {
    Value::Array(rows.iter().map(row_json).collect())
}

fn row_json(row: &Row) -> Value {
    match &row.result {
        Ok(found) => {
            let mut value = cross_validation::json(found, row.significance.as_ref());
            value["changes"] = json!(row.entry.changes);
            value["paper"] = json!(row.entry.paper);
            value["measures"] = measures::json_of_folds(found);
            if let Some(retrained) = &row.retrained {
                value["final"] = final_model::json_of(retrained);
            }
            value
        }
        Err(reason) => json!({
            "name": row.entry.candidate.name,
            "changes": row.entry.changes,
            "paper": row.entry.paper,
            "failed": reason,
        }),
    }
}

/// The JSON of a study with its rows, each of which is made only when it is written: those of a long
/// search would fill the memory.
struct WithRows<'a> {
    json: &'a Map<String, Value>,
    rows: &'a [Row],
}

impl Serialize for WithRows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        const ROWS: &str = "rows";
        // In alphabetical order, as the other maps.
        let (before, after): (Vec<_>, Vec<_>) =
            self.json.iter().partition(|(key, _)| key.as_str() < ROWS);
        let mut map = to.serialize_map(None)?;
        for (key, value) in before {
            map.serialize_entry(key, value)?;
        }
        map.serialize_entry(ROWS, &Rows(self.rows))?;
        for (key, value) in after {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

struct Rows<'a>(&'a [Row]);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter().map(row_json))
    }
}

/// A cell with the changes of a configuration, or the name of a baseline.
pub(super) fn changes(entry: &Entry) -> String {
    match &entry.candidate.kind {
        TrialKind::Baseline(baseline) => baseline.spec.to_string(),
        TrialKind::Fusion(_) if entry.changes.is_empty() => "none".into(),
        TrialKind::Fusion(_) => entry.changes.join(", "),
    }
}

/// Writes STEM.csv, measures.csv, tables.md and STEM.json into a folder and returns their paths. The
/// first of the tables is STEM.csv; the JSON gets the rows where it does not have them.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write(stem: &str, found: &StudyTables, rows: &[Row], folder: &Path) -> Result<Vec<PathBuf>> {
    let names = [
        format!("{stem}.csv"),
        "tables.md".into(),
        format!("{stem}.json"),
    ];
    let [csv, markdown, json] = names.map(|name| folder.join(name));
    if let Some(table) = found.tables.first() {
        table.write_csv(&csv)?;
    }
    let measures = measures::write_rows(rows, folder)?;
    write_markdown(&markdown, &found.tables.iter().collect::<Vec<_>>())?;
    // Last: its presence marks the folder as complete.
    match found
        .json
        .as_object()
        .filter(|known| !known.contains_key("rows"))
    {
        Some(known) => write_json(&json, &WithRows { json: known, rows })?,
        None => write_json(&json, &found.json)?,
    }
    Ok(vec![csv, measures, markdown, json])
}

impl StudyReport for Ablate {
    fn unusable(&self, found: &Ablation) -> Option<String> {
        found.rows.first()?.unusable()
    }

    fn tables(&self, found: &Ablation) -> std::result::Result<StudyTables, String> {
        let mut table = table("Ablations, validation", &found.rows);
        note_unchanged(&mut table, &found.unchanged);
        Ok(StudyTables {
            json: json!({ "table": table.json(), "rows": json(&found.rows) }),
            tables: vec![table, measures::comparison(&found.rows)],
        })
    }

    fn write(
        &self,
        ablation: &Ablation,
        found: &StudyTables,
        to: &PlanFolder,
    ) -> Result<Vec<PathBuf>> {
        write("ablation", found, &ablation.rows, to.path())
    }
}

impl StudyReport for CompareBaselines {
    fn unusable(&self, found: &ComparedBaselines) -> Option<String> {
        found.rows.first()?.unusable()
    }

    fn notes(&self, state: &ComparingBaselines) -> Vec<String> {
        let left_out = state.left_out().iter();
        left_out.map(|row| format!("left out, {row}")).collect()
    }

    fn tables(&self, found: &ComparedBaselines) -> std::result::Result<StudyTables, String> {
        let mut table = table("Baselines, validation and test", &found.rows);
        let left_out = found.left_out.iter();
        table
            .notes
            .extend(left_out.map(|row| format!("LEFT OUT, {row}.")));
        Ok(StudyTables {
            json: json!({
                "table": table.json(),
                "rows": json(&found.rows),
                "left_out": found.left_out,
            }),
            tables: vec![table, measures::comparison(&found.rows)],
        })
    }

    fn write(
        &self,
        compared: &ComparedBaselines,
        found: &StudyTables,
        to: &PlanFolder,
    ) -> Result<Vec<PathBuf>> {
        write("baseline", found, &compared.rows, to.path())
    }
}
