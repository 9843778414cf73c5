//! Error of predicted saliences, by true ratio.

use serde::Serialize;

use super::observations::Observations;
use crate::eval::metrics::{presence_correct, salience_correct};

/// Clips whose true blends have the same ratio.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RatioError {
    /// The true ratio in percent, larger share first: `70/30`.
    pub ratio: String,
    /// Number of clips.
    pub clips: usize,
    /// Number of clips whose pair of emotions is correct.
    pub pair_found: usize,
    /// Number of clips whose pair and saliences are correct.
    pub correct: usize,
    /// Mean of |r − true share| of the first emotion, r = f_i / (f_i + f_j) for the true pair, in
    /// [0, 1]; `None` without clips.
    pub error: Option<f64>,
    /// Mean of r − true share of the larger emotion: negative if differences are underestimated. `None`
    /// for equal shares, which have no larger emotion.
    pub bias: Option<f64>,
}

/// One entry per ratio that occurs, the most even one first.
pub fn by_ratio(observations: &Observations) -> Vec<RatioError> {
    let mut groups: std::collections::BTreeMap<i64, Vec<usize>> = Default::default();
    for (row, truth) in observations.truths.iter().enumerate() {
        if let [a, b] = truth.parts() {
            let larger = a.salience.max(b.salience).round() as i64;
            groups.entry(larger).or_default().push(row);
        }
    }
    let group = |(larger, rows): (i64, Vec<usize>)| {
        let count = rows.len() as f64;
        let (mut pair_found, mut correct) = (0, 0);
        let (mut error, mut bias) = (0.0, 0.0);
        for &row in &rows {
            let (truth, decided) = (&observations.truths[row], &observations.decided[row]);
            pair_found += usize::from(presence_correct(truth, decided));
            correct += usize::from(salience_correct(truth, decided) == Some(true));
            let [a, b] = truth.parts() else { continue };
            let (high, low) = if a.salience >= b.salience {
                (a, b)
            } else {
                (b, a)
            };
            let [high_f, low_f] = [high, low].map(|part| observations.aligned[[row, part.class]]);
            let sum = high_f + low_f;
            // Both scores are 0: treated as equal.
            let found = if sum > 0.0 { high_f / sum } else { 0.5 };
            let gap = found - high.salience / 100.0;
            error += gap.abs();
            bias += gap;
        }
        RatioError {
            ratio: format!("{larger}/{}", 100 - larger),
            clips: rows.len(),
            pair_found,
            correct,
            error: (count > 0.0).then(|| error / count),
            bias: (larger != 50 && count > 0.0).then(|| bias / count),
        }
    };
    groups.into_iter().map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::observations;

    #[test]
    fn a_70_30_clip_decided_even_is_a_pair_without_its_saliences() {
        let found = by_ratio(&observations());
        assert_eq!(found.len(), 1);
        let only = &found[0];
        assert_eq!((only.ratio.as_str(), only.clips), ("70/30", 1));
        assert_eq!((only.pair_found, only.correct), (1, 0));
        assert!((only.error.unwrap() - 0.2).abs() < 1e-12);
        assert!((only.bias.unwrap() + 0.2).abs() < 1e-12);
    }
}
