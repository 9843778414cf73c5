//! Where predictions go wrong: confusion between emotion sets, and counts per emotion.

use ndarray::Array2;

use super::metrics::Accuracy;
use crate::data::label::{Blend, Classes};

/// How often each true emotion set was predicted as each other one, drawn as the challenge draws
/// it: singles first, then blends, each alphabetically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// The emotion sets that occur as truth or prediction, as [`set_name`] writes them.
    pub labels: Vec<String>,
    /// `(true sets, predicted sets)`, both in the order of `labels`.
    pub counts: Array2<usize>,
}

/// The name of a blend's emotion set: its emotions in alphabetical order joined by `-`
/// (`ang-hap`), whatever their saliences; empty for a blend without parts.
pub fn set_name(blend: &Blend, classes: &Classes) -> String {
    names(blend, classes).join("-")
}

fn names<'a>(blend: &Blend, classes: &'a Classes) -> Vec<&'a str> {
    let parts = blend.parts().iter();
    let mut names: Vec<&str> = parts.map(|part| classes.name(part.class)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl Confusion {
    /// Counts `(truth, predicted)` pairs; no pairs give no labels.
    ///
    /// # Panics
    /// If a blend holds a class that `classes` has not.
    pub fn of(pairs: &[(&Blend, &Blend)], classes: &Classes) -> Self {
        // Sorted by "is a blend", then by name.
        let key = |blend: &Blend| {
            let names = names(blend, classes);
            (names.len() > 1, names.join("-"))
        };
        let keyed: Vec<_> = pairs.iter().map(|(t, p)| (key(t), key(p))).collect();
        let mut labels: Vec<_> = keyed.iter().flat_map(|(t, p)| [t, p]).collect();
        labels.sort_unstable();
        labels.dedup();
        let mut counts = Array2::zeros((labels.len(), labels.len()));
        for (truth, predicted) in &keyed {
            if let (Ok(row), Ok(column)) = (
                labels.binary_search(&truth),
                labels.binary_search(&predicted),
            ) {
                counts[[row, column]] += 1;
            }
        }
        Self {
            labels: labels.into_iter().map(|(_, name)| name.clone()).collect(),
            counts,
        }
    }
}

/// The official accuracies apart for every true emotion set, in the order of [`Confusion`]; sets
/// that are only predicted do not occur.
///
/// # Panics
/// If a truth holds a class that `classes` has not.
pub fn by_truth(pairs: &[(&Blend, &Blend)], classes: &Classes) -> Vec<(String, Accuracy)> {
    let mut groups: std::collections::BTreeMap<(bool, String), Accuracy> = Default::default();
    for (truth, predicted) in pairs {
        let names = names(truth, classes);
        let key = (names.len() > 1, names.join("-"));
        groups.entry(key).or_default().count(truth, predicted);
    }
    let groups = groups.into_iter();
    groups.map(|((_, name), counts)| (name, counts)).collect()
}

/// Detection of one emotion over all clips, in singles and blends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detection {
    /// Clips that show it and are predicted to.
    pub hits: usize,
    /// Clips that show it and are not predicted to.
    pub misses: usize,
    /// Clips that do not show it and are predicted to.
    pub false_alarms: usize,
}

impl Detection {
    /// Of the clips predicted to show it, the share that do; `None` if none is predicted.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.hits, self.hits + self.false_alarms)
    }

    /// Of the clips that show it, the share predicted to; `None` if none shows it.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.hits, self.hits + self.misses)
    }

    /// Harmonic mean of both, `2 hits / (2 hits + misses + false alarms)`; `None` if the emotion
    /// is neither shown nor predicted.
    pub fn f1(&self) -> Option<f64> {
        ratio(
            2 * self.hits,
            2 * self.hits + self.misses + self.false_alarms,
        )
    }
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// [`Detection`] of every class, in class order.
pub fn by_class(pairs: &[(&Blend, &Blend)], classes: &Classes) -> Vec<Detection> {
    let shows = |blend: &Blend, class| blend.parts().iter().any(|part| part.class == class);
    let mut counts = vec![Detection::default(); classes.len()];
    for (truth, predicted) in pairs {
        for (class, count) in counts.iter_mut().enumerate() {
            match (shows(truth, class), shows(predicted, class)) {
                (true, true) => count.hits += 1,
                (true, false) => count.misses += 1,
                (false, true) => count.false_alarms += 1,
                (false, false) => {}
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::filename::truth;

    fn clip(name: &str) -> Blend {
        truth(name, &Classes::challenge()).unwrap()
    }

    #[test]
    fn rows_are_true_sets_columns_predicted_ones_singles_first() {
        let classes = Classes::challenge();
        let (sad, neu) = (clip("A_sad_int1_ver1"), clip("A_neu_int1_ver1"));
        let (mild, strong) = (
            clip("A_mix_ang_hap_30_70_ver1"),
            clip("A_mix_hap_ang_30_70_ver1"),
        );
        let pairs = [
            (&sad, &neu),
            (&sad, &sad),
            (&mild, &strong),
            (&strong, &sad),
        ];
        let confusion = Confusion::of(&pairs, &classes);
        assert_eq!(confusion.labels, ["neu", "sad", "ang-hap"]);
        let expected = ndarray::array![[0, 0, 0], [1, 1, 0], [0, 1, 1]];
        assert_eq!(confusion.counts, expected);
        let groups = by_truth(&pairs, &classes);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].0, "sad");
        assert_eq!(groups[0].1.presence(), Some(0.5));
        assert_eq!((groups[1].1.blends, groups[1].1.salience_correct), (2, 0));
        assert_eq!(Confusion::of(&[], &classes).labels.len(), 0);
    }

    #[test]
    fn an_emotion_is_counted_in_singles_and_blends() {
        let classes = Classes::challenge();
        let (hap, both) = (clip("A_hap_int1_ver1"), clip("A_mix_ang_hap_30_70_ver1"));
        let counts = by_class(&[(&hap, &both), (&both, &hap)], &classes);
        assert_eq!(
            (counts[3].hits, counts[3].misses, counts[3].false_alarms),
            (2, 0, 0)
        );
        assert_eq!(
            (counts[0].hits, counts[0].misses, counts[0].false_alarms),
            (0, 1, 1)
        );
        assert_eq!(
            (counts[3].f1(), counts[0].precision()),
            (Some(1.0), Some(0.0))
        );
        assert_eq!((counts[1].f1(), counts[1].recall()), (None, None));
    }
}
