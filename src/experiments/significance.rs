//! Intervals of a cross-validation's scores over actors, and a paired comparison with a reference.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cross_validation::CrossValidation;
use crate::error::Result;
use crate::eval::statistics::{
    ActorScores, Comparison, Difference, Draws, Interval, Intervals, Resampling, Verdict,
    compare_with, holm, holm_levels, intervals_with, main_difference,
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

/// The statistics of each configuration, compared with the one at index `reference`, or with the first
/// that has a result if that one has none. All must have been validated on the same clips.
///
/// # Errors
/// As [`intervals_with`] and [`compare_with`].
pub fn significances(
    results: &[Option<&CrossValidation>],
    reference: usize,
    resampling: &Resampling,
) -> Result<Vec<Option<Significance>>> {
    let scores = results
        .iter()
        .map(|result| result.map(|found| found.scores.clone()));
    significances_of(&scores.collect::<Vec<_>>(), reference, resampling)
}

/// The same from the scores of each configuration.
///
/// # Errors
/// As [`intervals_with`] and [`compare_with`].
pub fn significances_of(
    scores: &[Option<ActorScores>],
    reference: usize,
    resampling: &Resampling,
) -> Result<Vec<Option<Significance>>> {
    let there = |place: &usize| scores.get(*place).is_some_and(Option::is_some);
    let reference = std::iter::once(reference)
        .chain(0..scores.len())
        .find(there);
    // Drawn once for all rows.
    let draws = Draws::of(scores.iter().flatten(), resampling);
    let of_row = |(place, of_one): (usize, &Option<ActorScores>)| {
        let Some(of_one) = of_one else {
            return Ok(None);
        };
        let other = reference.filter(|reference| *reference != place);
        let other = other.and_then(|reference| scores[reference].as_ref());
        let against = other.map(|other| compare_with(of_one, other, &draws));
        Ok(Some(Significance {
            intervals: intervals_with(of_one, &draws)?,
            against: against.transpose()?,
            adjusted_p: None,
            holm_interval: None,
        }))
    };
    let rows = scores.par_iter().enumerate().map(of_row);
    let mut significances = rows.collect::<Result<Vec<_>>>()?;
    if let Some(reference) = reference.and_then(|reference| scores[reference].as_ref()) {
        adjust(
            &mut significances,
            scores,
            reference,
            &draws,
            resampling.level,
        )?;
    }
    Ok(significances)
}

/// Fills in what Holm's procedure adjusts for all comparisons with the reference.
fn adjust(
    significances: &mut [Option<Significance>],
    scores: &[Option<ActorScores>],
    reference: &ActorScores,
    draws: &Draws,
    level: f64,
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
    let adjusted: Vec<(f64, f64)> = holm(&p).into_iter().zip(holm_levels(&p, level)).collect();
    let rows = compared.par_iter_mut().zip(adjusted);
    rows.try_for_each(|((significance, scores), (adjusted, level))| {
        significance.adjusted_p = Some(adjusted);
        if several {
            let difference = main_difference(scores, reference, draws, level)?;
            significance.holm_interval = difference.and_then(|difference| difference.interval);
        }
        Ok(())
    })
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
