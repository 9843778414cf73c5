//! The part of decoding that depends on the row alone, done once, and the decision that each pair of
//! thresholds then costs. `decode` states the rules.

use ndarray::ArrayView2;

use super::mixtures::{Mixtures, Scored};
use super::rules::{Rules, Thresholds};
use super::trace::{Gap, Trace};
use crate::config::NeutralRule;
use crate::data::label::Classes;
use crate::{Error, Result};

/// Every row ready to be decided into sets of at most `most`, checked as [`Rules::decode_rows`] promises.
pub(super) fn rank_rows(
    rows: ArrayView2<'_, f64>,
    classes: &Classes,
    most: usize,
) -> Result<Vec<Ranked>> {
    if rows.ncols() != classes.len() || classes.is_empty() {
        return Err(Error::Shape {
            op: "decode",
            expected: format!("rows of {} classes, at least one", classes.len()),
            got: format!("rows of {}", rows.ncols()),
        });
    }
    let mut ranked = Vec::with_capacity(rows.nrows());
    for (clip, row) in rows.rows().into_iter().enumerate() {
        if let Some(bad) = row.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
            return Err(Error::Data(format!(
                "decoding: row {} holds {bad}; probabilities are finite and at least 0",
                clip + 1
            )));
        }
        ranked.push(Ranked::new(&row.to_vec(), classes.neutral(), most));
    }
    Ok(ranked)
}

/// All that decoding needs of a row whatever the rules and thresholds, so that a threshold search
/// ranks once and each of its cells costs a few comparisons.
#[derive(Clone, Debug)]
pub(super) struct Ranked {
    /// The highest of all classes, as many as a set has at most.
    top: Vec<Scored>,
    /// The highest that are not neutral, as many.
    emotions: Vec<Scored>,
    neutral: Option<Scored>,
}

impl Ranked {
    pub(super) fn new(row: &[f64], neutral: Option<usize>, most: usize) -> Self {
        // NaN and negative values become 0, which both rules treat as absent.
        let scored = |(class, &p): (usize, &f64)| (class, if p > 0.0 { p } else { 0.0 });
        let mut all: Vec<Scored> = row.iter().enumerate().map(scored).collect();
        // Stable: among equals the one that comes first.
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        let emotions = all.iter().filter(|(class, _)| Some(*class) != neutral);
        Self {
            emotions: emotions.take(most).copied().collect(),
            neutral: all
                .iter()
                .find(|(class, _)| Some(*class) == neutral)
                .copied(),
            top: {
                all.truncate(most);
                all
            },
        }
    }

    /// How much of the row passes a presence threshold: the highest, the highest emotions, and whether
    /// neutral does. Presence thresholds that leave the same decide alike.
    pub(super) fn left(&self, thresholds: Thresholds) -> (usize, usize, bool) {
        (
            surviving(&self.top, thresholds).len(),
            surviving(&self.emotions, thresholds).len(),
            self.neutral
                .is_some_and(|neutral| thresholds.keep(neutral.1)),
        )
    }

    /// Decides, and says which of the rules decided.
    pub(super) fn decide<'a>(
        &'a self,
        rules: Rules,
        mixtures: &'a Mixtures,
        thresholds: Thresholds,
    ) -> Trace<'a> {
        match rules {
            Rules::Paper { neutral } => self.paper(neutral, mixtures, thresholds),
            Rules::Challenge => self.challenge(mixtures, thresholds),
        }
    }

    fn paper<'a>(
        &'a self,
        rule: NeutralRule,
        mixtures: &'a Mixtures,
        thresholds: Thresholds,
    ) -> Trace<'a> {
        let survives = |scored: &Scored| thresholds.keep(scored.1);
        // Sorted: none survives after one that does not.
        let left = surviving(&self.emotions, thresholds);
        let neutral = self.neutral.filter(survives);
        let neutral_dropped = neutral.is_some();
        match (left, neutral) {
            ([], Some(neutral)) => Trace::Single {
                left: neutral,
                neutral_dropped: false,
            },
            ([], None) => {
                (self.top.first()).map_or(Trace::NoClasses, |&top| Trace::NoneSurvives(top))
            }
            (&[best, ..], Some(neutral)) if neutral.1 > best.1 => {
                Trace::NeutralHighest { neutral, best }
            }
            (&[best, ..], Some(_)) if rule == NeutralRule::KeepOne => Trace::NeutralBeaten(best),
            (&[left], _) => Trace::Single {
                left,
                neutral_dropped,
            },
            (left, _) => {
                let ratio = left[0].1 / left.iter().map(|scored| scored.1).sum::<f64>();
                let excess = (ratio - 1.0 / left.len() as f64).abs();
                Trace::Several {
                    left,
                    gap: Gap::Ratio { ratio, excess },
                    shares: mixtures.shares(excess, thresholds.salience, left),
                    reversed: false,
                    neutral_dropped,
                }
            }
        }
    }

    fn challenge<'a>(&'a self, mixtures: &'a Mixtures, thresholds: Thresholds) -> Trace<'a> {
        let Some(&first) = self.top.first() else {
            return Trace::NoClasses;
        };
        let left = surviving(&self.top, thresholds);
        let (&[_, second, ..], others) = (left, left.get(1..).unwrap_or_default()) else {
            return match left {
                [] => Trace::NoneSurvives(first),
                _ => Trace::Single {
                    left: first,
                    neutral_dropped: false,
                },
            };
        };
        let is_neutral = |scored: &Scored| self.neutral.is_some_and(|(class, _)| class == scored.0);
        if others.iter().any(is_neutral) {
            return Trace::NeutralBeaten(first);
        }
        if is_neutral(&first) {
            return if first.1 > second.1 {
                Trace::NeutralHighest {
                    neutral: first,
                    best: second,
                }
            } else {
                // A tie that neutral leads by its index alone: the emotion wins it.
                Trace::NeutralTied(second)
            };
        }
        let sum: f64 = others.iter().map(|scored| scored.1).sum();
        let difference = first.1 - sum / others.len() as f64;
        Trace::Several {
            left,
            gap: Gap::Difference(difference),
            shares: mixtures.shares(difference, thresholds.salience, left),
            // A negative threshold: the baseline's last branch gives the larger share to the class that
            // comes second in class order.
            reversed: left.len() == 2 && difference == 0.0 && thresholds.salience < 0.0,
            neutral_dropped: false,
        }
    }
}

/// Those that pass the presence threshold, of classes that are sorted.
fn surviving(sorted: &[Scored], thresholds: Thresholds) -> &[Scored] {
    let count = sorted.iter().take_while(|scored| thresholds.keep(scored.1));
    &sorted[..count.count()]
}
