//! Measures of the order of scores: of the classes of a clip, and of the clips of a class.

use ndarray::{ArrayView1, ArrayView2};

use super::sets::size;
use super::{ClassMeasures, Measured, NO_CLIPS, NO_SCORES, Value, mean_or};
use crate::data::label::Blend;

/// How well the scores of one class tell the clips that show it from those that do not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct RankedClass {
    pub(super) average_precision: Option<f64>,
    pub(super) roc_auc: Option<f64>,
}

/// Of each class.
pub(super) fn by_class(
    shown: ArrayView2<'_, bool>,
    scores: ArrayView2<'_, f64>,
) -> Vec<RankedClass> {
    let columns = shown.columns().into_iter().zip(scores.columns());
    columns
        .map(|(shown, scores)| ranked(shown, scores))
        .collect()
}

/// Top-1, unweighted average recall, mean average precision, ROC AUC.
pub(super) fn values(measured: &Measured<'_>, by_class: &[ClassMeasures]) -> [Value; 4] {
    let tops = tops(measured);
    let right = measured.truths.iter().zip(&tops).map(|(truth, top)| {
        let right = top.is_some_and(|top| is_strongest(truth, top));
        f64::from(right)
    });
    let over_classes = |pick: fn(&ClassMeasures) -> Option<f64>| {
        if measured.scores.is_none() {
            return Err(NO_SCORES.to_owned());
        }
        let reason = "no class is shown by some of the clips and not by others";
        mean_or(by_class.iter().filter_map(pick), reason)
    };
    [
        mean_or(right, NO_CLIPS),
        recall(measured, &tops),
        over_classes(|class| class.average_precision),
        over_classes(|class| class.roc_auc),
    ]
}

/// The class of each clip with the highest score, of equal ones the first; where there are no scores,
/// the predicted emotion with the highest salience.
pub(super) fn tops(measured: &Measured<'_>) -> Vec<Option<usize>> {
    let highest = |values: &mut dyn Iterator<Item = (usize, f64)>| {
        let mut best: Option<(usize, f64)> = None;
        for (class, value) in values {
            if best.is_none_or(|(_, highest)| value > highest) {
                best = Some((class, value));
            }
        }
        best.map(|(class, _)| class)
    };
    match measured.scores {
        Some(scores) => {
            let rows = scores.rows().into_iter();
            rows.map(|row| highest(&mut row.iter().copied().enumerate()))
                .collect()
        }
        None => {
            let decided = measured.decided.iter();
            decided
                .map(|blend| {
                    let parts = blend.parts().iter();
                    highest(&mut parts.map(|part| (part.class, part.salience)))
                })
                .collect()
        }
    }
}

/// Whether a class has the largest share of a clip; several may.
pub(super) fn is_strongest(truth: &Blend, class: usize) -> bool {
    let parts = || truth.parts().iter();
    let of_class = parts().find(|part| part.class == class);
    of_class.is_some_and(|of_class| parts().all(|part| part.salience <= of_class.salience))
}

/// The mean over classes of the share of their clips with the right top-1, over the clips that show
/// exactly one emotion.
fn recall(measured: &Measured<'_>, tops: &[Option<usize>]) -> Value {
    let mut counts = vec![(0usize, 0usize); measured.classes.len()];
    for (truth, top) in measured.truths.iter().zip(tops) {
        if let (1, [part, ..]) = (size(truth), truth.parts()) {
            counts[part.class].0 += usize::from(*top == Some(part.class));
            counts[part.class].1 += 1;
        }
    }
    let occur = counts.iter().filter(|(_, clips)| *clips > 0);
    let recalls: Vec<f64> = occur
        .map(|&(hits, clips)| hits as f64 / clips as f64)
        .collect();
    match recalls.len() {
        0 => Err("no clip shows exactly one emotion".to_owned()),
        1 => Err("all clips that show exactly one emotion show the same one".to_owned()),
        _ => mean_or(recalls, NO_CLIPS),
    }
}

/// Average precision Σ (R_n − R_{n−1}) P_n and the area under the ROC curve, over the distinct scores
/// in descending order; equal scores count as one step.
fn ranked(shown: ArrayView1<'_, bool>, scores: ArrayView1<'_, f64>) -> RankedClass {
    let positives = shown.iter().filter(|shown| **shown).count();
    let negatives = shown.len() - positives;
    if positives == 0 || negatives == 0 {
        return RankedClass::default();
    }
    let mut order: Vec<usize> = (0..shown.len()).collect();
    order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let (mut hits, mut seen) = (0usize, 0usize);
    let (mut precision_sum, mut below) = (0.0, 0.0);
    for equal in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let new = equal.iter().filter(|&&clip| shown[clip]).count();
        let false_alarms = equal.len() - new;
        let negatives_above = seen - hits;
        // Each positive counts the negatives below it; equal ones half.
        let worse = (negatives - negatives_above - false_alarms) as f64;
        below += new as f64 * (worse + 0.5 * false_alarms as f64);
        hits += new;
        seen += equal.len();
        precision_sum += new as f64 * (hits as f64 / seen as f64);
    }
    RankedClass {
        average_precision: Some(precision_sum / positives as f64),
        roc_auc: Some(below / (positives * negatives) as f64),
    }
}
