//! Configurations beside each other: cross-validated in one plan, a row each.

use std::sync::Arc;

use super::cross_validate::{Candidate, CrossValidation, Protocol, cross_validate};
use super::data_folder::Opened;
use super::schedule::{Outcomes, PlanObserver, Scheduler};
use super::trial::TrialKind;
use crate::error::Result;
use crate::model::Config;

/// One of the configurations.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What is cross-validated, with its name.
    pub candidate: Candidate,
    /// How it differs from the base, as `key=value`; empty for the base.
    pub changes: Vec<String>,
    /// The paper's validation average, where the paper gives one.
    pub paper: Option<f64>,
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
        }
    }

    /// The same with its models' weights kept.
    pub fn keeping_weights(mut self) -> Self {
        self.candidate.keep_weights = true;
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
}

/// Cross-validates all contenders in one plan.
///
/// # Errors
/// As [`cross_validate`].
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
    let (found, outcomes) = cross_validate(scheduler, &candidates, protocol, observer)?;
    let rows = contenders.into_iter().zip(found);
    let rows = rows
        .map(|(contender, found)| Row { contender, found })
        .collect();
    Ok((rows, outcomes))
}
