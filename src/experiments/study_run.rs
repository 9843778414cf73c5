//! A study in a folder: run here, submitted to Slurm, released to other processes, or collected.

use std::path::Path;

use super::study::{Setup, Study};
use crate::error::Result;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::run::live_plan::{Driver, LivePlan};
use crate::plan::run::observer::PlanObserver;
use crate::plan::run::workers::Workers;
use crate::plan::slurm::{Round, Slurm};
use crate::plan::store::description::PlanDescription;
use crate::plan::store::list::ListedTrial;
use crate::plan::store::plan_folder::PlanFolder;

/// A study with its folder. All ways to work on it find the trials that have a result, add those that
/// follow, and differ in what becomes of the others:
///
/// | method | trials without a result |
/// |---|---|
/// | [`run`](Self::run) | run in this process |
/// | [`submit`](Self::submit) | run as jobs of Slurm |
/// | [`release`](Self::release) | are listed, for other processes to run |
/// | [`collect`](Self::collect) | are left out |
#[derive(Debug)]
pub struct StudyRun<S: Study> {
    study: S,
    setup: Setup,
    state: S::State,
    live: LivePlan,
    folder: PlanFolder,
}

/// What became of a study that was given to Slurm.
#[derive(Debug)]
pub enum Submission<F> {
    /// Jobs run its trials; the last one continues the study.
    Submitted(Round),
    /// Nothing was left to submit.
    Concluded(F),
}

impl<S: Study> StudyRun<S> {
    /// Begins a study in a new or empty folder.
    ///
    /// # Errors
    /// As [`PlanFolder::open`] and [`Study::start`].
    pub fn create(path: &Path, study: S, setup: Setup) -> Result<Self> {
        Self::open(path, study, setup, false)
    }

    /// Goes on with a study in its folder, or begins it. Options, seeds and configuration may differ
    /// from those of before: trials that are the same keep their results.
    ///
    /// # Errors
    /// As [`StudyRun::create`].
    pub fn resume(path: &Path, study: S, setup: Setup) -> Result<Self> {
        Self::open(path, study, setup, true)
    }

    /// Goes on with the study that a folder holds, as its `plan.json` describes it.
    ///
    /// # Errors
    /// As `PlanDescription::read_study` and [`StudyRun::create`].
    pub fn load(path: &Path) -> Result<Self> {
        let plan = PlanDescription::read_study(path, S::NAME)?;
        let setup = Setup::of(&plan)?;
        Self::open(path, plan.settings.study, setup, true)
    }

    /// The study that a folder holds, to [`collect`](Self::collect) the results that are there while
    /// other processes may work on it: nothing is locked, nothing is changed.
    ///
    /// # Errors
    /// As [`StudyRun::load`].
    pub fn view(path: &Path) -> Result<Self> {
        let plan = PlanDescription::read_study(path, S::NAME)?;
        let setup = Setup::of(&plan)?;
        let folder = PlanFolder::view(path)?;
        Self::new(plan.settings.study, setup, |_, _| Ok(folder))
    }

    fn open(path: &Path, study: S, setup: Setup, resume: bool) -> Result<Self> {
        PlanFolder::check(path, S::NAME, resume)?;
        Self::new(study, setup, |study, setup| {
            let data = setup.folder.path();
            PlanFolder::open(path, S::NAME, data, &setup.settings(study), resume)
        })
    }

    fn new(
        study: S,
        setup: Setup,
        folder: impl FnOnce(&S, &Setup) -> Result<PlanFolder>,
    ) -> Result<Self> {
        let mut plan = Plan::default();
        let state = study.start(&setup, &mut plan)?;
        let folder = folder(&study, &setup)?;
        Ok(Self {
            study,
            setup,
            state,
            live: LivePlan::new(plan),
            folder,
        })
    }

    /// Runs the trials without a result in this process and concludes. A trial that fails does not
    /// keep the others from running: [`Outcomes::check`] tells of it.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) where `workers.stop` was asked; [`Error::Write`](crate::Error::Write); those of the study.
    pub fn run(
        &mut self,
        workers: &Workers,
        observer: &mut dyn PlanObserver,
    ) -> Result<S::Findings> {
        self.folder.check_writable()?;
        self.work(observer, |mut driver| workers.execute(&mut driver))?;
        self.conclude()
    }

    /// Submits the trials without a result to Slurm, with a job that continues the study when they
    /// have ended; concludes where there are none.
    ///
    /// # Errors
    /// What Slurm refuses; as [`StudyRun::run`].
    pub fn submit(
        &mut self,
        slurm: &Slurm,
        observer: &mut dyn PlanObserver,
    ) -> Result<Submission<S::Findings>> {
        self.folder.check_writable()?;
        let round = self.work(observer, |mut driver| {
            driver.announce()?;
            // What was given up may let other trials follow.
            while !driver.live.is_done() {
                if let Some(round) = slurm.submit(&mut driver)? {
                    return Ok(Some(round));
                }
                driver.announce()?;
            }
            Ok(None)
        })?;
        match round {
            Some(round) => Ok(Submission::Submitted(round)),
            None => self.conclude().map(Submission::Concluded),
        }
    }

    /// Lists the trials without a result that no process runs, each with all that a process needs to
    /// run it by its name: see [`Work`](crate::plan::run::work::Work). What follows from their results
    /// is listed the next time.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write); those of the study.
    pub fn release(&mut self, observer: &mut dyn PlanObserver) -> Result<Vec<ListedTrial>> {
        self.folder.check_writable()?;
        self.work(observer, |mut driver| {
            driver.announce()?;
            driver.release_pending()
        })
    }

    /// Concludes from the results that are there.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read); those of the study.
    pub fn collect(&mut self, observer: &mut dyn PlanObserver) -> Result<S::Findings> {
        self.work(observer, |mut driver| {
            driver.announce()?;
            driver.leave_out_pending()
        })?;
        self.conclude()
    }

    /// The study's options.
    pub fn study(&self) -> &S {
        &self.study
    }

    /// What it started from.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// What it keeps while it runs.
    pub fn state(&self) -> &S::State {
        &self.state
    }

    /// The trials so far.
    pub fn plan(&self) -> &Plan {
        self.live.plan()
    }

    /// What they came to so far.
    pub fn outcomes(&self) -> &Outcomes {
        self.live.outcomes()
    }

    /// How many trials have neither a result nor failed.
    pub fn pending(&self) -> usize {
        self.live.pending(0).len()
    }

    /// The folder.
    pub fn folder(&self) -> &PlanFolder {
        &self.folder
    }

    /// Lets something work on the plan.
    fn work<T>(
        &mut self,
        observer: &mut dyn PlanObserver,
        work: impl FnOnce(Driver<'_>) -> Result<T>,
    ) -> Result<T> {
        let Self {
            study,
            setup,
            state,
            live,
            folder,
        } = self;
        let mut next_trials =
            |outcomes: &Outcomes, plan: &mut Plan| study.next_trials(setup, state, outcomes, plan);
        work(Driver {
            folder,
            live,
            next_trials: &mut next_trials,
            observer,
        })
    }

    fn conclude(&self) -> Result<S::Findings> {
        if self.live.grew_while_running() {
            self.folder.list_in_order(&self.plan_in_order()?)?;
        }
        let outcomes = self.live.outcomes();
        self.study.conclude(&self.setup, &self.state, outcomes)
    }

    /// The plan as it grows where all outcomes are known from the start. Which trial follows when
    /// depends on how fast the others were; the list in the folder must not.
    fn plan_in_order(&self) -> Result<Plan> {
        let mut plan = Plan::default();
        let mut state = self.study.start(&self.setup, &mut plan)?;
        loop {
            let known = plan.trials().len();
            let outcomes = self.live.outcomes();
            self.study
                .next_trials(&self.setup, &mut state, outcomes, &mut plan)?;
            if plan.trials().len() == known {
                return Ok(plan);
            }
        }
    }
}
