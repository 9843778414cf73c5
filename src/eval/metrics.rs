//! The official accuracies of BlEmoRE: presence, salience and their mean.

use serde::{Deserialize, Serialize};

use crate::data::label::{Blend, Part};

/// Counts behind the official accuracies; adds up clip by clip.
///
/// Both accuracies are in [0, 1], over the clips that were counted: a clip left out of a
/// prediction file is not in the denominator, as in the official code, so a caller shows what
/// `eval::join` reports as missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accuracy {
    /// Clips counted.
    pub clips: usize,
    /// Those whose truth has exactly two emotions.
    pub blends: usize,
    /// Clips whose predicted set of emotions is the true one.
    pub presence_correct: usize,
    /// Blends whose two emotions and both saliences are right.
    pub salience_correct: usize,
}

impl Accuracy {
    /// Counts `(truth, predicted)` pairs.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a Blend, &'a Blend)>) -> Self {
        let mut accuracy = Self::default();
        for (truth, predicted) in pairs {
            accuracy.count(truth, predicted);
        }
        accuracy
    }

    /// Counts one more clip.
    pub fn count(&mut self, truth: &Blend, predicted: &Blend) {
        self.count_parts(truth.parts(), predicted.parts());
    }

    /// [`Accuracy::count`] on parts in class order, which a threshold search has without a `Blend`.
    pub(super) fn count_parts(&mut self, truth: &[Part], predicted: &[Part]) {
        self.clips += 1;
        self.presence_correct += usize::from(same_set(truth, predicted));
        if let Some(correct) = same_saliences(truth, predicted) {
            self.blends += 1;
            self.salience_correct += usize::from(correct);
        }
    }

    /// Adds another's counts this many times.
    pub(crate) fn add_times(&mut self, other: &Self, times: usize) {
        self.clips += times * other.clips;
        self.blends += times * other.blends;
        self.presence_correct += times * other.presence_correct;
        self.salience_correct += times * other.salience_correct;
    }

    /// ACC_presence: the share of clips whose set of emotions is right. `None` without clips
    /// (the official code gives NaN).
    pub fn presence(&self) -> Option<f64> {
        share(self.presence_correct, self.clips)
    }

    /// ACC_salience: the share of true blends whose pair and both saliences are right. `None`
    /// where no truth has exactly two emotions: the measure is undefined there.
    pub fn salience(&self) -> Option<f64> {
        share(self.salience_correct, self.blends)
    }

    /// The mean of both; an undefined one counts 0, as in the official code.
    pub fn average(&self) -> f64 {
        self.weighted(0.5)
    }

    /// [`Accuracy::average`] where ACC_salience is defined: half of an accuracy is no average of two.
    pub fn defined_average(&self) -> Option<f64> {
        self.salience().map(|_| self.average())
    }

    /// `w · presence + (1 − w) · salience`; an undefined one counts 0.
    pub fn weighted(&self, presence_weight: f64) -> f64 {
        let [presence, salience] = [self.presence(), self.salience()].map(|a| a.unwrap_or(0.0));
        presence_weight * presence + (1.0 - presence_weight) * salience
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Whether the sets of emotions are equal (`acc_presence_single`). Saliences do not matter, an
/// emotion named twice counts once, and nothing predicted is wrong unless nothing is true.
pub fn presence_correct(truth: &Blend, predicted: &Blend) -> bool {
    same_set(truth.parts(), predicted.parts())
}

/// Whether both emotions and both saliences are right (`acc_salience_single`); `None` where the
/// truth has not exactly two emotions. Saliences are compared as whole percents, halves rounded to
/// even as Python does (70.5 is 70); 60/40 on a 70/30 clip is wrong although its order is right. A
/// prediction of other than two emotions is wrong.
pub fn salience_correct(truth: &Blend, predicted: &Blend) -> Option<bool> {
    same_saliences(truth.parts(), predicted.parts())
}

fn same_set(truth: &[Part], predicted: &[Part]) -> bool {
    emotions(truth).eq(emotions(predicted))
}

/// The classes of parts in class order, each once.
fn emotions(parts: &[Part]) -> impl Iterator<Item = usize> {
    let first = parts.iter().map(|part| part.class).take(1);
    let changes = parts
        .windows(2)
        .filter(|pair| pair[0].class != pair[1].class);
    first.chain(changes.map(|pair| pair[1].class))
}

fn same_saliences(truth: &[Part], predicted: &[Part]) -> Option<bool> {
    let [first, second] = truth else {
        return None;
    };
    let same = |a: &Part, b: &Part| {
        a.class == b.class && a.salience.round_ties_even() == b.salience.round_ties_even()
    };
    Some(match predicted {
        [low, high] => same(first, low) && same(second, high),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blend(parts: &[(usize, f64)]) -> Blend {
        let part = |&(class, salience)| Part { class, salience };
        Blend::new(parts.iter().map(part).collect())
    }

    #[test]
    fn salience_rounds_halves_to_even() {
        let truth = blend(&[(0, 30.0), (3, 70.0)]);
        for (low, high, correct) in [
            (30.0, 70.0, true),
            (30.4, 69.6, true),
            (29.5, 70.5, true),
            (30.5, 69.5, true),
            (29.499, 70.501, false),
            (70.0, 30.0, false),
            (40.0, 60.0, false),
            (0.3, 0.7, false),
            (f64::NAN, f64::NAN, false),
        ] {
            let predicted = blend(&[(0, low), (3, high)]);
            assert_eq!(
                salience_correct(&truth, &predicted),
                Some(correct),
                "{low}/{high}"
            );
            assert!(presence_correct(&truth, &predicted));
        }
    }

    #[test]
    fn the_truth_is_rounded_too() {
        let truth = blend(&[(0, 29.5), (3, 70.5)]);
        let predicted = blend(&[(0, 30.0), (3, 70.0)]);
        assert_eq!(salience_correct(&truth, &predicted), Some(true));
    }

    #[test]
    fn a_single_or_triple_prediction_of_a_blend_is_wrong_in_salience() {
        let truth = blend(&[(0, 50.0), (3, 50.0)]);
        for predicted in [
            blend(&[(0, 100.0)]),
            blend(&[]),
            blend(&[(0, 50.0), (3, 25.0), (3, 25.0)]),
        ] {
            assert_eq!(salience_correct(&truth, &predicted), Some(false));
        }
    }

    #[test]
    fn presence_compares_sets() {
        let joy = Blend::single(3);
        assert!(presence_correct(&joy, &blend(&[(3, 50.0), (3, 50.0)])));
        assert!(!presence_correct(&joy, &blend(&[])));
        assert!(!presence_correct(&joy, &blend(&[(3, 50.0), (4, 50.0)])));
        assert_eq!(salience_correct(&joy, &joy), None);
    }

    #[test]
    fn undefined_measures_are_told_and_count_zero() {
        let none = Accuracy::default();
        assert_eq!((none.presence(), none.salience()), (None, None));
        assert_eq!(none.average(), 0.0);
        let joy = Blend::single(3);
        let single = Accuracy::of([(&joy, &joy)]);
        assert_eq!((single.presence(), single.salience()), (Some(1.0), None));
        assert_eq!(single.average(), 0.5);
    }

    #[test]
    fn a_truth_of_three_emotions_has_presence_but_no_salience() {
        let three = Blend::from_distribution(&[0.25, 0.25, 0.5]);
        let accuracy = Accuracy::of([(&three, &three)]);
        assert_eq!((accuracy.presence_correct, accuracy.blends), (1, 0));
    }
}
