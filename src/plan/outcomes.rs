//! The outcomes of a plan's trials.

use std::collections::BTreeMap;

use super::result::{TrialResult, TrialSummary};
use super::store::trial_files::TrialFiles;
use crate::error::{Error, Result};

/// How the reason begins where a trial has no result because it was not run.
pub const NOT_FINISHED: &str = "not finished, ";

/// Results by trial name, and the reasons why other trials have none. The scores of clips stay in the
/// files until they are needed.
#[derive(Debug, Default)]
pub struct Outcomes {
    results: BTreeMap<String, TrialSummary>,
    /// Where the scores are.
    files: Option<TrialFiles>,
    failures: BTreeMap<String, String>,
    /// Trials that were not run, each with what is known about it.
    unfinished: BTreeMap<String, String>,
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
    pub fn get(&self, id: &str) -> Option<&TrialSummary> {
        self.results.get(id)
    }

    /// Names the files that hold the results.
    pub(crate) fn are_in(&mut self, files: &TrialFiles) {
        if self.files.as_ref() != Some(files) {
            self.files = Some(files.clone());
        }
    }

    pub(crate) fn succeeded(&mut self, id: &str, result: TrialSummary) {
        self.unfinished.remove(id);
        self.results.insert(id.to_owned(), result);
    }

    pub(crate) fn failed(&mut self, id: &str, reason: &str) {
        self.unfinished.remove(id);
        self.failures.insert(id.to_owned(), reason.to_owned());
    }

    /// Records a trial that is not run here, with what is known about it.
    pub(crate) fn left_out(&mut self, id: &str, why: &str) {
        self.unfinished.insert(id.to_owned(), why.to_owned());
    }

    /// Trials that were not run.
    pub fn unfinished(&self) -> usize {
        self.unfinished.len()
    }

    /// The results of the given trials, in the given order.
    ///
    /// # Errors
    /// Why the first failed trial among them has no result; if trials were not run, how many of the
    /// given ones have results.
    pub fn results(&self, ids: &[String]) -> std::result::Result<Vec<&TrialSummary>, String> {
        let result = |id: &String| {
            self.results
                .get(id)
                .ok_or_else(|| match self.failures.get(id) {
                    Some(reason) => reason.clone(),
                    None => {
                        let there = ids.iter().filter(|id| self.results.contains_key(*id));
                        let there = there.count();
                        format!("{NOT_FINISHED}{there} of {} trials done", ids.len())
                    }
                })
        };
        ids.iter().map(result).collect()
    }

    /// The results of the given trials with the scores of their clips, read from their files.
    ///
    /// # Errors
    /// As [`TrialResult::read`]; [`Error::Data`] for a result that is no longer there. Inside, as
    /// [`Outcomes::results`].
    pub fn read(&self, ids: &[String]) -> Result<std::result::Result<Vec<TrialResult>, String>> {
        if let Err(reason) = self.results(ids) {
            return Ok(Err(reason));
        }
        let read = |id: &String| {
            let files = self.files.as_ref();
            let found = files.map(|files| TrialResult::read(&files.result(id), id));
            let gone = || Error::Data(format!("trial {id}: its result is no longer there"));
            found.transpose()?.flatten().ok_or_else(gone)
        };
        ids.iter().map(read).collect::<Result<_>>().map(Ok)
    }

    /// `Ok` if every trial has a result; otherwise all failures as one error.
    ///
    /// # Errors
    /// [`Error::Trials`]; [`Error::Unfinished`] if trials were not run.
    pub fn check(&self) -> Result<()> {
        if !self.unfinished.is_empty() {
            return Err(self.not_finished());
        }
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

    fn not_finished(&self) -> Error {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for reason in self.unfinished.values().chain(self.failures.values()) {
            *reasons.entry(reason).or_default() += 1;
        }
        let missing = self.unfinished.len() + self.failures.len();
        let reasons = reasons
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"));
        Error::Unfinished {
            missing,
            total: missing + self.results.len(),
            reasons: reasons.collect::<Vec<_>>().join("; "),
        }
    }
}
