//! Runs trials of a plan, given by name, in a separate process: what Slurm, GNU parallel or any other
//! scheduler starts, on any machine that can access the plan's folder and the data.

use std::path::Path;
use std::time::Instant;

use super::attempt::Attempt;
use crate::error::{Error, Result};
use crate::plan::planned::Planned;
use crate::plan::result::TrialResult;
use crate::plan::store::description::PlanDescription;
use crate::plan::store::spec::TrialSpec;
use crate::plan::store::trial_files::TrialFiles;
use crate::plan::trial::is_id;
use crate::train::Stop;

/// Follows the work.
pub trait WorkObserver {
    /// A trial starts, or resumes from its saved state.
    fn begins(&mut self, _planned: &Planned) {}
    /// A trial already has its result.
    fn done_before(&mut self, _id: &str) {}
    /// A trial succeeded, after this many seconds.
    fn finished(&mut self, _planned: &Planned, _result: &TrialResult, _seconds: f64) {}
    /// A trial failed; the others continue.
    fn failed(&mut self, _id: &str, _reason: &str) {}
}

/// Trials of the plan in a folder.
#[derive(Debug)]
pub struct Work<'a> {
    /// The plan's folder.
    pub folder: &'a Path,
    /// The data folder, if its path differs from the plan's.
    pub data: Option<&'a Path>,
    /// When a stop is requested, the running trial saves its state and no other begins.
    pub stop: Stop,
}

impl Work<'_> {
    /// Runs the trials with these names one after the other, skipping those with a result, on the threads
    /// of the surrounding pool. Returns the number of trials that were trained.
    ///
    /// # Errors
    /// Before any training: [`Error::UnknownTrial`] for a name that is not a trial of the plan; as
    /// `PlanDescription::read`. Later: [`Error::Interrupted`]; [`Error::Trials`] after all were tried,
    /// if any failed.
    pub fn run(&self, ids: &[String], observer: &mut dyn WorkObserver) -> Result<usize> {
        let plan = PlanDescription::read(self.folder)?;
        let files = TrialFiles::of(self.folder);
        self.check(ids, &plan, &files)?;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(rayon::current_num_threads())
            .build()
            .map_err(|error| Error::Data(format!("threads: {error}")))?;
        let data = plan.data(self.data);
        let (mut trained, mut failures) = (0, Vec::new());
        for id in ids {
            // Another process may have finished it in the meantime.
            let spec = match files.result(id).exists() {
                true => None,
                false => TrialSpec::read(&files, id)?,
            };
            let Some(spec) = spec else {
                observer.done_before(id);
                continue;
            };
            let planned = spec.planned(id, &plan, &data)?;
            observer.begins(&planned);
            let begun = Instant::now();
            let attempt = Attempt {
                planned: &planned,
                files: &files,
                checkpoint_seconds: plan.settings.config.train.checkpoint_seconds,
                stop: &self.stop,
                alone: true,
            };
            match attempt.run(&pool, &mut |_| ()) {
                Ok(result) => {
                    trained += 1;
                    observer.finished(&planned, &result, begun.elapsed().as_secs_f64());
                }
                Err(Error::Interrupted(_)) => {
                    return Err(Error::Interrupted(format!(
                        "with {trained} of {} trials done by this process; the state of trial {id} is saved",
                        ids.len()
                    )));
                }
                Err(error) => {
                    observer.failed(id, &error.to_string());
                    failures.push(format!("{id}: {error}"));
                }
            }
        }
        match failures.is_empty() {
            true => Ok(trained),
            false => Err(Error::Trials {
                failed: failures.len(),
                total: ids.len(),
                reasons: failures.join("; "),
            }),
        }
    }

    /// Refuses a name that is not a trial of the plan.
    fn check(&self, ids: &[String], plan: &PlanDescription, files: &TrialFiles) -> Result<()> {
        let known =
            |id: &String| is_id(id) && (files.result(id).exists() || files.spec(id).exists());
        match ids.iter().find(|id| !known(id)) {
            None => Ok(()),
            Some(id) => Err(Error::UnknownTrial {
                path: self.folder.to_owned(),
                id: id.clone(),
                command: plan.command.clone(),
            }),
        }
    }
}
