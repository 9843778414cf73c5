//! The sets that decoding can give: how many emotions at most, and the proportions of each size.

use super::rules::Rules;
use crate::config::{CHALLENGE_MAX_EMOTIONS, DecodeConfig, MaxEmotions, Proportions};

/// How far continuous shares are drawn together, as the search tries it; as they are first, which wins among
/// equals. Scores tell which emotions are shown, and spread further than their shares do.
const DRAWN: [f64; 9] = [0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// A class with its probability.
pub(super) type Scored = (usize, f64);

/// How many emotions decoding gives at most, and in which proportions.
#[derive(Clone, Debug, PartialEq)]
pub struct Mixtures {
    most: usize,
    /// Of sets of two, of three, …; the challenge's are of two alone.
    sizes: Vec<Levels>,
}

/// The proportions of sets of one size; none: continuous.
#[derive(Clone, Debug, Default, PartialEq)]
struct Levels {
    /// Percentages, the largest first; the most even level first.
    levels: Vec<Vec<f64>>,
    /// For each group of levels with the same highest share but the last: how many levels lie up to its
    /// end, and the largest excess that it takes, as a multiple of the salience threshold.
    steps: Vec<(usize, f64)>,
    /// The excess midway between the two most even groups.
    midway: Option<f64>,
}

/// The shares of a set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shares<'a> {
    /// Percentages of a level, the largest first.
    Level(&'a [f64]),
    /// Those of the scores, drawn together: this part of the way to equal ones, from 0 to 1.
    OfScores { drawn: f64 },
}

impl Default for Mixtures {
    fn default() -> Self {
        Self::challenge()
    }
}

impl Mixtures {
    /// The challenge's: at most two emotions, 50/50 or 70/30.
    pub fn challenge() -> Self {
        Self::new(CHALLENGE_MAX_EMOTIONS, &Proportions::challenge())
    }

    /// At most `most` emotions (at least 1) in these proportions; the challenge's for what is `auto`
    /// still: the training labels say what that is
    /// ([`Task::resolve`](crate::data::task::Task::resolve)).
    pub fn new(most: usize, proportions: &Proportions) -> Self {
        let challenge = Proportions::challenge();
        let levels: &[Vec<f64>] = match (proportions, &challenge) {
            (Proportions::Continuous, _) => &[],
            (Proportions::Levels(levels), _) | (_, Proportions::Levels(levels)) => levels,
            _ => &[],
        };
        let sizes = levels.iter().map(Vec::len).max().unwrap_or(0);
        let of_size = |size: usize| {
            let levels = levels.iter().filter(|level| level.len() == size);
            Levels::new(levels.cloned().collect(), size)
        };
        Self {
            most: most.max(1),
            sizes: (2..=sizes).map(of_size).collect(),
        }
    }

    /// Those that a configuration names.
    pub fn of(config: &DecodeConfig) -> Self {
        let most = match config.max_emotions {
            MaxEmotions::Auto => CHALLENGE_MAX_EMOTIONS,
            MaxEmotions::AtMost(most) => most,
        };
        Self::new(most, &config.proportions)
    }

    /// Whether shares of all sets are continuous.
    pub fn is_continuous(&self) -> bool {
        self.most > 1 && self.sizes.is_empty()
    }

    /// The most emotions of a set.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The levels of sets of a size, each the largest share first, the most even level first; empty
    /// where shares are continuous.
    pub fn levels(&self, size: usize) -> &[Vec<f64>] {
        self.of_size(size).map_or(&[], |of| &of.levels)
    }

    fn of_size(&self, size: usize) -> Option<&Levels> {
        self.sizes.get(size.checked_sub(2)?)
    }

    /// How many boundaries lie between the levels of sets of a size.
    pub(super) fn boundaries(&self, size: usize) -> usize {
        self.of_size(size).map_or(0, |of| of.steps.len())
    }

    /// The excess of the highest share midway between the two most even levels of the smallest sets
    /// that have a choice: 0.1 of the challenge's.
    pub(super) fn midway(&self) -> Option<f64> {
        let sizes = self.sizes.iter().take(self.most - 1);
        sizes.filter_map(|of| of.midway).next()
    }

    /// The level of a set whose highest emotion has this excess over an equal share, given the salience
    /// threshold; of several levels with the same highest share the one nearest to the scores.
    pub(super) fn shares(&self, excess: f64, threshold: f64, left: &[Scored]) -> Shares<'_> {
        match self.of_size(left.len()) {
            Some(of) if !of.levels.is_empty() => Shares::Level(of.pick(excess, threshold, left)),
            // Sets of a size without a level, where others have some, are as their scores.
            _ => Shares::OfScores {
                drawn: match self.is_continuous() {
                    true => threshold.clamp(0.0, 1.0),
                    false => 0.0,
                },
            },
        }
    }

    /// A grid of salience thresholds for these mixtures: the challenge's stretched with the distance of
    /// the two most even levels, how far continuous shares are drawn together, and a single value where the
    /// threshold decides nothing.
    pub(super) fn stretch(&self, grid: &[f64], rules: Rules) -> Vec<f64> {
        let challenge = Self::challenge();
        let usual = challenge.midway().unwrap_or(1.0);
        match self.midway() {
            _ if *self == challenge => grid.to_vec(),
            Some(midway) => {
                let most = match rules {
                    Rules::Paper { .. } => 0.5,
                    Rules::Challenge => 1.0,
                };
                let stretched = grid.iter().map(|t| (t * midway / usual).min(most));
                let mut stretched: Vec<f64> = stretched.collect();
                stretched.dedup();
                stretched
            }
            None if self.is_continuous() => DRAWN.to_vec(),
            None => grid[..1.min(grid.len())].to_vec(),
        }
    }
}

impl Levels {
    fn new(mut levels: Vec<Vec<f64>>, size: usize) -> Self {
        for level in &mut levels {
            level.sort_by(|a, b| b.total_cmp(a));
        }
        levels.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let excess = |level: &[f64]| level[0] / 100.0 - 1.0 / size as f64;
        let ends = (1..levels.len()).filter(|&end| levels[end][0] > levels[end - 1][0]);
        let middles: Vec<(usize, f64)> = ends
            .map(|end| {
                let middle = (excess(&levels[end - 1]) + excess(&levels[end])) / 2.0;
                (end, middle)
            })
            .collect();
        let midway = middles.first().map(|&(_, middle)| middle);
        let steps = middles.iter();
        let steps = steps
            .map(|&(end, middle)| (end, middle / midway.unwrap_or(middle)))
            .collect();
        Self {
            levels,
            steps,
            midway,
        }
    }

    fn pick(&self, excess: f64, threshold: f64, left: &[Scored]) -> &[f64] {
        let mut begin = 0;
        let mut end = self.levels.len();
        for &(step, multiple) in &self.steps {
            if excess <= threshold * multiple {
                end = step;
                break;
            }
            begin = step;
        }
        let group = &self.levels[begin..end];
        let [only] = group else {
            return nearest(group, left);
        };
        only
    }
}

/// The level with the smallest sum of squared differences to the shares of the scores; of equals the
/// first.
fn nearest<'a>(levels: &'a [Vec<f64>], left: &[Scored]) -> &'a [f64] {
    let sum: f64 = left.iter().map(|(_, score)| score).sum();
    let distance = |level: &[f64]| -> f64 {
        let gaps = level.iter().zip(left);
        gaps.map(|(percent, (_, score))| (percent / 100.0 - score / sum).powi(2))
            .sum()
    };
    let mut best: &[f64] = &[];
    let mut least = f64::INFINITY;
    for level in levels {
        let found = distance(level);
        if best.is_empty() || found < least {
            (best, least) = (level, found);
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(levels: &[&[f64]]) -> Proportions {
        Proportions::Levels(levels.iter().map(|level| level.to_vec()).collect())
    }

    fn picked(mixtures: &Mixtures, threshold: f64, scores: &[f64]) -> Vec<f64> {
        let sum: f64 = scores.iter().sum();
        let excess = scores[0] / sum - 1.0 / scores.len() as f64;
        let left: Vec<Scored> = scores.iter().copied().enumerate().collect();
        match mixtures.shares(excess, threshold, &left) {
            Shares::Level(level) => level.to_vec(),
            Shares::OfScores { .. } => Vec::new(),
        }
    }

    #[test]
    fn the_challenge_has_one_boundary_and_it_is_the_threshold_itself() {
        let challenge = Mixtures::challenge();
        assert_eq!(challenge.sizes[0].steps, [(1, 1.0)]);
        assert!((challenge.midway().unwrap() - 0.1).abs() < 1e-15);
        assert_eq!(picked(&challenge, 0.25, &[0.75, 0.25]), [50.0, 50.0]);
        let below = 0.25f64.next_down();
        assert_eq!(picked(&challenge, below, &[0.75, 0.25]), [70.0, 30.0]);
        assert_eq!(challenge.stretch(&[0.0, 0.3], Rules::default()), [0.0, 0.3]);
    }

    #[test]
    fn the_threshold_draws_continuous_shares_together() {
        let continuous = Mixtures::new(3, &Proportions::Continuous);
        let two = [(0, 0.6), (1, 0.2)];
        let drawn = |threshold: f64| match continuous.shares(0.25, threshold, &two) {
            Shares::OfScores { drawn } => drawn,
            Shares::Level(_) => f64::NAN,
        };
        assert_eq!([-0.5, 0.0, 0.4, 7.0].map(drawn), [0.0, 0.0, 0.4, 1.0]);
        let grid = continuous.stretch(&[0.0, 0.3], Rules::default());
        assert_eq!((grid.len(), grid[0]), (DRAWN.len(), 0.0));
        // Where other sizes have levels, the threshold is theirs.
        let some = Mixtures::new(3, &levels(&[&[60.0, 40.0]]));
        let three = [(0, 0.6), (1, 0.2), (2, 0.1)];
        let left = some.shares(0.25, 0.4, &three);
        assert_eq!(left, Shares::OfScores { drawn: 0.0 });
        // A single emotion has no shares.
        let alone = Mixtures::new(1, &Proportions::Continuous);
        assert_eq!(alone.stretch(&[0.0, 0.3], Rules::default()), [0.0]);
    }

    #[test]
    fn a_single_level_needs_no_threshold() {
        let only = Mixtures::new(2, &levels(&[&[60.0, 40.0]]));
        assert_eq!(only.boundaries(2), 0);
        for scores in [[0.5, 0.5], [0.9, 0.1]] {
            assert_eq!(picked(&only, 0.1, &scores), [60.0, 40.0]);
        }
        assert_eq!(only.stretch(&[0.0, 0.1], Rules::default()), [0.0]);
    }

    #[test]
    fn further_boundaries_keep_their_ratio_to_the_first() {
        // Excesses 0, 0.1 and 0.3: boundaries lie at 0.05 and 0.2, four times as far.
        let three = Mixtures::new(2, &levels(&[&[80.0, 20.0], &[50.0, 50.0], &[60.0, 40.0]]));
        assert!((three.sizes[0].steps[1].1 - 4.0).abs() < 1e-12);
        for (highest, threshold, level) in [
            (0.54, 0.05, [50.0, 50.0]),
            (0.56, 0.05, [60.0, 40.0]),
            (0.69, 0.05, [60.0, 40.0]),
            (0.71, 0.05, [80.0, 20.0]),
            (0.56, 0.07, [50.0, 50.0]),
            (0.77, 0.07, [60.0, 40.0]),
            (0.51, 0.0, [80.0, 20.0]),
        ] {
            assert_eq!(picked(&three, threshold, &[highest, 1.0 - highest]), level);
        }
        assert_eq!(three.stretch(&[0.2, 2.0], Rules::default()), [0.1, 0.5]);
    }

    #[test]
    fn every_size_has_its_own_levels_and_others_are_continuous() {
        let proportions = levels(&[&[50.0, 50.0], &[50.0, 30.0, 20.0], &[50.0, 25.0, 25.0]]);
        let three = Mixtures::new(4, &proportions);
        assert_eq!(picked(&three, 0.1, &[0.9, 0.1]), [50.0, 50.0]);
        assert_eq!(picked(&three, 0.1, &[0.4, 0.35, 0.25]), [50.0, 30.0, 20.0]);
        assert_eq!(picked(&three, 0.1, &[0.5, 0.26, 0.24]), [50.0, 25.0, 25.0]);
        assert!(picked(&three, 0.1, &[0.4, 0.2, 0.2, 0.2]).is_empty());
        let continuous = Mixtures::new(2, &Proportions::Continuous);
        assert!(picked(&continuous, 0.1, &[0.9, 0.1]).is_empty());
        assert_eq!(continuous.midway(), None);
    }
}
