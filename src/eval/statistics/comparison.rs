//! Two configurations on the same clips: the difference, its interval, whether it may be chance.

use serde::{Deserialize, Serialize};

use super::actors::Tally;
use super::bootstrap::{ACCURACIES, Measure, interval, measure, samples};
use super::permutation::{SignFlip, sign_flip_test_with};
use super::{ActorScores, Draws, Interval, Resampling, Unit};
use crate::config::Monitor;
use crate::error::{Error, Result};

/// Fewer actors than this are too few for an interval to be trusted.
const FEW_ACTORS: usize = 10;

/// A difference of a measure, the first configuration's minus the second's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// In [−1, 1] for accuracies.
    pub estimate: f64,
    /// Its interval; none with one actor.
    pub interval: Option<Interval>,
}

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The first is better beyond noise.
    Better,
    /// The first is worse beyond noise.
    Worse,
    /// The difference may be chance.
    WithinNoise,
}

impl Verdict {
    /// Of a difference with its interval and p-value, both for one comparison or both adjusted for
    /// several: beyond noise only where the interval excludes 0 and `p` is at most 1 − `level`. A higher
    /// value of the measure is better, or a lower one for the divergence.
    pub fn of(main: Monitor, difference: &Difference, p: f64, level: f64) -> Self {
        let interval = difference.interval;
        let beyond =
            interval.is_some_and(|interval| !interval.includes_zero()) && p <= 1.0 - level + 1e-12;
        match beyond {
            false => Verdict::WithinNoise,
            true if (difference.estimate > 0.0) == main.higher_is_better() => Verdict::Better,
            true => Verdict::Worse,
        }
    }
}

/// A difference in a main measure that is not the challenge's average.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MainDifference {
    /// The measure.
    pub measure: Monitor,
    /// In its own unit: nats for the divergence, a share for the others.
    pub difference: Difference,
}

/// Two configurations on the same clips.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// In ACC_presence.
    pub presence: Option<Difference>,
    /// In ACC_salience; none where no clip is a blend.
    pub salience: Option<Difference>,
    /// In ½ ACC_presence + ½ ACC_salience, an undefined one counted 0.
    pub average: Difference,
    /// In the main measure, where it is another than the average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<MainDifference>,
    /// Whether the difference in the main measure may be chance.
    pub test: SignFlip,
    /// What was drawn and exchanged as a whole.
    pub unit: Unit,
    /// How many of them.
    pub actors: usize,
    /// Seeds of the first and of the second.
    pub seeds: [usize; 2],
    /// Confidence of the intervals; the test rejects below 1 minus this.
    pub level: f64,
}

/// Compares `first` with `second`, judged by their main measure. The intervals resample actors and seeds; the test exchanges the two
/// configurations actor by actor, each with its mean over seeds.
///
/// # Errors
/// [`Error::Data`] if they do not score the same clips, or are judged by different measures; as [`Resampling::check`].
pub fn compare(
    first: &ActorScores,
    second: &ActorScores,
    resampling: &Resampling,
) -> Result<Comparison> {
    compare_with(first, second, &Draws::of([first, second], resampling))
}

/// The same with draws for both, which other comparisons on the same clips may use too.
///
/// # Errors
/// As [`compare`].
pub fn compare_with(
    first: &ActorScores,
    second: &ActorScores,
    draws: &Draws,
) -> Result<Comparison> {
    let resampling = draws.resampling();
    resampling.check()?;
    if !first.same_clips(second) {
        return Err(Error::Data(
            "statistics: two configurations can be compared on the same clips only".into(),
        ));
    }
    if first.main() != second.main() {
        return Err(Error::Data(
            "statistics: two configurations can be compared by the same main measure only".into(),
        ));
    }
    let samples = samples([first, second], draws);
    let of = |measure| difference(measure, [first, second], &samples, resampling.level);
    let [presence, salience, average] = ACCURACIES.map(of);
    let main = match first.main() {
        Monitor::Average => None,
        main => of(measure(main)).map(|difference| MainDifference {
            measure: main,
            difference,
        }),
    };
    Ok(Comparison {
        presence,
        salience,
        average: average.ok_or_else(|| Error::Data("statistics: no labelled clips".into()))?,
        main,
        test: sign_flip_test_with(&differences(first, second), draws),
        unit: first.unit(),
        actors: first.actors(),
        seeds: [first.seeds(), second.seeds()],
        level: resampling.level,
    })
}

/// The difference of two configurations in their main measure alone, as [`compare`] gives it, with an
/// interval of another confidence.
///
/// # Errors
/// As [`Resampling::check`].
pub fn main_difference(
    first: &ActorScores,
    second: &ActorScores,
    draws: &Draws,
    level: f64,
) -> Result<Option<Difference>> {
    let resampling = Resampling {
        level,
        ..*draws.resampling()
    };
    resampling.check()?;
    let samples = samples([first, second], draws);
    let measure = measure(first.main());
    Ok(difference(measure, [first, second], &samples, level))
}

fn difference(
    measure: Measure,
    [first, second]: [&ActorScores; 2],
    samples: &[[Tally; 2]],
    level: f64,
) -> Option<Difference> {
    let estimate = measure(&first.sum())? - measure(&second.sum())?;
    let drawn = samples
        .iter()
        .filter_map(|[first, second]| Some(measure(first)? - measure(second)?));
    Some(Difference {
        estimate,
        interval: interval(estimate, drawn, first.actors(), level),
    })
}

/// Each actor's part in the difference of the main measure, as whole numbers with one common divisor. For
/// the average, with P, S the correct clips and blends, N, B their counts over all actors and K the seeds,
/// the actor adds ½ (P₁/K₁ − P₂/K₂)/N + ½ (S₁/K₁ − S₂/K₂)/B, here times 2 N B K₁ K₂. For a measure with one
/// divisor for all actors it adds its own sum over K.
fn differences(first: &ActorScores, second: &ActorScores) -> Vec<i128> {
    let whole = |count: usize| count as i128;
    let total = first.total();
    let seeds = [first, second].map(|scores| whole(scores.seeds()));
    let (clips, blends) = (
        whole(total.clips) / seeds[0],
        whole(total.blends) / seeds[0],
    );
    (0..first.actors())
        .map(|actor| {
            let (a, b) = (first.actor(actor), second.actor(actor));
            let difference = |a: i128, b: i128| a * seeds[1] - b * seeds[0];
            let of = |count: fn(&Tally) -> usize| difference(whole(count(&a)), whole(count(&b)));
            let presence = of(|tally| tally.accuracy.presence_correct);
            let salience = of(|tally| tally.accuracy.salience_correct);
            match first.main() {
                Monitor::Presence => presence,
                Monitor::Salience => salience,
                Monitor::Overlap | Monitor::Kl => difference(a.main, b.main),
                Monitor::Average | Monitor::Auto | Monitor::Loss => {
                    presence * blends.max(1) + salience * clips
                }
            }
        })
        .collect()
}

impl Comparison {
    /// The measure that it is judged by.
    pub fn judge(&self) -> Monitor {
        self.main.map_or(Monitor::Average, |main| main.measure)
    }

    /// The difference in the measure that it is judged by.
    pub fn judged(&self) -> Difference {
        self.main.map_or(self.average, |main| main.difference)
    }

    /// What can be said of the difference in the main measure, where this comparison is the only one: it
    /// is beyond noise only where the interval excludes 0 and the test rejects chance.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self.judge(), &self.judged(), self.test.p, self.level)
    }

    /// One sentence for a table: the difference, its interval, the p-value and what follows.
    pub fn sentence(&self, first: &str, second: &str) -> String {
        let Difference { estimate, interval } = self.judged();
        let relation = if estimate < 0.0 { "below" } else { "above" };
        let interval = interval.map_or_else(
            || "no interval".to_owned(),
            |interval| {
                let percent = 100.0 * self.level;
                format!(
                    "{percent:.0} % interval {:+.3} to {:+.3}",
                    interval.low, interval.high
                )
            },
        );
        let verdict = match self.verdict() {
            Verdict::WithinNoise => "within noise",
            Verdict::Better | Verdict::Worse => "beyond noise",
        };
        format!(
            "{first} is {:.3} {relation} {second} in {} ({interval} over {}, p = {}): {verdict}{}",
            estimate.abs(),
            name(self.judge()),
            self.unit.counted(self.actors),
            shown(self.test.p),
            self.caveat(),
        )
    }

    /// What the reader should know besides; starts with punctuation, may be empty.
    fn caveat(&self) -> String {
        let mut caveats = Vec::new();
        if self.seeds.contains(&1) {
            caveats.push("one seed: training noise is not included");
        }
        if self.unit != Unit::Actor {
            caveats.push("clips of unknown actors are treated as independent");
        }
        if self.actors < FEW_ACTORS {
            caveats.push("small sample: a rough interval");
        }
        match caveats.is_empty() {
            true => String::new(),
            false => format!(" ({})", caveats.join("; ")),
        }
    }
}

/// A measure in a sentence.
fn name(main: Monitor) -> &'static str {
    match main {
        Monitor::Presence => "ACC_presence",
        Monitor::Salience => "ACC_salience",
        Monitor::Overlap => "the overlap",
        Monitor::Kl => "the Kullback-Leibler divergence",
        Monitor::Average | Monitor::Auto | Monitor::Loss => "the average",
    }
}

fn shown(p: f64) -> String {
    if p < 0.001 {
        "less than 0.001".into()
    } else {
        format!("{p:.3}")
    }
}

/// Holm's (1979) adjustment of the p-values of one table: below 0.05 after it, the chance that any row
/// of the table errs is at most 5 %.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least: f64 = 0.0;
    for (rank, &at) in order.iter().enumerate() {
        least = least.max(p[at] * (p.len() - rank) as f64).min(1.0);
        adjusted[at] = least;
    }
    adjusted
}

/// The confidence at which Holm's procedure compares each of several p-values: 1 − (1 − `level`)/(m − r)
/// for the one with r smaller ones among m. An interval of this confidence belongs to the adjusted
/// p-value as one of confidence `level` belongs to an unadjusted one.
pub fn holm_levels(p: &[f64], level: f64) -> Vec<f64> {
    let confidence = |one: &f64| {
        let smaller = p.iter().filter(|other| *other < one).count();
        1.0 - (1.0 - level) / (p.len() - smaller) as f64
    };
    p.iter().map(confidence).collect()
}
