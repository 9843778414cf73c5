//! What the best weights of a run say of clips that it did not train on.

use std::sync::Arc;

use super::run::{Run, RunScores, SavedWeights};
use super::span_run::best_over_coordinates;
use super::validation::ValidationFold;
use crate::artifact::description::ChosenThresholds;
use crate::artifact::run_dir::Files;
use crate::data::dataset::Split;
use crate::error::Result;
use crate::predict::score::Scoring;
use crate::predict::{Predictor, Scores};

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
        let fold = self.validation.as_ref().map(ValidationFold::clips);
        let test = self.dataset.scored_test(self.config.data.standardize);
        let Some(span) = &self.span else {
            let model = Predictor::load(&files.weights)?;
            let score = |split: &Split, clips: &[usize]| model.score(split, clips, &[]);
            return scores_of(fold.map(|clips| (&self.dataset.train, clips)), test, score);
        };
        let net = best_over_coordinates(&self.config, span, self.dataset.classes.len(), files)?;
        let layers = Arc::new(net.folded());
        let score = |split: &Split, clips: &[usize]| {
            let scoring = Scoring {
                net: &net,
                layers: Arc::clone(&layers),
                scaling: None,
                dropped: &[],
                alignment: thresholds.alignment(),
            };
            scoring.all(split, clips)
        };
        let test = span.test.as_ref().filter(|_| test.is_some());
        scores_of(fold.map(|clips| (&span.train, clips)), test, score)
    }
}

/// The scores of the fold's clips of a split and of all of the test split.
fn scores_of(
    fold: Option<(&Split<'_>, &[usize])>,
    test: Option<&Split<'_>>,
    score: impl Fn(&Split<'_>, &[usize]) -> Result<Scores>,
) -> Result<RunScores> {
    let of_fold = fold.map(|(split, clips)| score(split, clips));
    let of_test = test.map(|test| score(test, &(0..test.len()).collect::<Vec<_>>()));
    Ok(RunScores {
        held_out: of_fold.transpose()?,
        test: of_test.transpose()?,
    })
}
