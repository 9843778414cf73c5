//! The progress of a plan, read from its folder alone, at any time and wherever its trials run.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::slurm::{Jobs, Round, last_round};
use super::store::description::PlanDescription;
use super::store::events;
use super::store::events::Event;
use super::store::list::{ListedTrial, listed};
use super::store::trial_files::TrialFiles;
use super::store::trial_state::TrialState;
use crate::artifact::history::read_json_lines;
use crate::error::Result;

/// Number of finished trials whose logs are used to estimate durations.
const TIMED: usize = 256;

/// A trial that is being trained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunningTrial {
    /// The trial.
    #[serde(flatten)]
    pub trial: ListedTrial,
    /// On this machine.
    pub host: String,
    /// Number of finished epochs on disk.
    pub epochs: usize,
}

/// A trial that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedTrial {
    /// The trial.
    #[serde(flatten)]
    pub trial: ListedTrial,
    /// Why.
    pub reason: String,
}

/// The jobs of a plan in Slurm's queue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Queued {
    /// Jobs that wait or run.
    pub jobs: Vec<u64>,
    /// Tasks that wait.
    pub waiting_tasks: usize,
    /// Tasks that run.
    pub running_tasks: usize,
    /// The last round that was submitted.
    pub round: usize,
}

/// The progress of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// The command that it belongs to.
    pub command: String,
    /// Number of trials so far; more may follow from their results.
    pub trials: usize,
    /// Number of trials with a result.
    pub done: usize,
    /// Trials that are being trained.
    pub running: Vec<RunningTrial>,
    /// Trials that failed.
    pub failed: Vec<FailedTrial>,
    /// Number of trials that were started and stopped, and will resume from their saved state.
    pub stopped: usize,
    /// Number of trials that have not started.
    pub waiting: usize,
    /// The estimated time left in seconds; `None` if unknown.
    pub seconds_left: Option<f64>,
    /// Whether the tables have been written.
    pub tables: bool,
    /// The state in Slurm; `None` if nothing was submitted, or its commands are not installed.
    pub slurm: Option<Queued>,
}

impl Status {
    /// Reads the progress of the plan in a folder: file names, the list, and the logs of trials without a
    /// result, but no results.
    ///
    /// # Errors
    /// As `PlanDescription::read`.
    pub fn of(folder: &Path) -> Result<Self> {
        let plan = PlanDescription::read(folder)?;
        let files = TrialFiles::of(folder);
        let finished: BTreeSet<String> = files.finished().collect();
        let (mut done, mut rest) = (Vec::new(), Vec::new());
        for trial in listed(folder)? {
            match finished.contains(&trial.id) {
                true => done.push(trial),
                false => rest.push(trial),
            }
        }
        let mut status = Self {
            command: plan.command,
            trials: done.len() + rest.len(),
            done: done.len(),
            running: Vec::new(),
            failed: Vec::new(),
            stopped: 0,
            waiting: 0,
            seconds_left: None,
            tables: !plan.written.is_empty(),
            slurm: last_round(folder)?.and_then(|round| queued(&round)),
        };
        let mut cost = 0.0;
        for trial in rest {
            let state = TrialState::from_log(&files, &trial.id)?;
            if !matches!(state, TrialState::Failed { .. }) {
                cost += trial.cost;
            }
            match state {
                TrialState::Waiting => status.waiting += 1,
                TrialState::Stopped => status.stopped += 1,
                TrialState::Running { host } => status.running.push(RunningTrial {
                    host,
                    epochs: epochs(&files, &trial.id),
                    trial,
                }),
                TrialState::Failed { reason } => {
                    status.failed.push(FailedTrial { trial, reason });
                }
            }
        }
        if let Some(pace) = pace(&files, &done)?
            && !status.running.is_empty()
        {
            status.seconds_left = Some(pace * cost / status.running.len() as f64);
        }
        Ok(status)
    }

    /// Whether no trial is left to train.
    pub fn is_done(&self) -> bool {
        self.done == self.trials
    }

    /// Whether any process appears to be running it.
    pub fn is_worked_on(&self) -> bool {
        let queued = self
            .slurm
            .as_ref()
            .is_some_and(|slurm| !slurm.jobs.is_empty());
        queued || !self.running.is_empty()
    }
}

/// Seconds per unit of cost; `None` before the first trial has ended.
fn pace(files: &TrialFiles, done: &[ListedTrial]) -> Result<Option<f64>> {
    let (mut cost, mut seconds) = (0.0, 0.0);
    // Evenly spread over the whole list, because its models differ in size.
    for trial in done.iter().step_by(done.len().div_ceil(TIMED).max(1)) {
        let lines = events::read(&files.log(&trial.id))?.into_iter().rev();
        let mut taken = lines.filter_map(|line| match line.event {
            Event::Finished { seconds, .. } => Some(seconds),
            _ => None,
        });
        if let Some(taken) = taken.next() {
            seconds += taken;
            cost += trial.cost;
        }
    }
    Ok((cost > 0.0).then(|| seconds / cost))
}

/// Number of epochs of a running trial that are on disk.
fn epochs(files: &TrialFiles, id: &str) -> usize {
    let history = read_json_lines(&files.run(id).join("history.jsonl"));
    history.map_or(0, |epochs| epochs.len())
}

fn queued(round: &Round) -> Option<Queued> {
    let ids: Vec<u64> = round.jobs().collect();
    let jobs = Jobs::of(&ids)?;
    let mut queued = Queued {
        jobs: jobs.alive(),
        round: round.number,
        ..Queued::default()
    };
    for array in &round.arrays {
        for task in 1..=array.tasks {
            match jobs.task(array.job, task).map(|task| task.state.as_str()) {
                Some("RUNNING" | "COMPLETING") => queued.running_tasks += 1,
                Some("PENDING" | "CONFIGURING" | "REQUEUED" | "SUSPENDED") => {
                    queued.waiting_tasks += 1;
                }
                _ => {}
            }
        }
    }
    Some(queued)
}
