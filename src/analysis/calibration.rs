//! Calibration of the presence probabilities.

use serde::Serialize;

use super::observations::Observations;
use crate::eval::measures::Reliability;

/// Clip and class pairs whose probability falls into one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Lower limit.
    pub from: f64,
    /// Upper limit.
    pub to: f64,
    /// Number of pairs.
    pub count: usize,
    /// Mean probability; `None` for an empty bin.
    pub predicted: Option<f64>,
    /// Share that truly shows the emotion; `None` for an empty bin.
    pub observed: Option<f64>,
}

/// Reliability of the presence probabilities over all clips and classes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Bins from 0 to 1.
    pub bins: Vec<Bin>,
    /// Expected calibration error: mean gap between probability and share, weighted by count.
    pub expected_error: f64,
    /// Brier score: mean squared difference between probability and truth.
    pub brier: f64,
}

/// Bins the presence probabilities p of all clips and classes. An emotion is present if its true
/// salience is above 0.
pub fn calibration(observations: &Observations) -> Calibration {
    let classes = observations.presence.ncols();
    let clips = observations.truths.iter().enumerate();
    let pairs = clips.flat_map(|(row, truth)| {
        (0..classes).map(move |class| {
            let there = truth.parts().iter().any(|part| part.class == class);
            (observations.presence[[row, class]], there)
        })
    });
    let found = Reliability::of(pairs);
    let count = found.bins.len() as f64;
    let bins = found.bins.iter().enumerate().map(|(i, bin)| {
        let mean = |sum: f64| (bin.count > 0).then(|| sum / bin.count as f64);
        Bin {
            from: i as f64 / count,
            to: (i + 1) as f64 / count,
            count: bin.count,
            predicted: mean(bin.predicted),
            observed: mean(bin.observed as f64),
        }
    });
    Calibration {
        bins: bins.collect(),
        expected_error: found.expected_error().unwrap_or(0.0),
        brier: found.brier().unwrap_or(0.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::observations;

    #[test]
    fn every_probability_is_in_one_bin() {
        let found = calibration(&observations());
        assert_eq!(found.bins.iter().map(|bin| bin.count).sum::<usize>(), 8);
        // 0.8 and 0.8 of the blend, both true.
        let eighth = found.bins[8];
        assert_eq!((eighth.count, eighth.observed), (2, Some(1.0)));
        assert_eq!(found.bins[5].predicted, None);
        // Gaps: 0.1, 0.1, 0.3, 0.3, 0.6 (0.4 truly there), 0.6, 0.2, 0.2.
        assert!(
            (found.expected_error - 2.4 / 8.0).abs() < 1e-12,
            "{found:?}"
        );
        let squares = [0.1, 0.1, 0.3, 0.3, 0.6, 0.6, 0.2, 0.2].map(|x: f64| x * x);
        assert!((found.brier - squares.iter().sum::<f64>() / 8.0).abs() < 1e-12);
    }
}
