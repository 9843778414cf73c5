//! The loop of a run: epochs, validation, schedules, files.

use std::path::Path;
use std::time::Instant;

use super::early_stopping::{EarlyStopping, Verdict};
use super::epoch::EpochEnd;
use super::progress::{PartOfEpoch, Progress, record};
use super::run::{Observer, Outcome, PROGRAM, Run};
use super::state::{self, LoopState};
use super::step::StepLosses;
use super::usability::{ConstantAnswer, fault_of};
use super::validation::Validation;
use crate::artifact::description::{ChosenThresholds, Description};
use crate::artifact::fault::TrainingFault;
use crate::artifact::history::{self, EpochRecord};
use crate::artifact::manifest::Manifest;
use crate::artifact::run_dir::Files;
use crate::config::Config;
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

/// Why a run ended early.
fn no_improvement(config: &Config) -> String {
    format!(
        "no improvement for {} epochs",
        config.train.early_stop_patience
    )
}

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
            files.remove_state()?;
            observer.warning("this run had already finished; there was nothing to do");
            let history = history::read_json_lines(&files.json_lines)?;
            return Ok(Outcome {
                manifest,
                history,
                trained: None,
            });
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

    /// Saves the state between two steps; gives the error that ends the run.
    fn interrupted(&self, files: &Files, progress: &Progress) -> Error {
        if let Some(name) = self.net.params.first_not_finite() {
            return self.not_finite(files, progress, "weight", name, None);
        }
        let state = self.loop_state(progress);
        let saved = self
            .dataset
            .check_unchanged()
            .and_then(|()| state::save(&files.state, &self.net.params, &self.adam, state))
            .and_then(|()| files.write_history(&progress.history));
        match saved {
            Err(error) => error,
            Ok(()) => Error::Interrupted(format!(
                "in epoch {} after step {}; the state is saved in {}",
                progress.epoch + 1,
                progress.steps,
                files.state.display()
            )),
        }
    }

    fn finish(
        self,
        files: &Files,
        progress: Progress,
        stopped: String,
        mut manifest: Manifest,
    ) -> Result<Outcome> {
        let last_in_file = match self.options.scratch {
            true => !self.stays_in_memory(),
            false => !self.options.best_only,
        };
        if last_in_file {
            self.save(files, &files.last, progress.epoch, progress.thresholds)?;
        }
        files.write_history(&progress.history)?;
        let best = progress
            .history
            .iter()
            .rev()
            .find(|record| record.best)
            .cloned();
        // Otherwise the last weights count, or no measure was ever a number and they are all there is.
        let validated = best.as_ref().filter(|_| self.validation.is_some());
        let best_in_file = validated.is_some();
        if let Some(best) = validated {
            let thresholds = progress.best_thresholds.unwrap_or(progress.thresholds);
            self.restore_best(files, best.epoch, thresholds)?;
        } else if !self.options.scratch {
            self.save(files, &files.weights, progress.epoch, progress.thresholds)?;
        }
        let early = stopped == no_improvement(&self.config);
        manifest.fault = self.fault(&progress, best.as_ref(), early);
        manifest.finished = true;
        manifest.stopped = stopped;
        manifest.best_epoch = best.as_ref().map_or(progress.epoch, |record| record.epoch);
        manifest.thresholds = progress.best_thresholds.unwrap_or(progress.thresholds);
        manifest.best = best;
        manifest.config = self.config.clone();
        manifest.write(files.durability, &files.manifest)?;
        files.remove_state()?;
        let trained = if self.options.scratch {
            let (epoch, thresholds) = (progress.epoch, progress.thresholds);
            Some(self.into_trained(files, epoch, thresholds, best_in_file)?)
        } else {
            // Mapped files are closed before they are removed.
            drop(self.span);
            None
        };
        files.remove_span()?;
        Ok(Outcome {
            manifest,
            history: progress.history,
            trained,
        })
    }

    /// What is wrong with the run, given the best epoch.
    fn fault(
        &self,
        progress: &Progress,
        best: Option<&EpochRecord>,
        stopped_early: bool,
    ) -> Option<TrainingFault> {
        let clips = &self.dataset.train.clips;
        let labels = |places: &[usize]| -> Vec<&[f64]> {
            let labels = places.iter().map(|&place| clips[place].target.as_deref());
            labels.flatten().collect()
        };
        let validation = self.validation.as_ref();
        let constant = ConstantAnswer::of(
            &labels(&self.train),
            &validation.map_or_else(Vec::new, |fold| labels(fold.clips())),
            &self.config.loss,
        );
        // Without a validation fold every epoch is the best, and the last weights count.
        let kept = best.filter(|_| validation.is_some());
        fault_of(
            &progress.history,
            kept,
            &constant,
            &self.config.loss,
            stopped_early,
        )
    }

    /// Ends a run whose numbers left the range, with whatever good weights there are kept.
    fn not_finite(
        &self,
        files: &Files,
        progress: &Progress,
        what: &str,
        began: &str,
        batch: Option<usize>,
    ) -> Error {
        let kept = match self.keep_finite(files, progress) {
            Ok(kept) => kept,
            Err(error) => return error,
        };
        Error::NonFinite {
            what: format!("the {what}"),
            epoch: Some(progress.epoch + 1),
            batch,
            advice: format!(
                "; it began in {began}; {kept}a lower train.lr or train.clip_norm=1 may help"
            ),
            traceable: !self.options.detect_anomaly,
        }
    }

    /// Saves what is good of a run whose numbers left the range, and says where, in the middle of a sentence;
    /// nothing of one whose folder is removed.
    fn keep_finite(&self, files: &Files, progress: &Progress) -> Result<String> {
        if self.options.scratch {
            return Ok(String::new());
        }
        files.write_history(&progress.history)?;
        if self.net.params.first_not_finite().is_none() {
            self.save(files, &files.last, progress.epoch, progress.thresholds)?;
        }
        let best = progress.history.iter().rev().find(|record| record.best);
        if let Some(best) = best.filter(|_| self.validation.is_some()) {
            let thresholds = progress.best_thresholds.unwrap_or(progress.thresholds);
            self.restore_best(files, best.epoch, thresholds)?;
        }
        let kept: Vec<String> = [&files.weights, &files.last]
            .into_iter()
            .filter(|path| path.exists())
            .map(|path| path.display().to_string())
            .collect();
        Ok(if kept.is_empty() {
            "no weights were worth keeping; ".to_owned()
        } else {
            format!("the last finite weights are in {}; ", kept.join(" and "))
        })
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

    fn loop_state(&self, progress: &Progress) -> LoopState {
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

    fn save(
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
