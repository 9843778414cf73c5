//! Several configurations, cross-validated in one plan, one row each; those that request it are trained on
//! all clips as soon as their own folds are done.

use std::sync::Arc;

use rayon::prelude::*;

use super::cross_validation::{Candidate, CrossValidation, Protocol};
use super::retrain::{FinalTrials, Retrained};
use super::score::Spread;
use super::significance::{Significance, significances};
use crate::baseline::{BaselineSpec, Recipe};
use crate::config::{Config, DataConfig, LossConfig, Monitor, ProjectionInputs};
use crate::error::{Error, Result};
use crate::eval::statistics::Resampling;
use crate::plan::data_folder::Opened;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::trial::TrialKind;

/// What follows the cross-validation of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FinalModel {
    /// Nothing.
    #[default]
    None,
    /// A model trained on all clips for each seed.
    Model,
    /// The same, and in addition the mean of the folds' models.
    ModelAndEnsemble,
}

/// One of the configurations.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What is cross-validated, with its name.
    pub candidate: Candidate,
    /// How it differs from the base, as `key=value`; empty for the base and for baselines.
    pub changes: Vec<String>,
    /// The base's task loss, which compares rows with other weights; `None` for baselines.
    pub base_loss: Option<LossConfig>,
    /// The paper's average, where the paper gives one.
    pub paper: Option<f64>,
    /// What follows its cross-validation.
    pub final_model: FinalModel,
}

impl Entry {
    /// The fusion model with a configuration that differs from `base`.
    pub fn fusion(
        name: impl Into<String>,
        config: &Config,
        base: &Config,
        data: &Arc<Opened>,
        paper: Option<f64>,
    ) -> Self {
        let dataset = &data.dataset;
        let config = &dataset.task().resolve(config);
        let kind = TrialKind::fusion(config, dataset.encoders.len());
        Self {
            changes: config.changes_from(base),
            base_loss: Some(base.loss.clone()),
            ..Self::new(name.into(), kind, data, paper)
        }
    }

    /// A baseline of the challenge.
    pub fn baseline(
        name: impl Into<String>,
        spec: &BaselineSpec,
        recipe: Option<&Recipe>,
        data: &Arc<Opened>,
        paper: Option<f64>,
    ) -> Self {
        let kind = TrialKind::baseline(spec, recipe, &data.dataset.task());
        Self::new(name.into(), kind, data, paper)
    }

    /// The same with a baseline's classifier trained on what the fusion models are trained on.
    pub fn trained_on(mut self, inputs: ProjectionInputs) -> Self {
        self.candidate.kind = self.candidate.kind.trained_on(inputs);
        self
    }

    /// The same with a baseline's features standardised as those of the fusion models.
    pub fn standardised_as(mut self, fusion: &DataConfig) -> Self {
        self.candidate.kind = self.candidate.kind.standardised_as(fusion);
        self
    }

    fn new(name: String, kind: TrialKind, data: &Arc<Opened>, paper: Option<f64>) -> Self {
        Self {
            candidate: Candidate {
                name,
                kind,
                data: Arc::clone(data),
                keep_weights: false,
            },
            changes: Vec::new(),
            base_loss: None,
            paper,
            final_model: FinalModel::None,
        }
    }

    /// The same with its models' weights kept.
    pub fn with_weights(mut self) -> Self {
        self.candidate.keep_weights = true;
        self
    }

    /// The same with what follows its cross-validation.
    pub fn with_final_model(mut self, final_model: FinalModel) -> Self {
        self.final_model = final_model;
        self
    }
}

/// An entry with its results, or why it has none.
#[derive(Clone, Debug)]
pub struct Row {
    /// The entry.
    pub entry: Entry,
    /// Its cross-validation.
    pub result: std::result::Result<CrossValidation, String>,
    /// Intervals of its scores, and how they compare with the table's reference.
    pub significance: Option<Significance>,
    /// What followed, if requested.
    pub retrained: Option<std::result::Result<Retrained, String>>,
}

impl Row {
    /// The validation average, if there is a result.
    pub fn average(&self) -> Option<f64> {
        let result = self.result.as_ref().ok()?;
        Some(result.summary.average.mean)
    }

    /// Why the row is not usable, if it has a result that is not: its folds, or the model of all clips.
    pub fn unusable(&self) -> Option<String> {
        let result = self.result.as_ref().ok()?;
        result.unusable().or_else(|| {
            let Some(Ok(retrained)) = &self.retrained else {
                return None;
            };
            let faults = retrained.results.iter().filter_map(|r| r.fault.as_ref());
            let fault = faults.into_iter().find(|fault| !fault.usable)?;
            Some(format!(
                "{}, the model of all clips: {}",
                self.entry.candidate.name, fault.text
            ))
        })
    }

    /// The task's main measure and its mean over folds and seeds, where there is a result.
    pub fn main(&self) -> Option<(Monitor, f64)> {
        let result = self.result.as_ref().ok()?;
        let spread = result.summary.of_main(result.main)?;
        Some((result.main, spread.mean))
    }
}

impl Row {
    /// Whether the row's own loss is another function than the base's.
    pub fn has_other_loss(&self) -> bool {
        let own = self.entry.candidate.kind.config().map(|own| &own.loss);
        own.is_some() && own != self.entry.base_loss.as_ref()
    }

    /// The validation loss with the base's weights, the same function for every row; `None` without a
    /// result, for baselines, and where the presence loss has another form.
    pub fn comparable_loss(&self) -> Option<Spread> {
        let base = self.entry.base_loss.as_ref()?;
        let own = &self.entry.candidate.kind.config()?.loss;
        let result = self.result.as_ref().ok()?;
        (own.presence == base.presence)
            .then(|| result.loss_weighted_by(base))
            .flatten()
    }
}

/// The index of the row with the best mean of the task's main measure; of equal ones the first. Rows that
/// are not usable count only where no other has a result: a training that diverged may have a lucky mean.
pub fn best(rows: &[Row]) -> Option<usize> {
    best_of(rows, |row| row.unusable().is_none()).or_else(|| best_of(rows, |_| true))
}

fn best_of(rows: &[Row], counts: impl Fn(&Row) -> bool) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (place, row) in rows.iter().enumerate() {
        if let Some((main, mean)) = row.main().filter(|_| counts(row))
            && best.is_none_or(|(_, so_far)| match main.higher_is_better() {
                true => mean > so_far,
                false => mean < so_far,
            })
        {
            best = Some((place, mean));
        }
    }
    best.map(|(place, _)| place)
}

/// Compares the rows with the one at index `reference`, replacing earlier comparisons.
///
/// # Errors
/// As [`significances`].
pub fn compare_rows(rows: &mut [Row], reference: usize) -> Result<()> {
    let results: Vec<_> = rows.iter().map(|row| row.result.as_ref().ok()).collect();
    let significances = significances(&results, reference, &Resampling::default())?;
    for (row, significance) in rows.iter_mut().zip(significances) {
        row.significance = significance;
    }
    Ok(())
}

/// Entries that are cross-validated in one plan, with the names of their trials.
#[derive(Debug, Default)]
pub struct Comparison {
    compared: Vec<Compared>,
}

/// Refuses a model for the test split that standardises features per actor where nothing tells the actors of its
/// clips.
fn check_scored_test(candidate: &Candidate) -> Result<()> {
    let dataset = &candidate.data.dataset;
    let by = candidate.kind.standardised_by();
    match &dataset.test {
        Some(test) if dataset.scored_test(by).is_none() => Err(Error::Data(format!(
            "{}: a model that standardises features per actor (data.standardize) cannot score these clips, because nothing but a guess tells whom they show or most actors have a single one; add a column actor, or leave out the model for the test split",
            test.metadata_path().display()
        ))),
        _ => Ok(()),
    }
}

/// An entry with its trials.
#[derive(Debug)]
struct Compared {
    entry: Entry,
    /// Its folds for each seed.
    folds: Vec<String>,
    /// Its training on all clips with the results of its folds, once these exist.
    last: Option<(CrossValidation, FinalTrials)>,
}

impl Comparison {
    /// Adds entries, and to the plan the trials of their folds.
    ///
    /// # Errors
    /// As [`Plan::add`]; as [`Dataset::test_truths`](crate::data::dataset::Dataset::test_truths) for
    /// an entry that a final model follows.
    pub fn add(
        &mut self,
        entries: impl IntoIterator<Item = Entry>,
        protocol: &Protocol,
        plan: &mut Plan,
    ) -> Result<()> {
        for entry in entries {
            if entry.final_model != FinalModel::None {
                // Labels that cannot be read are refused now, not after hours of training.
                entry.candidate.data.dataset.test_truths()?;
                check_scored_test(&entry.candidate)?;
            }
            self.compared.push(Compared {
                folds: entry.candidate.add_trials(protocol, plan)?,
                entry,
                last: None,
            });
        }
        Ok(())
    }

    /// The entries, in the order in which they were added.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.compared.iter().map(|compared| &compared.entry)
    }

    /// The names of the trials of the folds of the entry at an index.
    pub fn folds(&self, place: usize) -> &[String] {
        &self.compared[place].folds
    }

    /// Adds the trials on all clips of the entries that request them and whose folds have results.
    ///
    /// # Errors
    /// As [`Candidate::summarise`] and [`Plan::add`].
    pub fn next_trials(
        &mut self,
        protocol: &Protocol,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        for compared in &mut self.compared {
            let follows = compared.entry.final_model != FinalModel::None;
            let ready = || compared.folds.iter().all(|id| outcomes.get(id).is_some());
            if !follows || compared.last.is_some() || !ready() {
                continue;
            }
            let candidate = &compared.entry.candidate;
            if let Ok(result) = candidate.summarise(protocol, &compared.folds, outcomes)? {
                let trials = FinalTrials::add(plan, &result, protocol)?;
                compared.last = Some((result, trials));
            }
        }
        Ok(())
    }

    /// One row per entry, not compared yet: see [`compare_rows`]. The row of an entry with a failed trial
    /// contains the reason.
    ///
    /// # Errors
    /// As [`Candidate::summarise`].
    pub fn rows(&self, protocol: &Protocol, outcomes: &Outcomes) -> Result<Vec<Row>> {
        let row = |compared: &Compared| compared.row(protocol, outcomes);
        self.compared.par_iter().map(row).collect()
    }

    /// The same without the scores of clips, for tables of many rows.
    ///
    /// # Errors
    /// As [`Comparison::rows`].
    pub fn rows_without_clips(&self, protocol: &Protocol, outcomes: &Outcomes) -> Result<Vec<Row>> {
        let row = |compared: &Compared| {
            let mut row = compared.row(protocol, outcomes)?;
            if let Ok(result) = &mut row.result {
                result.out_of_fold = Vec::new();
            }
            Ok(row)
        };
        self.compared.par_iter().map(row).collect()
    }
}

impl Compared {
    fn row(&self, protocol: &Protocol, outcomes: &Outcomes) -> Result<Row> {
        let entry = self.entry.clone();
        let ensemble = entry.final_model == FinalModel::ModelAndEnsemble;
        let (result, retrained) = match &self.last {
            Some((result, trials)) => {
                let retrained = trials.conclude(result, outcomes, ensemble)?;
                (Ok(result.clone()), Some(retrained))
            }
            None => {
                let result = entry.candidate.summarise(protocol, &self.folds, outcomes)?;
                let follows = entry.final_model != FinalModel::None;
                let reason = result.as_ref().err().filter(|_| follows);
                let retrained = reason.map(|reason| Err(reason.clone()));
                (result, retrained)
            }
        };
        Ok(Row {
            entry,
            result,
            significance: None,
            retrained,
        })
    }
}
