//! The measures of a cross-validation: over its folds, and of all clips together.

use ndarray::{Array2, Axis, concatenate};

use super::out_of_fold::OutOfFold;
use super::score::Spread;
use crate::data::label::{Blend, Classes};
use crate::error::{Error, Result};
use crate::eval::measures::{MEASURES, Measure, MeasureValues, Measured};
use crate::predict::clip_scores::ScoreRows;

/// One measure over folds and seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OverFolds {
    /// Over the folds where it is defined.
    pub spread: Spread,
    /// How many folds of all seeds define it.
    pub defined: usize,
}

/// The measures of a cross-validation. Every clip counts as the model that did not train on it says,
/// decoded with the thresholds of its own fold.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureSummary {
    /// In the order of [`MEASURES`]; the reason of the first fold where no fold defines a measure.
    pub folds: Vec<std::result::Result<OverFolds, String>>,
    /// Of all clips together; those of several seeds count once for each. Scores of different models
    /// are ranked against each other here.
    pub all: MeasureValues,
}

impl MeasureSummary {
    /// Of the out-of-fold scores of each seed.
    ///
    /// # Errors
    /// As [`MeasureValues::of`].
    pub fn of(seeds: &[OutOfFold], classes: &Classes) -> Result<Self> {
        let mut by_fold: Vec<Vec<MeasureValues>> = Vec::new();
        for seed in seeds {
            let mut numbers = seed.folds.clone();
            numbers.sort_unstable();
            numbers.dedup();
            let of_fold = |fold: usize| {
                let rows = (0..seed.clips.len()).filter(|&row| seed.folds[row] == fold);
                measures_of(&[(seed, rows.collect())], classes)
            };
            by_fold.push(numbers.into_iter().map(of_fold).collect::<Result<_>>()?);
        }
        let whole = seeds
            .iter()
            .map(|seed| (seed, (0..seed.clips.len()).collect()));
        let all = measures_of(&whole.collect::<Vec<_>>(), classes)?;
        let over_folds = |place: usize| {
            let values = || {
                by_fold
                    .iter()
                    .map(|folds| folds.iter().map(|f| &f.values[place]))
            };
            let defined: Vec<Vec<Option<f64>>> = values()
                .map(|folds| folds.map(|value| value.as_ref().ok().copied()).collect())
                .collect();
            match Spread::of(&defined) {
                Some(spread) => Ok(OverFolds {
                    spread,
                    defined: defined.iter().flatten().flatten().count(),
                }),
                None => {
                    let mut reasons = values().flatten().filter_map(|value| value.as_ref().err());
                    Err(reasons.next().cloned().unwrap_or_default())
                }
            }
        };
        Ok(Self {
            folds: (0..MEASURES.len()).map(over_folds).collect(),
            all,
        })
    }

    /// Each measure with what it is over folds.
    pub fn iter(
        &self,
    ) -> impl Iterator<Item = (&'static Measure, &std::result::Result<OverFolds, String>)> {
        MEASURES.iter().zip(&self.folds)
    }

    /// The measure with this name over folds, where it is defined.
    pub fn get(&self, name: &str) -> Option<&OverFolds> {
        let (_, found) = self.iter().find(|(measure, _)| measure.name == name)?;
        found.as_ref().ok()
    }
}

/// Of the given rows of each seed, all together.
fn measures_of(parts: &[(&OutOfFold, Vec<usize>)], classes: &Classes) -> Result<MeasureValues> {
    let (mut truths, mut decided): (Vec<&Blend>, Vec<&Blend>) = Default::default();
    for (seed, rows) in parts {
        truths.extend(rows.iter().map(|&row| &seed.truths[row]));
        decided.extend(rows.iter().map(|&row| &seed.decided[row]));
    }
    let stacked = |pick: &dyn Fn(&OutOfFold) -> Option<&Array2<f64>>| {
        let selected: Option<Vec<Array2<f64>>> = parts
            .iter()
            .map(|(seed, rows)| Some(pick(seed)?.select(Axis(0), rows)))
            .collect();
        let views = selected.as_ref().filter(|parts| !parts.is_empty());
        let views: Option<Vec<_>> = views.map(|parts| parts.iter().map(|p| p.view()).collect());
        let joined = views.map(|views| concatenate(Axis(0), &views));
        let fault = |error| Error::Data(format!("out-of-fold scores: {error}"));
        joined.transpose().map_err(fault)
    };
    let scores = stacked(&|seed| Some(&seed.aligned))?;
    let presence = stacked(&|seed| match &seed.rows {
        ScoreRows::Heads { presence, .. } => Some(presence),
        ScoreRows::Distribution(_) => None,
    })?;
    MeasureValues::of(&Measured {
        classes,
        truths: &truths,
        decided: &decided,
        scores: scores.as_ref().map(|rows| rows.view()),
        presence: presence.as_ref().map(|rows| rows.view()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn seed(seed: u64) -> OutOfFold {
        let rows = array![[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3]];
        OutOfFold {
            seed,
            clips: vec![0, 1, 2, 3],
            folds: vec![0, 0, 1, 1],
            rows: ScoreRows::Distribution(rows.clone()),
            aligned: rows,
            decided: [0, 1, 0, 0].map(Blend::single).to_vec(),
            truths: [0, 1, 0, 0].map(Blend::single).to_vec(),
        }
    }

    #[test]
    fn folds_that_do_not_define_a_measure_are_left_out_and_counted() {
        let classes = Classes::new(["a", "b"]);
        let found = MeasureSummary::of(&[seed(0), seed(1)], &classes).unwrap();
        // The second fold has one class only.
        let recall = found.get("uar").unwrap();
        assert_eq!((recall.spread.mean, recall.defined), (1.0, 2));
        let exact = found.get("exact_set").unwrap();
        assert_eq!((exact.spread.mean, exact.defined), (1.0, 4));
        assert_eq!(found.all.clips, 8);
        assert_eq!(found.all.get("roc_auc"), Some(1.0));
    }

    #[test]
    fn where_no_fold_defines_a_measure_there_is_a_reason() {
        let mut one = seed(0);
        one.folds = vec![0, 1, 2, 3];
        let found = MeasureSummary::of(&[one], &Classes::new(["a", "b"])).unwrap();
        let (_, recall) = found
            .iter()
            .find(|(measure, _)| measure.name == "uar")
            .unwrap();
        assert!(recall.as_ref().unwrap_err().contains("the same one"));
        assert!(found.all.get("uar").is_some());
    }
}
