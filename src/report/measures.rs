//! Tables and JSON of the measures beside the official two.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::main_measure;
use super::table::{Cell, Reading, Table, write_json};
use crate::data::label::Classes;
use crate::error::Result;
use crate::eval::measures::{MEASURES, Measure, MeasureValues};
use crate::experiments::CrossValidation;
use crate::experiments::comparison::Row;
use crate::experiments::measures::MeasureSummary;

/// Measures that a comparison of configurations shows; `measures.csv` has all.
const COMPARED: [&str; 9] = [
    "exact_set",
    "macro_f1",
    "hamming",
    "top_1",
    "uar",
    "mean_average_precision",
    "roc_auc",
    "kullback_leibler",
    "brier",
];

/// The measures of one set of clips: values, why others are undefined, by class and by size of the
/// true set.
pub fn json(found: &MeasureValues, classes: &Classes) -> Value {
    let (mut values, mut undefined) = (Map::new(), Map::new());
    for (measure, value) in found.iter() {
        match value {
            Ok(value) => values.insert(measure.name.to_owned(), json!(value)),
            Err(reason) => undefined.insert(measure.name.to_owned(), json!(reason)),
        };
    }
    let by_class = classes.names().iter().zip(&found.by_class);
    let by_class: Vec<Value> = by_class
        .map(|(name, class)| {
            json!({
                "class": name,
                "clips": class.clips,
                "precision": class.precision,
                "recall": class.recall,
                "f1": class.f1,
                "average_precision": class.average_precision,
                "roc_auc": class.roc_auc,
            })
        })
        .collect();
    let by_size = found.by_size.iter().map(|size| {
        json!({
            "emotions": size.size,
            "clips": size.clips,
            "exact_set": size.exact_set,
            "hamming": size.hamming,
            "predicted_emotions": size.predicted_size,
        })
    });
    json!({
        "clips": found.clips,
        "values": values,
        "undefined": undefined,
        "by_class": by_class,
        "by_size": by_size.collect::<Vec<_>>(),
    })
}

/// Measures of a cross-validation: over folds, and of all clips together.
pub fn json_of_folds(found: &CrossValidation) -> Value {
    let summary = &found.measures;
    let over_folds: Map<String, Value> = summary
        .iter()
        .filter_map(|(measure, over_folds)| {
            let over_folds = over_folds.as_ref().ok()?;
            let value = json!({
                "mean": over_folds.spread.mean,
                "std_folds": over_folds.spread.std_folds,
                "std_seeds": over_folds.spread.std_seeds,
                "folds": over_folds.defined,
            });
            Some((measure.name.to_owned(), value))
        })
        .collect();
    let classes = &found.candidate.data.dataset.classes;
    json!({ "folds": over_folds, "all_clips": json(&summary.all, classes) })
}

/// One row per measure of a cross-validation.
pub fn table(found: &CrossValidation) -> Table {
    let columns = [
        ("measure", "Measure"),
        ("group", "Of"),
        ("mean", "Mean over folds"),
        ("folds", "Folds"),
        ("all_clips", "All clips together"),
        ("better", "Better"),
    ];
    let title = format!("Measures: {}", found.candidate.name);
    let mut table = Table::new(title, &columns);
    let summary = &found.measures;
    let mut undefined = Vec::new();
    for ((measure, over_folds), all) in summary.iter().zip(&summary.all.values) {
        if let (Err(reason), Err(_)) = (over_folds, all) {
            undefined.push((measure.title, reason.as_str()));
            continue;
        }
        let over_folds = over_folds.as_ref().ok();
        table.row(vec![
            Cell::text(measure.title),
            Cell::text(measure.group.title()),
            Cell::spread(over_folds.map(|found| &found.spread), false),
            over_folds.map_or(Cell::Empty, |found| Cell::Count(found.defined as u64)),
            Cell::number(all.as_ref().ok().copied()),
            Cell::text(better(measure)),
        ]);
    }
    table.notes = undefined_notes(&undefined);
    table
}

/// One row per configuration with the measures that most readers look for.
pub fn comparison(rows: &[Row]) -> Table {
    let found = || rows.iter().filter_map(|row| row.result.as_ref().ok());
    let defined = |measure: &&Measure| {
        COMPARED.contains(&measure.name)
            && found().any(|result| result.measures.get(measure.name).is_some())
    };
    let shown: Vec<&Measure> = MEASURES.iter().filter(defined).collect();
    let mut columns = vec![("configuration", "Configuration")];
    columns.extend(shown.iter().map(|measure| (measure.name, measure.title)));
    let mut table = Table::new("Measures, validation", &columns);
    table.reading = Some(Reading::default());
    for row in main_measure::best_first(rows) {
        let mut cells = vec![Cell::text(&row.entry.candidate.name)];
        for measure in &shown {
            let result = row.result.as_ref().ok();
            let over_folds = result.and_then(|result| result.measures.get(measure.name));
            cells.push(Cell::spread(over_folds.map(|found| &found.spread), false));
        }
        table.row(cells);
    }
    let lower: Vec<&str> = shown
        .iter()
        .filter(|measure| !measure.higher_is_better)
        .map(|measure| measure.title)
        .collect();
    let mut note = "Mean ± sample standard deviation over folds; definitions: docs/measures.md. \
                    measures.csv has all measures."
        .to_owned();
    if !lower.is_empty() {
        note += &format!(" Lower is better: {}.", lower.join(", "));
    }
    table.notes.push(note);
    if let Some(first) = found().next() {
        let undefined: Vec<_> = first
            .measures
            .iter()
            .filter(|(measure, _)| COMPARED.contains(&measure.name))
            .filter_map(|(measure, found)| Some((measure.title, found.as_ref().err()?.as_str())))
            .collect();
        table.notes.extend(undefined_notes(&undefined));
    }
    table
}

/// Every measure of every configuration, one row each.
fn all(rows: &[(&str, &MeasureSummary)]) -> Table {
    let columns = [
        ("configuration", "Configuration"),
        ("measure", "Measure"),
        ("group", "Of"),
        ("better", "Better"),
        ("mean", "Mean over folds"),
        ("std_seeds", "Over seeds"),
        ("folds", "Folds"),
        ("all_clips", "All clips together"),
        ("undefined", "Undefined because"),
    ];
    let mut table = Table::new("Measures", &columns);
    for (name, summary) in rows {
        for ((measure, over_folds), all) in summary.iter().zip(&summary.all.values) {
            let reason = over_folds.as_ref().err().or(all.as_ref().err());
            let over_folds = over_folds.as_ref().ok();
            table.row(vec![
                Cell::text(*name),
                Cell::text(measure.name),
                Cell::text(measure.group.title()),
                Cell::text(better(measure)),
                Cell::spread(over_folds.map(|found| &found.spread), false),
                Cell::number(over_folds.and_then(|found| found.spread.std_seeds)),
                over_folds.map_or(Cell::Empty, |found| Cell::Count(found.defined as u64)),
                Cell::number(all.as_ref().ok().copied()),
                reason.map_or(Cell::Empty, Cell::text),
            ]);
        }
    }
    table
}

/// Writes `measures.csv` of all rows that have a result.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write_rows(rows: &[Row], folder: &Path) -> Result<PathBuf> {
    let found: Vec<(&str, &MeasureSummary)> = rows
        .iter()
        .filter_map(|row| {
            let result = row.result.as_ref().ok()?;
            Some((row.entry.candidate.name.as_str(), &result.measures))
        })
        .collect();
    let path = folder.join("measures.csv");
    all(&found).write_csv(&path)?;
    Ok(path)
}

/// Writes `measures.csv` and `measures.json` of one cross-validation.
///
/// # Errors
/// [`crate::Error::Write`].
pub fn write(found: &CrossValidation, folder: &Path) -> Result<[PathBuf; 2]> {
    let [csv, json] = ["measures.csv", "measures.json"].map(|name| folder.join(name));
    all(&[(&found.candidate.name, &found.measures)]).write_csv(&csv)?;
    write_json(&json, &json_of_folds(found))?;
    Ok([csv, json])
}

fn better(measure: &Measure) -> &'static str {
    match measure.higher_is_better {
        true => "higher",
        false => "lower",
    }
}

fn undefined_notes(undefined: &[(&str, &str)]) -> Vec<String> {
    let grouped = by_reason(undefined);
    let note = |(titles, reason): &(String, &str)| format!("Undefined: {titles}: {reason}.");
    grouped.iter().map(note).collect()
}

/// Names of measures that are undefined for the same reason, joined.
pub fn by_reason<'a>(undefined: &[(&str, &'a str)]) -> Vec<(String, &'a str)> {
    let mut grouped: Vec<(String, &str)> = Vec::new();
    for &(title, reason) in undefined {
        match grouped.iter_mut().find(|(_, known)| *known == reason) {
            Some((titles, _)) => *titles += &format!(", {title}"),
            None => grouped.push((title.to_owned(), reason)),
        }
    }
    grouped
}
