//! The tables of a plan.

use std::path::Path;

use super::final_models;
use crate::error::Result;
use crate::experiments::{Ablate, CompareBaselines, Study, Sweep, Tune};
use crate::report::nested::{ESTIMATES, FOLDS};
use crate::report::page::stored::{Found, StoredStudy};
use crate::report::page::tables::{self, folded, for_people, paragraph, read};
use crate::report::table::Reading;

/// The tables of a search that was repeated without each fold, with how to read them.
fn of_nested(study: &StoredStudy, run: &Path) -> Result<String> {
    let Some(nested) = study.nested() else {
        return Ok(String::new());
    };
    let mut html = String::new();
    for (file, title) in [
        (ESTIMATES, "Nothing chosen on the scored clips"),
        (FOLDS, "Fold by fold: what was chosen without it"),
    ] {
        html += &match read(&run.join(file))? {
            Some(table) => for_people(table, title, Reading::in_order()),
            None => paragraph(&format!(
                "The table {file} is not stored: the run is of an earlier version; collect writes it."
            )),
        };
    }
    let notes: String = nested.notes().iter().map(|note| paragraph(note)).collect();
    Ok(match notes.is_empty() {
        true => html,
        false => html + &folded("How to read the estimate", &notes),
    })
}

/// The tables of a plan, as people read them, and folded in full.
///
/// # Errors
/// As [`read`].
pub fn of_study(study: &StoredStudy, run: &Path) -> Result<String> {
    let mut reading = Reading::by(study.main);
    let command = study.plan.command.as_str();
    let main: &[(&str, &str)] = match command {
        Sweep::NAME => &[("sweep.csv", "All configurations")],
        Tune::NAME => &[("tune.csv", "All configurations")],
        Ablate::NAME => &[("ablation.csv", "The model without each of its parts")],
        CompareBaselines::NAME => &[("baseline.csv", "Baselines and the fusion model")],
        _ => {
            reading.order = None;
            &[
                ("summary.csv", "Cross-validation, summary"),
                ("table_1.csv", "Table I: validation and test"),
                ("table_2.csv", "Table II: ablations"),
                ("table_5.csv", "Table V: encoders kept"),
            ]
        }
    };
    if !study.beside_the_paper() {
        reading
            .hidden
            .extend(["paper_average", "paper_test_average"]);
    }
    let mut html = of_nested(study, run)?;
    for (file, title) in main {
        let Some(table) = read(&run.join(file))? else {
            continue;
        };
        html += &for_people(table.clone(), title, reading.clone());
        if *file != "summary.csv" {
            let whole = tables::html(&table, &format!("{title}: every column"), None);
            html += &folded(&format!("Every column of {file}"), &whole);
        }
    }
    if let Some(Found::One(row)) = &study.found {
        html += &final_models::of(row);
    }
    let notes = study
        .notes
        .iter()
        .map(|note| paragraph(note))
        .collect::<String>();
    if !notes.is_empty() {
        html += &folded("How to read the numbers", &notes);
    }
    for (file, title) in [
        ("folds.csv", "Every fold"),
        ("measures.csv", "All measures"),
    ] {
        if let Some(table) = read(&run.join(file))? {
            html += &match file {
                "folds.csv" => for_people(table, title, Reading::in_order()),
                _ => folded(title, &tables::html(&table, title, None)),
            };
        }
    }
    Ok(html)
}
