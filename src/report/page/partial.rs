//! What is finished of a study whose trials are not all done: its scores so far, without the intervals and
//! comparisons that need the same clips in every row.

use std::collections::HashMap;
use std::path::Path;

use super::drawings;
use super::stored::StoredStudy;
use super::tables::{self, paragraph};
use crate::config::Monitor;
use crate::error::Result;
use crate::experiments::score::{Spread, mean};
use crate::experiments::{CrossValidate, Study};
use crate::plan::result::{TrialResult, TrialSummary};
use crate::plan::store::list::listed;
use crate::plan::store::trial_files::TrialFiles;
use crate::report::figure::fold_scores::FoldScores;
use crate::report::main_measure;
use crate::report::table::{Cell, Table};

/// The finished trials of one configuration.
#[derive(Debug)]
struct Finished {
    label: String,
    /// How many trials with this label are listed.
    listed: usize,
    /// Those with a held-out fold that are done.
    done: Vec<TrialSummary>,
}

impl Finished {
    /// A measure over the finished folds, as the tables of the whole study take it.
    fn spread(&self, measure: Monitor) -> Option<Spread> {
        let mut folds: Vec<Option<usize>> = self.done.iter().map(|done| done.trial.fold).collect();
        folds.sort_unstable();
        folds.dedup();
        let seeds = self.done.chunk_by(|a, b| a.trial.seed == b.trial.seed);
        let by_fold = |seed: &[TrialSummary]| {
            let of_fold = |fold: &Option<usize>| {
                let done = seed.iter().find(|result| result.trial.fold == *fold);
                done?.measure(measure)
            };
            folds.iter().map(of_fold).collect()
        };
        Spread::of(&seeds.map(by_fold).collect::<Vec<Vec<_>>>())
    }
}

/// The scores of the finished trials of a study that is not complete.
///
/// # Errors
/// As [`TrialResult::read_summary`].
pub fn results(study: &StoredStudy, run: &Path) -> Result<String> {
    let rows = finished(study, run)?;
    if rows.iter().all(|row| row.done.is_empty()) {
        return Ok(paragraph(
            "No trial with a held-out fold is done, so there is no score yet.",
        ));
    }
    let mut html = String::new();
    if study.plan.command == CrossValidate::NAME {
        html += &fold_scores(study, &rows);
    }
    let [done, all] = study.done;
    let title = format!("So far: {done} of {all} trials");
    let table = table(study, &rows, &title);
    html += &tables::html(&table, &title, None);
    html += &table
        .notes
        .iter()
        .map(|note| paragraph(note))
        .collect::<String>();
    Ok(html)
}

/// The finished trials by configuration, in the order of the list.
fn finished(study: &StoredStudy, run: &Path) -> Result<Vec<Finished>> {
    let files = TrialFiles::of(run);
    let mut rows: Vec<Finished> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut trials = listed(run)?;
    trials.retain(|trial| trial.fold.is_some());
    trials.sort_by_key(|trial| (trial.seed, trial.fold));
    for trial in trials {
        let place = *places.entry(trial.label.clone()).or_insert_with(|| {
            rows.push(Finished {
                label: trial.label.clone(),
                listed: 0,
                done: Vec::new(),
            });
            rows.len() - 1
        });
        let row = &mut rows[place];
        row.listed += 1;
        let result = TrialResult::read_summary(&files.result(&trial.id), &trial.id)?;
        // A search that is repeated without each fold has trials of the same labels.
        let own = |result: &TrialSummary| result.trial.kind.has_test_split_of(study.config());
        row.done.extend(result.filter(own));
    }
    Ok(rows)
}

fn fold_scores(study: &StoredStudy, rows: &[Finished]) -> String {
    let done = rows.iter().flat_map(|row| &row.done);
    let scores = done.filter_map(|result| Some((result.trial.fold?, result.measure(study.main)?)));
    let scores: Vec<(usize, f64)> = scores.collect();
    let Some(mean) = mean(scores.iter().map(|(_, score)| *score)) else {
        return String::new();
    };
    let figure = FoldScores {
        main: study.main,
        folds: &scores,
        mean,
        ends: None,
        trivial: None,
    };
    let figure = figure.figure().map(|mut figure| {
        let [done, all] = study.done;
        figure.title = format!("{}, {done} of {all} trials", figure.title);
        figure
    });
    drawings::embedded(&figure.into_iter().collect::<Vec<_>>())
}

fn table(study: &StoredStudy, rows: &[Finished], title: &str) -> Table {
    let repeated = study.plan.settings.study["nested"] == true;
    let mut columns = vec![
        ("configuration", "Configuration"),
        ("trials", "Trials done"),
        ("acc_presence", "ACC_presence"),
        ("acc_salience", "ACC_salience"),
        ("average", "Average"),
    ];
    columns.extend(main_measure::column(study.main));
    let mut table = Table::new(title, &columns);
    for row in rows.iter().filter(|row| !row.done.is_empty()) {
        let done = row.done.len();
        let mut cells = vec![
            Cell::text(&row.label),
            match repeated {
                // Trials of the repeated searches have the same labels.
                true => Cell::Count(done as u64),
                false => Cell::text(format!("{done} of {}", row.listed)),
            },
        ];
        let measures = [Monitor::Presence, Monitor::Salience, Monitor::Average];
        let salience = row.spread(Monitor::Salience).is_some();
        cells.extend(measures.map(|measure| {
            // Without blends there is no average of two.
            let shown = measure != Monitor::Average || salience;
            let spread = row.spread(measure).filter(|_| shown);
            Cell::spread(spread.as_ref(), false)
        }));
        if main_measure::column(study.main).is_some() {
            cells.push(Cell::spread(row.spread(study.main).as_ref(), false));
        }
        table.row(cells);
    }
    table.notes.push("Mean ± sample standard deviation over the folds that are done. Rows with other folds are of other clips and do not compare; intervals, comparisons and the other figures need all trials.".into());
    let waiting = rows.iter().filter(|row| row.done.is_empty()).count();
    if waiting > 0 {
        table.notes.push(match waiting {
            1 => "1 more configuration has no result yet.".to_owned(),
            _ => format!("{waiting} more configurations have no result yet."),
        });
    }
    if repeated {
        table
            .notes
            .push("Searches repeated without a fold are not shown before they end.".into());
    }
    table
}
