//! The observer of a plan and its events.

use crate::plan::planned::Planned;
use crate::plan::result::TrialSummary;

/// Observes a plan. The library prints nothing; its callers do.
pub trait PlanObserver {
    /// Work begins; some of the trials may already have results.
    fn begins(&mut self, _begins: &Begins) {}
    /// More trials follow from the outcomes of others; `reused` of them already have results.
    fn adds(&mut self, _trials: usize, _reused: usize) {}
    /// A running trial finished an epoch.
    fn epoch(&mut self, _planned: &Planned, _epoch: usize) {}
    /// A trial succeeded.
    fn finished(&mut self, _planned: &Planned, _result: &TrialSummary, _progress: &Progress) {}
    /// A trial failed; the others continue.
    fn failed(&mut self, _planned: &Planned, _reason: &str, _progress: &Progress) {}
    /// Something the user should know before reading the results; each text once.
    fn warning(&mut self, _text: &str) {}
    /// All trials have ended.
    fn ends(&mut self) {}
}

/// Ignores all events.
impl PlanObserver for () {}

/// The state of a plan at its start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begins {
    /// Trials of the plan, each counted once.
    pub trials: usize,
    /// Number of repeated additions of trials.
    pub duplicates: usize,
    /// Trials that already have a result.
    pub reused: usize,
    /// Number of parallel trials in this process; 0 if they run elsewhere.
    pub jobs: usize,
    /// Total number of threads.
    pub threads: usize,
}

/// The progress of a plan after a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Trials that have a result or failed, including those from before.
    pub done: usize,
    /// Trials of the plan.
    pub total: usize,
    /// How long the trial took in this process, in seconds.
    pub seconds: f64,
    /// Estimated time for the others, in seconds.
    pub left: f64,
}
