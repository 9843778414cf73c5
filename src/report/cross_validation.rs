//! The tables and files of a cross-validation.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::reading::write_markdown;
use super::study::{StudyReport, StudyTables};
use super::table::{Cell, Table, write_json};
use super::{final_model, main_measure, measures, significance};
use crate::artifact::description::ChosenThresholds;
use crate::config::Monitor;
use crate::error::Result;
use crate::eval::metrics::Accuracy;
use crate::eval::submission::Predictions;
use crate::experiments::comparison::Row;
use crate::experiments::cross_validation::Summary;
use crate::experiments::score::Spread;
use crate::experiments::significance::Significance;
use crate::experiments::{CrossValidate, CrossValidation};
use crate::plan::PlanFolder;

/// One row per trial, then the means, then the pooled thresholds.
pub fn folds(found: &CrossValidation) -> Table {
    let columns = [
        ("seed", "Seed"),
        ("fold", "Fold"),
        ("acc_presence", "ACC_presence"),
        ("acc_salience", "ACC_salience"),
        ("average", "Average"),
        ("task_loss", "Loss"),
        ("presence_loss", "Presence loss"),
        ("salience_loss", "Salience loss"),
        ("presence_threshold", "t_p"),
        ("salience_threshold", "t_s"),
        ("alpha", "α"),
        ("best_epoch", "Best epoch"),
        ("epochs", "Epochs"),
        ("clips", "Clips"),
        ("blends", "Blends"),
        ("trial", "Trial"),
    ];
    let columns = with_main(&columns, found.main);
    let mut table = Table::new(
        format!("Cross-validation: {}", found.candidate.name),
        &columns,
    );
    for score in &found.folds {
        let losses = score.losses;
        let mut cells = vec![
            Cell::Count(score.seed),
            Cell::Count(score.fold as u64),
            Cell::number(score.accuracy.presence()),
            Cell::number(score.accuracy.salience()),
            Cell::number(score.accuracy.defined_average()),
        ];
        cells.extend(main_measure::column(found.main).map(|_| Cell::number(score.main)));
        cells.extend([
            Cell::number(losses.map(|losses| losses.task)),
            Cell::number(losses.map(|losses| losses.presence)),
            Cell::number(losses.map(|losses| losses.salience)),
            Cell::Number(score.thresholds.presence, 3),
            Cell::Number(score.thresholds.salience, 3),
            Cell::Number(score.thresholds.alpha, 2),
            Cell::Count(score.best_epoch as u64),
            Cell::Count(score.epochs as u64),
            Cell::Count(score.accuracy.clips as u64),
            Cell::Count(score.accuracy.blends as u64),
            Cell::text(&score.id),
        ]);
        table.row(cells);
    }
    table.notes.extend(found.faults());
    table
}

/// The columns with that of the main measure behind the average.
fn with_main(
    columns: &[(&'static str, &'static str)],
    main: Monitor,
) -> Vec<(&'static str, &'static str)> {
    let mut all = Vec::new();
    for &column in columns {
        all.push(column);
        all.extend(main_measure::column(main).filter(|_| column.0 == "average"));
    }
    all
}

/// The summary over all folds and seeds: means and spreads, and the pooled thresholds.
pub fn summary(found: &CrossValidation) -> Table {
    let columns = [
        ("what", "Thresholds"),
        ("acc_presence", "ACC_presence"),
        ("acc_salience", "ACC_salience"),
        ("average", "Average"),
        ("presence_threshold", "t_p"),
        ("salience_threshold", "t_s"),
        ("alpha", "α"),
        ("task_loss", "Loss"),
        ("presence_loss", "Presence loss"),
        ("salience_loss", "Salience loss"),
        ("best_epoch", "Best epoch"),
    ];
    let (columns, main) = (with_main(&columns, found.main), found.main);
    let mut table = Table::new(format!("Summary: {}", found.candidate.name), &columns);
    let several = found.by_seed.len() > 1;
    for (seed, summary) in found.by_seed.iter().filter(|_| several) {
        table.row(means(
            format!("each fold's, seed {seed}: mean ± std over folds"),
            (summary, main),
            false,
        ));
    }
    table.row(means(
        "each fold's: mean ± std over folds".into(),
        (&found.summary, main),
        false,
    ));
    if several {
        table.row(means(
            "each fold's: mean ± std over seeds".into(),
            (&found.summary, main),
            true,
        ));
    }
    table.row(pooled(
        "each fold's, all clips in one count",
        (&found.accuracy(), main),
        None,
    ));
    table.row(pooled(
        "one setting, chosen on all out-of-fold scores",
        (&found.pooled_accuracy, main),
        Some(&found.pooled_thresholds),
    ));
    if found.summary.acc_salience.is_none() {
        table.notes.push(
            "No clip shows exactly two emotions: ACC_salience and the average are undefined."
                .into(),
        );
    }
    main_measure::note(&mut table, main);
    table
}

/// Means and spreads over folds or seeds.
fn means(name: String, (summary, main): (&Summary, Monitor), over_seeds: bool) -> Vec<Cell> {
    let spread = |spread: Option<_>| Cell::spread(spread, over_seeds);
    let std = |spread: &Spread| {
        if over_seeds {
            spread.std_seeds
        } else {
            spread.std_folds
        }
    };
    let mut cells = vec![
        Cell::Text(name),
        spread(summary.acc_presence.as_ref()),
        spread(summary.acc_salience.as_ref()),
        main_measure::average(summary, over_seeds),
    ];
    cells.extend(main_measure::column(main).map(|_| spread(summary.main.as_ref())));
    cells.extend([
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        spread(summary.task_loss.as_ref()),
        spread(summary.presence_loss.as_ref()),
        spread(summary.salience_loss.as_ref()),
        Cell::Spread(summary.best_epoch.mean, std(&summary.best_epoch), 1),
    ]);
    cells
}

/// What pooled thresholds reach.
fn pooled(
    name: &str,
    (accuracy, main): (&Accuracy, Monitor),
    thresholds: Option<&ChosenThresholds>,
) -> Vec<Cell> {
    let threshold = |value: fn(&ChosenThresholds) -> f64, digits| {
        thresholds.map_or(Cell::Empty, |t| Cell::Number(value(t), digits))
    };
    let mut cells = vec![
        Cell::text(name),
        Cell::number(accuracy.presence()),
        Cell::number(accuracy.salience()),
        Cell::number(accuracy.defined_average()),
    ];
    cells.extend(main_measure::column(main).map(|_| Cell::Empty));
    cells.extend([
        threshold(|t| t.presence, 3),
        threshold(|t| t.salience, 3),
        threshold(|t| t.alpha, 2),
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
        Cell::Empty,
    ]);
    cells
}

/// Everything except the out-of-fold scores, as JSON.
pub fn json(found: &CrossValidation, significance: Option<&Significance>) -> Value {
    json!({
        "name": found.candidate.name,
        "kind": found.candidate.kind,
        "data": found.candidate.data.digest,
        "folds": found.folds,
        "summary": found.summary,
        "by_seed": found
            .by_seed
            .iter()
            .map(|(seed, summary)| json!({ "seed": seed, "summary": summary }))
            .collect::<Vec<_>>(),
        "pooled": {
            "thresholds": found.pooled_thresholds,
            "accuracy": found.pooled_accuracy,
            "acc_presence": found.pooled_accuracy.presence(),
            "acc_salience": found.pooled_accuracy.salience(),
            "average": found.pooled_accuracy.average(),
        },
        "certainty": significance,
        "median_best_epoch": found.median_best_epoch,
    })
}

/// Writes `summary.json`, `folds.csv`, `summary.csv`, `measures.csv`, `measures.json`, `tables.md` and
/// the out-of-fold predictions and probabilities into a folder, and returns their paths.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write(
    found: &CrossValidation,
    significance: Option<&Significance>,
    folder: &Path,
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let mut path = |name: String| {
        let path = folder.join(name);
        written.push(path.clone());
        path
    };
    let (folds, summary) = (folds(found), summary(found));
    folds.write_csv(&path("folds.csv".into()))?;
    summary.write_csv(&path("summary.csv".into()))?;
    let significance_table = significance.map(|of_one| significance::table(found, of_one));
    let measures_table = measures::table(found);
    let tables: Vec<&Table> = [&summary, &folds, &measures_table]
        .into_iter()
        .chain(&significance_table)
        .collect();
    write_markdown(&path("tables.md".into()), &tables)?;
    let dataset = &found.candidate.data.dataset;
    for seed in &found.out_of_fold {
        let stem = if found.out_of_fold.len() > 1 {
            format!("out_of_fold_seed{}", seed.seed)
        } else {
            "out_of_fold".to_owned()
        };
        let clips = seed.names(dataset).into_iter().zip(seed.decided.clone());
        let predictions = Predictions {
            clips: clips.collect(),
        };
        predictions.write(&path(format!("{stem}.json")), &dataset.classes)?;
        let table = seed.table(dataset);
        table.write_csv(&path(format!("{stem}.csv")))?;
        table.write_npz(&path(format!("{stem}.npz")))?;
    }
    written.extend(measures::write(found, folder)?);
    // Last: its presence marks the folder as complete.
    written.push(folder.join("summary.json"));
    write_json(&folder.join("summary.json"), &json(found, significance))?;
    Ok(written)
}

impl StudyReport for CrossValidate {
    fn unusable(&self, row: &Row) -> Option<String> {
        row.unusable()
    }

    fn tables(&self, row: &Row) -> std::result::Result<StudyTables, String> {
        let found = row.result.as_ref().map_err(Clone::clone)?;
        let mut value = json(found, row.significance.as_ref());
        let mut tables = vec![summary(found), folds(found), measures::table(found)];
        let intervals = row.significance.iter();
        tables.extend(intervals.map(|of_one| significance::table(found, of_one)));
        value["measures"] = measures::json_of_folds(found);
        if let Some(Ok(retrained)) = &row.retrained {
            value["final"] = final_model::json(retrained);
            tables.push(final_model::table(retrained));
        }
        if let Some(last) = tables.last_mut() {
            let note = format!("Median best epoch: {}.", found.median_best_epoch);
            last.notes.push(note);
        }
        Ok(StudyTables {
            tables,
            json: value,
        })
    }

    fn write(&self, row: &Row, tables: &StudyTables, to: &PlanFolder) -> Result<Vec<PathBuf>> {
        let Ok(found) = &row.result else {
            return Ok(Vec::new());
        };
        let mut files = write(found, row.significance.as_ref(), to.path())?;
        if let Some(Ok(retrained)) = &row.retrained {
            let folder = to.path().join("final");
            files.extend(final_model::write(retrained, to, &folder)?);
            let path = folder.join("final.json");
            write_json(&path, &tables.json["final"])?;
            files.push(path);
        }
        Ok(files)
    }
}
