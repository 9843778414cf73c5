//! The end of a run: its files, its scores, and what is kept of one that stops or whose numbers leave the range.

use super::progress::Progress;
use super::run::{Observer, Outcome, Run, SavedWeights};
use super::state;
use super::usability::{ConstantAnswer, fault_of};
use crate::artifact::fault::TrainingFault;
use crate::artifact::history::{self, EpochRecord};
use crate::artifact::manifest::Manifest;
use crate::artifact::run_dir::Files;
use crate::config::Config;
use crate::data::batch::Batch;
use crate::error::{Error, Result};
use crate::nn::Adam;

/// Why a run ended early.
pub(super) fn no_improvement(config: &Config) -> String {
    format!(
        "no improvement for {} epochs",
        config.train.early_stop_patience
    )
}

impl Run<'_> {
    /// Saves the state between two steps; gives the error that ends the run.
    pub(super) fn interrupted(&self, files: &Files, progress: &Progress) -> Error {
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

    /// Ends a run after its last epoch.
    pub(super) fn finish(
        mut self,
        files: &Files,
        mut progress: Progress,
        stopped: String,
        mut manifest: Manifest,
    ) -> Result<Outcome> {
        // Moments and batches have served, and forming or reading weights takes memory of its own.
        self.adam = Adam::new(self.adam.config);
        progress.batches = [Batch::new(), Batch::new()];
        let last_in_file = match self.options.scratch {
            true => !self.stays_in_memory(),
            false => self.options.saved == SavedWeights::BestAndLast,
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
        let early = stopped == no_improvement(&self.config);
        manifest.fault = self.fault(&progress, best.as_ref(), early);
        manifest.finished = true;
        manifest.stopped = stopped;
        manifest.best_epoch = best.as_ref().map_or(progress.epoch, |record| record.epoch);
        manifest.thresholds = progress.best_thresholds.unwrap_or(progress.thresholds);
        // Otherwise the last weights count, or no measure was ever a number and they are all there is.
        let best_in_file = best.is_some() && self.validation.is_some();
        if self.scores_coordinates() && !best_in_file {
            self.save_best(files, progress.epoch, progress.thresholds)?;
        }
        if best_in_file {
            self.restore_best(files, manifest.best_epoch, manifest.thresholds)?;
        } else if !self.options.scratch && self.forms_weights() {
            self.save(files, &files.weights, progress.epoch, progress.thresholds)?;
        }
        manifest.best = best;
        manifest.config = self.config.clone();
        manifest.write(files.durability, &files.manifest)?;
        let history = progress.history;
        if self.options.scratch {
            let (epoch, thresholds) = (progress.epoch, progress.thresholds);
            let trained = self.into_trained(files, epoch, thresholds, best_in_file)?;
            files.remove_state()?;
            files.remove_span()?;
            return Ok(Outcome {
                manifest,
                history,
                trained: Some(trained),
                scores: None,
            });
        }
        self.outcome(files, manifest, history)
    }

    /// Ends a run that an earlier process finished.
    pub(super) fn finished(
        mut self,
        files: &Files,
        manifest: Manifest,
        observer: &mut dyn Observer,
    ) -> Result<Outcome> {
        if self.options.scores && files.best.exists() {
            // Its scores were never received.
            self.enter_span(files, &manifest.inputs, observer)?;
            if !files.weights.exists() {
                self.restore_best(files, manifest.best_epoch, manifest.thresholds)?;
            }
        }
        observer.warning("this run had already finished; there was nothing to do");
        let history = history::read_json_lines(&files.json_lines)?;
        self.outcome(files, manifest, history)
    }

    /// The results of a run whose files are written; what only a run that goes on needs is removed.
    fn outcome(
        self,
        files: &Files,
        manifest: Manifest,
        history: Vec<EpochRecord>,
    ) -> Result<Outcome> {
        let thresholds = manifest.thresholds;
        let scores = if self.options.scores {
            files.remove_state_but_best()?;
            Some(self.into_scores(files, thresholds)?)
        } else {
            // Mapped files are closed before they are removed.
            drop(self.span);
            files.remove_state()?;
            None
        };
        files.remove_span()?;
        Ok(Outcome {
            manifest,
            history,
            trained: None,
            scores,
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
    pub(super) fn not_finite(
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
}
