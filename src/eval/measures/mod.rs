//! Measures of predictions beside the challenge's official two: of sets of emotions, of rankings, of
//! label distributions and of calibration. `docs/measures.md` defines each with its source.
//!
//! A measure that is undefined on the given clips has no value and a reason instead, never 0 or NaN.

mod calibration;
mod distances;
mod kinds;
mod ranking;
mod sets;

use ndarray::{Array2, ArrayView2};

pub use calibration::{Bin, Reliability};
pub use kinds::{Group, MEASURES, Measure};
pub use sets::SizeMeasures;

use crate::data::label::{Blend, Classes};
use crate::error::{Error, Result};
use crate::eval::confusion::by_class;

/// The value of a measure, or why it is undefined on the clips.
pub type Value = std::result::Result<f64, String>;

/// Clips with their true and predicted emotions, in the same order.
#[derive(Clone, Copy, Debug)]
pub struct Measured<'a> {
    /// The classes of every row.
    pub classes: &'a Classes,
    /// The true emotions.
    pub truths: &'a [&'a Blend],
    /// The decoded emotions.
    pub decided: &'a [&'a Blend],
    /// The scores that were decoded `(clips, classes)`, aligned (paper eq. 14) or a distribution;
    /// `None` where only the decoded emotions are known.
    pub scores: Option<ArrayView2<'a, f64>>,
    /// Probabilities of presence `(clips, classes)`, of a model that gives them.
    pub presence: Option<ArrayView2<'a, f64>>,
}

/// All measures of one set of clips.
#[derive(Clone, Debug, PartialEq)]
pub struct MeasureValues {
    /// Number of clips.
    pub clips: usize,
    /// In the order of [`MEASURES`].
    pub values: Vec<Value>,
    /// In class order.
    pub by_class: Vec<ClassMeasures>,
    /// By the number of emotions that a clip shows, ascending; only sizes that occur.
    pub by_size: Vec<SizeMeasures>,
}

/// Measures of one class.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassMeasures {
    /// Clips that show it.
    pub clips: usize,
    /// Of the clips predicted to show it, the share that do; `None` if none is predicted.
    pub precision: Option<f64>,
    /// Of the clips that show it, the share predicted to; `None` if none shows it.
    pub recall: Option<f64>,
    /// Harmonic mean of both; `None` if it is neither shown nor predicted.
    pub f1: Option<f64>,
    /// Average precision of its scores; `None` without scores, or unless some clips show it and some
    /// do not.
    pub average_precision: Option<f64>,
    /// Area under its receiver operating characteristic; `None` as for the average precision.
    pub roc_auc: Option<f64>,
}

impl MeasureValues {
    /// Measures predictions.
    ///
    /// # Errors
    /// [`Error::Shape`] if truths, predictions and scores differ in number; [`Error::Data`] for a score
    /// that is negative or not finite, naming the row (from 1).
    pub fn of(measured: &Measured<'_>) -> Result<Self> {
        check(measured)?;
        let truth = Truth::of(measured);
        let detections: Vec<(&Blend, &Blend)> = measured
            .truths
            .iter()
            .copied()
            .zip(measured.decided.iter().copied())
            .collect();
        let detections = by_class(&detections, measured.classes);
        let ranked = measured
            .scores
            .map(|scores| ranking::by_class(truth.shown.view(), scores));
        let by_class = detections.iter().enumerate().map(|(class, found)| {
            let ranked = ranked.as_ref().map(|ranked| &ranked[class]);
            ClassMeasures {
                clips: found.hits + found.misses,
                precision: found.precision(),
                recall: found.recall(),
                f1: found.f1(),
                average_precision: ranked.and_then(|ranked| ranked.average_precision),
                roc_auc: ranked.and_then(|ranked| ranked.roc_auc),
            }
        });
        let by_class: Vec<ClassMeasures> = by_class.collect();
        let mut values = sets::values(measured, &detections).to_vec();
        values.extend(ranking::values(measured, &by_class));
        values.extend(distances::values(measured, &truth)?);
        values.extend(calibration::values(measured, &truth));
        Ok(Self {
            clips: measured.truths.len(),
            values,
            by_class,
            by_size: sets::by_size(measured),
        })
    }

    /// Each measure with its value.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Measure, &Value)> {
        MEASURES.iter().zip(&self.values)
    }

    /// The value of the measure with this name, where it is defined.
    pub fn get(&self, name: &str) -> Option<f64> {
        let (_, value) = self.iter().find(|(measure, _)| measure.name == name)?;
        value.as_ref().ok().copied()
    }
}

/// The true emotions as matrices `(clips, classes)`.
struct Truth {
    /// Shares, each row summing to 1.
    shares: Array2<f64>,
    /// Whether a clip shows a class.
    shown: Array2<bool>,
}

impl Truth {
    fn of(measured: &Measured<'_>) -> Self {
        let shape = (measured.truths.len(), measured.classes.len());
        let mut shares = Array2::zeros(shape);
        for (mut row, truth) in shares.rows_mut().into_iter().zip(measured.truths) {
            let of_clip = truth.to_distribution(measured.classes.len());
            row.iter_mut().zip(of_clip).for_each(|(to, x)| *to = x);
        }
        Self {
            shown: shares.mapv(|share| share > 0.0),
            shares,
        }
    }
}

fn check(measured: &Measured<'_>) -> Result<()> {
    let (clips, classes) = (measured.truths.len(), measured.classes.len());
    let shape = |expected: String, got: String| Error::Shape {
        op: "measures",
        expected,
        got,
    };
    if measured.decided.len() != clips {
        let got = measured.decided.len();
        return Err(shape(format!("{clips} predictions"), got.to_string()));
    }
    for rows in [measured.scores, measured.presence].into_iter().flatten() {
        if rows.dim() != (clips, classes) {
            let expected = format!("(clips, classes) = {:?}", (clips, classes));
            return Err(shape(expected, format!("{:?}", rows.dim())));
        }
        let bad = |x: &f64| !(x.is_finite() && *x >= 0.0);
        if let Some(((row, _), x)) = rows.indexed_iter().find(|(_, x)| bad(x)) {
            return Err(Error::Data(format!(
                "measures: row {}: found {x}; scores are finite and at least 0",
                row + 1
            )));
        }
    }
    Ok(())
}

/// The mean; `Err` with the reason where there is nothing to average.
fn mean_or(values: impl IntoIterator<Item = f64>, reason: &str) -> Value {
    let (mut sum, mut count) = (0.0, 0usize);
    for value in values {
        sum += value;
        count += 1;
    }
    match count {
        0 => Err(reason.to_owned()),
        count => Ok(sum / count as f64),
    }
}

/// Why a measure of no clips is undefined.
const NO_CLIPS: &str = "there are no clips";

/// Why a measure that needs scores has no value.
const NO_SCORES: &str = "needs a score for every class; these are decoded predictions";

#[cfg(test)]
mod tests;
