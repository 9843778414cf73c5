//! The models of a run folder: a single one, or those of a cross-validation.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::artifact::history::{EpochRecord, read_json_lines};
use crate::artifact::manifest::Manifest;
use crate::config::{Config, Monitor};
use crate::error::{Error, Result};
use crate::eval::objective::Objective;
use crate::experiments::score::mean;
use crate::experiments::{Study, Sweep, Tune};
use crate::plan::result::TrialResult;
use crate::plan::store::description::{DESCRIPTION, PlanDescription};
use crate::plan::store::list::{ListedTrial, listed};
use crate::plan::store::trial_files::TrialFiles;
use crate::predict::Predictor;
use crate::suggest::path_instead;

/// A trained model with its manifest and history.
#[derive(Debug)]
pub struct TrainedModel {
    /// Its run folder.
    pub path: PathBuf,
    /// The model.
    pub predictor: Predictor,
    /// Its manifest.
    pub manifest: Manifest,
    /// All epochs.
    pub history: Vec<EpochRecord>,
}

impl TrainedModel {
    /// Loads a run folder as written by `train`.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::File`] for files that this program did not write.
    pub fn load(path: &Path) -> Result<Self> {
        let history = path.join("history.jsonl");
        Ok(Self {
            path: path.to_owned(),
            predictor: Predictor::load(path)?,
            manifest: Manifest::read(&path.join("manifest.json"))?,
            history: read_json_lines(&history)?,
        })
    }

    /// The held-out fold.
    pub fn fold(&self) -> Option<usize> {
        self.manifest.fold
    }
}

/// A run that can be analysed.
#[derive(Debug)]
pub struct AnalysedRun {
    /// The folder.
    pub path: PathBuf,
    /// The command that created it.
    pub command: String,
    /// One model, or one per fold, by fold; all with the same configuration and seed.
    pub models: Vec<TrainedModel>,
    /// The results of a plan's trials, in the order of the plan.
    pub results: Vec<TrialResult>,
    /// Caveats of the results.
    pub notes: Vec<String>,
}

impl AnalysedRun {
    /// Opens the folder of `train` or of a plan. From a plan it takes the models of the first configuration
    /// and seed, from a search those of the best configuration.
    ///
    /// # Errors
    /// [`Error::Data`] if the folder holds neither, or a plan whose models' weights were dropped;
    /// [`Error::Read`] and [`Error::File`] for damaged files.
    pub fn open(path: &Path) -> Result<Self> {
        if path.join(DESCRIPTION).is_file() {
            return Self::open_plan(path);
        }
        if !path.join("manifest.json").is_file() {
            return Err(no_run(path));
        }
        let model = TrainedModel::load(path)?;
        let mut notes = Vec::new();
        if model.fold().is_none() {
            notes.push(
                "The model was trained on all of the clips analysed here, so its errors are underestimated."
                    .into(),
            );
        }
        Ok(Self {
            path: path.to_owned(),
            command: "train".into(),
            models: vec![model],
            results: Vec::new(),
            notes,
        })
    }

    fn open_plan(path: &Path) -> Result<Self> {
        let plan = PlanDescription::read(path)?;
        let files = TrialFiles::of(path);
        let (mut trials, mut results) = (Vec::new(), Vec::new());
        for trial in listed(path)? {
            let result = TrialResult::read(&files.result(&trial.id), &trial.id)?;
            // A search that is repeated without each fold has models of the same labels without these clips.
            let config = &plan.settings.config;
            if result
                .as_ref()
                .is_none_or(|result| result.trial.kind.has_test_split_of(config))
            {
                results.extend(result);
                trials.push(trial);
            }
        }
        let first = match plan.command.as_str() {
            Sweep::NAME | Tune::NAME => best_of(&trials, &results),
            _ => None,
        };
        let is_best = first.is_some();
        let first = first.or_else(|| trials.iter().find(|trial| trial.fold.is_some()));
        let same = |trial: &&ListedTrial| {
            first.is_some_and(|first| trial.label == first.label && trial.seed == first.seed)
                && trial.fold.is_some()
        };
        let mut of_first: Vec<&ListedTrial> = trials.iter().filter(same).collect();
        of_first.sort_by_key(|trial| trial.fold);
        let (mut models, mut notes) = (Vec::new(), Vec::new());
        let wanted = of_first.len();
        for trial in of_first {
            let folder = files.run(&trial.id);
            // A trial without a result may still be training.
            let done = results.iter().any(|result| result.id == trial.id);
            if done && folder.join("weights.safetensors").is_file() {
                models.push(TrainedModel::load(&folder)?);
            }
        }
        if models.is_empty() {
            return Err(Error::WeightsNotKept {
                path: path.to_owned(),
                models: wanted,
                label: first
                    .map_or("the plan", |trial| trial.label.as_str())
                    .to_owned(),
                command: plan.command,
            });
        }
        if models.len() < wanted {
            notes.push(format!(
                "Only {} of {wanted} folds have a trained model; the others are left out.",
                models.len()
            ));
        }
        if let Some(best) = first.filter(|_| is_best) {
            notes.push(format!(
                "The models are those of the best configuration, {}. It was chosen on these clips, so its scores are optimistically biased.",
                best.label
            ));
        }
        if let Some(first) = first {
            let others = trials.iter().any(|trial| trial.seed != first.seed);
            if others {
                notes.push(format!(
                    "Only the models of seed {} are analysed.",
                    first.seed
                ));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            command: plan.command,
            models,
            results,
            notes,
        })
    }

    /// The configuration of the analysed models.
    pub fn config(&self) -> &Config {
        &self.models[0].manifest.config
    }
}

/// The first trial of the configuration with the best mean of its main measure; `None` without results.
fn best_of<'a>(trials: &'a [ListedTrial], results: &[TrialResult]) -> Option<&'a ListedTrial> {
    let by_id: HashMap<&str, &TrialResult> = results
        .iter()
        .map(|result| (result.id.as_str(), result))
        .collect();
    let mut scores: HashMap<&str, (Monitor, Vec<f64>)> = HashMap::new();
    for trial in trials.iter().filter(|trial| trial.fold.is_some()) {
        let Some(result) = by_id.get(trial.id.as_str()) else {
            continue;
        };
        let measure = Objective::of(&result.trial.kind.decode()).measure();
        if let Some(value) = result.measure(measure) {
            let of_label = scores.entry(&trial.label);
            let (_, values) = of_label.or_insert_with(|| (measure, Vec::new()));
            values.push(value);
        }
    }
    let merit = |label: &str| {
        let (measure, values) = scores.get(label)?;
        let mean = mean(values.iter().copied())?;
        Some(if measure.higher_is_better() {
            mean
        } else {
            -mean
        })
    };
    let mut best: Option<(&ListedTrial, f64)> = None;
    for trial in trials.iter().filter(|trial| trial.fold.is_some()) {
        if let Some(merit) = merit(&trial.label)
            && best.is_none_or(|(_, most)| merit > most)
        {
            best = Some((trial, merit));
        }
    }
    best.map(|(trial, _)| trial)
}

/// Reads a JSON file.
///
/// # Errors
/// [`Error::Read`], or [`Error::File`] if it has a different structure.
pub fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|error| Error::File {
        path: path.to_owned(),
        key: None,
        reason: format!("not a file of this program ({error})"),
    })
}

/// Reads a JSON file; `None` if it does not exist.
///
/// # Errors
/// As [`read_json`].
pub fn read_json_if_any(path: &Path) -> Result<Option<Value>> {
    path.is_file().then(|| read_json(path)).transpose()
}

/// The error for a path that is not a run folder.
pub(crate) fn no_run(path: &Path) -> Error {
    let found = if path.is_dir() {
        "it contains neither manifest.json nor plan.json".into()
    } else if path.exists() {
        "it is not a folder".into()
    } else {
        format!("no such folder{}", path_instead(path))
    };
    Error::Missing {
        path: path.to_owned(),
        expected: "the folder of train or of a plan (cv, sweep, tune, ablate, baseline, repro)"
            .into(),
        found,
    }
}
