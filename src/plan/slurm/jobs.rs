//! The state of jobs in Slurm's queue.

use std::collections::BTreeMap;
use std::process::Command;

use crate::error::{Error, Result};

/// A task of an array in the queue, or a job that is not an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Slurm's state: `RUNNING`, `PENDING`, `COMPLETED`, `CANCELLED`, `OUT_OF_MEMORY`, …
    pub state: String,
    /// Where it runs, or why it waits.
    pub reason: String,
}

/// The queue's entries for some jobs. Slurm forgets a job minutes after its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Jobs {
    /// By job and task; task 0 for a job that is not an array.
    tasks: BTreeMap<(u64, usize), Job>,
}

/// Slurm's words for jobs that have not ended.
const ALIVE: [&str; 8] = [
    "PENDING",
    "RUNNING",
    "CONFIGURING",
    "COMPLETING",
    "REQUEUED",
    "REQUEUE_HOLD",
    "SUSPENDED",
    "STAGE_OUT",
];

impl Jobs {
    /// Queries the queue; `None` if Slurm's commands are not installed or do not respond.
    pub fn of(ids: &[u64]) -> Option<Self> {
        if ids.is_empty() {
            return Some(Self::default());
        }
        // One at a time: Slurm refuses the whole list if it has forgotten one of the jobs.
        let mut found = Self::default();
        for id in ids {
            let output = Command::new("squeue")
                .args(["--noheader", "--array", "--states=all"])
                .arg(format!("--jobs={id}"))
                .arg("--format=%F|%K|%T|%R")
                .output()
                .ok()?;
            let complaint = String::from_utf8_lossy(&output.stderr);
            if !output.status.success() && !complaint.contains("Invalid job id") {
                return None;
            }
            found.take_in(&String::from_utf8_lossy(&output.stdout));
        }
        Some(found)
    }

    fn take_in(&mut self, text: &str) {
        for line in text.lines() {
            let mut cells = line.splitn(4, '|');
            let mut cell = || cells.next().unwrap_or_default().trim().to_owned();
            let (job, task) = (cell(), cell());
            let Ok(job) = job.parse() else { continue };
            let entry = Job {
                state: cell(),
                reason: cell(),
            };
            self.tasks
                .insert((job, task.parse().unwrap_or_default()), entry);
        }
    }

    /// A task of an array; a job that is not an array is its task 0.
    pub fn task(&self, job: u64, task: usize) -> Option<&Job> {
        self.tasks.get(&(job, task))
    }

    /// The jobs that have waiting or running tasks.
    pub fn alive(&self) -> Vec<u64> {
        let alive = self.tasks.iter().filter(|(_, job)| job.is_alive());
        let mut jobs: Vec<u64> = alive.map(|((job, _), _)| *job).collect();
        jobs.dedup();
        jobs
    }
}

impl Job {
    /// Whether it waits or runs.
    pub fn is_alive(&self) -> bool {
        ALIVE.contains(&self.state.as_str())
    }
}

/// The most tasks that Slurm accepts in one array, counted from 1.
pub(super) fn longest_array() -> Result<usize> {
    let output = Command::new("scontrol").args(["show", "config"]).output();
    let output = output.map_err(|source| Error::Command {
        program: "scontrol",
        source,
    })?;
    if !output.status.success() {
        return Err(Error::Data(format!(
            "Slurm does not respond: {}",
            String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace('\n', " ")
        )));
    }
    Ok(most_tasks(&String::from_utf8_lossy(&output.stdout)))
}

/// `MaxArraySize` is one more than the highest number of a task; 1001 unless configured.
fn most_tasks(config: &str) -> usize {
    let line = config
        .lines()
        .find_map(|line| line.trim().strip_prefix("MaxArraySize"));
    let size = line.and_then(|rest| {
        rest.trim_start_matches([' ', '='])
            .trim()
            .parse::<usize>()
            .ok()
    });
    size.unwrap_or(1001).saturating_sub(1).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_slurm_prints() {
        let mut jobs = Jobs::default();
        jobs.take_in(
            "12|1|RUNNING|node7\n12|2|PENDING|(JobArrayTaskLimit)\n13|N/A|PENDING|(Dependency)\n\n",
        );
        assert_eq!(jobs.alive(), [12, 13]);
        assert_eq!(jobs.task(12, 1).unwrap().reason, "node7");
        assert_eq!(jobs.task(13, 0).unwrap().state, "PENDING");
        assert_eq!(jobs.task(12, 3), None);
        let mut ended = Jobs::default();
        ended.take_in("12|1|COMPLETED|node7\n12|2|OUT_OF_MEMORY|node7\n");
        assert!(ended.alive().is_empty());
        assert_eq!(
            most_tasks("MailProg = x\nMaxArraySize            = 1001\nMaxDBDMsgs = 2"),
            1000
        );
        assert_eq!(most_tasks(""), 1000);
    }
}
