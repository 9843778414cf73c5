//! What the best weights of a run say of clips that it did not train on.

use super::run::{Run, RunScores, SavedWeights};
use super::span_run::best_over_coordinates;
use super::validation::ValidationFold;
use crate::artifact::description::ChosenThresholds;
use crate::artifact::run_dir::Files;
use crate::data::dataset::Split;
use crate::error::Result;
use crate::predict::Predictor;
use crate::predict::score::Scoring;

impl Run<'_> {
    /// Whether the run scores clips by their coordinates.
    pub(super) fn scores_coordinates(&self) -> bool {
        self.options.scores && self.span.is_some()
    }

    /// Whether weights over columns are wanted that would have to be formed.
    pub(super) fn forms_weights(&self) -> bool {
        self.span.is_none() || self.options.saved != SavedWeights::NotFormed
    }

    /// The scores at the end of a run, by the weights in its files.
    ///
    /// # Errors
    /// As [`Predictor::load`] and [`Predictor::score`].
    pub(super) fn into_scores(
        self,
        files: &Files,
        thresholds: ChosenThresholds,
    ) -> Result<RunScores> {
        // Before the best weights are read.
        drop(self.net);
        let held_out = self.validation.as_ref().map(ValidationFold::clips);
        let test = self.dataset.scored_test(self.config.data.standardize);
        let all = |split: &Split| (0..split.len()).collect::<Vec<_>>();
        let Some(span) = &self.span else {
            let model = Predictor::load(&files.weights)?;
            let score = |split: &Split, clips: &[usize]| model.score(split, clips, &[]);
            return Ok(RunScores {
                held_out: held_out
                    .map(|clips| score(&self.dataset.train, clips))
                    .transpose()?,
                test: test.map(|test| score(test, &all(test))).transpose()?,
            });
        };
        let net = best_over_coordinates(&self.config, span, self.dataset.classes.len(), files)?;
        let score = |split: &Split, clips: &[usize]| {
            let scoring = Scoring {
                net: &net,
                layers: net.folded().into(),
                scaling: None,
                dropped: &[],
                alignment: thresholds.alignment(),
            };
            scoring.all(split, clips)
        };
        let test = span.test.as_ref().filter(|_| test.is_some());
        Ok(RunScores {
            held_out: held_out
                .map(|clips| score(&span.train, clips))
                .transpose()?,
            test: test.map(|test| score(test, &all(test))).transpose()?,
        })
    }
}
