//! One side of a comparison: the answers of a run, or of anybody's file.

use std::path::{Path, PathBuf};

use ndarray::{Array2, Axis};

use crate::analysis::run_decoding::RunDecoding;
use crate::artifact::description::Description;
use crate::artifact::manifest::Manifest;
use crate::config::DataConfig;
use crate::data::folds::fold;
use crate::data::label::{Blend, Classes, Part};
use crate::data::metadata::Reading;
use crate::data::part::{self, Needs};
use crate::error::{Error, Result};
use crate::eval::decode::Decoding;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::rules::Thresholds;
use crate::eval::submission::Predictions;
use crate::experiments::{CrossValidate, Study};
use crate::plan::result::TrialResult;
use crate::plan::store::description::{DESCRIPTION, PlanDescription};
use crate::plan::store::list::{ListedTrial, listed};
use crate::plan::store::trial_files::TrialFiles;
use crate::predict::Predictor;

/// Thresholds for probabilities of which nobody says how they are decoded.
const UNTUNED: Thresholds = Thresholds {
    presence: 0.1,
    salience: 0.1,
};

/// The probabilities in the folder of a final model or an ensemble.
const STORED: &str = "probabilities.npz";

/// The answers of one seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Answers {
    /// The clips' names.
    pub clips: Vec<String>,
    /// What each is said to show.
    pub decided: Vec<Blend>,
    /// Aligned scores `(clips, classes)`; none of predictions without probabilities.
    pub scores: Option<Array2<f64>>,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// Its name in tables.
    pub name: String,
    /// The run or file.
    pub path: PathBuf,
    /// What its answers are: `out-of-fold predictions`, …
    pub kind: &'static str,
    /// The classes that its answers are indexed by.
    pub classes: Classes,
    /// One for each seed.
    pub seeds: Vec<Answers>,
    /// How it was decoded, where nobody says how.
    pub note: Option<String>,
    /// Where its labels are, and how they are read; none of a file.
    pub labels: Option<Labels>,
}

/// Where the labels of a run are.
#[derive(Clone, Debug, PartialEq)]
pub struct Labels {
    /// The data folder.
    pub data: PathBuf,
    /// How its metadata are read.
    pub config: DataConfig,
}

/// What to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its name in tables.
    pub name: String,
    /// The run or file.
    pub path: PathBuf,
}

impl Named {
    /// Whether it is predictions without probabilities, which do not list their classes.
    pub fn is_predictions(&self) -> bool {
        let ending = self.path.extension().unwrap_or_default();
        ["json", "zip"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    }

    /// Loads it. Predictions are of these `classes`; `data` is another place of a run's data.
    ///
    /// # Errors
    /// [`Error::Missing`] for a folder that holds no answers; those of the readers of its files.
    pub fn load(&self, classes: &Classes, data: Option<&Path>) -> Result<Side> {
        if !self.path.is_dir() {
            return match self.is_predictions() {
                true => self.of_predictions(classes),
                false => self.of_probabilities(&self.path, "probabilities", None),
            };
        }
        if self.path.join(DESCRIPTION).is_file() {
            return self.of_plan(data);
        }
        let stored = self.path.join(STORED);
        if stored.is_file() {
            let labels = self.labels_above(data)?;
            return self.of_probabilities(&stored, "stored predictions", labels);
        }
        if self.path.join("weights.safetensors").is_file() {
            return self.of_model(data);
        }
        Err(Error::Missing {
            path: self.path.clone(),
            expected: "the folder of train or cv, a final model or ensemble, or a file of predictions (.json, .zip) or probabilities (.csv, .npz)".into(),
            found: "it holds no answers".into(),
        })
    }

    fn side(&self, kind: &'static str, classes: Classes, seeds: Vec<Answers>) -> Side {
        Side {
            name: self.name.clone(),
            path: self.path.clone(),
            kind,
            classes,
            seeds,
            note: None,
            labels: None,
        }
    }

    fn of_predictions(&self, classes: &Classes) -> Result<Side> {
        let predictions = Predictions::read(&self.path, classes)?;
        let (clips, decided) = predictions.clips.into_iter().unzip();
        let answers = Answers {
            clips,
            decided,
            scores: None,
        };
        Ok(self.side("predictions", classes.clone(), vec![answers]))
    }

    fn of_probabilities(
        &self,
        file: &Path,
        kind: &'static str,
        labels: Option<Labels>,
    ) -> Result<Side> {
        let table = ProbabilityTable::read(file)?;
        let run = RunDecoding::of_file(file, &table)?;
        let (classes, decided, note) = match &run {
            Some(run) => {
                let classes = run.classes(&table.classes);
                let decoding = Decoding::of(&run.rules);
                let decided = run.decode(&table, &classes, &decoding, |of_run| of_run)?;
                (classes, decided, None)
            }
            None => {
                let (classes, decoding) = (table.classes.clone(), Decoding::default());
                let decided = decoding.decode_rows(table.aligned.view(), &classes, UNTUNED)?;
                let note = "is decoded by the challenge's sets with thresholds of 0.1, for nothing says how it is";
                (classes, decided, Some(note.to_owned()))
            }
        };
        let answers = Answers {
            clips: table.filenames,
            decided,
            scores: Some(table.aligned),
        };
        Ok(Side {
            note,
            labels,
            ..self.side(kind, classes, vec![answers])
        })
    }

    /// The data of a final model or an ensemble: those of its own manifest, or of the model that it is in.
    fn labels_above(&self, data: Option<&Path>) -> Result<Option<Labels>> {
        for folder in self.path.ancestors().take(2) {
            let manifest = folder.join("manifest.json");
            if manifest.is_file() {
                let manifest = Manifest::read(&manifest)?;
                return Ok(Some(Labels {
                    data: data.unwrap_or(&manifest.environment.data).to_owned(),
                    config: manifest.config.data,
                }));
            }
        }
        Ok(None)
    }

    /// The held-out fold of a model.
    fn of_model(&self, data: Option<&Path>) -> Result<Side> {
        let model = Predictor::load(&self.path)?;
        let manifest = Manifest::read(&self.path.join("manifest.json"))?;
        let description: &Description = model.description();
        let Some(number) = description.fold else {
            return Err(Error::Data(format!(
                "{}: was trained on all clips, so none is held out; predict the test clips and compare the files",
                self.path.display()
            )));
        };
        let data = data.unwrap_or(&manifest.environment.data);
        let classes = model.classes();
        let needs = Needs {
            encoders: &description.encoders,
            dropped: &[],
            classes: &classes,
        };
        let config = &description.config.data;
        let split = part::open_with(data, "train", needs, &Reading::of(config)?)?.split;
        let clips = fold(&split, number)?.validation;
        let scores = model.score(&split, &clips, &[])?;
        let decided = description
            .decoder()
            .decode(scores.aligned.view(), &classes)?;
        let name = |&clip: &usize| split.clips[clip].filename.clone();
        let answers = Answers {
            clips: clips.iter().map(name).collect(),
            decided,
            scores: Some(scores.aligned),
        };
        let labels = Labels {
            data: data.to_owned(),
            config: config.clone(),
        };
        Ok(Side {
            labels: Some(labels),
            ..self.side("held-out fold of a model", classes, vec![answers])
        })
    }

    /// The out-of-fold answers of a cross-validation, each clip with its own fold's thresholds.
    fn of_plan(&self, data: Option<&Path>) -> Result<Side> {
        let plan = PlanDescription::read(&self.path)?;
        if plan.command != CrossValidate::NAME {
            return Err(Error::Missing {
                path: self.path.clone(),
                expected: "the folder of train or cv".into(),
                found: format!(
                    "it is of `{}`, whose own table compares its configurations",
                    plan.command
                ),
            });
        }
        let files = TrialFiles::of(&self.path);
        let mut trials: Vec<ListedTrial> = listed(&self.path)?;
        trials.retain(|trial| trial.fold.is_some());
        trials.sort_by_key(|trial| (trial.seed, trial.fold));
        let mut results = Vec::new();
        for trial in &trials {
            let result = TrialResult::read(&files.result(&trial.id), &trial.id)?;
            results.push(result.ok_or_else(|| Error::Missing {
                path: self.path.clone(),
                expected: "the results of all folds and seeds".into(),
                found: format!("{trial} has none; continue the run with --resume"),
            })?);
        }
        let Some(first) = results.first() else {
            return Err(Error::Missing {
                path: self.path.clone(),
                expected: "the results of all folds and seeds".into(),
                found: "it has none".into(),
            });
        };
        let config = plan.settings.config.data;
        let classes = Classes::new(first.classes.iter().cloned());
        let neutral = config.neutral.as_deref();
        let named = neutral.and_then(|name| classes.clone().with_neutral_named(name));
        let classes = named.unwrap_or(classes);
        let seeds = results.chunk_by(|a, b| a.trial.seed == b.trial.seed);
        let seeds = seeds.map(|folds| answers(folds, &classes));
        let seeds = seeds.collect::<Result<Vec<_>>>()?;
        let labels = Labels {
            data: data.unwrap_or(&plan.data_folder).to_owned(),
            config,
        };
        Ok(Side {
            labels: Some(labels),
            ..self.side("out-of-fold predictions", classes, seeds)
        })
    }
}

/// The answers of the folds of one seed.
fn answers(folds: &[TrialResult], classes: &Classes) -> Result<Answers> {
    let (mut clips, mut decided) = (Vec::new(), Vec::new());
    let mut scores = Array2::zeros((0, classes.len()));
    for result in folds {
        let Some(held_out) = &result.held_out else {
            continue;
        };
        let decoder = result.decoder();
        let aligned = held_out.rows.aligned(decoder.alignment)?;
        decided.extend(decoder.decode(aligned.view(), classes)?);
        clips.extend(held_out.clips.iter().cloned());
        scores
            .append(Axis(0), aligned.view())
            .map_err(|error| Error::Data(format!("trial {}: its scores: {error}", result.id)))?;
    }
    Ok(Answers {
        clips,
        decided,
        scores: Some(scores),
    })
}

impl Side {
    /// The same with its answers indexed by other classes, in another order.
    ///
    /// # Errors
    /// [`Error::Data`] for a class that is none of these.
    pub fn with_classes(mut self, classes: &Classes) -> Result<Self> {
        if self.classes.names() == classes.names() {
            return Ok(self);
        }
        let mut place = Vec::new();
        for name in self.classes.names() {
            place.push(classes.index(name).ok_or_else(|| {
                Error::Data(format!(
                    "{}: has the class {name}, which is none of {}",
                    self.path.display(),
                    classes.names().join(", ")
                ))
            })?);
        }
        let moved = |blend: &Blend| {
            let part = |part: &Part| Part {
                class: place[part.class],
                ..*part
            };
            Blend::new(blend.parts().iter().map(part).collect())
        };
        for answers in &mut self.seeds {
            answers.decided = answers.decided.iter().map(moved).collect();
            answers.scores = answers.scores.take().map(|scores| {
                let mut all = Array2::zeros((scores.nrows(), classes.len()));
                for (from, &to) in place.iter().enumerate() {
                    all.column_mut(to).assign(&scores.column(from));
                }
                all
            });
        }
        self.classes = classes.clone();
        Ok(self)
    }
}
