//! Intervals of a cross-validation's scores over actors, and a paired comparison with a reference.

use serde::{Deserialize, Serialize};

use super::cross_validation::CrossValidation;
use crate::error::Result;
use crate::eval::statistics::{
    ActorScores, Comparison, Difference, Grouping, Interval, Intervals, Resampling, ScoredClip,
    Verdict, compare, holm, holm_levels, intervals, main_difference,
};

/// The statistics of one configuration, over all out-of-fold predictions together, each clip decoded with
/// its own fold's thresholds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Significance {
    /// Intervals of its accuracies.
    pub intervals: Intervals,
    /// Its differences from the reference, on the same clips; `None` for the reference itself.
    pub against: Option<Comparison>,
    /// The comparison's p-value after Holm's adjustment for all comparisons of the table.
    pub adjusted_p: Option<f64>,
    /// The interval of the difference in the main measure at the confidence at which Holm's procedure
    /// compares this row; `None` where it is that of `against`, because there is one comparison only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holm_interval: Option<Interval>,
}

impl Significance {
    /// What can be said of the difference from the reference, given all comparisons of the table: it is
    /// beyond noise only where both the adjusted p-value and the adjusted interval say so. `None` for
    /// the reference itself.
    pub fn verdict(&self) -> Option<Verdict> {
        let against = self.against.as_ref()?;
        let difference = Difference {
            interval: self.holm_interval.or(against.judged().interval),
            ..against.judged()
        };
        let p = self.adjusted_p.unwrap_or(against.test.p);
        Some(Verdict::of(against.judge(), &difference, p, against.level))
    }
}

/// Official counts of a cross-validation's out-of-fold predictions, and its main measure, by actor and
/// seed.
///
/// # Errors
/// As [`ActorScores::judged_by`].
pub fn actor_scores(result: &CrossValidation) -> Result<ActorScores> {
    let grouping = Grouping::by_actor(&result.candidate.data.dataset.train.clips);
    let seeds = result.out_of_fold.iter().map(|seed| {
        let values = seed.main_of_clips(result.main)?;
        let shown = seed.truths.iter().zip(&seed.decided);
        let clips = seed.clips.iter().zip(shown).zip(values);
        Ok(clips.map(|((&clip, (truth, predicted)), main)| ScoredClip {
            clip,
            truth,
            predicted,
            main,
        }))
    });
    let seeds = seeds.collect::<Result<Vec<_>>>()?;
    ActorScores::judged_by(result.main, &grouping, seeds)
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
            holm_interval: None,
        }));
    }
    if let Some(reference) = reference.and_then(|reference| scores[reference].as_ref()) {
        adjust(&mut significances, &scores, reference, resampling)?;
    }
    Ok(significances)
}

/// Fills in what Holm's procedure adjusts for all comparisons with the reference.
fn adjust(
    significances: &mut [Option<Significance>],
    scores: &[Option<ActorScores>],
    reference: &ActorScores,
    resampling: &Resampling,
) -> Result<()> {
    let both = significances.iter_mut().zip(scores);
    let mut compared: Vec<(&mut Significance, &ActorScores)> = both
        .filter_map(|(significance, scores)| Some((significance.as_mut()?, scores.as_ref()?)))
        .filter(|(significance, _)| significance.against.is_some())
        .collect();
    let p: Vec<f64> = compared
        .iter()
        .filter_map(|(significance, _)| Some(significance.against?.test.p))
        .collect();
    let several = p.len() > 1;
    let levels = holm_levels(&p, resampling.level);
    for ((significance, scores), (adjusted, level)) in
        compared.iter_mut().zip(holm(&p).into_iter().zip(levels))
    {
        significance.adjusted_p = Some(adjusted);
        if several {
            let resampling = Resampling {
                level,
                ..*resampling
            };
            let difference = main_difference(scores, reference, &resampling)?;
            significance.holm_interval = difference.and_then(|difference| difference.interval);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::statistics::{Method, SignFlip, Unit};

    fn significance(p: f64, adjusted_p: f64, [low, high]: [f64; 2]) -> Significance {
        let interval = |low, high| Interval {
            estimate: 0.2,
            low,
            high,
        };
        let none = Intervals {
            presence: None,
            salience: None,
            average: None,
            main: None,
            unit: Unit::Actor,
            actors: 20,
            seeds: 1,
            level: 0.95,
        };
        let against = Comparison {
            presence: None,
            salience: None,
            average: Difference {
                estimate: 0.2,
                interval: Some(interval(0.1, 0.3)),
            },
            main: None,
            test: SignFlip {
                p,
                method: Method::Random { exchanges: 99_999 },
            },
            unit: Unit::Actor,
            actors: 20,
            seeds: [1, 1],
            level: 0.95,
        };
        Significance {
            intervals: none,
            against: Some(against),
            adjusted_p: Some(adjusted_p),
            holm_interval: Some(interval(low, high)),
        }
    }

    #[test]
    fn a_verdict_follows_the_adjusted_p_and_the_adjusted_interval() {
        let of = |p, adjusted, ends| significance(p, adjusted, ends).verdict();
        assert_eq!(of(0.01, 0.04, [0.05, 0.4]), Some(Verdict::Better));
        // Alone it would be beyond noise; among all comparisons of the table it is not.
        assert_eq!(of(0.01, 0.84, [0.05, 0.4]), Some(Verdict::WithinNoise));
        assert_eq!(of(0.01, 0.04, [-0.1, 0.4]), Some(Verdict::WithinNoise));
        let mut reference = significance(0.01, 0.04, [0.05, 0.4]);
        reference.against = None;
        assert_eq!(reference.verdict(), None);
    }
}
