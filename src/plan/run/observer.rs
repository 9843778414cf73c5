//! Who follows a plan, and what they hear.

use crate::plan::planned::Planned;
use crate::plan::result::TrialResult;

/// Follows a plan. The library prints nothing; its callers do.
pub trait PlanObserver {
    /// Work begins on some trials, of which some have results already.
    fn begins(&mut self, _begins: &Begins) {}
    /// More trials follow from what others came to; `reused` of them have results already.
    fn adds(&mut self, _trials: usize, _reused: usize) {}
    /// A running trial ended an epoch.
    fn epoch(&mut self, _planned: &Planned, _epoch: usize) {}
    /// A trial succeeded.
    fn finished(&mut self, _planned: &Planned, _result: &TrialResult, _progress: &Progress) {}
    /// A trial failed; the others continue.
    fn failed(&mut self, _planned: &Planned, _reason: &str, _progress: &Progress) {}
    /// Something the user should know before reading the results; each text once.
    fn warning(&mut self, _text: &str) {}
    /// All trials have ended.
    fn ends(&mut self) {}
}

/// Follows nothing.
impl PlanObserver for () {}

/// What a plan begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begins {
    /// Trials of the plan, each counted once.
    pub trials: usize,
    /// Trials that were added more than once, beyond the first time.
    pub duplicates: usize,
    /// Trials with a result from before.
    pub reused: usize,
    /// Trials side by side in this process; 0 where they run elsewhere.
    pub jobs: usize,
    /// Threads in all.
    pub threads: usize,
}

/// How far a plan is after a trial.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Trials with a result, or failed, those from before included.
    pub done: usize,
    /// Trials of the plan.
    pub total: usize,
    /// How long the trial took in this process, in seconds.
    pub seconds: f64,
    /// How long the others may take, in seconds.
    pub left: f64,
}
