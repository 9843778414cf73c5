//! Baselines that are fitted rather than trained epoch by epoch.

use ndarray::Array2;

use super::held_out::{HeldOut, filled_in, named, targets};
use super::inner::groups;
use super::input::Input;
use super::logistic::Logistic;
use super::{Baseline, BaselineOutcome};
use crate::data::dataset::{Dataset, Split};
use crate::error::{Error, Result};
use crate::predict::clip_scores::ClipScores;
use crate::predict::decoding::unsearched;

/// Fits a logistic regression to the clips `train` and scores those of `validation`, if there are any,
/// and the test clips. Nothing but the thresholds depends on `validation`.
pub fn logistic(
    baseline: &Baseline<'_>,
    train: &[usize],
    validation: &[usize],
) -> Result<BaselineOutcome> {
    let Baseline {
        dataset,
        spec,
        seed,
        stop,
        ..
    } = *baseline;
    if stop.is_asked() {
        return Err(Error::Interrupted(format!("before {spec}")));
    }
    let encoders = spec.encoders(dataset)?;
    let input = Input::fit(dataset, &encoders, train);
    let x = rows(&input, &dataset.train, train)?;
    let y = targets(&dataset.train, train, dataset.classes.len())?;
    let model = Logistic::fit(&x, &y, &groups(dataset, train));
    let scored = |split: &Split, clips: &[usize]| -> Result<Array2<f64>> {
        Ok(model.distribution(&rows(&input, split, clips)?))
    };
    let decode = spec.decode(&dataset.task());
    let mut outcome = BaselineOutcome {
        spec: spec.clone(),
        fold: None,
        seed,
        parameters: model.parameters(input.cols),
        epochs: model.steps(),
        best_epoch: model.steps(),
        loss: None,
        thresholds: unsearched(&decode),
        accuracy: None,
        held_out: None,
        test: test_scores(dataset, &scored)?,
        history: Vec::new(),
        converged: Some(model.converged()),
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
fn rows(input: &Input, split: &Split, clips: &[usize]) -> Result<Array2<f32>> {
    let packed = input.gather(split, clips);
    Array2::from_shape_vec((clips.len(), input.cols), packed.to_row_major())
        .map_err(|error| Error::Data(format!("features of a baseline: {error}")))
}

fn test_scores(
    dataset: &Dataset,
    scored: &dyn Fn(&Split, &[usize]) -> Result<Array2<f64>>,
) -> Result<Option<ClipScores>> {
    let Some(test) = &dataset.test else {
        return Ok(None);
    };
    let clips: Vec<usize> = (0..test.len()).collect();
    Ok(Some(named(test, &clips, scored(test, &clips)?)))
}
