//! Runs the trials of a plan side by side, each in a thread pool of its own.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, Sender};
use std::time::Instant;

use super::execute::execute;
use super::log::Event;
use super::memory;
use super::plan::{Plan, Planned};
use super::plan_folder::PlanFolder;
use super::queue::{Queue, Taken};
use super::result::TrialResult;
use crate::error::{Error, Result};
use crate::train::Observer;
use crate::train::history::EpochRecord;

/// Follows a plan. The library prints nothing; whoever calls it does.
pub trait PlanObserver {
    /// Work begins on so many trials, of which some have results already.
    fn begins(&mut self, _begins: &Begins) {}
    /// A running trial ended an epoch.
    fn epoch(&mut self, _planned: &Planned, _epoch: usize) {}
    /// A trial ended well.
    fn finished(&mut self, _planned: &Planned, _result: &TrialResult, _progress: &Progress) {}
    /// A trial failed; the others go on.
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
    /// Trials that were asked for more than once, beyond the first time.
    pub duplicates: usize,
    /// Trials with a result from before.
    pub reused: usize,
    /// Trials side by side.
    pub jobs: usize,
    /// Threads in all.
    pub threads: usize,
}

/// Where a plan stands after a trial.
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

/// Results by the trials' names, and why others have none.
#[derive(Debug, Default)]
pub struct Outcomes {
    results: BTreeMap<String, TrialResult>,
    failures: BTreeMap<String, String>,
}

impl Outcomes {
    /// The results of trials, in the order asked for.
    ///
    /// # Errors
    /// The reason why the first of them that failed has none.
    pub fn results(&self, ids: &[String]) -> std::result::Result<Vec<&TrialResult>, String> {
        let result = |id: &String| {
            self.results
                .get(id)
                .ok_or_else(|| match self.failures.get(id) {
                    Some(reason) => reason.clone(),
                    None => format!("trial {id} was not run"),
                })
        };
        ids.iter().map(result).collect()
    }

    /// Nothing, or all failures as one error.
    ///
    /// # Errors
    /// [`Error::Trials`].
    pub fn check(&self) -> Result<()> {
        if self.failures.is_empty() {
            return Ok(());
        }
        let mut reasons: Vec<(&str, &str)> = Vec::new();
        for (id, reason) in &self.failures {
            if !reasons.iter().any(|(_, known)| known == reason) {
                reasons.push((id, reason));
            }
        }
        let reasons: Vec<String> = reasons
            .iter()
            .map(|(id, reason)| format!("{id}: {reason}"))
            .collect();
        Err(Error::Trials {
            failed: self.failures.len(),
            total: self.failures.len() + self.results.len(),
            reasons: reasons.join("; "),
        })
    }

    /// Takes over another plan's outcomes.
    pub fn extend(&mut self, other: Outcomes) {
        self.results.extend(other.results);
        self.failures.extend(other.failures);
    }
}

/// Runs plans in a folder. Bits do not depend on threads, so neither `jobs` nor `threads` changes a
/// result.
#[derive(Debug)]
pub struct Scheduler<'a> {
    /// Where results stand.
    pub folder: &'a PlanFolder,
    /// Trials side by side; none: as many as threads and memory allow.
    pub jobs: Option<NonZeroUsize>,
    /// Threads that work in all.
    pub threads: NonZeroUsize,
    /// Seconds between saved states of a trial.
    pub checkpoint_seconds: f64,
}

/// What a worker tells.
enum Message {
    Epoch(usize, usize),
    Ended(usize, f64, Result<Box<TrialResult>>),
}

impl Scheduler<'_> {
    /// Runs the trials that have no result yet and gives the results of all. A result is on disk
    /// before the next trial begins; a killed process repeats no finished trial.
    ///
    /// # Errors
    /// [`Error::Write`] or [`Error::File`] for the plan's own files. A trial that fails is no error
    /// here: see [`Outcomes::check`].
    pub fn run(&self, plan: &Plan, observer: &mut dyn PlanObserver) -> Result<Outcomes> {
        self.folder.list(plan)?;
        let mut outcomes = Outcomes::default();
        let mut warned = Vec::new();
        let (mut waiting, mut without_weights) = (Vec::new(), 0);
        for (i, planned) in plan.trials().iter().enumerate() {
            match self.folder.read(&planned.id)? {
                Some(result) => {
                    self.folder.tidy(&planned.id, planned.keep_weights)?;
                    let lacks = planned.keep_weights && !self.folder.run(&planned.id).exists();
                    without_weights += usize::from(lacks);
                    warn(&result, &mut warned, observer);
                    outcomes.results.insert(planned.id.clone(), result);
                }
                None => waiting.push(i),
            }
        }
        if without_weights > 0 {
            observer.warning(&format!(
                "the weights of {without_weights} trained models were removed before and are not made again; their results are reused"
            ));
        }
        let demands: Vec<_> = plan
            .trials()
            .iter()
            .map(|planned| memory::demand(&planned.trial.kind, &planned.data))
            .collect();
        let budget = memory::budget();
        let queue = Queue::new(waiting, &demands, budget, self.threads.get(), self.jobs);
        let begins = Begins {
            trials: plan.trials().len(),
            duplicates: plan.duplicates(),
            reused: outcomes.results.len(),
            jobs: queue.jobs(),
            threads: self.threads.get(),
        };
        self.folder.log(Event::Plan {
            trials: begins.trials,
            reused: begins.reused,
            jobs: begins.jobs,
        })?;
        observer.begins(&begins);
        let before = memory::held();
        let (sender, receiver) = mpsc::channel();
        let mut failed_to_log = None;
        std::thread::scope(|scope| {
            for _ in 0..queue.jobs() {
                let (sender, queue) = (sender.clone(), &queue);
                scope.spawn(move || {
                    // One pool for all trials of this worker: memory that a trial frees belongs to
                    // the threads that took it, and other threads would take more.
                    let mut pool = None;
                    while let Some(taken) = queue.take() {
                        let planned = &plan.trials()[taken.index];
                        let begun = Instant::now();
                        let result = self.trial(planned, &taken, &mut pool, &sender);
                        // A peak from before the first trial says nothing of the trials.
                        if let (Some(before), Some(held)) = (before, memory::held())
                            && held.most > before.most
                        {
                            queue.measured(held.most.saturating_sub(before.now));
                        }
                        queue.give_back(&taken);
                        let seconds = begun.elapsed().as_secs_f64();
                        let ended = Message::Ended(taken.index, seconds, result.map(Box::new));
                        if sender.send(ended).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for message in receiver {
                let (index, seconds, result) = match message {
                    Message::Epoch(index, epoch) => {
                        observer.epoch(&plan.trials()[index], epoch);
                        continue;
                    }
                    Message::Ended(index, seconds, result) => (index, seconds, result),
                };
                let planned = &plan.trials()[index];
                let progress = |outcomes: &Outcomes| Progress {
                    done: outcomes.results.len() + outcomes.failures.len(),
                    total: plan.trials().len(),
                    seconds,
                    left: queue.seconds_left(),
                };
                let trial = planned.id.clone();
                let logged = match result {
                    Ok(result) => {
                        warn(&result, &mut warned, observer);
                        outcomes.results.insert(trial.clone(), *result);
                        let progress = progress(&outcomes);
                        observer.finished(planned, &outcomes.results[&trial], &progress);
                        self.folder.log(Event::Finished {
                            trial: &trial,
                            seconds,
                            peak_mib: memory::held().map(|held| held.most >> 20),
                        })
                    }
                    Err(error) => {
                        let reason = error.to_string();
                        outcomes.failures.insert(trial.clone(), reason.clone());
                        observer.failed(planned, &reason, &progress(&outcomes));
                        self.folder.log(Event::Failed {
                            trial: &trial,
                            reason: &reason,
                        })
                    }
                };
                failed_to_log = failed_to_log.take().or(logged.err());
            }
        });
        observer.ends();
        failed_to_log.map_or(Ok(outcomes), Err)
    }

    /// One trial, from its first step or its saved state to its result on disk.
    fn trial(
        &self,
        planned: &Planned,
        taken: &Taken,
        pool: &mut Option<rayon::ThreadPool>,
        sender: &Sender<Message>,
    ) -> Result<TrialResult> {
        self.folder.log(Event::Begun {
            trial: &planned.id,
            label: &planned.label,
            threads: taken.threads,
        })?;
        let fitting = pool
            .take()
            .filter(|pool| pool.current_num_threads() == taken.threads);
        let pool: &rayon::ThreadPool = match fitting {
            Some(fitting) => pool.insert(fitting),
            None => {
                let new = rayon::ThreadPoolBuilder::new().num_threads(taken.threads);
                let failed = |error| Error::Data(format!("{} threads: {error}", taken.threads));
                pool.insert(new.build().map_err(failed)?)
            }
        };
        let mut follower = Follower {
            index: taken.index,
            sender: sender.clone(),
        };
        let run = self.folder.run(&planned.id);
        let work = || {
            pool.install(|| {
                let result = execute(planned, &run, self.checkpoint_seconds, &mut follower)?;
                result.write(&self.folder.result(&planned.id))?;
                self.folder.tidy(&planned.id, planned.keep_weights)?;
                Ok(result)
            })
        };
        // A fault of ours in one trial must not take the others with it.
        catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|_| Err(Error::Data("internal fault, please report it".into())))
    }
}

fn warn(result: &TrialResult, warned: &mut Vec<String>, observer: &mut dyn PlanObserver) {
    for warning in &result.warnings {
        if !warned.contains(warning) {
            observer.warning(warning);
            warned.push(warning.clone());
        }
    }
}

/// Tells the plan's thread of a trial's epochs. Warnings come with the result.
struct Follower {
    index: usize,
    sender: Sender<Message>,
}

impl Observer for Follower {
    fn epoch(&mut self, record: &EpochRecord) {
        // Nobody listens any more: then the process ends anyway.
        let _ = self.sender.send(Message::Epoch(self.index, record.epoch));
    }
}
