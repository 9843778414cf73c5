//! The earlier attempts at a trial, and whether it is tried again.

use crate::error::Result;
use crate::plan::store::events;
use crate::plan::store::events::Event;
use crate::plan::store::trial_files::TrialFiles;

/// The attempts at a trial since a given time.
#[derive(Debug, Default, PartialEq)]
pub(super) struct AttemptHistory {
    /// Number of times that it was started.
    begun: usize,
    /// Number of times that it was stopped and saved its state.
    interrupted: usize,
    /// Number of times that its process ended without a message, as when the system kills it for lack of
    /// memory.
    pub(super) vanished: u32,
    /// Why it failed the last time, and whether the cause may be temporary.
    failed: Option<(String, bool)>,
}

impl AttemptHistory {
    /// Reads a trial's log.
    pub(super) fn of(files: &TrialFiles, id: &str, since: f64) -> Result<Self> {
        let mut history = Self::default();
        let mut open = false;
        for line in events::read(&files.log(id))? {
            if line.at < since {
                continue;
            }
            match line.event {
                Event::Begun { .. } => {
                    history.vanished += u32::from(open);
                    history.begun += 1;
                    history.failed = None;
                    open = true;
                }
                Event::Interrupted { .. } => {
                    history.interrupted += 1;
                    open = false;
                }
                Event::Failed {
                    reason, may_pass, ..
                } => {
                    history.failed = Some((reason, may_pass));
                    open = false;
                }
                Event::Finished { .. } | Event::Plan { .. } => open = false,
            }
        }
        history.vanished += u32::from(open);
        Ok(history)
    }

    /// Why it is not tried again, if so. An attempt that saved its state has made progress and does not
    /// count.
    pub(super) fn given_up(&self, retries: usize, idle_rounds: usize) -> Option<String> {
        let tried = self.begun - self.interrupted.min(self.begun);
        match &self.failed {
            Some((reason, false)) => Some(reason.clone()),
            Some((reason, true)) if tried > retries => {
                Some(format!("failed {tried} times, the last time: {reason}"))
            }
            _ if tried > retries => Some(format!(
                "ended {tried} times without a result; the outputs of the tasks are in the plan's folder slurm/"
            )),
            _ if idle_rounds > retries => Some(format!(
                "was submitted {idle_rounds} times in a row but never started; the outputs of the tasks are in the plan's folder slurm/"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_saved_its_state_is_tried_again_and_what_will_not_pass_is_not() {
        let plan = tempfile::tempdir().unwrap();
        let files = TrialFiles::of(plan.path());
        let id = "0123456789abcdef";
        files.make_room(id).unwrap();
        let add = |event| events::add(&files.log(id), event).unwrap();
        let trial = || id.to_owned();
        let begun = || Event::Begun {
            trial: trial(),
            label: "x".into(),
            threads: 1,
            host: "h".into(),
            pid: 1,
        };
        let history = || AttemptHistory::of(&files, id, 0.0).unwrap();
        assert_eq!(history(), AttemptHistory::default());
        assert_eq!(history().given_up(0, 0), None);
        assert!(history().given_up(0, 1).unwrap().contains("never started"));
        for _ in 0..5 {
            add(begun());
            add(Event::Interrupted { trial: trial() });
        }
        assert_eq!(history().given_up(0, 0), None);
        add(begun());
        assert_eq!((history().begun, history().vanished), (6, 1));
        assert_eq!(history().given_up(1, 0), None);
        assert!(
            history()
                .given_up(0, 0)
                .unwrap()
                .contains("1 times without")
        );
        let failed = |may_pass| Event::Failed {
            trial: trial(),
            reason: "the disk".into(),
            may_pass,
        };
        add(failed(true));
        assert_eq!(history().vanished, 0);
        assert_eq!(history().given_up(1, 0), None);
        add(failed(false));
        assert_eq!(history().given_up(9, 0).unwrap(), "the disk");
        // What happened before the plan was started again does not count.
        assert_eq!(
            AttemptHistory::of(&files, id, events::now() + 1.0).unwrap(),
            AttemptHistory::default()
        );
    }
}
