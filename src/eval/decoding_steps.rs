//! How a decision came about, in words, for those who ask why.

use super::decode::{NeutralRule, Rules, Thresholds};
use crate::data::label::Classes;

/// A class with its probability.
type Scored = (usize, f64);

/// The steps of [`Rules::decode`] on one row, in order, joined by `; `.
pub fn decoding_steps(
    rules: Rules,
    row: &[f64],
    classes: &Classes,
    thresholds: Thresholds,
) -> String {
    let mut ranked: Vec<Scored> = row.iter().copied().enumerate().collect();
    // Stable: equal probabilities rank by class.
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let Some(&highest) = ranked.first() else {
        return String::new();
    };
    let name = |scored: Scored| format!("{} {:.3}", classes.name(scored.0), scored.1);
    let survives = |scored: &Scored| scored.1 > 0.0 && scored.1 >= thresholds.presence;
    let limit = format!("t_p {:.3}", thresholds.presence);
    if !ranked.iter().any(survives) {
        return format!(
            "none reaches {limit}; {} is the highest and stays alone",
            name(highest)
        );
    }
    let is_neutral = |scored: &Scored| Some(scored.0) == classes.neutral();
    let mut steps = Vec::new();
    let left: Vec<Scored> = match rules {
        Rules::Paper { neutral } => {
            let left: Vec<Scored> = ranked.into_iter().filter(survives).collect();
            let names: Vec<String> = left.iter().map(|scored| name(*scored)).collect();
            steps.push(format!("{limit} leaves {}", names.join(", ")));
            let others: Vec<Scored> = left.iter().copied().filter(|s| !is_neutral(s)).collect();
            let of_neutral = left.iter().copied().find(is_neutral);
            match (of_neutral, others.first()) {
                (Some(of_neutral), Some(best)) if of_neutral.1 > best.1 => {
                    steps.push(format!("neutral is above {} and stays alone", name(*best)));
                    vec![of_neutral]
                }
                (Some(_), Some(best)) if neutral == NeutralRule::KeepOne => {
                    steps.push(format!(
                        "{} is not below neutral and stays alone",
                        name(*best)
                    ));
                    vec![*best]
                }
                (Some(_), Some(best)) => {
                    steps.push(format!(
                        "{} is not below neutral, which is dropped",
                        name(*best)
                    ));
                    others
                }
                _ => left,
            }
        }
        Rules::Challenge => {
            let two: Vec<Scored> = ranked.into_iter().take(2).filter(survives).collect();
            let names: Vec<String> = two.iter().map(|scored| name(*scored)).collect();
            steps.push(format!(
                "of the two highest {limit} leaves {}",
                names.join(", ")
            ));
            match two[..] {
                [first, second] if is_neutral(&second) => {
                    steps.push(format!(
                        "{} is not below neutral and stays alone",
                        name(first)
                    ));
                    vec![first]
                }
                [first, second] if is_neutral(&first) && first.1 > second.1 => {
                    steps.push("neutral is above it and stays alone".into());
                    vec![first]
                }
                [first, second] if is_neutral(&first) => {
                    steps.push(format!(
                        "{} ties with neutral and stays alone",
                        name(second)
                    ));
                    vec![second]
                }
                _ => two,
            }
        }
    };
    if let [first, second, ..] = left[..] {
        let limit = thresholds.salience;
        let (gap, what) = match rules {
            Rules::Paper { .. } => {
                let ratio = first.1 / (first.1 + second.1);
                ((ratio - 0.5).abs(), format!("r = {ratio:.3}, |r − 0.5|"))
            }
            Rules::Challenge => (first.1 - second.1, "difference".to_owned()),
        };
        let (sign, share) = if gap <= limit {
            ("≤", "50/50")
        } else {
            (">", "70/30")
        };
        steps.push(format!(
            "{} and {}: {what} = {gap:.3} {sign} t_s {limit:.3}, so {share}",
            classes.name(first.0),
            classes.name(second.0)
        ));
    } else if !steps.last().is_some_and(|step| step.ends_with("alone")) {
        steps.push("one is left, salience 100".into());
    }
    steps.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Stream};

    const PAPER: Rules = Rules::Paper {
        neutral: NeutralRule::DropAndGoOn,
    };
    const KEEP_ONE: Rules = Rules::Paper {
        neutral: NeutralRule::KeepOne,
    };

    #[test]
    fn each_step_is_told() {
        let classes = Classes::challenge();
        let thresholds = Thresholds {
            presence: 0.1,
            salience: 0.05,
        };
        let steps = |rules, row: [f64; 6]| decoding_steps(rules, &row, &classes, thresholds);
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
                let told = decoding_steps(rules, &row, &classes, thresholds);
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
