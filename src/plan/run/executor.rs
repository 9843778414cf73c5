//! What becomes of a plan's trials that have no result: they run here, or others run them.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::memory::Demand;
use crate::error::{Error, Result};
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::{Plan, Planned};
use crate::plan::slurm::Slurm;
use crate::plan::status::TrialState;
use crate::plan::store::plan_folder::{Listed, PlanFolder};
use crate::plan::store::spec::Order;

/// Who runs trials.
#[derive(Debug, Default)]
pub enum Executor {
    /// This process, as many side by side as cores and memory allow.
    #[default]
    Local,
    /// Whoever runs `blendfuse work DIR NAME` for the trials that this lists.
    Listed(Waiting),
    /// Nobody: what has no result is left out.
    Nobody,
    /// Slurm's job arrays.
    Slurm(Box<Slurm>),
}

/// Trials that wait for somebody to run them.
#[derive(Debug, Default)]
pub struct Waiting(Mutex<Vec<Listed>>);

impl Waiting {
    /// They, in the order of the plan.
    pub fn trials(&self) -> Vec<Listed> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl fmt::Display for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Executor::Local => "local",
            Executor::Listed(_) => "listed",
            Executor::Nobody => "nobody",
            Executor::Slurm(_) => "slurm",
        })
    }
}

impl Executor {
    /// Hands on the trials of a plan that have no result, or gives what is known of them.
    ///
    /// # Errors
    /// [`Error::HandedOn`] once others are to run them; [`Error::Write`]; what Slurm refuses.
    pub(crate) fn hand_on(
        &self,
        folder: &PlanFolder,
        plan: &Plan,
        trials: &[(&Planned, Demand)],
    ) -> Result<Outcomes> {
        match self {
            Executor::Local => Ok(Outcomes::default()),
            Executor::Nobody => {
                let mut outcomes = Outcomes::default();
                for (planned, _) in trials {
                    let state = TrialState::from_log(folder.files(), &planned.id)?;
                    outcomes.left_out(&planned.id, &state.to_string());
                }
                Ok(outcomes)
            }
            Executor::Listed(waiting) => {
                let mut waiting = waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
                for (planned, _) in trials {
                    let state = TrialState::from_log(folder.files(), &planned.id)?;
                    if !matches!(state, TrialState::Running { .. }) {
                        Order::of(planned).write(folder.files(), &planned.id)?;
                        waiting.push(Listed::of(planned));
                    }
                }
                Err(Error::HandedOn(format!(
                    "{} of {} trials are waiting",
                    trials.len(),
                    plan.trials().len()
                )))
            }
            Executor::Slurm(slurm) => slurm.hand_on(folder, plan, trials),
        }
    }
}
