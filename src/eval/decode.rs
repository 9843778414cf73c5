//! From one distribution per clip to the emotions shown: the paper's rules and the challenge's, for sets
//! of any size.

use ndarray::ArrayView2;

use super::mixtures::Mixtures;
use super::ranked::{Ranked, rank_rows};
use super::rules::{Rules, Thresholds};
use super::trace::Trace;
use crate::Result;
use crate::config::DecodeConfig;
use crate::data::label::{Blend, Classes};

/// How aligned scores become emotions, but for the thresholds: the rules, and the sets that they give.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoding {
    /// The rules.
    pub rules: Rules,
    /// How many emotions there are at most, and in which proportions.
    pub mixtures: Mixtures,
}

impl Decoding {
    /// Those that a configuration names.
    pub fn of(config: &DecodeConfig) -> Self {
        Self {
            rules: Rules::of(config),
            mixtures: Mixtures::of(config),
        }
    }

    /// The emotions that one clip shows, in class order, with saliences in percent that sum to 100.
    ///
    /// * `row`: one probability per class, each finite and at least 0; it need not sum to 1.
    /// * Everywhere: never none and at most [`Mixtures::most`] emotions; equal probabilities rank by class
    ///   index; an emotion of probability 0 is absent whatever the threshold; neutral is never part of a
    ///   blend.
    /// * NaN and negative values count as absent; the readers of files refuse them with their
    ///   place, so none arrives here from there. An empty row gives a [`Blend`] without parts.
    ///
    /// **Paper.** Emotions below t_p are suppressed; none left: the highest alone. Neutral among
    /// several survivors: alone if it is strictly the highest, otherwise as [`NeutralRule`](crate::config::NeutralRule) says.
    /// Of the k highest survivors, k at most [`Mixtures::most`], r = f_1 / (f_1 + … + f_k) is the share of
    /// the highest (15). One: salience 100.
    ///
    /// **Challenge.** Only the highest, at most [`Mixtures::most`], count. The highest below t_p: it alone,
    /// otherwise those below t_p are dropped. One left: salience 100. Neutral among them: the highest other
    /// one alone if it is at least as high, else neutral alone.
    ///
    /// **Proportions** of the k ≥ 2 that are left. What decides is the excess e of the highest: r − 1/k, or
    /// with the challenge's rules p_1 minus the mean of the others. Where there are levels for sets of k:
    /// e ≤ t_s gives the most even one, and the boundary after the next lies at t_s · m_2 / m_1, m_j being
    /// the excess midway between the levels j and j + 1 (those with the same highest share are one level
    /// here; the nearest of them is taken). With the levels 50/50 and 70/30 this is the paper's (16), 50/50
    /// if |r − 0.5| ≤ t_s, and the challenge's, 50/50 if p_1 − p_2 ≤ t_s. Where there are none, the shares
    /// are those of the scores, f_i / Σ f, as percentages with one digit that sum to 100
    /// ([`in_tenths`](crate::data::task::in_tenths)). Where no size has levels, t_s from 0 to 1 draws them
    /// together: (1 − t_s) f_i / Σ f + t_s / k.
    pub fn decode(&self, row: &[f64], classes: &Classes, thresholds: Thresholds) -> Blend {
        Ranked::new(row, classes.neutral(), self.mixtures.most())
            .decide(self.rules, &self.mixtures, thresholds)
            .into_blend()
    }

    /// [`Decoding::decode`] for every row of `(clips, classes)`, in order.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] if the rows have not one value per class; [`crate::Error::Config`] for thresholds
    /// that are not finite; [`crate::Error::Data`] naming the row (from 1) with a negative or non-finite value.
    pub fn decode_rows(
        &self,
        rows: ArrayView2<'_, f64>,
        classes: &Classes,
        thresholds: Thresholds,
    ) -> Result<Vec<Blend>> {
        thresholds.check()?;
        let ranked = rank_rows(rows, classes, self.mixtures.most())?;
        let decided = ranked
            .iter()
            .map(|row| row.decide(self.rules, &self.mixtures, thresholds));
        Ok(decided.map(Trace::into_blend).collect())
    }
}

impl From<Rules> for Decoding {
    /// The rules with the challenge's sets: at most two emotions, 50/50 or 70/30.
    fn from(rules: Rules) -> Self {
        Self {
            rules,
            mixtures: Mixtures::challenge(),
        }
    }
}

impl Rules {
    /// [`Decoding::decode`] into the challenge's sets: one emotion, or two with saliences 50/50 or 70/30.
    pub fn decode(self, row: &[f64], classes: &Classes, thresholds: Thresholds) -> Blend {
        Decoding::from(self).decode(row, classes, thresholds)
    }

    /// [`Decoding::decode_rows`] into the challenge's sets.
    ///
    /// # Errors
    /// As there.
    pub fn decode_rows(
        self,
        rows: ArrayView2<'_, f64>,
        classes: &Classes,
        thresholds: Thresholds,
    ) -> Result<Vec<Blend>> {
        Decoding::from(self).decode_rows(rows, classes, thresholds)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::Error;
    use crate::config::{NeutralRule, Proportions};

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

    fn of_sets(rules: Rules, most: usize, proportions: &Proportions) -> Decoding {
        let mixtures = Mixtures::new(most, proportions);
        Decoding { rules, mixtures }
    }

    #[test]
    fn sets_grow_to_the_most_and_no_further() {
        let row = [0.3, 0.25, 0.2, 0.15, 0.1, 0.0];
        let classes = Classes::challenge();
        let t = Thresholds {
            presence: 0.12,
            salience: 0.1,
        };
        for rules in [PAPER, KEEP_ONE, Rules::Challenge] {
            for (most, sizes) in [(1, 1), (2, 2), (3, 3), (4, 4), (6, 4)] {
                let found =
                    of_sets(rules, most, &Proportions::Continuous).decode(&row, &classes, t);
                assert_eq!(found.parts().len(), sizes, "{rules:?} {most}");
                let sum: f64 = found.parts().iter().map(|part| part.salience).sum();
                assert!((sum - 100.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn continuous_shares_are_those_of_the_scores_in_tenths() {
        let row = [0.4, 0.1, 0.0, 0.2, 0.0, 0.0];
        let t = Thresholds {
            presence: 0.05,
            salience: 0.0,
        };
        let decoding = of_sets(PAPER, 3, &Proportions::Continuous);
        let drawn = |salience: f64| {
            let thresholds = Thresholds { salience, ..t };
            shown(&decoding.decode(&row, &Classes::challenge(), thresholds))
        };
        assert_eq!(drawn(0.0), [(0, 57.1), (1, 14.3), (3, 28.6)]);
        // Half of the way to a third each.
        assert_eq!(drawn(0.5), [(0, 45.2), (1, 23.8), (3, 31.0)]);
        assert_eq!(drawn(1.0), [(0, 33.4), (1, 33.3), (3, 33.3)]);
        // A share that rounds to nothing is not shown.
        let row = [1.0, 1e-6, 0.0, 0.0, 0.0, 0.0];
        let low = Thresholds { presence: 0.0, ..t };
        let found = shown(&decoding.decode(&row, &Classes::challenge(), low));
        assert_eq!(found, [(0, 100.0)]);
    }

    #[test]
    fn a_blend_of_a_single_level_gives_the_larger_share_to_the_higher() {
        let levels = Proportions::Levels(vec![vec![60.0, 40.0]]);
        let t = Thresholds {
            presence: 0.1,
            salience: 0.1,
        };
        for rules in [PAPER, Rules::Challenge] {
            let decoding = of_sets(rules, 2, &levels);
            let row = [0.3, 0.4, 0.0, 0.0, 0.0, 0.0];
            let found = shown(&decoding.decode(&row, &Classes::challenge(), t));
            assert_eq!(found, [(0, 40.0), (1, 60.0)]);
            let tied = [0.4, 0.4, 0.0, 0.0, 0.0, 0.0];
            let found = shown(&decoding.decode(&tied, &Classes::challenge(), t));
            assert_eq!(found, [(0, 60.0), (1, 40.0)]);
        }
    }

    #[test]
    fn neutral_is_never_part_of_a_larger_set_either() {
        let row = [0.3, 0.2, 0.2, 0.0, 0.0, 0.25];
        let t = Thresholds {
            presence: 0.1,
            salience: 0.1,
        };
        let of = |rules| {
            let decoding = of_sets(rules, 3, &Proportions::Continuous);
            shown(&decoding.decode(&row, &Classes::challenge(), t))
        };
        assert_eq!(of(PAPER).len(), 3);
        assert!(of(PAPER).iter().all(|(class, _)| *class != 5));
        assert_eq!(of(KEEP_ONE), [(0, 100.0)]);
        assert_eq!(of(Rules::Challenge), [(0, 100.0)]);
    }
}
