//! One attempt at a trial: from its first step or its saved state to its result on disk, with what
//! happened in the trial's log. Every way of running trials ends here.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use super::execute::execute;
use super::memory;
use crate::error::{Error, Result};
use crate::plan::planned::Planned;
use crate::plan::result::TrialResult;
use crate::plan::store::events;
use crate::plan::store::events::Event;
use crate::plan::store::trial_files::TrialFiles;
use crate::train::Stop;

/// An attempt at a trial.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    /// The trial.
    pub(crate) planned: &'a Planned,
    /// Paths of its files.
    pub(crate) files: &'a TrialFiles,
    /// Seconds between saved states.
    pub(crate) checkpoint_seconds: f64,
    /// When a stop is requested, the state is saved and the attempt ends.
    pub(crate) stop: &'a Stop,
    /// Whether no other trial runs in the process.
    pub(crate) alone: bool,
}

impl Attempt<'_> {
    /// Trains in the pool; `epoch` is called after every epoch.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if a stop was requested; any error of the training.
    pub(crate) fn run(
        &self,
        pool: &rayon::ThreadPool,
        epoch: &mut (dyn FnMut(usize) + Send),
    ) -> Result<TrialResult> {
        if self.stop.is_asked() {
            return Err(Error::Interrupted("before the first step".into()));
        }
        let id = &self.planned.id;
        let begun = Instant::now();
        self.files.make_room(id)?;
        self.log(Event::Begun {
            trial: id.clone(),
            label: self.planned.label.clone(),
            threads: pool.current_num_threads(),
            host: events::host(),
            pid: std::process::id(),
        })?;
        let work = || pool.install(|| self.train(epoch));
        // A bug that panics in one trial must not end the others.
        let result = catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Error::Data("internal error, please report it".into())));
        self.log(match &result {
            Ok(_) => Event::Finished {
                trial: id.clone(),
                seconds: begun.elapsed().as_secs_f64(),
                peak_mib: memory::held().map(|held| held.most >> 20),
                alone: self.alone,
            },
            Err(Error::Interrupted(_)) => Event::Interrupted { trial: id.clone() },
            Err(error) => Event::Failed {
                trial: id.clone(),
                reason: error.to_string(),
                may_pass: error.may_pass(),
            },
        })?;
        result
    }

    fn train(&self, epoch: &mut (dyn FnMut(usize) + Send)) -> Result<TrialResult> {
        let id = &self.planned.id;
        let result = execute(
            self.planned,
            self.files,
            self.checkpoint_seconds,
            self.stop,
            epoch,
        )?;
        result.write(&self.files.result(id))?;
        self.files.tidy(id, self.planned.keep_weights)?;
        Ok(result)
    }

    fn log(&self, event: Event) -> Result<()> {
        events::add(&self.files.log(&self.planned.id), event)
    }
}
