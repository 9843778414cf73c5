//! How a decision came about, in words: the decoder's own trace, written out.

use super::decoder::Decoder;
use super::mixtures::{Scored, Shares};
use super::ranked::Ranked;
use super::rules::Rules;
use super::trace::{Gap, Trace};
use crate::data::label::Classes;

impl Decoder {
    /// The steps of [`Decoding::decode`](super::decode::Decoding::decode) on one aligned row (one probability per class), in order, joined
    /// by `; `; empty without classes.
    pub fn explain(&self, row: &[f64], classes: &Classes) -> String {
        let (rules, mixtures) = (self.decoding.rules, &self.decoding.mixtures);
        let ranked = Ranked::new(row, classes.neutral(), mixtures.most());
        let trace = ranked.decide(rules, mixtures, self.thresholds);
        let words = Words {
            decoder: self,
            classes,
        };
        let mut steps = Vec::new();
        if !matches!(trace, Trace::NoClasses | Trace::NoneSurvives(_)) {
            steps.push(words.survivors(row));
        }
        steps.extend(words.neutral(&trace));
        steps.extend(words.outcome(&trace, row));
        steps.join("; ")
    }
}

/// The names and limits that the sentences mention.
struct Words<'a> {
    decoder: &'a Decoder,
    classes: &'a Classes,
}

impl Words<'_> {
    fn name(&self, (class, probability): Scored) -> String {
        format!("{} {probability:.3}", self.classes.name(class))
    }

    fn presence_limit(&self) -> String {
        format!("t_p {:.3}", self.decoder.thresholds.presence)
    }

    /// Which classes pass the presence threshold, of those that the rules look at.
    fn survivors(&self, row: &[f64]) -> String {
        let mut ranked: Vec<Scored> = row.iter().copied().enumerate().collect();
        // Stable: equal probabilities rank by class.
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let most = self.decoder.decoding.mixtures.most();
        let (among, scope) = match (self.decoder.decoding.rules, most) {
            (Rules::Paper { .. }, _) => (ranked.len(), String::new()),
            (Rules::Challenge, 1) => (1, "of the highest ".to_owned()),
            (Rules::Challenge, 2) => (2, "of the two highest ".to_owned()),
            (Rules::Challenge, most) => (most, format!("of the {most} highest ")),
        };
        let kept = ranked.into_iter().take(among);
        let kept = kept.filter(|scored| self.decoder.thresholds.keep(scored.1));
        let names: Vec<String> = kept.map(|scored| self.name(scored)).collect();
        let limit = self.presence_limit();
        format!("{scope}{limit} leaves {}", names.join(", "))
    }

    /// What became of neutral, where it met another emotion.
    fn neutral(&self, trace: &Trace<'_>) -> Option<String> {
        Some(match *trace {
            Trace::NeutralHighest { best, .. } => {
                let best = match self.decoder.decoding.rules {
                    Rules::Paper { .. } => self.name(best),
                    Rules::Challenge => "it".to_owned(),
                };
                format!("neutral is above {best} and stays alone")
            }
            Trace::NeutralBeaten(winner) => {
                format!("{} is not below neutral and stays alone", self.name(winner))
            }
            Trace::NeutralTied(winner) => {
                format!("{} ties with neutral and stays alone", self.name(winner))
            }
            Trace::Single {
                left: best,
                neutral_dropped: true,
            }
            | Trace::Several {
                left: &[best, ..],
                neutral_dropped: true,
                ..
            } => format!("{} is not below neutral, which is dropped", self.name(best)),
            _ => return None,
        })
    }

    /// The last step, unless neutral's was.
    fn outcome(&self, trace: &Trace<'_>, row: &[f64]) -> Option<String> {
        Some(match *trace {
            Trace::NoneSurvives(highest) => format!(
                "none reaches {}; {} is the highest and stays alone",
                self.presence_limit(),
                self.name(highest)
            ),
            Trace::Single { .. } if self.others(row) > 0 => {
                "only the highest counts, salience 100".to_owned()
            }
            Trace::Single { .. } => "one is left, salience 100".to_owned(),
            Trace::Several {
                left, gap, shares, ..
            } => self.shares(left, gap, shares, trace),
            _ => return None,
        })
    }

    /// How many more emotions pass the presence threshold than a set may have, where that is one.
    fn others(&self, row: &[f64]) -> usize {
        let keeps = |(class, score): &(usize, &f64)| {
            Some(*class) != self.classes.neutral() && self.decoder.thresholds.keep(**score)
        };
        match (
            self.decoder.decoding.rules,
            self.decoder.decoding.mixtures.most(),
        ) {
            (Rules::Paper { .. }, 1) => row
                .iter()
                .enumerate()
                .filter(keeps)
                .count()
                .saturating_sub(1),
            _ => 0,
        }
    }

    /// How the shares of several emotions came about.
    fn shares(&self, left: &[Scored], gap: Gap, shares: Shares<'_>, trace: &Trace<'_>) -> String {
        let names: Vec<&str> = left
            .iter()
            .map(|(class, _)| self.classes.name(*class))
            .collect();
        let names = match names.split_last() {
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => String::new(),
        };
        let shares_of = shares;
        let Shares::Level(level) = shares_of else {
            let mut parts = Vec::new();
            trace.decide_into(&mut parts);
            let share = |(class, _): &Scored| {
                let part = parts.iter().find(|part| part.class == *class);
                part.map_or(0.0, |part| part.salience).to_string()
            };
            let shares: Vec<String> = left.iter().map(share).collect();
            let drawn = match shares_of {
                Shares::OfScores { drawn } if drawn > 0.0 => {
                    format!(", drawn together by t_s = {drawn}")
                }
                _ => String::new(),
            };
            return format!(
                "{names}: shares as their scores{drawn}, {}",
                shares.join("/")
            );
        };
        let percents: Vec<String> = level.iter().map(f64::to_string).collect();
        let percents = percents.join("/");
        let size = left.len();
        let boundaries = self.decoder.decoding.mixtures.boundaries(size);
        if boundaries == 0 {
            return format!("{names}: the only proportion of {size}, {percents}");
        }
        let what = match (gap, size) {
            (Gap::Ratio { ratio, .. }, 2) => format!("r = {ratio:.3}, |r − 0.5|"),
            (Gap::Ratio { ratio, .. }, _) => format!("r = {ratio:.3}, |r − 1/{size}|"),
            (Gap::Difference(_), 2) => "difference".to_owned(),
            (Gap::Difference(_), _) => "difference from the mean of the others".to_owned(),
        };
        let (gap, limit) = (gap.value(), self.decoder.thresholds.salience);
        let sign = if gap <= limit { "≤" } else { ">" };
        format!("{names}: {what} = {gap:.3} {sign} t_s {limit:.3}, so {percents}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{NeutralRule, Proportions};
    use crate::eval::decode::Decoding;
    use crate::eval::mixtures::Mixtures;
    use crate::eval::rules::Thresholds;
    use crate::rng::{Purpose, Stream};

    const PAPER: Rules = Rules::Paper {
        neutral: NeutralRule::Drop,
    };
    const KEEP_ONE: Rules = Rules::Paper {
        neutral: NeutralRule::KeepOne,
    };

    fn explain(rules: Rules, row: &[f64], classes: &Classes, thresholds: Thresholds) -> String {
        let decoder = Decoder {
            decoding: rules.into(),
            thresholds,
            alignment: 1.0.into(),
        };
        decoder.explain(row, classes)
    }

    #[test]
    fn each_step_is_told() {
        let classes = Classes::challenge();
        let thresholds = Thresholds {
            presence: 0.1,
            salience: 0.05,
        };
        let steps = |rules, row: [f64; 6]| explain(rules, &row, &classes, thresholds);
        assert_eq!(
            steps(PAPER, [0.5, 0.25, 0.0, 0.0, 0.05, 0.2]),
            "t_p 0.100 leaves ang 0.500, disg 0.250, neu 0.200; ang 0.500 is not below neutral, which is dropped; ang and disg: r = 0.667, |r − 0.5| = 0.167 > t_s 0.050, so 70/30"
        );
        assert_eq!(
            steps(PAPER, [0.05; 6]),
            "none reaches t_p 0.100; ang 0.050 is the highest and stays alone"
        );
        assert_eq!(
            steps(Rules::Challenge, [0.0, 0.9, 0.05, 0.0, 0.0, 0.0]),
            "of the two highest t_p 0.100 leaves disg 0.900; one is left, salience 100"
        );
    }

    /// The words agree with what is decided, on rows with many ties.
    #[test]
    fn the_steps_end_in_the_decision() {
        let classes = Classes::challenge();
        let mut stream = Stream::new(3, Purpose::Test, 77, 0);
        for _ in 0..4000 {
            let row: Vec<f64> = (0..6).map(|_| stream.below(8) as f64 / 10.0).collect();
            let thresholds = Thresholds {
                presence: stream.below(5) as f64 / 10.0,
                salience: stream.below(4) as f64 / 10.0,
            };
            for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
                let decided = rules.decode(&row, &classes, thresholds);
                let told = explain(rules, &row, &classes, thresholds);
                let parts = decided.parts();
                let expected = match parts.len() {
                    1 => ["alone", "salience 100"],
                    _ if parts[0].salience == 50.0 => ["50/50", "50/50"],
                    _ => ["70/30", "70/30"],
                };
                let ends = expected.iter().any(|end| told.ends_with(end));
                assert!(
                    ends,
                    "{rules:?} {row:?} {thresholds:?}: {decided:?}, {told}"
                );
            }
        }
    }

    #[test]
    fn larger_sets_and_other_proportions_are_told_too() {
        let classes = Classes::new(["joy", "awe", "woe", "fun"]);
        let told = |most: usize, proportions: Proportions, row: [f64; 4]| {
            let mixtures = Mixtures::new(most, &proportions);
            let decoder = Decoder {
                decoding: Decoding {
                    rules: PAPER,
                    mixtures,
                },
                thresholds: Thresholds {
                    presence: 0.15,
                    salience: 0.1,
                },
                alignment: 1.0.into(),
            };
            decoder.explain(&row, &classes)
        };
        let row = [0.4, 0.1, 0.3, 0.2];
        assert_eq!(
            told(3, Proportions::Continuous, row),
            "t_p 0.150 leaves joy 0.400, woe 0.300, fun 0.200; joy, woe and fun: shares as their scores, drawn together by t_s = 0.1, 43.4/33.3/23.3"
        );
        let only = Proportions::Levels(vec![vec![60.0, 40.0]]);
        assert!(
            told(2, only.clone(), row).ends_with("joy and woe: the only proportion of 2, 60/40")
        );
        assert!(told(1, only, row).ends_with("; only the highest counts, salience 100"));
        let three = Proportions::Levels(vec![vec![33.4, 33.3, 33.3], vec![50.0, 30.0, 20.0]]);
        let found = told(3, three, row);
        assert!(
            found.ends_with("r = 0.444, |r − 1/3| = 0.111 > t_s 0.100, so 50/30/20"),
            "{found}"
        );
    }
}
