//! A plan in progress: its trials, their outcomes so far, and which have no result yet.

use rayon::prelude::*;

use super::memory::{self, Demand};
use super::observer::{Begins, PlanObserver};
use crate::error::Result;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::{Plan, Planned};
use crate::plan::result::TrialSummary;
use crate::plan::store::list::ListedTrial;
use crate::plan::store::plan_folder::PlanFolder;
use crate::plan::store::spec::TrialSpec;
use crate::plan::store::trial_state::TrialState;

/// Adds to a plan the trials that follow from the outcomes so far. Called at the start and whenever a
/// trial has ended, until it adds nothing.
pub type NextTrials<'a> = dyn FnMut(&Outcomes, &mut Plan) -> Result<()> + 'a;

/// A plan and the outcomes of its trials so far.
#[derive(Debug, Default)]
pub struct LivePlan {
    plan: Plan,
    outcomes: Outcomes,
    /// Number of trials of the plan that were looked up on disk.
    looked_up: usize,
    warned: Vec<String>,
    /// Whether trials were added while others ran, in an order that depends on how fast those were.
    grew_while_running: bool,
}

/// Trials that were added to a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Added {
    /// Their number.
    pub(crate) trials: usize,
    /// How many of them have a result on disk.
    pub(crate) reused: usize,
}

impl Added {
    fn and(self, more: Added) -> Added {
        Added {
            trials: self.trials + more.trials,
            reused: self.reused + more.reused,
        }
    }
}

impl LivePlan {
    /// An empty plan.
    pub fn new(plan: Plan) -> Self {
        Self {
            plan,
            ..Self::default()
        }
    }

    /// The trials so far.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Their outcomes so far.
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Whether trials were added in an order that another run need not repeat.
    pub(crate) fn grew_while_running(&self) -> bool {
        self.grew_while_running
    }

    /// Whether every trial has ended, successfully or not.
    pub(crate) fn is_done(&self) -> bool {
        self.outcomes.ended() == self.plan.trials().len()
    }

    /// The trials from index `first` on that have neither a result nor failed, with their indices in the
    /// plan and the resources that they need.
    pub(crate) fn pending(&self, first: usize) -> Vec<(usize, Demand)> {
        let trials = self.plan.trials().iter().enumerate().skip(first);
        trials
            .filter(|(_, planned)| !self.outcomes.has(&planned.id))
            .map(|(index, planned)| (index, memory::demand(&planned.trial.kind, &planned.data)))
            .collect()
    }

    /// The outcome of a trial that ran here.
    pub(crate) fn succeeded(
        &mut self,
        id: &str,
        result: TrialSummary,
        observer: &mut dyn PlanObserver,
    ) {
        self.warn(&result, observer);
        self.outcomes.succeeded(id, result);
    }

    /// A trial that failed.
    pub(crate) fn failed(&mut self, id: &str, reason: &str) {
        self.outcomes.failed(id, reason);
    }

    fn warn(&mut self, result: &TrialSummary, observer: &mut dyn PlanObserver) {
        for warning in &result.warnings {
            if !self.warned.contains(warning) {
                observer.warning(warning);
                self.warned.push(warning.clone());
            }
        }
    }

    /// Lists new trials in the folder and loads the results that they have there.
    fn load_cached(
        &mut self,
        folder: &PlanFolder,
        observer: &mut dyn PlanObserver,
    ) -> Result<Added> {
        folder.list(&self.plan)?;
        self.outcomes.are_in(folder.files());
        let mut added = Added::default();
        let mut without_weights = 0;
        let new = &self.plan.trials()[self.looked_up..];
        let results = new.par_iter().map(|planned| folder.read(&planned.id));
        let results = results.collect::<Result<Vec<_>>>()?;
        for (index, result) in (self.looked_up..).zip(results) {
            let Planned {
                id, keep_weights, ..
            } = &self.plan.trials()[index];
            added.trials += 1;
            let Some(result) = result else {
                continue;
            };
            folder.tidy(id, *keep_weights)?;
            without_weights += usize::from(*keep_weights && !folder.run(id).exists());
            added.reused += 1;
            let id = id.clone();
            self.succeeded(&id, result, observer);
        }
        self.looked_up = self.plan.trials().len();
        if without_weights > 0 {
            observer.warning(&format!(
                "the weights of {without_weights} trained models were removed earlier and are not restored; their results are reused"
            ));
        }
        Ok(added)
    }
}

/// A live plan with everything that drives it.
pub(crate) struct Driver<'a> {
    /// Where results are kept.
    pub(crate) folder: &'a PlanFolder,
    /// The plan.
    pub(crate) live: &'a mut LivePlan,
    /// Decides which trials follow.
    pub(crate) next_trials: &'a mut NextTrials<'a>,
    /// The observer.
    pub(crate) observer: &'a mut dyn PlanObserver,
}

impl Driver<'_> {
    /// Loads the results on disk and adds the trials that follow from them, until none do. Returns the
    /// trials that were there before, and those that followed.
    pub(crate) fn expand(&mut self) -> Result<(Added, Added)> {
        let first = self.live.load_cached(self.folder, self.observer)?;
        Ok((first, self.add_next()?))
    }

    /// Adds the trials that follow from the outcomes so far, with the results that they have on disk.
    fn add_next(&mut self) -> Result<Added> {
        let mut added = Added::default();
        loop {
            let before = self.live.plan.trials().len();
            (self.next_trials)(&self.live.outcomes, &mut self.live.plan)?;
            if self.live.plan.trials().len() == before {
                return Ok(added);
            }
            added = added.and(self.live.load_cached(self.folder, self.observer)?);
        }
    }

    /// The same while other trials run.
    pub(crate) fn add_next_while_running(&mut self) -> Result<Added> {
        let added = self.add_next()?;
        self.live.grew_while_running |= added.trials > 0;
        Ok(added)
    }

    /// The same if no trial runs in this process; informs the observer.
    pub(crate) fn announce(&mut self) -> Result<()> {
        let (first, more) = self.expand()?;
        if first.trials > 0 {
            self.observer.begins(&Begins {
                trials: first.trials,
                duplicates: self.live.plan.duplicates(),
                reused: first.reused,
                jobs: 0,
                threads: 0,
            });
        }
        if more.trials > 0 {
            self.observer.adds(more.trials, more.reused);
        }
        self.observer.ends();
        Ok(())
    }

    /// Leaves the trials without a result as they are, and records what is known about each.
    pub(crate) fn leave_out_pending(&mut self) -> Result<()> {
        for (index, _) in self.live.pending(0) {
            let id = &self.live.plan.trials()[index].id;
            let state = TrialState::from_log(self.folder.files(), id)?;
            self.live.outcomes.left_out(id, &state.to_string());
        }
        Ok(())
    }

    /// Writes the specification of each trial that no process is running, so that another process can run
    /// it; returns those trials in the order of the plan.
    pub(crate) fn release_pending(&mut self) -> Result<Vec<ListedTrial>> {
        let mut released = Vec::new();
        for (index, _) in self.live.pending(0) {
            let planned = &self.live.plan.trials()[index];
            let state = TrialState::from_log(self.folder.files(), &planned.id)?;
            if !matches!(state, TrialState::Running { .. }) {
                TrialSpec::of(planned).write(self.folder.files(), &planned.id)?;
                released.push(ListedTrial::of(planned));
            }
        }
        Ok(released)
    }
}
