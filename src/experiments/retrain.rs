//! The final model: trained on all clips for the median best epoch of the folds, decoded with the
//! thresholds chosen on the out-of-fold scores.

use super::cross_validate::{Candidate, CrossValidation};
use super::plan::Plan;
use super::result::TrialResult;
use super::schedule::{Outcomes, PlanObserver, Scheduler};
use super::test_part::TestOutcome;
use super::trial::{Trial, TrialKind};
use crate::error::Result;
use crate::model::config::UdaTarget;

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

/// What is asked for beside the final models.
#[derive(Clone, Debug)]
pub struct Retraining<'a> {
    /// Train on all clips with each of these seeds.
    pub seeds: &'a [u64],
    /// Average the folds' models too.
    pub ensemble: bool,
}

/// The configuration that trains on everything; none where the fusion model is not what was
/// cross-validated.
pub fn final_candidate(found: &CrossValidation) -> Option<(Candidate, Vec<String>)> {
    let mut notes = Vec::new();
    let mut config = found.candidate.kind.config()?.clone();
    let dataset = &found.candidate.data.dataset;
    config.train.max_epochs = found.median_best_epoch.max(1);
    let thresholds = found.pooled_thresholds;
    config.decode.presence_threshold = Some(thresholds.presence);
    config.decode.salience_threshold = Some(thresholds.salience);
    config.decode.alpha = Some(thresholds.alpha);
    if config.uda.enabled {
        if dataset.test.is_none() {
            config.uda.enabled = false;
            notes.push(
                "there is no test part to adapt to, so the final model trains without domain adaptation"
                    .to_owned(),
            );
        } else if config.uda.target == UdaTarget::Validation {
            config.uda.target = UdaTarget::Test;
            notes.push(
                "no fold is held out, so the final model adapts to the test part (its labels unread)"
                    .to_owned(),
            );
        }
    }
    let candidate = Candidate {
        name: format!("{}, final", found.candidate.name),
        kind: TrialKind::fusion(&config, dataset.encoders.len()),
        data: found.candidate.data.clone(),
        keep_weights: true,
    };
    Some((candidate, notes))
}

/// Trains each on everything, all in one plan. What cannot be trained so has no entry; a reason
/// stands where a trial failed.
///
/// # Errors
/// As [`Scheduler::run`] and [`TestOutcome::of`].
pub fn retrain(
    scheduler: &Scheduler<'_>,
    found: &[&CrossValidation],
    folds: &Outcomes,
    retraining: &Retraining<'_>,
    observer: &mut dyn PlanObserver,
) -> Result<(Vec<std::result::Result<Retrained, String>>, Outcomes)> {
    let mut plan = Plan::default();
    let mut planned = Vec::new();
    for found in found {
        let Some((candidate, notes)) = final_candidate(found) else {
            continue;
        };
        // Labels that cannot be read are found now, not after hours of training.
        candidate.data.dataset.test_truths()?;
        let mut ids = Vec::new();
        for &seed in retraining.seeds {
            let trial = Trial::new(&candidate.kind, None, seed);
            ids.push(plan.add(&candidate.name, trial, &candidate.data, true)?);
        }
        planned.push((*found, candidate, notes, ids));
    }
    let outcomes = scheduler.run(&plan, observer)?;
    let mut retrained = Vec::new();
    for (found, candidate, notes, ids) in planned {
        let results = match outcomes.results(&ids) {
            Ok(results) => results,
            Err(reason) => {
                retrained.push(Err(reason));
                continue;
            }
        };
        let (dataset, thresholds) = (&candidate.data.dataset, found.pooled_thresholds);
        let mut tests = Vec::new();
        for result in &results {
            tests.extend(TestOutcome::of(
                &candidate.kind,
                &[*result],
                thresholds,
                dataset,
            )?);
        }
        let ensemble = if retraining.ensemble {
            ensemble(found, folds)?
        } else {
            None
        };
        let results = results.into_iter().cloned().collect();
        retrained.push(Ok(Retrained {
            candidate,
            results,
            tests,
            ensemble,
            notes,
        }));
    }
    Ok((retrained, outcomes))
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
