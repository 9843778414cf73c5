//! The challenge's own baselines, which the paper's Table I compares with: trivial answers, and linear
//! or one-hidden-layer classifiers on one encoder or on several concatenated ones.
//!
//! The recipe is that of the challenge's public code (BlEmoRe/blemore-common: `main.py`,
//! `model/models.py`, `trainer.py`, `post_processing.py`, `trivial_baseline.py`), see [`Recipe`];
//! `docs/assumptions.md` lists where ours differs. All encoders fused with equal weights are not a
//! separate model but the fusion model with `model.gate = "uniform"`. Beside them stand standard classifiers
//! that the challenge does not have, with their settings chosen inside the training clips.

mod choose;
mod classifier;
mod estimate;
mod forest;
mod held_out;
mod inner;
mod input;
mod logistic;
mod outcome;
mod spec;
mod train;
mod trainee;
mod trivial;

pub(crate) use forest::TREES;
pub use outcome::{BaselineEpoch, BaselineOutcome};
pub(crate) use spec::encoder_named;
pub use spec::{BaselineModel, BaselineSpec, ClassifierSpec, Recipe, named};

use crate::config::{DataConfig, ProjectionInputs};
use crate::data::dataset::Dataset;
use crate::data::folds::fold as split_fold;
use crate::error::Result;
use crate::train::Stop;

/// What is trained and on which clips.
#[derive(Clone, Copy, Debug)]
pub struct Baseline<'a> {
    /// The data.
    pub dataset: &'a Dataset<'a>,
    /// Which baseline.
    pub spec: &'a BaselineSpec,
    /// How long and how fast a classifier learns; `None`: chosen inside the training clips, without the
    /// held-out fold.
    pub recipe: Option<&'a Recipe>,
    /// How features are standardised. [`StandardiseBy::Nothing`](crate::config::StandardiseBy::Nothing) counts as
    /// the training rows.
    pub data: &'a DataConfig,
    /// What the first layer of a classifier with a recipe is trained on.
    pub inputs: ProjectionInputs,
    /// Initial weights and the order of clips follow from it.
    pub seed: u64,
    /// Checked between steps: once set, training ends, and cannot be resumed.
    pub stop: &'a Stop,
}

impl Baseline<'_> {
    /// Trains on all folds but one. Every epoch is scored on that fold with the thresholds that suit it
    /// best there; the first epoch with the highest average counts, or with a recipe that is chosen inside
    /// the training clips the last. Logistic regression and random forest have no epochs. `observer` sees every epoch.
    ///
    /// # Errors
    /// [`Error::Csv`](crate::Error::Csv) if there is no such fold; [`Error::Data`](crate::Error::Data)
    /// for an unknown encoder, or where no training clip shows what a trivial baseline answers;
    /// [`Error::NonFinite`](crate::Error::NonFinite) if the loss or a score leaves the range.
    pub fn validate(
        &self,
        fold: usize,
        observer: &mut dyn FnMut(&BaselineEpoch),
    ) -> Result<BaselineOutcome> {
        let split = split_fold(&self.dataset.train, fold)?;
        let mut outcome = match self.spec.trivial_answer(self.dataset, &split.train)? {
            Some(answer) => answer.outcome(self, &split.validation)?,
            None => self.learned(&split.train, &split.validation, observer)?,
        };
        outcome.fold = Some(fold);
        Ok(outcome)
    }

    /// Trains on all training clips for `recipe.epochs` epochs; the last one counts, and nothing chose
    /// thresholds. Scores the test split, if there is one, as [`Baseline::validate`] does too.
    ///
    /// # Errors
    /// As [`Baseline::validate`].
    pub fn retrain(&self, observer: &mut dyn FnMut(&BaselineEpoch)) -> Result<BaselineOutcome> {
        let clips: Vec<usize> = (0..self.dataset.train.len()).collect();
        match self.spec.trivial_answer(self.dataset, &clips)? {
            Some(answer) => answer.outcome(self, &[]),
            None => self.learned(&clips, &[], observer),
        }
    }

    fn learned(
        &self,
        train: &[usize],
        validation: &[usize],
        observer: &mut dyn FnMut(&BaselineEpoch),
    ) -> Result<BaselineOutcome> {
        match self.spec.has_recipe() {
            true => train::train(self, train, validation, observer),
            false => estimate::estimate(self, train, validation),
        }
    }
}

/// One fold of a baseline, a classifier with the challenge's recipe.
///
/// # Errors
/// As [`Baseline::validate`].
pub fn run(
    dataset: &Dataset,
    spec: &BaselineSpec,
    fold: usize,
    seed: u64,
) -> Result<BaselineOutcome> {
    let baseline = Baseline {
        dataset,
        spec,
        recipe: Some(&Recipe::default()),
        data: &DataConfig::default(),
        inputs: ProjectionInputs::Columns,
        seed,
        stop: &Stop::default(),
    };
    baseline.validate(fold, &mut |_| ())
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_in_span;
