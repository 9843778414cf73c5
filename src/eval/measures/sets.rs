//! Measures of decoded sets of emotions; saliences do not matter.

use super::{Measured, NO_CLIPS, Value, mean_or};
use crate::data::label::Blend;
use crate::eval::confusion::Detection;
use crate::eval::metrics::presence_correct;

/// Measures of the clips that show the same number of emotions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SizeMeasures {
    /// How many emotions they show.
    pub size: usize,
    /// Number of clips.
    pub clips: usize,
    /// The share whose predicted set is the true one.
    pub exact_set: f64,
    /// The share of wrong decisions on a class.
    pub hamming: f64,
    /// The mean number of emotions predicted.
    pub predicted_size: f64,
}

/// Exact set, macro F1, micro F1, Hamming loss.
pub(super) fn values(measured: &Measured<'_>, detections: &[Detection]) -> [Value; 4] {
    let pairs = || pairs(measured);
    let exact = pairs().map(|(truth, decided)| f64::from(presence_correct(truth, decided)));
    let f1 = detections.iter().filter_map(Detection::f1);
    let mut all = Detection::default();
    for found in detections {
        all.hits += found.hits;
        all.misses += found.misses;
        all.false_alarms += found.false_alarms;
    }
    let hamming = pairs().map(|(truth, decided)| hamming(truth, decided, measured.classes.len()));
    [
        mean_or(exact, NO_CLIPS),
        mean_or(f1, NO_CLIPS),
        all.f1().ok_or_else(|| NO_CLIPS.to_owned()),
        mean_or(hamming, NO_CLIPS),
    ]
}

/// The same for the clips of each size of the true set.
pub(super) fn by_size(measured: &Measured<'_>) -> Vec<SizeMeasures> {
    let largest = pairs(measured).map(|(truth, _)| size(truth)).max();
    let of_size = |wanted: usize| {
        let those = || pairs(measured).filter(|(truth, _)| size(truth) == wanted);
        let clips = those().count();
        let mean = |value: &dyn Fn(&Blend, &Blend) -> f64| {
            those().map(|(t, d)| value(t, d)).sum::<f64>() / clips as f64
        };
        (clips > 0).then(|| SizeMeasures {
            size: wanted,
            clips,
            exact_set: mean(&|t, d| f64::from(presence_correct(t, d))),
            hamming: mean(&|t, d| hamming(t, d, measured.classes.len())),
            predicted_size: mean(&|_, d| size(d) as f64),
        })
    };
    (0..=largest.unwrap_or(0)).filter_map(of_size).collect()
}

fn pairs<'a>(measured: &Measured<'a>) -> impl Iterator<Item = (&'a Blend, &'a Blend)> {
    let truths = measured.truths.iter().copied();
    truths.zip(measured.decided.iter().copied())
}

/// How many different emotions a clip shows.
pub(super) fn size(blend: &Blend) -> usize {
    let parts = blend.parts();
    let again = parts
        .windows(2)
        .filter(|pair| pair[0].class == pair[1].class);
    parts.len() - again.count()
}

fn shows(blend: &Blend, class: usize) -> bool {
    blend.parts().iter().any(|part| part.class == class)
}

/// The share of classes on which truth and prediction differ.
fn hamming(truth: &Blend, decided: &Blend, classes: usize) -> f64 {
    let differs = |&class: &usize| shows(truth, class) != shows(decided, class);
    (0..classes).filter(differs).count() as f64 / classes.max(1) as f64
}
