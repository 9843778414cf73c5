//! Runs the trials of a plan side by side, each in a thread pool of its own.

use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::attempt::Attempt;
use super::executor::Executor;
use super::memory::{self, Demand};
use super::queue::{Queue, Taken};
use crate::error::{Error, Result};
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::{Plan, Planned};
use crate::plan::result::TrialResult;
use crate::plan::store::events::Event;
use crate::plan::store::plan_folder::PlanFolder;
use crate::train::Stop;

/// Follows a plan. The library prints nothing; whoever calls it does.
pub trait PlanObserver {
    /// Work begins on so many trials, of which some have results already.
    fn begins(&mut self, _begins: &Begins) {}
    /// So many trials follow from what others came to; some of them have results already.
    fn adds(&mut self, _trials: usize, _reused: usize) {}
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
    /// Trials side by side in this process; 0 where they run elsewhere.
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

/// Runs plans in a folder. Bits do not depend on threads, so neither `jobs` nor `threads` changes a
/// result.
#[derive(Debug)]
pub struct Scheduler<'a> {
    /// Where results stand.
    pub folder: &'a PlanFolder,
    /// What becomes of trials without a result.
    pub executor: &'a Executor,
    /// Trials side by side; none: as many as threads and memory allow.
    pub jobs: Option<NonZeroUsize>,
    /// Threads that work in all.
    pub threads: NonZeroUsize,
    /// Seconds between saved states of a trial.
    pub checkpoint_seconds: f64,
    /// Once asked, running trials save their state, and no other begins.
    pub stop: Stop,
}

/// What a worker tells.
enum Message {
    Epoch(usize, usize),
    Ended(usize, f64, Result<Box<TrialResult>>),
}

/// Trials as they are added, for all threads.
type Listed = Mutex<Vec<Arc<Planned>>>;

fn listed(trials: &Listed) -> MutexGuard<'_, Vec<Arc<Planned>>> {
    trials.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scheduler<'_> {
    /// Runs the trials that have no result yet and gives the results of all. A result is on disk
    /// before the next trial begins; a killed process repeats no finished trial.
    ///
    /// # Errors
    /// [`Error::Write`] or [`Error::File`] for the plan's own files; [`Error::Interrupted`] where
    /// trials are left because stop was asked; [`Error::HandedOn`] where the executor has others run
    /// them. A trial that fails is no error here: see [`Outcomes::check`].
    pub fn run(&self, plan: &Plan, observer: &mut dyn PlanObserver) -> Result<Outcomes> {
        self.run_and_follow(&mut plan.clone(), observer, &mut |_, _| Ok(()))
    }

    /// The same for a plan that grows: `follow` is asked at the start and whenever a trial has ended,
    /// and adds what follows from the outcomes, which then runs beside what is left.
    ///
    /// # Errors
    /// As [`Scheduler::run`], and those of `follow`; running trials end first.
    pub fn run_and_follow(
        &self,
        plan: &mut Plan,
        observer: &mut dyn PlanObserver,
        follow: &mut dyn FnMut(&Outcomes, &mut Plan) -> Result<()>,
    ) -> Result<Outcomes> {
        let mut state = State::default();
        let mut waiting = self.take_up(plan, &mut state, observer)?;
        let (first, first_reused) = (plan.trials().len(), state.outcomes.ended());
        // What follows from results of before is known at once.
        while let Some(more) = self.grow(plan, &mut state, observer, follow)? {
            waiting.extend(more);
        }
        let mut begins = Begins {
            trials: first,
            duplicates: plan.duplicates(),
            reused: first_reused,
            jobs: 0,
            threads: self.threads.get(),
        };
        if !matches!(self.executor, Executor::Local) {
            observer.begins(&begins);
            self.tell_more(&begins, plan, &state, observer);
            let handed: Vec<_> = waiting
                .iter()
                .map(|&(index, demand)| (&plan.trials()[index], demand))
                .collect();
            if !handed.is_empty() {
                let without = self.executor.hand_on(self.folder, plan, &handed)?;
                state.outcomes.extend(without);
            }
            observer.ends();
            return Ok(state.outcomes);
        }
        let queue = Queue::new(waiting, memory::budget(), self.threads.get(), self.jobs);
        begins.jobs = queue.jobs().min((first - first_reused).max(1));
        self.folder.log(Event::Plan {
            trials: plan.trials().len(),
            reused: state.outcomes.ended(),
            jobs: begins.jobs,
        })?;
        observer.begins(&begins);
        self.tell_more(&begins, plan, &state, observer);
        if state.outcomes.ended() == plan.trials().len() {
            queue.close();
        }
        let trials = Listed::new(plan.trials().iter().cloned().map(Arc::new).collect());
        let (mut fault, mut interrupted) = (None, false);
        std::thread::scope(|scope| {
            let receiver = self.workers(scope, &queue, &trials);
            for message in receiver {
                let (index, seconds, result) = match message {
                    Message::Epoch(index, epoch) => {
                        observer.epoch(&plan.trials()[index], epoch);
                        continue;
                    }
                    Message::Ended(index, seconds, result) => (index, seconds, result),
                };
                let planned = plan.trials()[index].clone();
                if matches!(result, Err(Error::Interrupted(_))) {
                    // Not the trial's own message: the plan as a whole is what goes on.
                    queue.abandon();
                    interrupted = true;
                    continue;
                }
                let reason = result.as_ref().err().map(ToString::to_string);
                if let Ok(result) = result {
                    state.warn(&result, observer);
                    state.outcomes.succeeded(&planned.id, *result);
                } else if let Some(reason) = &reason {
                    state.outcomes.failed(&planned.id, reason);
                }
                let known = plan.trials().len();
                match self.grow(plan, &mut state, observer, follow) {
                    Ok(None) => {}
                    Ok(Some(more)) => {
                        let new = plan.trials()[known..].iter().cloned().map(Arc::new);
                        listed(&trials).extend(new);
                        let waiting = more.len();
                        queue.add(more);
                        let added = plan.trials().len() - known;
                        observer.adds(added, added - waiting);
                    }
                    Err(error) => {
                        queue.abandon();
                        fault = fault.take().or(Some(error));
                    }
                }
                let progress = Progress {
                    done: state.outcomes.ended(),
                    total: plan.trials().len(),
                    seconds,
                    left: queue.seconds_left(),
                };
                match (&reason, state.outcomes.get(&planned.id)) {
                    (None, Some(result)) => observer.finished(&planned, result, &progress),
                    (reason, _) => {
                        let reason = reason.as_deref().unwrap_or_default();
                        observer.failed(&planned, reason, &progress);
                    }
                }
                if state.outcomes.ended() == plan.trials().len() {
                    queue.close();
                }
            }
        });
        observer.ends();
        if interrupted && fault.is_none() {
            fault = Some(Error::Interrupted(format!(
                "with {} of {} trials done; their results and the state of running trials are saved in {}",
                state.outcomes.ended(),
                plan.trials().len(),
                self.folder.path().display()
            )));
        }
        fault.map_or(Ok(state.outcomes), Err)
    }

    /// Tells of what followed from results of before.
    fn tell_more(
        &self,
        begins: &Begins,
        plan: &Plan,
        state: &State,
        observer: &mut dyn PlanObserver,
    ) {
        let more = plan.trials().len() - begins.trials;
        if more > 0 {
            observer.adds(more, state.outcomes.ended() - begins.reused);
        }
    }

    /// Starts the threads that train; what they tell comes through the receiver.
    fn workers<'scope, 'env>(
        &'env self,
        scope: &'scope std::thread::Scope<'scope, 'env>,
        queue: &'env Queue,
        trials: &'env Listed,
    ) -> Receiver<Message> {
        let before = memory::held();
        let (sender, receiver) = mpsc::channel();
        for _ in 0..queue.jobs() {
            let sender: Sender<Message> = sender.clone();
            scope.spawn(move || {
                // One pool for all trials of this worker: memory that a trial frees belongs to
                // the threads that took it, and other threads would take more.
                let mut pool = None;
                while let Some(taken) = queue.take() {
                    let planned = Arc::clone(&listed(trials)[taken.index]);
                    let begun = Instant::now();
                    let result = self.trial(&planned, &taken, &mut pool, &sender);
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
        receiver
    }

    /// Asks what follows; nothing, or the trials among it that have no result yet.
    fn grow(
        &self,
        plan: &mut Plan,
        state: &mut State,
        observer: &mut dyn PlanObserver,
        follow: &mut dyn FnMut(&Outcomes, &mut Plan) -> Result<()>,
    ) -> Result<Option<Vec<(usize, Demand)>>> {
        let known = plan.trials().len();
        follow(&state.outcomes, plan)?;
        if plan.trials().len() == known {
            return Ok(None);
        }
        self.take_up(plan, state, observer).map(Some)
    }

    /// Lists new trials and takes the results that they have from before; gives the others.
    fn take_up(
        &self,
        plan: &Plan,
        state: &mut State,
        observer: &mut dyn PlanObserver,
    ) -> Result<Vec<(usize, Demand)>> {
        self.folder.list(plan)?;
        let (mut waiting, mut without_weights) = (Vec::new(), 0);
        for (index, planned) in plan.trials().iter().enumerate().skip(state.taken_up) {
            let Some(result) = self.folder.read(&planned.id)? else {
                let demand = memory::demand(&planned.trial.kind, &planned.data);
                waiting.push((index, demand));
                continue;
            };
            self.folder.tidy(&planned.id, planned.keep_weights)?;
            let lacks = planned.keep_weights && !self.folder.run(&planned.id).exists();
            without_weights += usize::from(lacks);
            state.warn(&result, observer);
            state.outcomes.succeeded(&planned.id, result);
        }
        state.taken_up = plan.trials().len();
        if without_weights > 0 {
            observer.warning(&format!(
                "the weights of {without_weights} trained models were removed earlier and are not restored; their results are reused"
            ));
        }
        Ok(waiting)
    }

    /// One trial, from its first step or its saved state to its result on disk.
    fn trial(
        &self,
        planned: &Planned,
        taken: &Taken,
        pool: &mut Option<rayon::ThreadPool>,
        sender: &Sender<Message>,
    ) -> Result<TrialResult> {
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
        let mut epoch = |epoch: usize| {
            // Nobody listens any more: then the process ends anyway.
            let _ = sender.send(Message::Epoch(taken.index, epoch));
        };
        let attempt = Attempt {
            planned,
            files: self.folder.files(),
            checkpoint_seconds: self.checkpoint_seconds,
            stop: &self.stop,
            alone: taken.alone,
        };
        attempt.run(pool, &mut epoch)
    }
}

/// Where a running plan stands.
#[derive(Default)]
struct State {
    outcomes: Outcomes,
    /// Trials of the plan that were looked at.
    taken_up: usize,
    warned: Vec<String>,
}

impl State {
    fn warn(&mut self, result: &TrialResult, observer: &mut dyn PlanObserver) {
        for warning in &result.warnings {
            if !self.warned.contains(warning) {
                observer.warning(warning);
                self.warned.push(warning.clone());
            }
        }
    }
}
