//! Runs the trials of a plan in this process, in parallel, each in its own thread pool.

use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::Instant;

use super::attempt::Attempt;
use super::live_plan::Driver;
use super::memory;
use super::observer::{Begins, Progress};
use super::queue::{Queue, Taken};
use crate::error::{Error, Result};
use crate::plan::planned::{Plan, Planned};
use crate::plan::result::TrialResult;
use crate::plan::store::events::Event;
use crate::plan::store::plan_folder::PlanFolder;
use crate::train::Stop;

/// Threads that run trials. Bits do not depend on threads, so neither `jobs` nor `threads` changes a
/// result.
#[derive(Clone, Debug)]
pub struct Workers {
    /// Number of parallel trials; `None`: as many as threads and memory allow.
    pub jobs: Option<NonZeroUsize>,
    /// Total number of threads.
    pub threads: NonZeroUsize,
    /// When a stop is requested, running trials save their state and no other begins.
    pub stop: Stop,
}

impl Default for Workers {
    /// All threads of the surrounding pool.
    fn default() -> Self {
        let threads = NonZeroUsize::new(rayon::current_num_threads());
        Self {
            jobs: None,
            threads: threads.unwrap_or(NonZeroUsize::MIN),
            stop: Stop::default(),
        }
    }
}

/// What a worker reports.
enum Message {
    /// A trial, given by its index in the plan, finished an epoch.
    Epoch(usize, usize),
    /// A trial ended, after this many seconds.
    Ended(usize, f64, Result<Box<TrialResult>>),
}

/// The plan's trials for all threads; grows as the plan does.
struct SharedTrials(Mutex<Vec<Arc<Planned>>>);

impl SharedTrials {
    fn of(plan: &Plan) -> Self {
        let shared = Self(Mutex::default());
        shared.add(plan.trials());
        shared
    }

    fn add(&self, trials: &[Planned]) {
        self.lock().extend(trials.iter().cloned().map(Arc::new));
    }

    fn get(&self, index: usize) -> Arc<Planned> {
        Arc::clone(&self.lock()[index])
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Planned>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workers {
    /// Runs the trials that have no result yet, and those that follow from them. A result is on disk
    /// before the next trial begins; a killed process repeats no finished trial.
    ///
    /// # Errors
    /// [`Error::Write`] or [`Error::File`] for the plan's own files; [`Error::Interrupted`] where
    /// trials are left because a stop was requested; errors of `next_trials`, once the running trials have
    /// ended. A failed trial is not an error here: see
    /// [`Outcomes::check`](crate::plan::Outcomes::check).
    pub(crate) fn execute(&self, driver: &mut Driver<'_>) -> Result<()> {
        let (first, more) = driver.expand()?;
        let folder = driver.folder;
        let pending = driver.live.pending(0);
        let queue = Queue::new(pending, memory::budget(), self.threads.get(), self.jobs);
        let jobs = queue.jobs().min((first.trials - first.reused).max(1));
        folder.log(Event::Plan {
            trials: driver.live.plan().trials().len(),
            reused: driver.live.outcomes().ended(),
            jobs,
        })?;
        driver.observer.begins(&Begins {
            trials: first.trials,
            duplicates: driver.live.plan().duplicates(),
            reused: first.reused,
            jobs,
            threads: self.threads.get(),
        });
        if more.trials > 0 {
            driver.observer.adds(more.trials, more.reused);
        }
        let trials = SharedTrials::of(driver.live.plan());
        let mut follower = Follower {
            driver,
            queue: &queue,
            trials: &trials,
            interrupted: false,
            fault: None,
        };
        follower.close_if_done();
        std::thread::scope(|scope| {
            for message in self.start(scope, folder, &queue, &trials) {
                follower.hear(message);
            }
        });
        follower.end()
    }

    /// Starts the training threads; the receiver gets their reports.
    fn start<'scope, 'env>(
        &'env self,
        scope: &'scope Scope<'scope, 'env>,
        folder: &'env PlanFolder,
        queue: &'env Queue,
        trials: &'env SharedTrials,
    ) -> Receiver<Message> {
        let before = memory::held();
        let (sender, receiver) = mpsc::channel();
        for _ in 0..queue.jobs() {
            let mut worker = Worker {
                folder,
                stop: &self.stop,
                sender: sender.clone(),
                pool: None,
            };
            scope.spawn(move || {
                while let Some(taken) = queue.take() {
                    let begun = Instant::now();
                    let result = worker.run(&trials.get(taken.index), &taken);
                    // A peak from before the first trial says nothing about the trials.
                    if let (Some(before), Some(held)) = (before, memory::held())
                        && held.most > before.most
                    {
                        queue.measured(held.most.saturating_sub(before.now));
                    }
                    queue.give_back(&taken);
                    let seconds = begun.elapsed().as_secs_f64();
                    let ended = Message::Ended(taken.index, seconds, result.map(Box::new));
                    if worker.sender.send(ended).is_err() {
                        return;
                    }
                }
            });
        }
        receiver
    }
}

/// One thread that runs trials one after the other.
struct Worker<'a> {
    folder: &'a PlanFolder,
    stop: &'a Stop,
    sender: Sender<Message>,
    /// One pool for all its trials: memory that a trial frees stays with the threads that allocated it,
    /// and new threads would allocate more.
    pool: Option<rayon::ThreadPool>,
}

impl Worker<'_> {
    /// One trial, from its first step or its saved state to its result on disk.
    fn run(&mut self, planned: &Planned, taken: &Taken) -> Result<TrialResult> {
        let fitting = self
            .pool
            .take()
            .filter(|pool| pool.current_num_threads() == taken.threads);
        let pool: &rayon::ThreadPool = match fitting {
            Some(fitting) => self.pool.insert(fitting),
            None => {
                let new = rayon::ThreadPoolBuilder::new().num_threads(taken.threads);
                let failed = |error| Error::Data(format!("{} threads: {error}", taken.threads));
                self.pool.insert(new.build().map_err(failed)?)
            }
        };
        let sender = &self.sender;
        let mut epoch = |epoch: usize| {
            // If the receiver is gone, the process is ending anyway.
            let _ = sender.send(Message::Epoch(taken.index, epoch));
        };
        let attempt = Attempt {
            planned,
            files: self.folder.files(),
            checkpoint_seconds: self.folder.checkpoint_seconds(),
            stop: self.stop,
            alone: taken.alone,
        };
        attempt.run(pool, &mut epoch)
    }
}

/// The thread that receives the trials' reports, adds the trials that follow, and informs the observer.
struct Follower<'a, 'd> {
    driver: &'a mut Driver<'d>,
    queue: &'a Queue,
    trials: &'a SharedTrials,
    interrupted: bool,
    /// The first error that is not a trial's own.
    fault: Option<Error>,
}

impl Follower<'_, '_> {
    fn hear(&mut self, message: Message) {
        match message {
            Message::Epoch(index, epoch) => {
                let planned = &self.driver.live.plan().trials()[index];
                self.driver.observer.epoch(planned, epoch);
            }
            Message::Ended(_, _, Err(Error::Interrupted(_))) => {
                // Not the trial's own message: the whole plan is resumed.
                self.queue.abandon();
                self.interrupted = true;
            }
            Message::Ended(index, seconds, result) => self.ended(index, seconds, result),
        }
    }

    fn ended(&mut self, index: usize, seconds: f64, result: Result<Box<TrialResult>>) {
        let planned = self.driver.live.plan().trials()[index].clone();
        let failure = match result {
            Ok(result) => {
                let observer = &mut *self.driver.observer;
                let result = result.into_summary();
                self.driver.live.succeeded(&planned.id, result, observer);
                None
            }
            Err(error) => {
                let reason = error.to_string();
                self.driver.live.failed(&planned.id, &reason);
                Some(reason)
            }
        };
        if let Err(error) = self.grow() {
            self.queue.abandon();
            self.fault.get_or_insert(error);
        }
        let live = &*self.driver.live;
        let progress = Progress {
            done: live.outcomes().ended(),
            total: live.plan().trials().len(),
            seconds,
            left: self.queue.seconds_left(),
        };
        let observer = &mut *self.driver.observer;
        if let Some(reason) = failure {
            observer.failed(&planned, &reason, &progress);
        } else if let Some(result) = live.outcomes().get(&planned.id) {
            observer.finished(&planned, result, &progress);
        }
        self.close_if_done();
    }

    /// Adds what follows from the trial that ended.
    fn grow(&mut self) -> Result<()> {
        let before = self.driver.live.plan().trials().len();
        let added = self.driver.add_next_while_running()?;
        if added.trials > 0 {
            let live = &*self.driver.live;
            self.trials.add(&live.plan().trials()[before..]);
            self.queue.add(live.pending(before));
            self.driver.observer.adds(added.trials, added.reused);
        }
        Ok(())
    }

    fn close_if_done(&self) {
        if self.driver.live.is_done() {
            self.queue.close();
        }
    }

    fn end(self) -> Result<()> {
        self.driver.observer.ends();
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.interrupted {
            let live = &*self.driver.live;
            return Err(Error::Interrupted(format!(
                "with {} of {} trials done; their results and the state of running trials are saved in {}",
                live.outcomes().ended(),
                live.plan().trials().len(),
                self.driver.folder.path().display()
            )));
        }
        Ok(())
    }
}
