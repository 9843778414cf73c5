//! What the training labels say of the task: how many emotions a clip shows, in which proportions, and
//! what is therefore decoded and measured.

use std::collections::BTreeMap;

use serde::Serialize;

use super::label::Blend;
use crate::config::{Config, MaxEmotions, Monitor, Proportions};

/// Proportions are few, and decoded as levels, up to this many different ones …
const MOST_LEVELS: usize = 10;
/// … each shown by this many clips on average, unless there are at most [`ALWAYS_LEVELS`].
const CLIPS_PER_LEVEL: usize = 5;
/// So few different proportions are levels however few clips show them.
const ALWAYS_LEVELS: usize = 2;

/// What kind of labels the training clips have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Every clip shows one emotion.
    SingleLabel,
    /// Some clips show several emotions, always in equal shares: which ones is all there is to predict.
    Sets,
    /// Some clips show several emotions, in proportions that differ.
    Blends,
    /// Most clips show more than two emotions, in proportions of many kinds.
    Distribution,
}

/// What the labels of the training split ask of a model. All folds count, so that every fold has the
/// same task; a test split never does.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// How many clips show one emotion, two, … up to the most that any shows.
    pub sizes: Vec<usize>,
    /// The proportions of blends: [`Proportions::Levels`] where few occur (with none for
    /// [`TaskKind::SingleLabel`]), else [`Proportions::Continuous`].
    pub proportions: Proportions,
    /// What kind of labels these are.
    pub kind: TaskKind,
}

impl Task {
    /// The task of some labels; those without parts are skipped.
    ///
    /// Proportions are compared as whole percents, as the challenge does, whichever emotion has which.
    /// They are levels if at most 10 different ones occur, each in 5 clips on average, or at most 2 in
    /// any number of clips.
    pub fn of<'a>(truths: impl IntoIterator<Item = &'a Blend>) -> Self {
        let mut sizes = Vec::new();
        let mut levels: BTreeMap<(usize, Vec<i64>), Level> = BTreeMap::new();
        let mut unequal = false;
        for truth in truths {
            let count = truth.parts().len();
            if count == 0 {
                continue;
            }
            sizes.resize(sizes.len().max(count), 0);
            sizes[count - 1] += 1;
            if count == 1 {
                continue;
            }
            let mut shares: Vec<f64> = truth.parts().iter().map(|part| part.salience).collect();
            shares.sort_by(|a, b| b.total_cmp(a));
            let whole: Vec<i64> = shares.iter().map(|s| s.round_ties_even() as i64).collect();
            unequal |= whole[0] - whole[count - 1] > 1;
            levels.entry((count, whole)).or_default().add(&shares);
        }
        let clips: usize = sizes.iter().sum();
        let blends = clips - sizes.first().copied().unwrap_or(0);
        let few = levels.len() <= ALWAYS_LEVELS
            || (levels.len() <= MOST_LEVELS && blends >= CLIPS_PER_LEVEL * levels.len());
        let mixtures: usize = sizes.iter().skip(2).sum();
        let kind = match (blends, unequal) {
            (0, _) => TaskKind::SingleLabel,
            (_, false) => TaskKind::Sets,
            _ if !few && 2 * mixtures > clips => TaskKind::Distribution,
            _ => TaskKind::Blends,
        };
        let levels = levels
            .into_iter()
            .map(|((_, whole), level)| level.shares(&whole));
        let proportions = match few || kind == TaskKind::Sets {
            true => Proportions::Levels(in_order(levels.collect())),
            false => Proportions::Continuous,
        };
        Self {
            sizes,
            proportions,
            kind,
        }
    }

    /// The most emotions that a clip shows; at least 1.
    pub fn max_emotions(&self) -> usize {
        self.sizes.len().max(1)
    }

    /// Labelled clips.
    pub fn clips(&self) -> usize {
        self.sizes.iter().sum()
    }

    /// Clips that show at least two emotions.
    pub fn blends(&self) -> usize {
        self.sizes.iter().skip(1).sum()
    }

    /// Clips that show more than `most` emotions, which no set of at most `most` equals.
    pub fn above(&self, most: usize) -> usize {
        self.sizes.iter().skip(most).sum()
    }

    /// The measure that training, early stopping, threshold search and comparisons follow:
    ///
    /// | Labels | Main measure |
    /// |---|---|
    /// | one emotion per clip | ACC_presence, here the accuracy |
    /// | sets in equal shares | ACC_presence, here the exact-set accuracy |
    /// | one or two emotions, proportions at few levels (the challenge's) | ½ ACC_presence + ½ ACC_salience |
    /// | other blends | overlap of labels and decoded shares |
    /// | label distributions | Kullback-Leibler divergence |
    pub fn main_measure(&self) -> Monitor {
        match (self.kind, &self.proportions) {
            (TaskKind::SingleLabel | TaskKind::Sets, _) => Monitor::Presence,
            (TaskKind::Distribution, _) => Monitor::Kl,
            (TaskKind::Blends, Proportions::Levels(_)) if self.max_emotions() <= 2 => {
                Monitor::Average
            }
            (TaskKind::Blends, _) => Monitor::Overlap,
        }
    }

    /// The task in a few words: `blends of at most 2 emotions, in the proportions 50/50, 70/30`.
    pub fn in_words(&self) -> String {
        let most = self.max_emotions();
        match (self.kind, &self.proportions) {
            (TaskKind::SingleLabel, _) => "one emotion per clip".to_owned(),
            (TaskKind::Sets, _) => format!("sets of at most {most} emotions, in equal shares"),
            (TaskKind::Distribution, _) => {
                format!("label distributions over at most {most} emotions of a clip")
            }
            (TaskKind::Blends, Proportions::Levels(levels)) => {
                let levels = levels.iter().map(|level| {
                    let shares = level.iter().map(f64::to_string);
                    shares.collect::<Vec<_>>().join("/")
                });
                let levels = levels.collect::<Vec<_>>().join(", ");
                format!("blends of at most {most} emotions, in the proportions {levels}")
            }
            (TaskKind::Blends, _) => {
                format!("blends of at most {most} emotions, in continuous proportions")
            }
        }
    }

    /// The configuration with everything that is `auto` as this task needs it; what is set stays.
    pub fn resolve(&self, config: &Config) -> Config {
        let mut config = config.clone();
        if config.train.monitor == Monitor::Auto {
            config.train.monitor = self.main_measure();
        }
        let decode = &mut config.decode;
        if decode.max_emotions == MaxEmotions::Auto {
            decode.max_emotions = MaxEmotions::AtMost(self.max_emotions());
        }
        if decode.proportions == Proportions::Auto {
            decode.proportions = self.proportions.clone();
        }
        if decode.beta.is_none() && self.kind != TaskKind::Distribution {
            decode.beta = Some(1.0);
        }
        config
    }
}

/// The clips with one proportion, up to whole percents.
#[derive(Default)]
struct Level {
    sums: Vec<f64>,
    clips: usize,
}

impl Level {
    fn add(&mut self, shares: &[f64]) {
        self.sums.resize(shares.len(), 0.0);
        self.sums
            .iter_mut()
            .zip(shares)
            .for_each(|(sum, share)| *sum += share);
        self.clips += 1;
    }

    /// As whole percents where these sum to 100, otherwise their mean with one digit.
    fn shares(&self, whole: &[i64]) -> Vec<f64> {
        if whole.iter().sum::<i64>() == 100 {
            return whole.iter().map(|&share| share as f64).collect();
        }
        let means: Vec<f64> = self
            .sums
            .iter()
            .map(|sum| sum / self.clips as f64)
            .collect();
        in_tenths(&means)
    }
}

/// Shares as percentages with one digit that sum to exactly 100 (largest remainders, Hamilton's method):
/// each is rounded down, and the missing tenths go to those that lost most, of equals to the first.
/// Shares that are not above 0 in total are equal.
pub fn in_tenths(shares: &[f64]) -> Vec<f64> {
    let sum: f64 = shares.iter().sum();
    let usable = sum.is_finite() && sum > 0.0;
    let exact: Vec<f64> = match usable {
        true => shares.iter().map(|share| 1000.0 * share / sum).collect(),
        false => vec![1000.0 / shares.len() as f64; shares.len()],
    };
    // What rounding alone lost is no reason to round down.
    let floor = |x: &f64| (x + 1e-9).floor().max(0.0);
    let mut tenths: Vec<i64> = exact.iter().map(|x| floor(x) as i64).collect();
    let missing = 1000 - tenths.iter().sum::<i64>();
    let mut order: Vec<usize> = (0..exact.len()).collect();
    let lost = |place: usize| exact[place] - floor(&exact[place]);
    // Stable, and blind to differences that are rounding alone.
    order.sort_by_key(|&place| -((lost(place) * 1e6).round() as i64));
    for &place in order.iter().take(missing.max(0) as usize) {
        tenths[place] += 1;
    }
    tenths.iter().map(|&tenths| tenths as f64 / 10.0).collect()
}

/// By size, then by the highest share, the most even first: the challenge's order.
fn in_order(mut levels: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    levels.sort_by(|a, b| {
        let order = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
        let shares = order.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then);
        a.len().cmp(&b.len()).then(shares)
    });
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::Part;

    fn blend(shares: &[f64]) -> Blend {
        let part = |(class, &salience)| Part { class, salience };
        Blend::new(shares.iter().enumerate().map(part).collect())
    }

    fn task(labels: &[&[f64]]) -> Task {
        let truths: Vec<Blend> = labels.iter().map(|shares| blend(shares)).collect();
        Task::of(&truths)
    }

    #[test]
    fn the_challenges_labels_give_the_challenges_configuration() {
        let found = task(&[&[100.0], &[50.0, 50.0], &[70.0, 30.0], &[30.0, 70.0]]);
        assert_eq!(found.kind, TaskKind::Blends);
        assert_eq!(found.proportions, Proportions::challenge());
        assert_eq!((found.sizes.clone(), found.blends()), (vec![1, 3], 3));
        let resolved = found.resolve(&Config::default());
        assert_eq!(resolved.train.monitor, Monitor::Average);
        assert_eq!(resolved.decode.max_emotions, MaxEmotions::CHALLENGE);
        assert_eq!(resolved.decode.beta, Some(1.0));
        // Nothing of it is in a file.
        let value = serde_json::to_value(&resolved.decode).unwrap();
        for key in ["beta", "max_emotions", "proportions"] {
            assert!(value.get(key).is_none(), "{value}");
        }
    }

    #[test]
    fn shares_of_soft_labels_are_the_levels_that_they_stand_for() {
        let soft = [0.7, 0.3, 0.5, 0.6, 0.4].map(|share| 100.0 * share);
        let found = task(&[&soft[..2], &[soft[2], soft[2]], &soft[3..], &soft[3..]]);
        // Three levels in four clips are too many to be sure.
        assert_eq!(found.proportions, Proportions::Continuous);
        let found = task(&[&soft[..2], &soft[3..]]);
        let levels = vec![vec![60.0, 40.0], vec![70.0, 30.0]];
        assert_eq!(found.proportions, Proportions::Levels(levels));
    }

    #[test]
    fn labels_of_every_kind_are_told_apart() {
        let single = task(&[&[100.0], &[100.0]]);
        assert_eq!(single.kind, TaskKind::SingleLabel);
        assert_eq!(single.main_measure(), Monitor::Presence);
        assert_eq!(single.proportions, Proportions::Levels(Vec::new()));
        let third = 100.0 / 3.0;
        let sets = task(&[&[100.0], &[50.0, 50.0], &[third; 3]]);
        assert_eq!((sets.kind, sets.max_emotions()), (TaskKind::Sets, 3));
        assert_eq!(sets.main_measure(), Monitor::Presence);
        assert_eq!((sets.above(2), sets.above(3), sets.above(9)), (1, 0, 0));
        let levels = vec![vec![50.0, 50.0], vec![33.4, 33.3, 33.3]];
        assert_eq!(sets.proportions, Proportions::Levels(levels));
        let three: &[f64] = &[50.0, 30.0, 20.0];
        let levels = task(&[&[100.0], &[60.0, 40.0], three]);
        assert_eq!(levels.main_measure(), Monitor::Overlap);
        let many: Vec<Vec<f64>> = (1..40)
            .map(|i| vec![50.0 + f64::from(i), 50.0 - f64::from(i)])
            .collect();
        let many: Vec<&[f64]> = many.iter().map(Vec::as_slice).collect();
        let continuous = task(&many);
        assert_eq!(continuous.proportions, Proportions::Continuous);
        assert_eq!(continuous.kind, TaskKind::Blends);
        assert_eq!(continuous.main_measure(), Monitor::Overlap);
        let spread: Vec<Vec<f64>> = (1..40)
            .map(|i| vec![50.0, 49.0 - f64::from(i), 1.0 + f64::from(i)])
            .collect();
        let spread: Vec<&[f64]> = spread.iter().map(Vec::as_slice).collect();
        let distribution = task(&spread);
        assert_eq!(distribution.kind, TaskKind::Distribution);
        assert_eq!(distribution.main_measure(), Monitor::Kl);
        assert_eq!(distribution.resolve(&Config::default()).decode.beta, None);
    }

    #[test]
    fn what_is_configured_stays() {
        let mut config = Config::default();
        config.train.monitor = Monitor::Loss;
        config.decode.max_emotions = MaxEmotions::AtMost(4);
        config.decode.proportions = Proportions::Continuous;
        config.decode.beta = Some(0.0);
        assert_eq!(task(&[&[100.0]]).resolve(&config), config);
    }

    #[test]
    fn percentages_with_one_digit_sum_to_100() {
        assert_eq!(in_tenths(&[1.0, 1.0, 1.0]), [33.4, 33.3, 33.3]);
        assert_eq!(in_tenths(&[0.7, 0.3]), [70.0, 30.0]);
        assert_eq!(in_tenths(&[0.62349, 0.37651]), [62.3, 37.7]);
        assert_eq!(in_tenths(&[0.0, 0.0]), [50.0, 50.0]);
        for parts in 1..30 {
            let shares: Vec<f64> = (1..=parts).map(|i| f64::from(i).sqrt()).collect();
            let tenths: f64 = in_tenths(&shares).iter().map(|x| (x * 10.0).round()).sum();
            assert_eq!(tenths, 1000.0);
        }
    }
}
