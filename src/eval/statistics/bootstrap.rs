//! Confidence intervals by a bootstrap over actors and seeds.
//!
//! A sample draws as many actors as there are, with replacement, each with all of their clips
//! (Field and Welsh 2007, "Bootstrapping clustered data"), and, where there are several, as many seeds:
//! every drawn actor is scored by every drawn seed, the pigeonhole bootstrap of crossed effects (Owen
//! 2007), which errs on the wide side. The interval is the *expanded* percentile interval (Hesterberg
//! 2015, "What teachers should know about the bootstrap"): the plain percentiles of n clusters are too
//! narrow by √((n − 1)/n) and by the normal instead of Student's quantile, so percentiles further out
//! are taken, α′ = Φ(−√(n/(n − 1)) t_{α, n−1}).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::actors::Tally;
use super::normal::{normal_cdf, student_quantile};
use super::{ActorScores, Resampling, Unit};
use crate::config::Monitor;
use crate::error::Result;
use crate::rng::{Purpose, Stream};

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
    resampling.check()?;
    let samples = samples([scores], resampling);
    let of = |measure: Measure| {
        let estimate = measure(&scores.sum())?;
        let drawn = samples.iter().filter_map(|[sample]| measure(sample));
        interval(estimate, drawn, scores, resampling)
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
    resampling: &Resampling,
) -> Vec<[Tally; N]> {
    let actors = configurations[0].actors();
    let most_seeds = configurations.iter().map(|c| c.seeds()).max().unwrap_or(1);
    let has_blends = configurations[0].total().blends > 0;
    let draw = |sample: usize| {
        let mut times = vec![0usize; actors];
        let mut stream = Stream::new(resampling.seed, Purpose::Bootstrap, 0, sample);
        for _ in 0..actors {
            times[stream.below(actors)] += 1;
        }
        let mut stream = Stream::new(resampling.seed, Purpose::Bootstrap, 1, sample);
        // The k-th draw is a place in [0, 1), so that equally many seeds draw the same ones.
        let seeds: Vec<f64> = (0..most_seeds).map(|_| stream.uniform()).collect();
        let total = configurations.map(|scores| {
            let mut sum = Tally::default();
            for place in &seeds[..scores.seeds()] {
                let seed = (place * scores.seeds() as f64) as usize;
                let counts = scores.seed(seed.min(scores.seeds() - 1));
                for (actor, &times) in counts.iter().zip(&times) {
                    sum.add_times(actor, times);
                }
            }
            sum
        });
        (!has_blends || total[0].accuracy.blends > 0).then_some(total)
    };
    // Collected in order, so that the number of threads changes nothing.
    let samples: Vec<_> = (0..resampling.resamples)
        .into_par_iter()
        .map(draw)
        .collect();
    samples.into_iter().flatten().collect()
}

/// The expanded percentile interval; none with fewer than two actors or samples.
pub(super) fn interval(
    estimate: f64,
    drawn: impl Iterator<Item = f64>,
    scores: &ActorScores,
    resampling: &Resampling,
) -> Option<Interval> {
    let n = scores.actors();
    let mut drawn: Vec<f64> = drawn.collect();
    if n < 2 || drawn.len() < 2 {
        return None;
    }
    drawn.sort_unstable_by(f64::total_cmp);
    let tail = 0.5 * (1.0 - resampling.level);
    let wider = (n as f64 / (n - 1) as f64).sqrt() * student_quantile(tail, n - 1);
    let tail = normal_cdf(wider);
    Some(Interval {
        estimate,
        low: percentile(&drawn, tail),
        high: percentile(&drawn, 1.0 - tail),
    })
}

/// Quantile of sorted values, linear between neighbours.
fn percentile(sorted: &[f64], p: f64) -> f64 {
    let place = p * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (place - place.floor()) * (sorted[above] - sorted[below])
}
