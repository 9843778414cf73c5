//! The final model: trained on all clips for the median best epoch of the folds, decoded with the
//! thresholds chosen on the out-of-fold scores.

use super::cross_validate::{Candidate, CrossValidation, Protocol};
use super::test_part::TestOutcome;
use crate::baseline::Recipe;
use crate::config::Config;
use crate::config::UdaTarget;
use crate::error::Result;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::result::TrialResult;
use crate::plan::run::schedule::{PlanObserver, Scheduler};
use crate::plan::trial::{Trial, TrialKind};

/// A cross-validated configuration, trained on everything.
#[derive(Clone, Debug)]
pub struct Retrained {
    /// What was trained.
    pub candidate: Candidate,
    /// Results, one for each seed.
    pub results: Vec<TrialResult>,
    /// Predictions of the test part, one for each seed; empty without a test part.
    pub tests: Vec<TestOutcome>,
    /// The mean of the folds' models on the test part, where it was asked for and there is one.
    pub ensemble: Option<Ensemble>,
    /// How the configuration had to differ from the cross-validated one, beyond length and
    /// thresholds.
    pub notes: Vec<String>,
}

/// The folds' models as one.
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// How many models.
    pub models: usize,
    /// Their predictions.
    pub test: TestOutcome,
}

/// What trains on everything: the fusion model with the chosen thresholds, or a baseline, for the
/// median best epoch of the folds. And how it had to differ.
fn final_candidate(found: &CrossValidation) -> (Candidate, Vec<String>) {
    let epochs = found.median_best_epoch.max(1);
    let (kind, notes) = match &found.candidate.kind {
        TrialKind::Fusion(config) => final_fusion(config, epochs, found),
        TrialKind::Baseline(baseline) => {
            let recipe = baseline.recipe.map(|recipe| Recipe { epochs, ..recipe });
            let kind = TrialKind::baseline(&baseline.spec, &recipe.unwrap_or_default());
            (kind, Vec::new())
        }
    };
    let candidate = Candidate {
        name: format!("{}, final", found.candidate.name),
        kind,
        data: found.candidate.data.clone(),
        keep_weights: true,
    };
    (candidate, notes)
}

fn final_fusion(
    config: &Config,
    epochs: usize,
    found: &CrossValidation,
) -> (TrialKind, Vec<String>) {
    let mut notes = Vec::new();
    let mut config = config.clone();
    let dataset = &found.candidate.data.dataset;
    config.train.max_epochs = epochs;
    let thresholds = found.pooled_thresholds;
    config.decode.presence_threshold = Some(thresholds.presence);
    config.decode.salience_threshold = Some(thresholds.salience);
    config.decode.alpha = Some(thresholds.alpha);
    if config.uda.enabled {
        if dataset.test.is_none() {
            config.uda.enabled = false;
            notes.push(
                "there is no test split to adapt to, so the final model is trained without domain adaptation"
                    .to_owned(),
            );
        } else if config.uda.target == UdaTarget::Validation {
            config.uda.target = UdaTarget::Test;
            notes.push(
                "no fold is held out, so the final model adapts to the test split, without its labels"
                    .to_owned(),
            );
        }
    }
    (TrialKind::fusion(&config, dataset.encoders.len()), notes)
}

/// The trials that train one configuration on everything.
#[derive(Clone, Debug)]
pub(super) struct FinalTrials {
    candidate: Candidate,
    notes: Vec<String>,
    ids: Vec<String>,
}

impl FinalTrials {
    /// Adds them to a plan, one for each seed.
    pub(super) fn add(
        plan: &mut Plan,
        found: &CrossValidation,
        protocol: &Protocol,
    ) -> Result<Self> {
        let (candidate, notes) = final_candidate(found);
        let mut ids = Vec::new();
        for &seed in protocol.seeds_of(&candidate.kind) {
            let trial = Trial::new(&candidate.kind, None, seed);
            let keep = candidate.keep_weights;
            ids.push(plan.add(&candidate.name, trial, &candidate.data, keep)?);
        }
        Ok(Self {
            candidate,
            notes,
            ids,
        })
    }

    /// What they came to, given the outcomes of these and of the folds; the reason where one failed.
    pub(super) fn conclude(
        &self,
        found: &CrossValidation,
        outcomes: &Outcomes,
        with_ensemble: bool,
    ) -> Result<std::result::Result<Retrained, String>> {
        let results = match outcomes.results(&self.ids) {
            Ok(results) => results,
            Err(reason) => return Ok(Err(reason)),
        };
        let (dataset, thresholds) = (&self.candidate.data.dataset, found.pooled_thresholds);
        let kind = &self.candidate.kind;
        let mut tests = Vec::new();
        for result in &results {
            tests.extend(TestOutcome::of(kind, &[*result], thresholds, dataset)?);
        }
        let ensemble = match with_ensemble {
            true => ensemble(found, outcomes)?,
            false => None,
        };
        Ok(Ok(Retrained {
            candidate: self.candidate.clone(),
            results: results.into_iter().cloned().collect(),
            tests,
            ensemble,
            notes: self.notes.clone(),
        }))
    }
}

/// Trains a cross-validated configuration on everything; `outcomes` of its folds gain those of the
/// new trials. The reason instead where a trial failed.
///
/// # Errors
/// As [`Scheduler::run`] and [`TestOutcome::of`].
pub fn retrain(
    scheduler: &Scheduler<'_>,
    found: &CrossValidation,
    outcomes: &mut Outcomes,
    protocol: &Protocol,
    ensemble: bool,
    observer: &mut dyn PlanObserver,
) -> Result<std::result::Result<Retrained, String>> {
    // Labels that cannot be read are found now, not after hours of training.
    found.candidate.data.dataset.test_truths()?;
    let mut plan = Plan::default();
    let trials = FinalTrials::add(&mut plan, found, protocol)?;
    outcomes.extend(scheduler.run(&plan, observer)?);
    trials.conclude(found, outcomes, ensemble)
}

/// The models of all folds and seeds, averaged.
fn ensemble(found: &CrossValidation, folds: &Outcomes) -> Result<Option<Ensemble>> {
    let ids: Vec<String> = found.folds.iter().map(|score| score.id.clone()).collect();
    let Ok(results) = folds.results(&ids) else {
        return Ok(None);
    };
    let test = TestOutcome::of(
        &found.candidate.kind,
        &results,
        found.pooled_thresholds,
        &found.candidate.data.dataset,
    )?;
    Ok(test.map(|test| Ensemble {
        models: results.len(),
        test,
    }))
}
