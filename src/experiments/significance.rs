//! Intervals of a cross-validation's scores over actors, and a paired comparison with a reference.

use serde::Serialize;

use super::cross_validation::CrossValidation;
use crate::error::Result;
use crate::eval::statistics::{
    ActorScores, Comparison, Grouping, Intervals, Resampling, compare, holm, intervals,
};

/// The statistics of one configuration, over all out-of-fold predictions together, each clip decoded with
/// its own fold's thresholds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Significance {
    /// Intervals of its accuracies.
    pub intervals: Intervals,
    /// Its differences from the reference, on the same clips; `None` for the reference itself.
    pub against: Option<Comparison>,
    /// The comparison's p-value after Holm's adjustment for all comparisons of the table.
    pub adjusted_p: Option<f64>,
}

/// Official counts of a cross-validation's out-of-fold predictions, by actor and seed.
///
/// # Errors
/// As [`ActorScores::of`].
pub fn actor_scores(result: &CrossValidation) -> Result<ActorScores> {
    let grouping = Grouping::by_actor(&result.candidate.data.dataset.train.clips);
    let seeds = result.out_of_fold.iter().map(|seed| {
        let shown = seed.truths.iter().zip(&seed.decided);
        let clips = seed.clips.iter().zip(shown);
        clips.map(|(&clip, (truth, decided))| (clip, truth, decided))
    });
    ActorScores::of(&grouping, seeds)
}

/// The statistics of each configuration, compared with the one at index `reference`, or with the first
/// that has a result if that one has none. All must have been validated on the same clips.
///
/// # Errors
/// As [`actor_scores`], [`intervals`] and [`compare`].
pub fn significances(
    results: &[Option<&CrossValidation>],
    reference: usize,
    resampling: &Resampling,
) -> Result<Vec<Option<Significance>>> {
    let scores = results
        .iter()
        .map(|result| result.map(actor_scores).transpose())
        .collect::<Result<Vec<_>>>()?;
    let there = |place: &usize| scores.get(*place).is_some_and(Option::is_some);
    let reference = std::iter::once(reference)
        .chain(0..scores.len())
        .find(there);
    let mut significances = Vec::with_capacity(results.len());
    for (place, of_one) in scores.iter().enumerate() {
        let Some(of_one) = of_one else {
            significances.push(None);
            continue;
        };
        let other = reference.filter(|reference| *reference != place);
        let against = match other.and_then(|reference| scores[reference].as_ref()) {
            Some(reference) => Some(compare(of_one, reference, resampling)?),
            None => None,
        };
        significances.push(Some(Significance {
            intervals: intervals(of_one, resampling)?,
            against,
            adjusted_p: None,
        }));
    }
    let mut compared: Vec<&mut Significance> = significances
        .iter_mut()
        .flatten()
        .filter(|significance| significance.against.is_some())
        .collect();
    let p: Vec<f64> = compared
        .iter()
        .filter_map(|significance| Some(significance.against?.test.p))
        .collect();
    for (significance, adjusted) in compared.iter_mut().zip(holm(&p)) {
        significance.adjusted_p = Some(adjusted);
    }
    Ok(significances)
}
