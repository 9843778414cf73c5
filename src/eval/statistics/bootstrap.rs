//! Confidence intervals by a bootstrap over actors and seeds.
//!
//! A sample draws as many actors as there are, with replacement, each with all of their clips
//! (Field and Welsh 2007, "Bootstrapping clustered data"), and, where there are several, as many seeds:
//! every drawn actor is scored by every drawn seed, the pigeonhole bootstrap of crossed effects (Owen
//! 2007), which errs on the wide side. The interval is the *expanded* percentile interval (Hesterberg
//! 2015, "What teachers should know about the bootstrap"): the plain percentiles of n clusters are too
//! narrow by √((n − 1)/n) and by the normal instead of Student's quantile, so percentiles further out
//! are taken, α′ = Φ(−√(n/(n − 1)) t_{α, n−1}).

use serde::{Deserialize, Serialize};

use super::actors::Tally;
use super::normal::{normal_cdf, student_quantile};
use super::{ActorScores, Draws, Resampling, Unit};
use crate::config::Monitor;
use crate::error::Result;

/// An estimate with a confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The estimate, from the data as they are.
    pub estimate: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether 0 lies inside: a difference with such an interval may be none.
    pub fn includes_zero(&self) -> bool {
        self.low <= 0.0 && self.high >= 0.0
    }
}

/// The official accuracies with their intervals; an interval is missing where its measure is
/// undefined or there is one actor only.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intervals {
    /// ACC_presence, in [0, 1].
    pub presence: Option<Interval>,
    /// ACC_salience, in [0, 1].
    pub salience: Option<Interval>,
    /// Their mean, in [0, 1]; an undefined one counts 0.
    pub average: Option<Interval>,
    /// The main measure where it is another than the average, in its own unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<Interval>,
    /// What was drawn as a whole.
    pub unit: Unit,
    /// How many of them there are.
    pub actors: usize,
    /// How many seeds.
    pub seeds: usize,
    /// Confidence.
    pub level: f64,
}

/// Intervals of a configuration's accuracies. The same for any number of threads.
///
/// # Errors
/// As [`Resampling::check`].
pub fn intervals(scores: &ActorScores, resampling: &Resampling) -> Result<Intervals> {
    intervals_with(scores, &Draws::of([scores], resampling))
}

/// The same with draws that other intervals on the same clips may use too.
///
/// # Errors
/// As [`Resampling::check`].
pub fn intervals_with(scores: &ActorScores, draws: &Draws) -> Result<Intervals> {
    let resampling = draws.resampling();
    resampling.check()?;
    let samples = samples([scores], draws);
    let of = |measure: Measure| {
        let estimate = measure(&scores.sum())?;
        let drawn = samples.iter().filter_map(|[sample]| measure(sample));
        interval(estimate, drawn, scores.actors(), resampling.level)
    };
    let [presence, salience, average] = ACCURACIES.map(of);
    Ok(Intervals {
        presence,
        salience,
        average,
        main: (scores.main() != Monitor::Average)
            .then(|| of(measure(scores.main())))
            .flatten(),
        unit: scores.unit(),
        actors: scores.actors(),
        seeds: scores.seeds(),
        level: resampling.level,
    })
}

/// A measure of what clips score.
pub(super) type Measure = fn(&Tally) -> Option<f64>;

/// ACC_presence, ACC_salience and their mean.
pub(super) const ACCURACIES: [Measure; 3] = [
    |tally| tally.accuracy.presence(),
    |tally| tally.accuracy.salience(),
    // Of clips of which none is a blend the mean is half of ACC_presence throughout.
    |tally| (tally.accuracy.clips > 0).then(|| tally.accuracy.average()),
];

/// The main measure of a task.
pub(super) fn measure(main: Monitor) -> Measure {
    let [presence, salience, average] = ACCURACIES;
    match main {
        Monitor::Presence => presence,
        Monitor::Salience => salience,
        Monitor::Overlap | Monitor::Kl => Tally::mean,
        Monitor::Average | Monitor::Auto | Monitor::Loss => average,
    }
}

/// Bootstrap samples of configurations that score the same clips: each draws the same actors for all
/// of them, and the same seeds for those with equally many. Samples without a blend are left out where
/// there are blends: ACC_salience has no value for them.
pub(super) fn samples<const N: usize>(
    configurations: [&ActorScores; N],
    draws: &Draws,
) -> Vec<[Tally; N]> {
    let has_blends = configurations[0].total().blends > 0;
    let of_each = configurations.map(|scores| draws.samples(scores));
    let sample = |sample: usize| std::array::from_fn(|place| of_each[place][sample]);
    let samples = (0..of_each[0].len()).map(sample);
    samples
        .filter(|total: &[Tally; N]| !has_blends || total[0].accuracy.blends > 0)
        .collect()
}

/// The expanded percentile interval over so many actors; none with fewer than two actors or samples.
pub(super) fn interval(
    estimate: f64,
    drawn: impl Iterator<Item = f64>,
    actors: usize,
    level: f64,
) -> Option<Interval> {
    let mut drawn: Vec<f64> = drawn.collect();
    if actors < 2 || drawn.len() < 2 {
        return None;
    }
    let n = actors as f64;
    let tail = 0.5 * (1.0 - level);
    let wider = (n / (n - 1.0)).sqrt() * student_quantile(tail, actors - 1);
    let tail = normal_cdf(wider);
    Some(Interval {
        estimate,
        low: percentile(&mut drawn, tail),
        high: percentile(&mut drawn, 1.0 - tail),
    })
}

/// Quantile of values in any order, which it changes; linear between neighbours.
fn percentile(values: &mut [f64], p: f64) -> f64 {
    let place = p * (values.len() - 1) as f64;
    let below = place.floor() as usize;
    // Two of thousands are needed, so sorting them all would take longer.
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    low + (place - place.floor()) * (high - low)
}
