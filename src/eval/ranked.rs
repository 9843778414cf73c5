//! The part of decoding that depends on the row alone, done once, and the decision that each pair of
//! thresholds then costs. `decode` states the rules.

use ndarray::ArrayView2;

use super::decode::{NeutralRule, Rules, Thresholds};
use crate::data::label::{Blend, Classes, Part};
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

/// A class with its probability.
type Scored = (usize, f64);

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

    pub(super) fn decide(&self, rules: Rules, thresholds: Thresholds) -> Decision {
        match rules {
            Rules::Paper { neutral } => self.paper(neutral, thresholds),
            Rules::Challenge => self.challenge(thresholds),
        }
    }

    fn paper(&self, rule: NeutralRule, thresholds: Thresholds) -> Decision {
        let survives = |scored: &Scored| scored.1 > 0.0 && scored.1 >= thresholds.presence;
        // `emotions` is sorted, so if its first does not survive its second does not either.
        let [first, second] = self.emotions.map(|emotion| emotion.filter(survives));
        let neutral = self.neutral.filter(survives);
        match (first, second, neutral) {
            (None, _, Some(neutral)) => Decision::one(neutral),
            (None, _, None) => self.top[0].map_or(Decision::NOTHING, Decision::one),
            (Some(first), _, Some(neutral)) if neutral.1 > first.1 => Decision::one(neutral),
            (Some(first), _, Some(_)) if rule == NeutralRule::KeepOne => Decision::one(first),
            (Some(first), None, _) => Decision::one(first),
            (Some(first), Some(second), _) => {
                let ratio = first.1 / (first.1 + second.1);
                Decision::pair(first, second, (ratio - 0.5).abs() <= thresholds.salience)
            }
        }
    }

    fn challenge(&self, thresholds: Thresholds) -> Decision {
        let Some(first) = self.top[0] else {
            return Decision::NOTHING;
        };
        let survives = |scored: &Scored| scored.1 > 0.0 && scored.1 >= thresholds.presence;
        // The second survives only where the first does.
        let Some(second) = self.top[1].filter(survives) else {
            return Decision::one(first);
        };
        if let Some(neutral) = self.neutral.map(|neutral| neutral.0) {
            if second.0 == neutral || (first.0 == neutral && first.1 > second.1) {
                return Decision::one(first);
            }
            if first.0 == neutral {
                // A tie that neutral leads by its index alone: the emotion wins it.
                return Decision::one(second);
            }
        }
        let difference = first.1 - second.1;
        let equal = difference <= thresholds.salience;
        if !equal && difference == 0.0 {
            // A negative threshold: the baseline's last branch gives the larger share to the
            // class that stands second in class order.
            return Decision::pair(second, first, false);
        }
        Decision::pair(first, second, equal)
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

/// What decoding decided, without an allocation: a threshold search makes hundreds per clip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decision {
    parts: [Part; 2],
    len: usize,
}

impl Decision {
    const NOTHING: Self = Self {
        parts: [Part {
            class: 0,
            salience: 0.0,
        }; 2],
        len: 0,
    };

    fn one((class, _): Scored) -> Self {
        let salience = 100.0;
        Self {
            parts: [Part { class, salience }; 2],
            len: 1,
        }
    }

    fn pair(larger: Scored, smaller: Scored, equal: bool) -> Self {
        let (most, least) = if equal { (50.0, 50.0) } else { (70.0, 30.0) };
        let part = |(class, _): Scored, salience| Part { class, salience };
        let mut parts = [part(larger, most), part(smaller, least)];
        parts.sort_by_key(|part| part.class);
        Self { parts, len: 2 }
    }

    /// In class order.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts[..self.len]
    }

    pub(super) fn into_blend(self) -> Blend {
        Blend::new(self.parts().to_vec())
    }
}
