//! The part of decoding that depends on the row alone, done once, and the decision that each pair of
//! thresholds then costs. `decode` states the rules.

use ndarray::ArrayView2;

use super::rules::{Rules, Thresholds};
use super::trace::{Gap, Scored, Trace};
use crate::config::NeutralRule;
use crate::data::label::Classes;
use crate::{Error, Result};

/// Every row ready to be decided, checked as [`Rules::decode_rows`] promises.
pub(super) fn rank_rows(rows: ArrayView2<'_, f64>, classes: &Classes) -> Result<Vec<Ranked>> {
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
        ranked.push(Ranked::new(&row.to_vec(), classes.neutral()));
    }
    Ok(ranked)
}

/// All that decoding needs of a row whatever the rules and thresholds, so that a threshold search
/// ranks once and each of its cells costs a few comparisons.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranked {
    /// The two highest of all classes.
    top: [Option<Scored>; 2],
    /// The two highest that are not neutral.
    emotions: [Option<Scored>; 2],
    neutral: Option<Scored>,
}

impl Ranked {
    pub(super) fn new(row: &[f64], neutral: Option<usize>) -> Self {
        // NaN and negative values become 0, which both rules treat as absent.
        let scored = |(class, &p): (usize, &f64)| (class, if p > 0.0 { p } else { 0.0 });
        let all = row.iter().enumerate().map(scored);
        let emotions = all.clone().filter(|(class, _)| Some(*class) != neutral);
        Self {
            top: two_highest(all.clone()),
            emotions: two_highest(emotions),
            neutral: neutral.and_then(|class| all.clone().nth(class)),
        }
    }

    /// Decides, and says which of the rules decided.
    pub(super) fn decide(&self, rules: Rules, thresholds: Thresholds) -> Trace {
        match rules {
            Rules::Paper { neutral } => self.paper(neutral, thresholds),
            Rules::Challenge => self.challenge(thresholds),
        }
    }

    fn paper(&self, rule: NeutralRule, thresholds: Thresholds) -> Trace {
        let survives = |scored: &Scored| thresholds.keep(scored.1);
        // `emotions` is sorted, so if its first does not survive its second does not either.
        let [first, second] = self.emotions.map(|emotion| emotion.filter(survives));
        let neutral = self.neutral.filter(survives);
        let neutral_dropped = neutral.is_some();
        match (first, second, neutral) {
            (None, _, Some(neutral)) => Trace::Single {
                left: neutral,
                neutral_dropped: false,
            },
            (None, _, None) => self.top[0].map_or(Trace::NoClasses, Trace::NoneSurvives),
            (Some(best), _, Some(neutral)) if neutral.1 > best.1 => {
                Trace::NeutralHighest { neutral, best }
            }
            (Some(best), _, Some(_)) if rule == NeutralRule::KeepOne => Trace::NeutralBeaten(best),
            (Some(left), None, _) => Trace::Single {
                left,
                neutral_dropped,
            },
            (Some(first), Some(second), _) => {
                let ratio = first.1 / (first.1 + second.1);
                let equal = (ratio - 0.5).abs() <= thresholds.salience;
                Trace::Pair {
                    pair: [first, second],
                    gap: Gap::Ratio(ratio),
                    shares: if equal { [50.0, 50.0] } else { [70.0, 30.0] },
                    neutral_dropped,
                }
            }
        }
    }

    fn challenge(&self, thresholds: Thresholds) -> Trace {
        let Some(first) = self.top[0] else {
            return Trace::NoClasses;
        };
        let survives = |scored: &Scored| thresholds.keep(scored.1);
        if !survives(&first) {
            return Trace::NoneSurvives(first);
        }
        let Some(second) = self.top[1].filter(survives) else {
            return Trace::Single {
                left: first,
                neutral_dropped: false,
            };
        };
        let neutral = self.neutral.map(|neutral| neutral.0);
        if neutral == Some(second.0) {
            return Trace::NeutralBeaten(first);
        }
        if neutral == Some(first.0) {
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
        let difference = first.1 - second.1;
        let shares = if difference <= thresholds.salience {
            [50.0, 50.0]
        } else if difference == 0.0 {
            // A negative threshold: the baseline's last branch gives the larger share to the
            // class that comes second in class order.
            [30.0, 70.0]
        } else {
            [70.0, 30.0]
        };
        Trace::Pair {
            pair: [first, second],
            gap: Gap::Difference(difference),
            shares,
            neutral_dropped: false,
        }
    }
}

/// The two highest, highest first; among equals the one that comes first.
fn two_highest(scored: impl Iterator<Item = Scored>) -> [Option<Scored>; 2] {
    let mut top: [Option<Scored>; 2] = [None; 2];
    for candidate in scored {
        let beats = |held: Option<Scored>| held.is_none_or(|held| candidate.1 > held.1);
        if beats(top[0]) {
            top = [Some(candidate), top[0]];
        } else if beats(top[1]) {
            top[1] = Some(candidate);
        }
    }
    top
}
