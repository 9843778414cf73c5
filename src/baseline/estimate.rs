//! Baselines that are fitted rather than trained epoch by epoch.

use ndarray::Array2;

use super::forest::{Forest, TREES};
use super::held_out::{HeldOut, filled_in, named, targets};
use super::inner::groups;
use super::input::Input;
use super::logistic::Logistic;
use super::{Baseline, BaselineModel, BaselineOutcome, BaselineSpec};
use crate::config::ProjectionInputs;
use crate::data::dataset::Split;
use crate::error::{Error, Result};
use crate::predict::clip_scores::ClipScores;
use crate::predict::decoding::unsearched;

/// A fitted model.
enum Model {
    Logistic(Logistic),
    Forest(Forest),
}

impl Model {
    /// Fits to features and soft labels of the clips `train`; [`Error::Interrupted`] on request.
    fn fit(
        baseline: &Baseline<'_>,
        train: &[usize],
        x: &Array2<f32>,
        y: &Array2<f64>,
    ) -> Result<Self> {
        let Baseline {
            dataset,
            spec,
            seed,
            stop,
            ..
        } = *baseline;
        let BaselineSpec::Encoders { model, .. } = spec else {
            return Err(Error::Data(format!("baseline {spec} is not fitted")));
        };
        match model {
            BaselineModel::Forest => Forest::fit(x, y, seed, stop)
                .map(Self::Forest)
                .ok_or_else(|| Error::Interrupted(format!("in {spec}"))),
            _ if stop.is_asked() => Err(Error::Interrupted(format!("before {spec}"))),
            _ => Ok(Self::Logistic(Logistic::fit(x, y, &groups(dataset, train)))),
        }
    }

    fn distribution(&self, x: &Array2<f32>) -> Array2<f64> {
        match self {
            Self::Logistic(model) => model.distribution(x),
            Self::Forest(model) => model.distribution(x.view()),
        }
    }

    /// Trainable numbers on this many columns; of a forest its splits.
    fn parameters(&self, columns: usize) -> usize {
        match self {
            Self::Logistic(model) => model.parameters(columns),
            Self::Forest(model) => model.splits(),
        }
    }

    /// Steps of the optimiser, or trees.
    fn steps(&self) -> usize {
        match self {
            Self::Logistic(model) => model.steps(),
            Self::Forest(_) => TREES,
        }
    }

    fn converged(&self) -> Option<bool> {
        match self {
            Self::Logistic(model) => Some(model.converged()),
            Self::Forest(_) => None,
        }
    }
}

/// Fits to the clips `train` and scores those of `validation`, if there are any, and the test clips.
/// Nothing but the thresholds depends on `validation`.
pub fn estimate(
    baseline: &Baseline<'_>,
    train: &[usize],
    validation: &[usize],
) -> Result<BaselineOutcome> {
    let Baseline {
        dataset,
        spec,
        seed,
        ..
    } = *baseline;
    let encoders = spec.encoders(dataset)?;
    let over_columns = Baseline {
        inputs: ProjectionInputs::Columns,
        ..*baseline
    };
    let input = Input::fit(&over_columns, &encoders, train)?;
    let x = rows(&input, &dataset.train, train)?;
    let y = targets(&dataset.train, train, dataset.classes.len())?;
    let model = Model::fit(baseline, train, &x, &y)?;
    let scored = |split: &Split, clips: &[usize]| -> Result<Array2<f64>> {
        Ok(model.distribution(&rows(&input, split, clips)?))
    };
    let decode = spec.decode(&dataset.task());
    let mut outcome = BaselineOutcome {
        spec: spec.clone(),
        fold: None,
        seed,
        parameters: model.parameters(input.columns),
        epochs: model.steps(),
        best_epoch: model.steps(),
        loss: None,
        thresholds: unsearched(&decode),
        accuracy: None,
        held_out: None,
        test: test_scores(baseline, scored)?,
        history: Vec::new(),
        converged: model.converged(),
        warnings: filled_in(dataset, &encoders),
    };
    if !validation.is_empty() {
        let held_out = HeldOut::new(dataset, validation, &decode)?;
        let found = scored(&dataset.train, validation)?;
        let (thresholds, cell) = held_out.choose(&found)?;
        outcome.loss = Some(held_out.loss(&found)?);
        outcome.thresholds = thresholds;
        outcome.accuracy = Some(cell.accuracy);
        outcome.held_out = Some(named(&dataset.train, validation, found));
    }
    Ok(outcome)
}

/// The features of clips, `(clips, columns)`.
fn rows(input: &Input<'_>, split: &Split, clips: &[usize]) -> Result<Array2<f32>> {
    let packed = input.gather(split, clips)?;
    Array2::from_shape_vec((clips.len(), input.columns), packed.to_row_major())
        .map_err(|error| Error::Data(format!("features of a baseline: {error}")))
}

fn test_scores(
    baseline: &Baseline<'_>,
    scored: impl Fn(&Split, &[usize]) -> Result<Array2<f64>>,
) -> Result<Option<ClipScores>> {
    let Some(test) = baseline.dataset.scored_test(baseline.data.standardize) else {
        return Ok(None);
    };
    let clips: Vec<usize> = (0..test.len()).collect();
    Ok(Some(named(test, &clips, scored(test, &clips)?)))
}
