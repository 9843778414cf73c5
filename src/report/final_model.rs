//! Files and table rows of models trained on all clips.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cells::{seeds as seeds_in_words, without_result};
use super::table::{Cell, DIGITS, Table};
use crate::error::{Error, Result};
use crate::eval::metrics::Accuracy;
use crate::experiments::comparison::Row;
use crate::experiments::retrain::Retrained;
use crate::experiments::score::{mean, sample_std};
use crate::experiments::test_part::TestOutcome;
use crate::plan::PlanFolder;

/// The files of a run that are copied for a final model.
const MODEL: [&str; 4] = [
    "weights.safetensors",
    "manifest.json",
    "history.csv",
    "history.jsonl",
];

/// Writes the first seed's model and its test predictions into `to` (a run folder as from `train`,
/// with `predictions.json`, `predictions.zip`, `probabilities.csv`, `probabilities.npz`), and the
/// ensemble's predictions into `to/ensemble`. Returns the paths of the files.
///
/// # Errors
/// [`Error::Write`]; [`Error::Read`] if the trained model no longer exists.
pub fn write(retrained: &Retrained, folder: &PlanFolder, to: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    let Some(first) = retrained.results.first() else {
        return Ok(written);
    };
    make(to)?;
    for name in MODEL {
        let (from, to) = (folder.run(&first.id).join(name), to.join(name));
        if !from.exists() {
            return Err(Error::Data(format!(
                "{}: no longer exists; remove {} to train the model again",
                from.display(),
                folder.files().result(&first.id).display()
            )));
        }
        let mut trained = std::fs::File::open(&from).map_err(|source| Error::Read {
            path: from.clone(),
            source,
        })?;
        crate::files::atomic_file::write(&to, |copy| {
            std::io::copy(&mut trained, copy).map(|_| ())
        })?;
        written.push(to);
    }
    if let Some(test) = retrained.tests.first() {
        written.extend(predictions(test, to)?);
    }
    if let Some(ensemble) = &retrained.ensemble {
        let to = to.join("ensemble");
        make(&to)?;
        written.extend(predictions(&ensemble.test, &to)?);
    }
    Ok(written)
}

fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Write {
        path: folder.to_owned(),
        source,
    })
}

fn predictions(test: &TestOutcome, to: &Path) -> Result<Vec<PathBuf>> {
    let names = [
        "predictions.json",
        "predictions.zip",
        "probabilities.csv",
        "probabilities.npz",
    ];
    let [json, zip, csv, npz] = names.map(|name| to.join(name));
    let predictions = test.predictions();
    predictions.write(&json, &test.table.classes)?;
    predictions.write(&zip, &test.table.classes)?;
    test.table.write_csv(&csv)?;
    test.table.write_npz(&npz)?;
    Ok(vec![json, zip, csv, npz])
}

/// One row for the final models of all seeds, and one for the ensemble.
pub fn table(retrained: &Retrained) -> Table {
    let columns = [
        ("model", "Model"),
        ("epochs", "Epochs"),
        ("seeds", "Seeds"),
        ("presence_threshold", "t_p"),
        ("salience_threshold", "t_s"),
        ("alpha", "α"),
        ("test_acc_presence", "Test ACC_presence"),
        ("test_acc_salience", "Test ACC_salience"),
        ("test_average", "Test average"),
    ];
    let mut table = Table::new("Trained on all clips", &columns);
    let Some(first) = retrained.results.first() else {
        return table;
    };
    let mut row = |name: String, epochs, tests: &[TestOutcome]| {
        let seeds = retrained.results.iter().map(|result| result.trial.seed);
        let thresholds = first.thresholds;
        let mut cells = vec![
            Cell::Text(name),
            epochs,
            Cell::Text(seeds_in_words(seeds)),
            Cell::Number(thresholds.presence, 3),
            Cell::Number(thresholds.salience, 3),
            Cell::Number(thresholds.alpha, 2),
        ];
        cells.extend(test_cells(tests));
        table.row(cells);
    };
    let epochs = Cell::Count(first.epochs as u64);
    row(retrained.candidate.name.clone(), epochs, &retrained.tests);
    if let Some(ensemble) = &retrained.ensemble {
        let name = format!("ensemble of {} fold models", ensemble.models);
        row(name, Cell::Empty, std::slice::from_ref(&ensemble.test));
    }
    table.notes.clone_from(&retrained.notes);
    table
}

/// Columns of test scores: ACC_presence, ACC_salience and average over seeds.
pub fn test_cells(tests: &[TestOutcome]) -> [Cell; 3] {
    let cell = |value: &dyn Fn(&Accuracy) -> Option<f64>| {
        let values: Vec<f64> = tests
            .iter()
            .filter_map(|test| value(test.accuracy.as_ref()?))
            .collect();
        match mean(values.iter().copied()) {
            Some(mean) => Cell::Spread(mean, sample_std(&values), DIGITS),
            None => Cell::Empty,
        }
    };
    [
        cell(&Accuracy::presence),
        cell(&Accuracy::salience),
        cell(&Accuracy::defined_average),
    ]
}

/// The note on how test scores are obtained.
pub const PROTOCOL: &str = "Test: a model trained on all clips for the median best epoch, decoded with \
    the thresholds chosen on all out-of-fold scores; mean ± standard deviation over seeds.";

/// A row's test scores; the reason for missing ones is added to the notes.
pub(super) fn cells_of(row: &Row, notes: &mut Vec<String>) -> [Cell; 3] {
    let name = &row.entry.candidate.name;
    match &row.retrained {
        Some(Ok(retrained)) => {
            let of_one = |note: &String| format!("{name}: {note}.");
            notes.extend(retrained.notes.iter().map(of_one));
            return test_cells(&retrained.tests);
        }
        Some(Err(reason)) if row.result.is_ok() => notes.push(without_result(
            &format!("{name}, trained on all clips"),
            reason,
        )),
        _ => {}
    }
    [Cell::Empty, Cell::Empty, Cell::Empty]
}

/// [`json()`], or the reason why there is no model.
pub(super) fn json_of(retrained: &std::result::Result<Retrained, String>) -> Value {
    match retrained {
        Ok(retrained) => json(retrained),
        Err(reason) => json!({ "failed": reason }),
    }
}

/// The trained models and their test scores, as JSON.
pub fn json(retrained: &Retrained) -> Value {
    let test = |test: &TestOutcome| {
        test.accuracy.map(|accuracy| {
            json!({
                "acc_presence": accuracy.presence(),
                "acc_salience": accuracy.salience(),
                "average": accuracy.average(),
                "accuracy": accuracy,
            })
        })
    };
    let runs = retrained.results.iter().enumerate().map(|(i, result)| {
        json!({
            "trial": result.id,
            "seed": result.trial.seed,
            "epochs": result.epochs,
            "thresholds": result.thresholds,
            "parameters": result.parameters,
            "test": retrained.tests.get(i).and_then(test),
        })
    });
    json!({
        "name": retrained.candidate.name,
        "kind": retrained.candidate.kind,
        "runs": runs.collect::<Vec<_>>(),
        "ensemble": retrained.ensemble.as_ref().map(|ensemble| json!({
            "models": ensemble.models,
            "test": test(&ensemble.test),
        })),
        "notes": retrained.notes,
    })
}
