//! Configurations beside each other: cross-validated in one plan, a row each, and those that ask for
//! it trained on all clips as soon as their own folds are done.

use std::sync::Arc;

use super::certainty::{Certainty, certainties};
use super::cross_validate::{Candidate, CrossValidation, Protocol, add_trials, summarise};
use super::retrain::{FinalTrials, Retrained};
use crate::baseline::{BaselineSpec, Recipe};
use crate::config::Config;
use crate::error::Result;
use crate::eval::statistics::Resampling;
use crate::plan::data_folder::Opened;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::run::schedule::{PlanObserver, Scheduler};
use crate::plan::trial::TrialKind;

/// What a contender is trained to after its cross-validation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Final {
    /// Nothing.
    #[default]
    None,
    /// A model of all clips for each seed.
    Model,
    /// That, and the mean of the folds' models beside it.
    ModelAndEnsemble,
}

/// One of the configurations.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What is cross-validated, with its name.
    pub candidate: Candidate,
    /// How it differs from the base, as `key=value`; empty for the base and for baselines.
    pub changes: Vec<String>,
    /// The paper's average, where the paper gives one.
    pub paper: Option<f64>,
    /// What follows its cross-validation.
    pub follow: Final,
}

impl Contender {
    /// The fusion model with a configuration that differs from `base`.
    pub fn fusion(
        name: impl Into<String>,
        config: &Config,
        base: &Config,
        data: &Arc<Opened>,
        paper: Option<f64>,
    ) -> Self {
        let encoders = data.dataset.encoders.len();
        Self {
            candidate: Candidate {
                name: name.into(),
                kind: TrialKind::fusion(config, encoders),
                data: Arc::clone(data),
                keep_weights: false,
            },
            changes: config.changes_from(base),
            paper,
            follow: Final::None,
        }
    }

    /// A baseline of the challenge.
    pub fn baseline(
        name: impl Into<String>,
        spec: &BaselineSpec,
        recipe: &Recipe,
        data: &Arc<Opened>,
        paper: Option<f64>,
    ) -> Self {
        Self {
            candidate: Candidate {
                name: name.into(),
                kind: TrialKind::baseline(spec, recipe),
                data: Arc::clone(data),
                keep_weights: false,
            },
            changes: Vec::new(),
            paper,
            follow: Final::None,
        }
    }

    /// The same with its models' weights kept.
    pub fn keeping_weights(mut self) -> Self {
        self.candidate.keep_weights = true;
        self
    }

    /// The same with what follows its cross-validation.
    pub fn followed_by(mut self, follow: Final) -> Self {
        self.follow = follow;
        self
    }
}

/// A contender and what it comes to, or why it has no result.
#[derive(Clone, Debug)]
pub struct Row {
    /// The contender.
    pub contender: Contender,
    /// Its cross-validation.
    pub found: std::result::Result<CrossValidation, String>,
    /// How sure its scores are, by itself and beside the table's reference.
    pub certainty: Option<Certainty>,
    /// What followed, where it was asked for.
    pub retrained: Option<std::result::Result<Retrained, String>>,
}

/// Compares the rows with the one at the place `reference`, in place of what they were compared with.
///
/// # Errors
/// As [`certainties`].
pub fn compare_rows(rows: &mut [Row], reference: usize) -> Result<()> {
    let found: Vec<_> = rows.iter().map(|row| row.found.as_ref().ok()).collect();
    let certainties = certainties(&found, reference, &Resampling::default())?;
    for (row, certainty) in rows.iter_mut().zip(certainties) {
        row.certainty = certainty;
    }
    Ok(())
}

/// Cross-validates all contenders in one plan, and trains those that ask for it on all clips beside
/// the folds of the others. The rows are not compared yet: see [`compare_rows`].
///
/// # Errors
/// As [`Scheduler::run`] and [`summarise`]. A contender with a failed trial has the reason in its
/// row, and [`Outcomes::check`] tells.
pub fn compare(
    scheduler: &Scheduler<'_>,
    contenders: Vec<Contender>,
    protocol: &Protocol,
    observer: &mut dyn PlanObserver,
) -> Result<(Vec<Row>, Outcomes)> {
    let candidates: Vec<Candidate> = contenders
        .iter()
        .map(|contender| contender.candidate.clone())
        .collect();
    let mut plan = Plan::default();
    let names = add_trials(&mut plan, &candidates, protocol)?;
    for contender in &contenders {
        if contender.follow != Final::None {
            // Labels that cannot be read are found now, not after hours of training.
            contender.candidate.data.dataset.test_truths()?;
        }
    }
    let mut finals: Vec<Option<FinalTrials>> = vec![None; contenders.len()];
    let in_order = plan.clone();
    let outcomes = scheduler.run_and_follow(&mut plan, observer, &mut |outcomes, plan| {
        for (i, contender) in contenders.iter().enumerate() {
            let ready = || names[i].iter().all(|id| outcomes.get(id).is_some());
            if contender.follow == Final::None || finals[i].is_some() || !ready() {
                continue;
            }
            let candidates = std::slice::from_ref(&candidates[i]);
            let names = std::slice::from_ref(&names[i]);
            for found in summarise(candidates, protocol, names, outcomes)?
                .into_iter()
                .flatten()
            {
                finals[i] = Some(FinalTrials::add(plan, &found, protocol)?);
            }
        }
        Ok(())
    })?;
    let found = summarise(&candidates, protocol, &names, &outcomes)?;
    let mut rows = Vec::with_capacity(contenders.len());
    // Which trial follows when depends on how fast the others were; the list must not.
    let mut listed = in_order;
    for ((contender, found), finals) in contenders.into_iter().zip(found).zip(&finals) {
        let ensemble = contender.follow == Final::ModelAndEnsemble;
        let retrained = match (&found, finals) {
            (Ok(found), Some(finals)) => {
                FinalTrials::add(&mut listed, found, protocol)?;
                Some(finals.conclude(found, &outcomes, ensemble)?)
            }
            (Err(reason), _) if contender.follow != Final::None => Some(Err(reason.clone())),
            _ => None,
        };
        rows.push(Row {
            contender,
            found,
            certainty: None,
            retrained,
        });
    }
    scheduler.folder.list_in_order(&listed)?;
    Ok((rows, outcomes))
}
