//! The loop that trains a classifier as the challenge's `trainer.py` does.

use super::choose::choose;
use super::classifier::Classifier;
use super::held_out::{filled_in, named};
use super::input::Input;
use super::outcome::converged;
use super::trainee::{Gathered, Trainee, batches, scores};
use super::{Baseline, BaselineEpoch, BaselineOutcome, BaselineSpec};
use crate::data::dataset::Split;
use crate::error::{Error, Result};
use crate::predict::clip_scores::ClipScores;
use crate::predict::decoding::unsearched;

/// Trains on `train`. With clips in `validation` and a given recipe the best epoch there counts, otherwise
/// the last.
pub fn train(
    baseline: &Baseline<'_>,
    train: &[usize],
    validation: &[usize],
    observer: &mut dyn FnMut(&BaselineEpoch),
) -> Result<BaselineOutcome> {
    let Baseline {
        dataset,
        spec,
        seed,
        ..
    } = *baseline;
    let BaselineSpec::Encoders { model, .. } = spec else {
        return Err(Error::Data(format!("baseline {spec} is not trained")));
    };
    let encoders = spec.encoders(dataset)?;
    let chosen = match baseline.recipe {
        Some(_) => None,
        None => Some(choose(baseline, *model, train)?),
    };
    let recipe = chosen
        .map(|chosen| chosen.recipe)
        .or(baseline.recipe.copied());
    let recipe = recipe.unwrap_or_default();
    recipe.check()?;
    let input = Input::fit(baseline, &encoders, train)?;
    let mut trainee = Trainee::new(baseline, recipe, *model, &input);
    let decode = spec.decode(&dataset.task());
    let held_out = (!validation.is_empty())
        .then(|| Gathered::new(dataset, validation, &input, &decode))
        .transpose()?;
    let looked_at = held_out.as_ref().filter(|_| chosen.is_none());
    let (mut history, mut best) = trainee.epochs(&input, train, looked_at, observer)?;
    if let (Some(held_out), Some(last)) = (&held_out, history.last_mut())
        && chosen.is_some()
    {
        best = Some(trainee.scored(held_out, last)?);
    }
    let (classifier, rows, record) = match best {
        Some(best) => (best.classifier, Some(best.rows), Some(best.record)),
        None => (trainee.classifier, None, history.last().copied()),
    };
    Ok(BaselineOutcome {
        spec: spec.clone(),
        fold: None,
        seed,
        parameters: classifier.parameters_over(input.columns),
        epochs: history.len(),
        best_epoch: record.map_or(history.len(), |record| record.epoch),
        loss: record.and_then(|record| record.val_loss),
        thresholds: record
            .and_then(|record| record.thresholds)
            .unwrap_or_else(|| unsearched(&decode)),
        accuracy: record.and_then(|record| record.accuracy),
        held_out: rows.map(|rows| named(&dataset.train, validation, rows)),
        test: test_scores(
            &classifier,
            &input,
            dataset.scored_test(baseline.data.standardize),
        )?,
        converged: match chosen {
            Some(chosen) => Some(chosen.converged),
            None => converged(&history),
        },
        history,
        warnings: filled_in(dataset, &encoders),
    })
}

/// What a classifier says of the test clips, if there are any.
fn test_scores(
    classifier: &Classifier,
    input: &Input<'_>,
    test: Option<&Split>,
) -> Result<Option<ClipScores>> {
    let Some(test) = test else {
        return Ok(None);
    };
    let clips: Vec<usize> = (0..test.len()).collect();
    let rows = scores(classifier, &batches(input, test, &clips)?, clips.len())?;
    Ok(Some(named(test, &clips, rows)))
}
