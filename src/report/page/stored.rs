//! What a plan left in its folder: all that the page says of a study is read from there.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::analysis::run::{read_json, read_json_if_any};
use crate::config::{Config, Monitor};
use crate::error::Result;
use crate::eval::objective::Objective;
use crate::eval::statistics::{Interval, Verdict};
use crate::experiments::cross_validation::{FoldScore, Summary};
use crate::experiments::paper::is_comparable;
use crate::experiments::score::Spread;
use crate::experiments::significance::Significance;
use crate::experiments::trivial::{TRIVIAL, TrivialScores};
use crate::experiments::{Ablate, CompareBaselines, CrossValidate, Reproduce, Study, Sweep, Tune};
use crate::plan::store::description::PlanDescription;
use crate::plan::store::list::{ListedTrial, listed};
use crate::plan::store::trial_files::TrialFiles;

/// One configuration with its cross-validation.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredRow {
    /// Its name.
    pub name: String,
    #[serde(default)]
    kind: Value,
    /// Every fold and seed.
    #[serde(default)]
    pub folds: Vec<FoldScore>,
    /// Means and spreads; none where trials failed.
    pub summary: Option<Summary>,
    #[serde(default)]
    by_seed: Vec<Value>,
    /// Intervals, and the comparison with the reference.
    pub certainty: Option<Significance>,
    /// Why there is no result.
    pub failed: Option<String>,
    #[serde(default)]
    measures: Value,
    #[serde(default, rename = "final")]
    last: Value,
}

impl StoredRow {
    /// The spread of the main measure over folds.
    pub fn main(&self, main: Monitor) -> Option<&Spread> {
        self.summary.as_ref()?.of_main(main)
    }

    /// The interval of the main measure, of all clips together.
    pub fn interval(&self) -> Option<Interval> {
        let intervals = &self.certainty.as_ref()?.intervals;
        intervals.main.or(intervals.average)
    }

    /// How it differs from the reference; `None` of the reference itself.
    pub fn verdict(&self) -> Option<Verdict> {
        self.certainty.as_ref()?.verdict()
    }

    /// Number of seeds.
    pub fn seeds(&self) -> usize {
        self.by_seed.len().max(1)
    }

    /// Number of folds.
    pub fn fold_count(&self) -> usize {
        self.folds.len() / self.seeds()
    }

    /// The score of each fold (with several seeds, their mean), as the tables count it.
    pub fn by_fold(&self, main: Monitor) -> Vec<f64> {
        let mut numbers: Vec<usize> = self.folds.iter().map(|score| score.fold).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mean = |fold: usize| FoldScore::mean(&self.folds, fold, main);
        numbers.into_iter().filter_map(mean).collect()
    }

    /// Whether it always gives the same answer.
    pub fn is_trivial(&self) -> bool {
        let spec = self.kind["baseline"]["spec"].as_str();
        spec.is_some_and(|spec| spec.starts_with("trivial"))
    }

    /// The number of encoders that the model keeps.
    pub fn kept(&self) -> Option<u64> {
        self.kind["fusion"]["model"]["top_k"].as_u64()
    }

    /// What was trained on all clips after it; null if nothing was.
    pub fn last(&self) -> &Value {
        &self.last
    }

    /// The mean average over seeds on the test split, where it has labels.
    pub fn test_average(&self) -> Option<f64> {
        let runs = self.last["runs"].as_array()?.iter();
        crate::experiments::score::mean(runs.filter_map(|run| run["test"]["average"].as_f64()))
    }
}

/// What a study found.
#[derive(Debug)]
pub enum Found {
    /// Of `cv`.
    One(Box<StoredRow>),
    /// Of `sweep` and `tune`.
    Search(Box<StoredSearch>),
    /// Of `ablate` and `baseline`: the first is what the others are compared with.
    Rows(Vec<StoredRow>),
    /// Of `repro`.
    Paper(Box<StoredPaper>),
}

/// The configurations of a search.
#[derive(Debug, Deserialize)]
pub struct StoredSearch {
    /// One for each point.
    pub rows: Vec<StoredRow>,
    /// The values of the searched keys.
    pub points: Vec<serde_json::Map<String, Value>>,
    best: Option<Best>,
    /// Configurations without a row.
    #[serde(default)]
    pub same: Vec<String>,
    /// The search repeated without each fold, if it was.
    pub nested: Option<StoredNested>,
    table: Value,
}

/// The search repeated without each fold in turn.
#[derive(Debug, Deserialize)]
pub struct StoredNested {
    /// The configuration that was given, then what the searches chose, each scored on clips that nothing of
    /// it was chosen on.
    pub rows: [StoredRow; 2],
    #[serde(default)]
    table: Value,
}

impl StoredNested {
    /// The configuration that was given.
    pub fn given(&self) -> &StoredRow {
        &self.rows[0]
    }

    /// What the searches chose.
    pub fn tuned(&self) -> &StoredRow {
        &self.rows[1]
    }

    /// The notes of its table; none in the folders of earlier versions.
    pub fn notes(&self) -> Vec<String> {
        notes(&self.table)
    }
}

#[derive(Debug, Deserialize)]
struct Best {
    name: String,
}

impl StoredSearch {
    /// The best configuration.
    pub fn best(&self) -> Option<&StoredRow> {
        let name = &self.best.as_ref()?.name;
        self.rows.iter().find(|row| row.name == *name)
    }

    /// The points with their keys in the order in which rows are named.
    pub fn points(&self) -> Vec<Vec<(String, Value)>> {
        let ordered = |(row, point): (&StoredRow, &serde_json::Map<String, Value>)| {
            let mut point: Vec<(String, Value)> = point
                .iter()
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            point.sort_by_key(|(key, _)| row.name.find(&format!("{key}=")));
            point
        };
        self.rows.iter().zip(&self.points).map(ordered).collect()
    }
}

/// The tables of a reproduction.
#[derive(Debug, Deserialize)]
pub struct StoredPaper {
    /// Table I.
    pub models: Vec<StoredRow>,
    /// Table II.
    pub ablations: Vec<StoredRow>,
    /// Table V.
    pub kept: Vec<StoredRow>,
    tables: Vec<Value>,
}

/// A study in its folder.
#[derive(Debug)]
pub struct StoredStudy {
    /// The command, its options and the configuration.
    pub plan: PlanDescription,
    /// The main measure of its task.
    pub main: Monitor,
    /// What answers without a model reach; none in the folders of earlier versions.
    pub trivial: Option<TrivialScores>,
    /// What it found; `None` before all trials are done.
    pub found: Option<Found>,
    /// How many trials have a result, and how many there are so far.
    pub done: [usize; 2],
    /// Whether there are weights of models that `analyze` would look at: those of the headline's folds.
    pub has_weights: bool,
    /// The notes of the main table.
    pub notes: Vec<String>,
    /// Classes of the data, where they are stored.
    classes: Vec<String>,
}

impl StoredStudy {
    /// The plan in a folder.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read) and [`Error::File`](crate::Error::File) for damaged files.
    pub fn read(folder: &Path) -> Result<Self> {
        let plan = PlanDescription::read(folder)?;
        let files = TrialFiles::of(folder);
        let trials = listed(folder)?;
        let done = trials
            .iter()
            .filter(|trial| files.result(&trial.id).is_file());
        let trivial: Option<TrivialScores> = match folder.join(TRIVIAL).is_file() {
            true => Some(read_json(&folder.join(TRIVIAL))?),
            false => None,
        };
        let (found, notes) = found(folder, &plan.command)?;
        let decided = Objective::of(&plan.settings.config.decode).measure();
        let mut study = Self {
            main: trivial.as_ref().map_or(decided, |trivial| trivial.measure),
            done: [done.count(), trials.len()],
            has_weights: has_weights(&files, &trials, found.as_ref()),
            classes: Vec::new(),
            plan,
            trivial,
            found,
            notes,
        };
        study.classes = study.classes_of(folder)?;
        Ok(study)
    }

    /// The names of the classes, from the measures of the first row.
    fn classes_of(&self, folder: &Path) -> Result<Vec<String>> {
        let measures = match self.found {
            Some(Found::One(_)) => read_json_if_any(&folder.join("measures.json"))?,
            _ => self.rows().first().map(|row| row.measures.clone()),
        };
        let measures = measures.unwrap_or_default();
        let classes = measures["all_clips"]["by_class"].as_array();
        let names = classes
            .into_iter()
            .flatten()
            .filter_map(|class| class["class"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// The names of the classes, where they are stored.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Whether the paper's scores may stand beside these.
    pub fn beside_the_paper(&self) -> bool {
        is_comparable(&self.classes, self.main)
    }

    /// The configuration that the study was asked for.
    pub fn config(&self) -> &Config {
        &self.plan.settings.config
    }

    /// All rows of its main table.
    pub fn rows(&self) -> &[StoredRow] {
        match &self.found {
            Some(Found::One(row)) => std::slice::from_ref(row),
            Some(Found::Search(search)) => &search.rows,
            Some(Found::Rows(rows)) => rows,
            Some(Found::Paper(paper)) => &paper.models,
            None => &[],
        }
    }

    /// The search that was repeated without each fold in turn, if this is one.
    pub fn nested(&self) -> Option<&StoredNested> {
        match &self.found {
            Some(Found::Search(search)) => search.nested.as_ref(),
            _ => None,
        }
    }

    /// The row that the headline is about: of a search what its repetitions chose, where there are any,
    /// or its best; otherwise the first.
    pub fn leading(&self) -> Option<&StoredRow> {
        if let Some(nested) = self.nested() {
            return Some(nested.tuned());
        }
        match &self.found {
            Some(Found::Search(search)) => search.best().or(search.rows.first()),
            _ => self.rows().first(),
        }
    }

    /// The best answer that needs no model, with its score: a row of the study, or as stored beside it.
    pub fn trivial(&self) -> Option<(String, f64)> {
        let rows = self.rows().iter().filter(|row| row.is_trivial());
        let answer = |row: &StoredRow| row.name.replace("trivial: ", "always ");
        let scored = rows.filter_map(|row| Some((answer(row), row.main(self.main)?.mean)));
        let higher = self.main.higher_is_better();
        let of_rows = scored.reduce(|a, b| if (b.1 > a.1) == higher { b } else { a });
        of_rows.or_else(|| {
            let best = self.trivial.as_ref()?.best()?;
            Some((format!("always {}", best.answer), best.score.mean))
        })
    }
}

/// Whether the weights of any fold of the configuration that `analyze` looks at are there: the best of a
/// search, otherwise the first.
fn has_weights(files: &TrialFiles, trials: &[ListedTrial], found: Option<&Found>) -> bool {
    let mut folds = trials.iter().filter(|trial| trial.fold.is_some());
    let label = match found {
        Some(Found::Search(search)) => search.best().map(|row| row.name.as_str()),
        _ => folds.clone().next().map(|trial| trial.label.as_str()),
    };
    folds.any(|trial| label == Some(&trial.label) && files.has_weights(&trial.id))
}

/// The files with the findings of each command.
fn found(folder: &Path, command: &str) -> Result<(Option<Found>, Vec<String>)> {
    let file = match command {
        CrossValidate::NAME => "summary.json",
        Sweep::NAME => "sweep.json",
        Tune::NAME => "tune.json",
        Ablate::NAME => "ablation.json",
        CompareBaselines::NAME => "baseline.json",
        Reproduce::NAME => "tables.json",
        _ => return Ok((None, Vec::new())),
    };
    let path = folder.join(file);
    if !path.is_file() {
        return Ok((None, Vec::new()));
    }
    Ok(match command {
        CrossValidate::NAME => {
            let mut row: StoredRow = read_json(&path)?;
            if let Some(last) = read_json_if_any(&folder.join("final/final.json"))? {
                row.last = last;
            }
            (Some(Found::One(Box::new(row))), Vec::new())
        }
        Sweep::NAME | Tune::NAME => {
            let search: StoredSearch = read_json(&path)?;
            let notes = notes(&search.table);
            (Some(Found::Search(Box::new(search))), notes)
        }
        Reproduce::NAME => {
            let paper: StoredPaper = read_json(&path)?;
            let notes = paper.tables.iter().flat_map(notes).collect();
            (Some(Found::Paper(Box::new(paper))), notes)
        }
        _ => {
            #[derive(Deserialize)]
            struct Rows {
                rows: Vec<StoredRow>,
                table: Value,
            }
            let found: Rows = read_json(&path)?;
            (Some(Found::Rows(found.rows)), notes(&found.table))
        }
    })
}

/// The notes below a table.
fn notes(table: &Value) -> Vec<String> {
    let notes = table["notes"].as_array().into_iter().flatten();
    notes
        .filter_map(|note| note.as_str().map(str::to_owned))
        .collect()
}
