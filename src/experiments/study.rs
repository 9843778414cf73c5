//! The definition of a study: its options, the trials that they lead to, and the conclusion.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cross_validation::Protocol;
use crate::config::Config;
use crate::error::Result;
use crate::plan::data_folder::{DataFolder, Opened};
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::store::description::{PlanDescription, Settings};

/// A study: many trials for one question, and the answer that follows from them.
///
/// The value itself is the study's options; it is stored in the folder's `plan.json`, so that another
/// process can continue the study. [`StudyRun`](super::study_run::StudyRun) runs it.
///
/// The library's own are [`CrossValidate`](super::cross_validate::CrossValidate),
/// [`Sweep`](super::sweep::Sweep), [`Tune`](super::sweep::Tune), [`Ablate`](super::ablate::Ablate),
/// [`CompareBaselines`](super::baselines::CompareBaselines) and [`Reproduce`](super::repro::Reproduce).
/// `examples/study.rs` defines another one.
pub trait Study: Clone + Serialize + DeserializeOwned {
    /// The name of the study in `plan.json`; for the library's own, the command that runs it.
    const NAME: &'static str;

    /// What the study keeps while it runs, such as the names of the trials that it has added.
    type State;

    /// The type of the answer.
    type Findings;

    /// Adds the first trials to an empty plan. Options that cannot be run are refused here, before any file
    /// is written.
    ///
    /// # Errors
    /// Errors of the study; as [`Plan::add`].
    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<Self::State>;

    /// Adds the trials that follow from the outcomes so far. Called at the start and whenever a trial
    /// has ended, until it adds nothing. Must depend on nothing but its arguments, so that another process
    /// adds the same trials. By default it adds nothing.
    ///
    /// # Errors
    /// Errors of the study; as [`Plan::add`].
    fn next_trials(
        &self,
        _setup: &Setup,
        _state: &mut Self::State,
        _outcomes: &Outcomes,
        _plan: &mut Plan,
    ) -> Result<()> {
        Ok(())
    }

    /// The answer that follows from the outcomes. Trials may have failed or not have run yet: see
    /// [`Outcomes::results`].
    ///
    /// # Errors
    /// Errors of the study.
    fn conclude(
        &self,
        setup: &Setup,
        state: &Self::State,
        outcomes: &Outcomes,
    ) -> Result<Self::Findings>;
}

/// The setup of a study: a configuration, the data, and the folds and seeds to train with.
#[derive(Debug)]
pub struct Setup {
    /// The configuration, or the base configuration of a study that varies it, with `auto` replaced by what
    /// the training labels need.
    pub config: Config,
    /// The data folder, for configurations that select other encoders or classes.
    pub folder: DataFolder,
    /// The data as `config` selects them.
    pub data: Arc<Opened>,
    /// All folds of the data and the seeds from `config.train.seed` on.
    pub protocol: Protocol,
}

impl Setup {
    /// Opens a data folder. Every fold will be trained with `seeds` seeds.
    ///
    /// # Errors
    /// As [`DataFolder::open`] and [`Protocol::of`].
    pub fn open(data: &Path, config: Config, seeds: NonZeroUsize) -> Result<Self> {
        let folder = DataFolder::new(data);
        let data = folder.open(&config.data)?;
        let protocol = Protocol::of(&data.dataset, config.train.seed, seeds.get())?;
        let config = data.dataset.task().resolve(&config);
        Ok(Self {
            config,
            folder,
            data,
            protocol,
        })
    }

    /// Opens the data of a plan again.
    pub(super) fn of<S>(plan: &PlanDescription<S>) -> Result<Self> {
        let Settings { config, seeds, .. } = &plan.settings;
        Self::open(&plan.data_folder, config.clone(), *seeds)
    }

    /// A study with this setup, as stored in `plan.json`.
    pub(super) fn settings<S: Clone>(&self, study: &S) -> Settings<S> {
        let seeds = NonZeroUsize::new(self.protocol.seeds.len());
        Settings {
            study: study.clone(),
            config: self.config.clone(),
            data: self.data.digest.clone(),
            seeds: seeds.unwrap_or(NonZeroUsize::MIN),
        }
    }
}
