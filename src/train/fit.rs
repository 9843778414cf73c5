//! The loop of a run: epochs, validation, schedules, files.

use std::path::Path;
use std::time::Instant;

use super::early_stopping::{EarlyStopping, Verdict};
use super::ending::no_improvement;
use super::epoch::EpochEnd;
use super::progress::{PartOfEpoch, Progress, record};
use super::run::{Observer, Outcome, PROGRAM, Run};
use super::state::{self, LoopState};
use super::step::StepLosses;
use super::validation::Validation;
use crate::artifact::description::{ChosenThresholds, Description};
use crate::artifact::manifest::Manifest;
use crate::artifact::run_dir::Files;
use crate::data::batch::Batch;
use crate::error::{Error, Result};
use crate::files::atomic_file::Durability;
use crate::nn::{Plateau, PlateauConfig};
use crate::predict::decoding::unsearched;

/// How often the history on disk follows a run. Each write waits for the disk, which short epochs
/// need not do.
const SECONDS_BETWEEN_HISTORIES: f64 = 2.0;

/// Why a run ended whose options say to finish when stopped.
const STOPPED: &str = "stopped on request";

impl Run<'_> {
    /// Trains, and writes into `out`: `weights.safetensors` (the best epoch's, or the last without a
    /// validation fold), `last.safetensors` unless the options want the best alone, `history.csv`,
    /// `history.jsonl`, `manifest.json`, and while it runs `state.safetensors`. The folder is made if need
    /// be; one that holds anything is refused unless the run resumes.
    ///
    /// # Errors
    /// [`Error::Write`] as soon as a file cannot be written; [`Error::Npz`] if another program changes
    /// a feature file meanwhile; [`Error::NonFinite`] if the loss or a
    /// gradient is not finite, with the last good weights in `last.safetensors`;
    /// [`Error::Interrupted`] once the options' stop is asked, with the state of the last step saved.
    pub fn train(mut self, out: &Path, observer: &mut dyn Observer) -> Result<Outcome> {
        let files = Files::open(out, self.options.resume, self.durability())?;
        for warning in &self.warnings {
            observer.warning(warning);
        }
        // Who owns the folder is settled before anything in it is read or replaced.
        let manifest = self.resumed_or_new(&files)?;
        if manifest.finished {
            return self.finished(&files, manifest, observer);
        }
        self.enter_span(&files, &manifest.inputs, observer)?;
        let mut progress = self.begin(&files)?;
        let (mut saved, mut shown) = (Instant::now(), Instant::now());
        let stopped = loop {
            if progress.epoch >= self.config.train.max_epochs {
                break "reached max_epochs".to_owned();
            }
            if self.reached_max_steps(&progress) {
                break format!("reached {} steps", progress.steps);
            }
            let losses = match self.train_epoch(&files, &mut progress, observer)? {
                Some(losses) => losses,
                None => break STOPPED.to_owned(),
            };
            let verdict = self.judge_epoch(&files, &mut progress, &losses, observer)?;
            if self.reached_max_steps(&progress) {
                break format!("reached {} steps", progress.steps);
            }
            if verdict.stop {
                break no_improvement(&self.config);
            }
            let now = Instant::now();
            let due = now.duration_since(saved).as_secs_f64();
            if !self.options.scratch && due >= self.config.train.checkpoint_seconds {
                let state = self.loop_state(&progress);
                state::save(&files.state, &self.net.params, &self.adam, state)?;
                saved = now;
            }
            let due = now.duration_since(shown).as_secs_f64();
            if !self.options.scratch && due >= SECONDS_BETWEEN_HISTORIES {
                files.write_history(&progress.history)?;
                shown = now;
            }
        };
        self.finish(&files, progress, stopped, manifest)
    }

    /// The manifest of the run that goes on, or that of a new one, written.
    fn resumed_or_new(&mut self, files: &Files) -> Result<Manifest> {
        let inputs = match self.options.inputs.take() {
            Some(inputs) => inputs,
            None => self.dataset.inputs()?,
        };
        if let Some(manifest) = files.begun(self.options.resume)? {
            self.check_same(&files.manifest, &manifest, &inputs)?;
            return Ok(manifest);
        }
        let manifest = self.manifest(inputs)?;
        manifest.write(files.durability, &files.manifest)?;
        Ok(manifest)
    }

    fn durability(&self) -> Durability {
        match self.options.scratch {
            false => Durability::Lasting,
            true => Durability::Passing,
        }
    }

    fn reached_max_steps(&self, progress: &Progress) -> bool {
        let most = self.options.max_steps;
        most.is_some_and(|most| progress.steps >= most)
    }

    /// Trains for an epoch, or what is left of it; gives its mean losses, or none if the run is to end before.
    fn train_epoch(
        &mut self,
        files: &Files,
        progress: &mut Progress,
        observer: &mut dyn Observer,
    ) -> Result<Option<StepLosses>> {
        let losses = match self.epoch(progress, observer)? {
            EpochEnd::Done(losses) => Some(losses),
            EpochEnd::Stopped if self.options.finish_when_stopped => None,
            EpochEnd::Stopped => return Err(self.interrupted(files, progress)),
            EpochEnd::NotFinite { what, began, batch } => {
                return Err(self.not_finite(files, progress, what, &began, Some(batch)));
            }
        };
        // A step can throw the weights out of range without a loss of its own to show it.
        if let Some(name) = self.net.params.first_not_finite() {
            return Err(self.not_finite(files, progress, "weight", name, None));
        }
        progress.epoch += usize::from(losses.is_some());
        Ok(losses)
    }

    /// Validates the weights after an epoch, records it, saves them if they are the best so far, and
    /// sets the learning rate of the next.
    fn judge_epoch(
        &mut self,
        files: &Files,
        progress: &mut Progress,
        losses: &StepLosses,
        observer: &mut dyn Observer,
    ) -> Result<Verdict> {
        let validation = self.validate(files, progress)?;
        let validation = validation.as_ref();
        // Before anything of this epoch is written.
        self.dataset.check_unchanged()?;
        let verdict = progress.judge(&self.config, validation);
        let (net, adam) = (&self.net, &self.adam);
        let record = record(progress, net, adam, losses, validation, verdict.best);
        progress.history.push(record.clone());
        // Without a validation fold the last weights count, and are written once.
        if verdict.best && validation.is_some() {
            self.save_best(files, progress.epoch, progress.thresholds)?;
        }
        observer.epoch(&record);
        if let Some(validation) = validation {
            observer.gate_weights(progress.epoch, &validation.gate_weights);
        }
        let loss = validation.map_or(record.train_loss, |validation| validation.losses.task);
        self.adam.config.lr = progress.plateau.step(loss, self.adam.config.lr);
        Ok(verdict)
    }

    /// What the weights reach on the validation fold, where there is one.
    fn validate(&self, files: &Files, progress: &Progress) -> Result<Option<Validation>> {
        let Some(fold) = &self.validation else {
            return Ok(None);
        };
        let (inputs, classes) = (self.inputs(), &self.dataset.classes);
        let validated = fold.validate(&self.net, inputs.train, classes, inputs.scaling);
        if matches!(validated, Err(Error::NonFinite { .. })) {
            return Err(self.not_finite(files, progress, "score", "validation", None));
        }
        validated.map(Some)
    }

    fn begin(&mut self, files: &Files) -> Result<Progress> {
        let train = &self.config.train;
        let plateau = PlateauConfig {
            factor: train.plateau_factor,
            patience: train.plateau_patience,
            threshold: train.plateau_threshold,
            cooldown: train.plateau_cooldown,
            min_lr: train.min_lr,
            ..PlateauConfig::default()
        };
        let mut progress = Progress {
            epoch: 0,
            begun: PartOfEpoch::default(),
            steps: 0,
            plateau: Plateau::new(plateau),
            early_stopping: EarlyStopping::new(train.early_stop_patience, train.early_stop_delta),
            history: Vec::new(),
            thresholds: unsearched(&self.config.decode),
            best_thresholds: None,
            batches: [Batch::new(), Batch::new()],
        };
        if self.options.resume && files.state.exists() {
            let state = state::load(&files.state, &mut self.net.params, &mut self.adam)?;
            self.adam.config.lr = state.lr;
            progress.epoch = state.epoch;
            progress.begun = state.begun;
            progress.steps = state.steps;
            progress.plateau = state.plateau.with_config(plateau);
            progress.early_stopping = state.early_stopping;
            progress.thresholds = state.thresholds;
            progress.best_thresholds = state.best_thresholds;
            progress.history = state.history;
            if let Some(target) = &mut self.target {
                target.stream.seek(state.drawn);
            }
        }
        Ok(progress)
    }

    pub(super) fn loop_state(&self, progress: &Progress) -> LoopState {
        LoopState {
            epoch: progress.epoch,
            begun: progress.begun.clone(),
            steps: progress.steps,
            drawn: self
                .target
                .as_ref()
                .map_or(0, |target| target.stream.drawn()),
            lr: self.adam.config.lr,
            plateau: progress.plateau.clone(),
            early_stopping: progress.early_stopping.clone(),
            thresholds: progress.thresholds,
            best_thresholds: progress.best_thresholds,
            history: progress.history.clone(),
            adam_steps: Default::default(),
        }
    }

    /// What a weights file says about itself.
    pub(super) fn description(&self, epoch: usize, thresholds: ChosenThresholds) -> Description {
        let classes = &self.dataset.classes;
        Description {
            format_version: Description::version_for(&self.config.decode, &thresholds),
            program: PROGRAM.to_owned(),
            encoders: self.dataset.encoders.clone(),
            classes: classes.names().to_vec(),
            neutral: classes
                .neutral()
                .map(|neutral| classes.name(neutral).to_owned()),
            fold: self.options.fold,
            epoch,
            thresholds,
            config: self.config.clone(),
        }
    }

    pub(super) fn save(
        &self,
        files: &Files,
        path: &Path,
        epoch: usize,
        thresholds: ChosenThresholds,
    ) -> Result<()> {
        let description = self.description(epoch, thresholds);
        self.save_params(files.durability, &self.net.params, path, &description)
    }
}
