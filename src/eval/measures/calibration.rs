//! Whether probabilities are as often right as they say.

use super::ranking::{is_strongest, tops};
use super::sets::size;
use super::{Measured, NO_CLIPS, NO_SCORES, Truth, Value};

/// Bins of equal width over [0, 1].
const BINS: usize = 10;

/// Predictions whose probability falls into one bin.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// How many.
    pub count: usize,
    /// The sum of their probabilities.
    pub predicted: f64,
    /// How many came true.
    pub observed: usize,
}

/// Reliability of probabilities in ten bins of equal width; 1 belongs to the last bin.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reliability {
    /// From 0 to 1.
    pub bins: [Bin; BINS],
    squares: f64,
}

impl Reliability {
    /// Of probabilities in [0, 1], each with whether it came true.
    pub fn of(predictions: impl IntoIterator<Item = (f64, bool)>) -> Self {
        let mut found = Self::default();
        for (p, came_true) in predictions {
            let bin = &mut found.bins[((p * BINS as f64) as usize).min(BINS - 1)];
            bin.count += 1;
            bin.predicted += p;
            bin.observed += usize::from(came_true);
            found.squares += (p - f64::from(came_true)).powi(2);
        }
        found
    }

    /// Number of predictions.
    pub fn count(&self) -> usize {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// The expected calibration error: the gap between mean probability and share that came true,
    /// mean over bins weighted by their counts; `None` of nothing.
    pub fn expected_error(&self) -> Option<f64> {
        let gap = |bin: &Bin| (bin.predicted - bin.observed as f64).abs();
        let gaps: f64 = self.bins.iter().map(gap).sum();
        (self.count() > 0).then(|| gaps / self.count() as f64)
    }

    /// The Brier score: the mean squared difference between probability and outcome; `None` of
    /// nothing.
    pub fn brier(&self) -> Option<f64> {
        (self.count() > 0).then(|| self.squares / self.count() as f64)
    }
}

/// Expected calibration error over all clips and classes, that of the top-1, Brier score.
pub(super) fn values(measured: &Measured<'_>, truth: &Truth) -> [Value; 3] {
    let all = of_presence(measured, truth);
    let no_clips = || NO_CLIPS.to_owned();
    let value = |pick: fn(&Reliability) -> Option<f64>| {
        let found = all.as_ref().map_err(Clone::clone)?;
        pick(found).ok_or_else(no_clips)
    };
    [
        value(Reliability::expected_error),
        of_top(measured).and_then(|found| found.expected_error().ok_or_else(no_clips)),
        value(Reliability::brier),
    ]
}

/// Of the probabilities that a clip shows a class; of a distribution only where every clip shows one
/// emotion, as shares of several are no probabilities of presence.
fn of_presence(measured: &Measured<'_>, truth: &Truth) -> Result<Reliability, String> {
    let single = measured.truths.iter().all(|truth| size(truth) == 1);
    let rows = match (measured.presence, measured.scores) {
        (Some(rows), _) => rows,
        (None, Some(rows)) if single => rows,
        (None, Some(_)) => {
            return Err(
                "the scores are shares and some clips show several emotions: needs probabilities of presence"
                    .to_owned(),
            );
        }
        (None, None) => return Err(NO_SCORES.to_owned()),
    };
    if truth.shown.iter().all(|shown| *shown) && !truth.shown.is_empty() {
        return Err("every clip shows every class".to_owned());
    }
    if rows.iter().any(|p| *p > 1.0 + 1e-9) {
        return Err("some scores are above 1: they are no probabilities".to_owned());
    }
    let pairs = rows.iter().copied().zip(truth.shown.iter().copied());
    Ok(Reliability::of(pairs))
}

/// Of the highest score of each clip that shows exactly one emotion.
fn of_top(measured: &Measured<'_>) -> Result<Reliability, String> {
    let scores = measured.scores.ok_or_else(|| NO_SCORES.to_owned())?;
    let clips = scores.rows().into_iter().zip(tops(measured));
    let mut tops = Vec::new();
    for ((row, top), truth) in clips.zip(measured.truths) {
        if let (Some(top), 1) = (top, size(truth)) {
            tops.push((row[top], is_strongest(truth, top)));
        }
    }
    if tops.is_empty() {
        return Err("no clip shows exactly one emotion".to_owned());
    }
    if tops.iter().any(|(p, _)| *p > 1.0 + 1e-9) {
        return Err("some scores are above 1: they are no probabilities".to_owned());
    }
    Ok(Reliability::of(tops))
}
