//! Official counts per actor and seed, and sums of the main measure: all that the statistics need of
//! predictions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Monitor;
use crate::data::label::Blend;
use crate::data::metadata::Clip;
use crate::error::{Error, Result};
use crate::eval::metrics::Accuracy;

/// What is drawn as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// An actor with all of their clips.
    Actor,
    /// A clip: no clip's actor is known. Intervals are then too narrow if actors differ.
    Clip,
    /// An actor where one is known, else the clip.
    ActorOrClip,
}

impl Unit {
    /// Several of them, as a text says it.
    pub fn plural(self) -> &'static str {
        match self {
            Unit::Actor => "actors",
            Unit::Clip => "clips",
            Unit::ActorOrClip => "actors or single clips",
        }
    }

    /// As a text says it of `count` of them.
    pub fn counted(self, count: usize) -> String {
        let word = match self {
            Unit::Actor => "actor",
            Unit::Clip => "clip",
            Unit::ActorOrClip => "actor or single clip",
        };
        match count {
            1 => format!("1 {word}"),
            _ => format!("{count} {}", self.plural()),
        }
    }
}

/// Which clips of a metadata table belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grouping {
    unit: Unit,
    /// The group of each clip, numbered in the order of the groups' names.
    group_of: Vec<usize>,
    groups: usize,
}

impl Grouping {
    /// Groups clips by their actor; a clip whose actor is unknown is a group of its own.
    pub fn by_actor(clips: &[Clip]) -> Self {
        let known = clips.iter().filter(|clip| clip.actor.is_some()).count();
        let unit = match known {
            0 => Unit::Clip,
            _ if known == clips.len() => Unit::Actor,
            _ => Unit::ActorOrClip,
        };
        // An actor never shares a group with a clip of the same name.
        let name = |clip: &'_ Clip| match &clip.actor {
            Some(actor) => (0, actor.clone()),
            None => (1, clip.filename.clone()),
        };
        // By name, so that the order of clips changes nothing.
        let mut number: BTreeMap<(u8, String), usize> =
            clips.iter().map(|clip| (name(clip), 0)).collect();
        for (at, group) in number.values_mut().enumerate() {
            *group = at;
        }
        Self {
            unit,
            group_of: clips.iter().map(|clip| number[&name(clip)]).collect(),
            groups: number.len(),
        }
    }

    /// What the groups are.
    pub fn unit(&self) -> Unit {
        self.unit
    }
}

/// Units in 1 of a main measure that is summed as whole numbers, so that equal sums are equal.
const UNITS: f64 = (1u64 << 40) as f64;

/// What the clips of an actor, or of several, score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Official counts.
    pub(super) accuracy: Accuracy,
    /// The sum over clips of a main measure that is a mean over clips, in 2⁻⁴⁰; 0 for others.
    pub(super) main: i128,
}

impl Tally {
    /// Adds another, this many times.
    pub(super) fn add_times(&mut self, other: &Self, times: usize) {
        self.accuracy.add_times(&other.accuracy, times);
        self.main += other.main * times as i128;
    }

    /// The main measure's mean over clips.
    pub(super) fn mean(&self) -> Option<f64> {
        let clips = self.accuracy.clips;
        (clips > 0).then(|| self.main as f64 / UNITS / clips as f64)
    }
}

/// One clip with its predicted emotions.
#[derive(Clone, Copy, Debug)]
pub struct ScoredClip<'a> {
    /// Its place in the table that the [`Grouping`] was made from.
    pub clip: usize,
    /// The true emotions.
    pub truth: &'a Blend,
    /// The predicted ones.
    pub predicted: &'a Blend,
    /// Its value of a main measure that is a mean over clips; 0 for others.
    pub main: f64,
}

/// What one configuration scores, per actor and seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorScores {
    unit: Unit,
    main: Monitor,
    /// `tallies[seed][actor]`; actors without a scored clip are left out.
    tallies: Vec<Vec<Tally>>,
}

impl ActorScores {
    /// Of one or more seeds, each with `(clip, truth, predicted)`, judged by the challenge's average; a
    /// clip is given by its place in the table that `grouping` was made from. All seeds score the same
    /// clips.
    ///
    /// # Errors
    /// [`Error::Data`] without seeds or clips, or where the seeds score different clips.
    ///
    /// # Panics
    /// If a clip does not exist.
    pub fn of<'a, S>(grouping: &Grouping, seeds: impl IntoIterator<Item = S>) -> Result<Self>
    where
        S: IntoIterator<Item = (usize, &'a Blend, &'a Blend)>,
    {
        let scored = |(clip, truth, predicted)| ScoredClip {
            clip,
            truth,
            predicted,
            main: 0.0,
        };
        let seeds = seeds.into_iter().map(|seed| seed.into_iter().map(scored));
        Self::judged_by(Monitor::Average, grouping, seeds)
    }

    /// As [`ActorScores::of`], judged by a main measure. [`Monitor::Overlap`] and [`Monitor::Kl`] are
    /// means of a value of each clip; the accuracies are counted from its emotions, and a training loss
    /// is not known of single clips, so that the average judges instead.
    ///
    /// # Errors
    /// As [`ActorScores::of`], and [`Error::Data`] for a value of a clip that is not finite.
    ///
    /// # Panics
    /// If a clip does not exist.
    pub fn judged_by<'a, S>(
        main: Monitor,
        grouping: &Grouping,
        seeds: impl IntoIterator<Item = S>,
    ) -> Result<Self>
    where
        S: IntoIterator<Item = ScoredClip<'a>>,
    {
        let mut tallies: Vec<Vec<Tally>> = Vec::new();
        for seed in seeds {
            let mut of_seed = vec![Tally::default(); grouping.groups];
            for scored in seed {
                if !(scored.main.is_finite() && scored.main.abs() < UNITS) {
                    return Err(Error::Data(format!(
                        "statistics: the main measure of a clip is {}, expected a finite number",
                        scored.main
                    )));
                }
                let tally = &mut of_seed[grouping.group_of[scored.clip]];
                tally.accuracy.count(scored.truth, scored.predicted);
                tally.main += (scored.main * UNITS).round() as i128;
            }
            tallies.push(of_seed);
        }
        let Some(first) = tallies.first() else {
            return Err(Error::Data("statistics: no predictions".into()));
        };
        let scored: Vec<bool> = first.iter().map(|actor| actor.accuracy.clips > 0).collect();
        if !scored.contains(&true) {
            return Err(Error::Data("statistics: no labelled clips".into()));
        }
        let denominators = |of: &[Tally]| -> Vec<(usize, usize)> {
            let counts = of.iter().map(|actor| &actor.accuracy);
            counts.map(|count| (count.clips, count.blends)).collect()
        };
        let expected = denominators(first);
        if tallies.iter().any(|seed| denominators(seed) != expected) {
            return Err(Error::Data(
                "statistics: the seeds score different clips".into(),
            ));
        }
        let keep = |seed: Vec<Tally>| {
            let kept = seed.into_iter().zip(&scored).filter(|(_, scored)| **scored);
            kept.map(|(actor, _)| actor).collect()
        };
        Ok(Self {
            unit: grouping.unit,
            main: match main {
                Monitor::Auto | Monitor::Loss => Monitor::Average,
                measure => measure,
            },
            tallies: tallies.into_iter().map(keep).collect(),
        })
    }

    /// What is drawn as a whole.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// The measure that comparisons are judged by.
    pub fn main(&self) -> Monitor {
        self.main
    }

    /// How many actors (or what [`ActorScores::unit`] says) have a scored clip.
    pub fn actors(&self) -> usize {
        self.tallies[0].len()
    }

    /// How many seeds.
    pub fn seeds(&self) -> usize {
        self.tallies.len()
    }

    /// Tallies of one seed, by actor.
    pub(super) fn seed(&self, seed: usize) -> &[Tally] {
        &self.tallies[seed]
    }

    /// The tally of one actor over all seeds.
    pub(super) fn actor(&self, actor: usize) -> Tally {
        let mut sum = Tally::default();
        for seed in &self.tallies {
            sum.add_times(&seed[actor], 1);
        }
        sum
    }

    /// Over all actors and seeds.
    pub(super) fn sum(&self) -> Tally {
        let mut sum = Tally::default();
        for actor in self.tallies.iter().flatten() {
            sum.add_times(actor, 1);
        }
        sum
    }

    /// Counts over all actors and seeds; its accuracies are the means over seeds.
    pub fn total(&self) -> Accuracy {
        self.sum().accuracy
    }

    /// Whether both score the same clips: equal counts of clips and blends for every actor.
    pub(super) fn same_clips(&self, other: &Self) -> bool {
        let counts = |tally: &Tally| (tally.accuracy.clips, tally.accuracy.blends);
        let same = |(a, b): (&Tally, &Tally)| counts(a) == counts(b);
        self.unit == other.unit
            && self.actors() == other.actors()
            && self.seed(0).iter().zip(other.seed(0)).all(same)
    }
}
