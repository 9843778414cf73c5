//! How a decision came about, in words: the decoder's own trace, written out.

use super::decoder::Decoder;
use super::ranked::Ranked;
use super::rules::Rules;
use super::trace::{Gap, Scored, Trace};
use crate::data::label::Classes;

impl Decoder {
    /// The steps of [`Rules::decode`] on one aligned row (one probability per class), in order, joined
    /// by `; `; empty without classes.
    pub fn explain(&self, row: &[f64], classes: &Classes) -> String {
        let trace = Ranked::new(row, classes.neutral()).decide(self.rules, self.thresholds);
        let words = Words {
            decoder: self,
            classes,
        };
        let mut steps = Vec::new();
        if !matches!(trace, Trace::NoClasses | Trace::NoneSurvives(_)) {
            steps.push(words.survivors(row));
        }
        steps.extend(words.neutral(&trace));
        steps.extend(words.outcome(&trace));
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
        let (among, scope) = match self.decoder.rules {
            Rules::Paper { .. } => (ranked.len(), ""),
            Rules::Challenge => (2, "of the two highest "),
        };
        let kept = ranked.into_iter().take(among);
        let kept = kept.filter(|scored| self.decoder.thresholds.keep(scored.1));
        let names: Vec<String> = kept.map(|scored| self.name(scored)).collect();
        let limit = self.presence_limit();
        format!("{scope}{limit} leaves {}", names.join(", "))
    }

    /// What became of neutral, where it met another emotion.
    fn neutral(&self, trace: &Trace) -> Option<String> {
        Some(match *trace {
            Trace::NeutralHighest { best, .. } => {
                let best = match self.decoder.rules {
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
            | Trace::Pair {
                pair: [best, _],
                neutral_dropped: true,
                ..
            } => format!("{} is not below neutral, which is dropped", self.name(best)),
            _ => return None,
        })
    }

    /// The last step, unless neutral's was.
    fn outcome(&self, trace: &Trace) -> Option<String> {
        Some(match *trace {
            Trace::NoneSurvives(highest) => format!(
                "none reaches {}; {} is the highest and stays alone",
                self.presence_limit(),
                self.name(highest)
            ),
            Trace::Single { .. } => "one is left, salience 100".to_owned(),
            Trace::Pair {
                pair, gap, shares, ..
            } => {
                let [first, second] = pair.map(|(class, _)| self.classes.name(class));
                let what = match gap {
                    Gap::Ratio(ratio) => format!("r = {ratio:.3}, |r − 0.5|"),
                    Gap::Difference(_) => "difference".to_owned(),
                };
                let (sign, share) = if shares[0] == shares[1] {
                    ("≤", "50/50")
                } else {
                    (">", "70/30")
                };
                let (gap, limit) = (gap.value(), self.decoder.thresholds.salience);
                format!("{first} and {second}: {what} = {gap:.3} {sign} t_s {limit:.3}, so {share}")
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::NeutralRule;
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
            rules,
            thresholds,
            alpha: 1.0,
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
}
