//! What the trials of a plan came to.

use std::collections::BTreeMap;

use super::result::TrialResult;
use crate::error::{Error, Result};

/// Results by the trials' names, and why others have none.
#[derive(Debug, Default)]
pub struct Outcomes {
    results: BTreeMap<String, TrialResult>,
    failures: BTreeMap<String, String>,
}

impl Outcomes {
    /// Trials that ended, well or not.
    pub fn ended(&self) -> usize {
        self.results.len() + self.failures.len()
    }

    /// Whether a trial ended, well or not.
    pub fn has(&self, id: &str) -> bool {
        self.results.contains_key(id) || self.failures.contains_key(id)
    }

    /// The result of a trial that ended well.
    pub fn get(&self, id: &str) -> Option<&TrialResult> {
        self.results.get(id)
    }

    pub(super) fn succeeded(&mut self, id: &str, result: TrialResult) {
        self.results.insert(id.to_owned(), result);
    }

    pub(super) fn failed(&mut self, id: &str, reason: &str) {
        self.failures.insert(id.to_owned(), reason.to_owned());
    }

    /// The results of trials, in the order asked for.
    ///
    /// # Errors
    /// The reason why the first of them that failed has none.
    pub fn results(&self, ids: &[String]) -> std::result::Result<Vec<&TrialResult>, String> {
        let result = |id: &String| {
            self.results
                .get(id)
                .ok_or_else(|| match self.failures.get(id) {
                    Some(reason) => reason.clone(),
                    None => format!("trial {id} was not run"),
                })
        };
        ids.iter().map(result).collect()
    }

    /// Nothing, or all failures as one error.
    ///
    /// # Errors
    /// [`Error::Trials`].
    pub fn check(&self) -> Result<()> {
        if self.failures.is_empty() {
            return Ok(());
        }
        let mut reasons: Vec<(&str, &str)> = Vec::new();
        for (id, reason) in &self.failures {
            if !reasons.iter().any(|(_, known)| known == reason) {
                reasons.push((id, reason));
            }
        }
        let reasons: Vec<String> = reasons
            .iter()
            .map(|(id, reason)| format!("{id}: {reason}"))
            .collect();
        Err(Error::Trials {
            failed: self.failures.len(),
            total: self.failures.len() + self.results.len(),
            reasons: reasons.join("; "),
        })
    }

    /// Takes over another plan's outcomes.
    pub fn extend(&mut self, other: Outcomes) {
        self.results.extend(other.results);
        self.failures.extend(other.failures);
    }
}
