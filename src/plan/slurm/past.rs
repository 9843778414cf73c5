//! What was tried of a trial already, and whether it is tried again.

use crate::error::Result;
use crate::plan::store::events;
use crate::plan::store::events::Event;
use crate::plan::store::trial_files::TrialFiles;

/// What a trial went through since a moment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Past {
    /// Times that it was begun.
    begun: usize,
    /// Times that it saved its state because it was asked to stop.
    interrupted: usize,
    /// Times that its process ended without a word, as the system does where memory is short.
    pub(super) vanished: u32,
    /// Why it failed the last time, and whether that may pass.
    failed: Option<(String, bool)>,
}

impl Past {
    /// Of a trial, by its log.
    pub(super) fn of(files: &TrialFiles, id: &str, since: f64) -> Result<Self> {
        let mut past = Self::default();
        let mut open = false;
        for line in events::read(&files.log(id))? {
            if line.at < since {
                continue;
            }
            match line.event {
                Event::Begun { .. } => {
                    past.vanished += u32::from(open);
                    past.begun += 1;
                    past.failed = None;
                    open = true;
                }
                Event::Interrupted { .. } => {
                    past.interrupted += 1;
                    open = false;
                }
                Event::Failed {
                    reason, may_pass, ..
                } => {
                    past.failed = Some((reason, may_pass));
                    open = false;
                }
                Event::Finished { .. } | Event::Plan { .. } => open = false,
            }
        }
        past.vanished += u32::from(open);
        Ok(past)
    }

    /// Why it is not tried again. An attempt that saved its state has brought the trial on, and does
    /// not count.
    pub(super) fn given_up(&self, retries: usize, fruitless: usize) -> Option<String> {
        let tried = self.begun - self.interrupted.min(self.begun);
        match &self.failed {
            Some((reason, false)) => Some(reason.clone()),
            Some((reason, true)) if tried > retries => {
                Some(format!("failed {tried} times, the last time: {reason}"))
            }
            _ if tried > retries => Some(format!(
                "ended {tried} times without a result; the outputs of the tasks are in the plan's folder slurm/"
            )),
            _ if fruitless > retries => Some(format!(
                "was submitted {fruitless} times in a row but never started; the outputs of the tasks are in the plan's folder slurm/"
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
        let past = || Past::of(&files, id, 0.0).unwrap();
        assert_eq!(past(), Past::default());
        assert_eq!(past().given_up(0, 0), None);
        assert!(past().given_up(0, 1).unwrap().contains("never started"));
        for _ in 0..5 {
            add(begun());
            add(Event::Interrupted { trial: trial() });
        }
        assert_eq!(past().given_up(0, 0), None);
        add(begun());
        assert_eq!((past().begun, past().vanished), (6, 1));
        assert_eq!(past().given_up(1, 0), None);
        assert!(past().given_up(0, 0).unwrap().contains("1 times without"));
        let failed = |may_pass| Event::Failed {
            trial: trial(),
            reason: "the disk".into(),
            may_pass,
        };
        add(failed(true));
        assert_eq!(past().vanished, 0);
        assert_eq!(past().given_up(1, 0), None);
        add(failed(false));
        assert_eq!(past().given_up(9, 0).unwrap(), "the disk");
        // What happened before somebody started the plan anew counts no more.
        assert_eq!(
            Past::of(&files, id, events::now() + 1.0).unwrap(),
            Past::default()
        );
    }
}
