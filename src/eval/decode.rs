//! From one distribution per clip to the emotions shown: the paper's rules and the challenge's.

use ndarray::ArrayView2;

use super::ranked::{Ranked, rank_rows};
use super::rules::{Rules, Thresholds};
use crate::Result;
use crate::data::label::{Blend, Classes};

impl Rules {
    /// The emotions that one clip shows, with saliences 100, 50/50 or 70/30, in class order.
    ///
    /// * `row`: one probability per class, each finite and at least 0; it need not sum to 1.
    /// * Everywhere: at most two emotions, never none; equal probabilities rank by class index; an
    ///   emotion of probability 0 is absent whatever the threshold; neutral is never part of a blend.
    /// * NaN and negative values count as absent; the readers of files refuse them with their
    ///   place, so none arrives here from there. An empty row gives a [`Blend`] without parts.
    ///
    /// **Paper.** Emotions below t_p are suppressed; none left: the highest alone. Neutral among
    /// several survivors: alone if it is strictly the highest, otherwise as [`NeutralRule`](crate::config::NeutralRule) says.
    /// One survivor: salience 100. Otherwise the two highest i, j with r = f_i / (f_i + f_j) (15):
    /// 50/50 if |r − 0.5| ≤ t_s, else 70/30 (16).
    ///
    /// **Challenge.** Only the two highest count. The highest below t_p: it alone, otherwise those
    /// below t_p are dropped. One left: salience 100. Neutral among the two: the other one alone if
    /// it is at least as high, else neutral alone. 50/50 if p_i − p_j ≤ t_s in f64, else 70/30.
    pub fn decode(self, row: &[f64], classes: &Classes, thresholds: Thresholds) -> Blend {
        Ranked::new(row, classes.neutral())
            .decide(self, thresholds)
            .decision()
            .into_blend()
    }

    /// [`Rules::decode`] for every row of `(clips, classes)`, in order.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if the rows have not one value per class; [`crate::Error::Config`] for thresholds
    /// that are not finite; [`crate::Error::Data`] naming the row (from 1) with a negative or non-finite value.
    pub fn decode_rows(
        self,
        rows: ArrayView2<'_, f64>,
        classes: &Classes,
        thresholds: Thresholds,
    ) -> Result<Vec<Blend>> {
        thresholds.check()?;
        let ranked = rank_rows(rows, classes)?;
        let decided = ranked.iter().map(|row| row.decide(self, thresholds));
        Ok(decided.map(|trace| trace.decision().into_blend()).collect())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::Error;
    use crate::config::NeutralRule;

    const PAPER: Rules = Rules::Paper {
        neutral: NeutralRule::Drop,
    };
    const KEEP_ONE: Rules = Rules::Paper {
        neutral: NeutralRule::KeepOne,
    };

    /// Decodes a challenge row; the result as `[(class, salience)]`.
    fn decode(rules: Rules, row: [f64; 6], presence: f64, salience: f64) -> Vec<(usize, f64)> {
        let thresholds = Thresholds { presence, salience };
        shown(&rules.decode(&row, &Classes::challenge(), thresholds))
    }

    fn shown(blend: &Blend) -> Vec<(usize, f64)> {
        let parts = blend.parts().iter();
        parts.map(|part| (part.class, part.salience)).collect()
    }

    #[test]
    fn nothing_above_the_presence_threshold_leaves_the_highest_alone() {
        for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
            let low = [0.2, 0.1, 0.3, 0.1, 0.1, 0.2];
            assert_eq!(decode(rules, low, 0.5, 0.1), [(2, 100.0)]);
            let tied = [0.2, 0.2, 0.2, 0.2, 0.1, 0.1];
            assert_eq!(decode(rules, tied, 0.5, 0.1), [(0, 100.0)]);
            let neutral = [0.2, 0.1, 0.1, 0.1, 0.1, 0.4];
            assert_eq!(decode(rules, neutral, 0.5, 0.1), [(5, 100.0)]);
            assert_eq!(decode(rules, [0.0; 6], 0.0, 0.1), [(0, 100.0)]);
        }
    }

    #[test]
    fn exactly_at_the_presence_threshold_stays() {
        for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
            let row = [0.75, 0.25, 0.0, 0.0, 0.0, 0.0];
            assert_eq!(decode(rules, row, 0.25, 0.1), [(0, 70.0), (1, 30.0)]);
            let above = 0.25f64.next_up();
            assert_eq!(decode(rules, row, above, 0.1), [(0, 100.0)]);
        }
    }

    #[test]
    fn paper_compares_the_ratio_and_the_challenge_the_difference() {
        let row = [0.375, 0.0, 0.0, 0.125, 0.0, 0.0];
        // r − 0.5 = 0.25 exactly, and so is the difference: equal counts as 50/50.
        for rules in [PAPER, Rules::Challenge] {
            assert_eq!(decode(rules, row, 0.1, 0.25), [(0, 50.0), (3, 50.0)]);
            let below = 0.25f64.next_down();
            assert_eq!(decode(rules, row, 0.1, below), [(0, 70.0), (3, 30.0)]);
        }
        let halved = [0.1875, 0.0, 0.0, 0.0625, 0.0, 0.0];
        assert_eq!(decode(PAPER, halved, 0.05, 0.2), [(0, 70.0), (3, 30.0)]);
        let equal = [(0, 50.0), (3, 50.0)];
        assert_eq!(decode(Rules::Challenge, halved, 0.05, 0.2), equal);
    }

    #[test]
    fn the_pair_is_in_class_order_and_the_larger_share_follows_the_probability() {
        for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
            let row = [0.0, 0.2, 0.0, 0.0, 0.6, 0.0];
            assert_eq!(decode(rules, row, 0.1, 0.1), [(1, 30.0), (4, 70.0)]);
        }
    }

    #[test]
    fn a_tie_for_second_place_goes_to_the_lower_class() {
        for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
            let row = [0.25, 0.4, 0.1, 0.25, 0.0, 0.0];
            assert_eq!(decode(rules, row, 0.05, 0.01), [(0, 30.0), (1, 70.0)]);
        }
    }

    #[test]
    fn neutral_competes_with_the_best_other_emotion() {
        let beaten = [0.3, 0.2, 0.0, 0.0, 0.0, 0.25];
        assert_eq!(decode(PAPER, beaten, 0.1, 0.05), [(0, 70.0), (1, 30.0)]);
        assert_eq!(decode(KEEP_ONE, beaten, 0.1, 0.05), [(0, 100.0)]);
        assert_eq!(decode(Rules::Challenge, beaten, 0.1, 0.05), [(0, 100.0)]);
        let third = [0.3, 0.25, 0.0, 0.0, 0.0, 0.2];
        assert_eq!(decode(KEEP_ONE, third, 0.1, 0.01), [(0, 100.0)]);
        // The challenge never looks beyond the two highest.
        let pair = [(0, 70.0), (1, 30.0)];
        assert_eq!(decode(Rules::Challenge, third, 0.1, 0.01), pair);
        for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
            let ahead = [0.3, 0.2, 0.0, 0.0, 0.0, 0.5];
            assert_eq!(decode(rules, ahead, 0.1, 0.1), [(5, 100.0)]);
            let tied = [0.0, 0.0, 0.0, 0.5, 0.0, 0.5];
            assert_eq!(decode(rules, tied, 0.1, 0.1), [(3, 100.0)]);
            let alone = [0.05, 0.0, 0.0, 0.0, 0.0, 0.95];
            assert_eq!(decode(rules, alone, 0.1, 0.1), [(5, 100.0)]);
        }
    }

    #[test]
    fn neutral_may_stand_anywhere_or_be_absent() {
        let t = Thresholds {
            presence: 0.1,
            salience: 0.1,
        };
        let first = Classes::new(["neu", "joy", "awe"]);
        let none = Classes::new(["calm", "joy", "awe"]);
        for rules in [PAPER, Rules::Challenge] {
            let tied = rules.decode(&[0.5, 0.0, 0.5], &first, t);
            assert_eq!(shown(&tied), [(2, 100.0)]);
            let ahead = rules.decode(&[0.6, 0.4, 0.0], &first, t);
            assert_eq!(shown(&ahead), [(0, 100.0)]);
            let blend = rules.decode(&[0.6, 0.4, 0.0], &none, t);
            assert_eq!(blend.parts().len(), 2);
            assert_eq!(
                shown(&rules.decode(&[0.3], &Classes::new(["one"]), t)),
                [(0, 100.0)]
            );
            assert!(
                rules
                    .decode(&[], &Classes::new([""; 0]), t)
                    .parts()
                    .is_empty()
            );
        }
    }

    #[test]
    fn an_emotion_of_probability_zero_is_absent_whatever_the_threshold() {
        for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
            let row = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
            assert_eq!(decode(rules, row, 0.0, 1.0), [(1, 100.0)]);
            assert_eq!(decode(rules, row, -1.0, 1.0), [(1, 100.0)]);
        }
    }

    #[test]
    fn what_is_no_probability_counts_as_absent_or_is_refused_with_its_row() {
        for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
            let row = [f64::NAN, 0.5, -3.0, 0.25, 0.0, 0.0];
            assert_eq!(decode(rules, row, 0.1, 0.0), [(1, 70.0), (3, 30.0)]);
            assert_eq!(decode(rules, [f64::NAN; 6], 0.1, 0.0), [(0, 100.0)]);
            let two = Classes::new(["joy", "awe"]);
            let t = Thresholds {
                presence: 0.1,
                salience: 0.1,
            };
            for bad in [f64::NAN, f64::INFINITY, -0.1] {
                let rows = array![[0.5, 0.5], [bad, 0.5]];
                let error = rules.decode_rows(rows.view(), &two, t).unwrap_err();
                assert!(error.to_string().contains("row 2"), "{error}");
                let off = Thresholds {
                    presence: f64::NAN,
                    ..t
                };
                let error = rules.decode_rows(rows.view(), &two, off).unwrap_err();
                assert!(matches!(error, Error::Config { .. }));
            }
            let wide = array![[0.5, 0.5, 0.0]];
            let error = rules.decode_rows(wide.view(), &two, t).unwrap_err();
            assert!(matches!(error, Error::Shape { .. }));
        }
    }
}
