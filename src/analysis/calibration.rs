//! Calibration of the presence probabilities.

use serde::Serialize;

use super::observations::Observations;

/// Bins of equal width over [0, 1].
const BINS: usize = 10;

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
    let (clips, classes) = observations.presence.dim();
    let mut sums = [(0usize, 0.0, 0.0); BINS];
    let mut brier = 0.0;
    for (row, truth) in observations.truths.iter().enumerate() {
        for class in 0..classes {
            let p = observations.presence[[row, class]];
            let there = truth.parts().iter().any(|part| part.class == class);
            let there = f64::from(u8::from(there));
            let bin = ((p * BINS as f64) as usize).min(BINS - 1);
            sums[bin].0 += 1;
            sums[bin].1 += p;
            sums[bin].2 += there;
            brier += (p - there).powi(2);
        }
    }
    let total = (clips * classes).max(1) as f64;
    let bins = sums.iter().enumerate().map(|(i, &(count, p, there))| {
        let mean = |sum: f64| (count > 0).then(|| sum / count as f64);
        Bin {
            from: i as f64 / BINS as f64,
            to: (i + 1) as f64 / BINS as f64,
            count,
            predicted: mean(p),
            observed: mean(there),
        }
    });
    Calibration {
        bins: bins.collect(),
        expected_error: sums
            .iter()
            .map(|(_, p, there)| (p - there).abs())
            .sum::<f64>()
            / total,
        brier: brier / total,
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
