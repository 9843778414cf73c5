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

/// A study with its folder. Every method loads the existing results and adds the trials that follow; the
/// methods differ in what happens to the others:
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

/// The state of a study after it was submitted to Slurm.
#[derive(Debug)]
pub enum Submission<F> {
    /// Jobs run its trials; the last job continues the study.
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

    /// Continues a study in its folder, or begins it. Options, seeds and configuration may have changed:
    /// trials that are the same keep their results.
    ///
    /// # Errors
    /// As [`StudyRun::create`].
    pub fn resume(path: &Path, study: S, setup: Setup) -> Result<Self> {
        Self::open(path, study, setup, true)
    }

    /// Continues the study in a folder, as its `plan.json` describes it.
    ///
    /// # Errors
    /// As `PlanDescription::read_study` and [`StudyRun::create`].
    pub fn load(path: &Path) -> Result<Self> {
        let plan = PlanDescription::read_study(path, S::NAME)?;
        let setup = Setup::of(&plan)?;
        Self::open(path, plan.settings.study, setup, true)
    }

    /// The study in a folder, only to [`collect`](Self::collect) its results while other processes may work
    /// on it: nothing is locked or changed.
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

    /// Runs the trials without a result in this process and concludes. A trial that fails does not keep the
    /// others from running; [`Outcomes::check`] reports it.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) if `workers.stop` was requested; [`Error::Write`](crate::Error::Write); errors of the study.
    pub fn run(
        &mut self,
        workers: &Workers,
        observer: &mut dyn PlanObserver,
    ) -> Result<S::Findings> {
        self.folder.check_writable()?;
        self.work(observer, |mut driver| workers.execute(&mut driver))?;
        self.conclude_and_tidy()
    }

    /// Submits the trials without a result to Slurm, with a job that continues the study when they
    /// have ended; concludes if there are none.
    ///
    /// # Errors
    /// Any refusal of Slurm; as [`StudyRun::run`].
    pub fn submit(
        &mut self,
        slurm: &Slurm,
        observer: &mut dyn PlanObserver,
    ) -> Result<Submission<S::Findings>> {
        self.folder.check_writable()?;
        let round = self.work(observer, |mut driver| {
            driver.announce()?;
            // Trials that were given up may let others follow.
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
            None => self.conclude_and_tidy().map(Submission::Concluded),
        }
    }

    /// Lists the trials without a result that no process is running, and writes all that a process needs to
    /// run each by its name: see [`Work`](crate::plan::run::work::Work). Trials that follow from their
    /// results are listed the next time.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write); errors of the study.
    pub fn release(&mut self, observer: &mut dyn PlanObserver) -> Result<Vec<ListedTrial>> {
        self.folder.check_writable()?;
        self.work(observer, |mut driver| {
            driver.announce()?;
            driver.release_pending()
        })
    }

    /// Concludes from the existing results.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read); errors of the study.
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

    /// Its setup.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Its state.
    pub fn state(&self) -> &S::State {
        &self.state
    }

    /// The trials so far.
    pub fn plan(&self) -> &Plan {
        self.live.plan()
    }

    /// Their outcomes so far.
    pub fn outcomes(&self) -> &Outcomes {
        self.live.outcomes()
    }

    /// Number of trials that have neither a result nor failed.
    pub fn pending(&self) -> usize {
        self.live.pending(0).len()
    }

    /// The folder.
    pub fn folder(&self) -> &PlanFolder {
        &self.folder
    }

    /// Calls a function with the driver of the plan.
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

    /// Concludes, and removes what only trials needed that are yet to run.
    fn conclude_and_tidy(&self) -> Result<S::Findings> {
        let findings = self.conclude()?;
        if self.live.is_done() {
            self.folder.remove_spans()?;
        }
        Ok(findings)
    }

    fn conclude(&self) -> Result<S::Findings> {
        if self.live.grew_while_running() {
            self.folder.list_in_order(&self.plan_in_order()?)?;
        }
        let outcomes = self.live.outcomes();
        self.study.conclude(&self.setup, &self.state, outcomes)
    }

    /// The plan as it would grow if all outcomes were known from the start. The order in which trials follow
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
