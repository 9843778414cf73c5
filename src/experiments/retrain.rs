//! The final model: trained on all clips up to the median best epoch of the folds, decoded with the
//! thresholds chosen on the out-of-fold scores.

use super::cross_validation::{Candidate, CrossValidation, Protocol};
use super::test_part::TestOutcome;
use crate::baseline::Recipe;
use crate::config::Config;
use crate::config::UdaTarget;
use crate::error::Result;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::result::TrialResult;
use crate::plan::trial::{BaselineKind, Trial, TrialKind};

/// A cross-validated configuration, trained on everything.
#[derive(Clone, Debug)]
pub struct Retrained {
    /// What was trained.
    pub candidate: Candidate,
    /// Results, one for each seed.
    pub results: Vec<TrialResult>,
    /// Predictions for the test split, one per seed; empty without a test split.
    pub tests: Vec<TestOutcome>,
    /// The mean of the folds' models on the test split, if requested and if there is one.
    pub ensemble: Option<Ensemble>,
    /// How the configuration had to differ from the cross-validated one, beyond length and
    /// thresholds.
    pub notes: Vec<String>,
}

/// The folds' models as an ensemble.
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// Number of models.
    pub models: usize,
    /// Their predictions.
    pub test: TestOutcome,
}

/// What is trained on all clips: the fusion model with the chosen thresholds, or a baseline, up to the
/// median best epoch of the folds. Also how it had to differ.
fn final_candidate(validated: &CrossValidation) -> (Candidate, Vec<String>) {
    let epochs = validated.median_best_epoch.max(1);
    let (kind, notes) = match &validated.candidate.kind {
        TrialKind::Fusion(config) => final_fusion(config, epochs, validated),
        TrialKind::Baseline(baseline) => {
            let recipe = baseline.recipe.map(|recipe| Recipe { epochs, ..recipe });
            let baseline = BaselineKind {
                recipe,
                ..baseline.clone()
            };
            (TrialKind::Baseline(baseline), Vec::new())
        }
    };
    let candidate = Candidate {
        name: format!("{}, final", validated.candidate.name),
        kind,
        data: validated.candidate.data.clone(),
        keep_weights: true,
    };
    (candidate, notes)
}

fn final_fusion(
    config: &Config,
    epochs: usize,
    validated: &CrossValidation,
) -> (TrialKind, Vec<String>) {
    let mut notes = Vec::new();
    let mut config = config.clone();
    let dataset = &validated.candidate.data.dataset;
    config.train.max_epochs = epochs;
    let thresholds = validated.pooled_thresholds;
    config.decode.presence_threshold = Some(thresholds.presence);
    config.decode.salience_threshold = Some(thresholds.salience);
    config.decode.alpha = Some(thresholds.alpha);
    config.decode.beta = Some(thresholds.beta);
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

/// The trials that train one configuration on all clips.
#[derive(Debug)]
pub(super) struct FinalTrials {
    candidate: Candidate,
    notes: Vec<String>,
    ids: Vec<String>,
}

impl FinalTrials {
    /// Adds them to a plan, one for each seed.
    pub(super) fn add(
        plan: &mut Plan,
        validated: &CrossValidation,
        protocol: &Protocol,
    ) -> Result<Self> {
        let (candidate, notes) = final_candidate(validated);
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

    /// Their results, given the outcomes of these trials and of the folds; the reason if one failed.
    pub(super) fn conclude(
        &self,
        validated: &CrossValidation,
        outcomes: &Outcomes,
        with_ensemble: bool,
    ) -> Result<std::result::Result<Retrained, String>> {
        let results = match outcomes.read(&self.ids)? {
            Ok(results) => results,
            Err(reason) => return Ok(Err(reason)),
        };
        let (dataset, thresholds) = (&self.candidate.data.dataset, validated.pooled_thresholds);
        let kind = &self.candidate.kind;
        let mut tests = Vec::new();
        for result in &results {
            let one = std::slice::from_ref(result);
            tests.extend(TestOutcome::of(kind, one, thresholds, dataset)?);
        }
        let ensemble = match with_ensemble {
            true => ensemble(validated, outcomes)?,
            false => None,
        };
        Ok(Ok(Retrained {
            candidate: self.candidate.clone(),
            results,
            tests,
            ensemble,
            notes: self.notes.clone(),
        }))
    }
}

/// The models of all folds and seeds, averaged.
fn ensemble(validated: &CrossValidation, folds: &Outcomes) -> Result<Option<Ensemble>> {
    let ids: Vec<String> = validated
        .folds
        .iter()
        .map(|score| score.id.clone())
        .collect();
    let Ok(results) = folds.read(&ids)? else {
        return Ok(None);
    };
    let test = TestOutcome::of(
        &validated.candidate.kind,
        &results,
        validated.pooled_thresholds,
        &validated.candidate.data.dataset,
    )?;
    Ok(test.map(|test| Ensemble {
        models: results.len(),
        test,
    }))
}
