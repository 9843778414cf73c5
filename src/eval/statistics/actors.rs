//! Official counts per actor and seed: all that the statistics need of predictions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
    /// As a text says it of `count` of them.
    pub fn counted(self, count: usize) -> String {
        let word = match self {
            Unit::Actor => "actor",
            Unit::Clip => "clip",
            Unit::ActorOrClip => "actor or single clip",
        };
        match (self, count) {
            (_, 1) => format!("1 {word}"),
            (Unit::ActorOrClip, _) => format!("{count} actors or single clips"),
            _ => format!("{count} {word}s"),
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

/// What one configuration scores, per actor and seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActorScores {
    unit: Unit,
    /// `counts[seed][actor]`; actors without a scored clip are left out.
    counts: Vec<Vec<Accuracy>>,
}

impl ActorScores {
    /// Of one or more seeds, each with `(clip, truth, predicted)`; a clip is given by its place in the
    /// table that `grouping` was made from. All seeds score the same clips.
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
        let mut counts: Vec<Vec<Accuracy>> = Vec::new();
        for seed in seeds {
            let mut of_seed = vec![Accuracy::default(); grouping.groups];
            for (clip, truth, predicted) in seed {
                of_seed[grouping.group_of[clip]].count(truth, predicted);
            }
            counts.push(of_seed);
        }
        let Some(first) = counts.first() else {
            return Err(Error::Data("statistics: no predictions".into()));
        };
        let scored: Vec<bool> = first.iter().map(|actor| actor.clips > 0).collect();
        if !scored.contains(&true) {
            return Err(Error::Data("statistics: no labelled clips".into()));
        }
        let denominators = |of: &[Accuracy]| -> Vec<(usize, usize)> {
            of.iter().map(|actor| (actor.clips, actor.blends)).collect()
        };
        let expected = denominators(first);
        if counts.iter().any(|seed| denominators(seed) != expected) {
            return Err(Error::Data(
                "statistics: the seeds score different clips".into(),
            ));
        }
        let keep = |seed: Vec<Accuracy>| {
            let kept = seed.into_iter().zip(&scored).filter(|(_, scored)| **scored);
            kept.map(|(actor, _)| actor).collect()
        };
        Ok(Self {
            unit: grouping.unit,
            counts: counts.into_iter().map(keep).collect(),
        })
    }

    /// What is drawn as a whole.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// How many actors (or what [`ActorScores::unit`] says) have a scored clip.
    pub fn actors(&self) -> usize {
        self.counts[0].len()
    }

    /// How many seeds.
    pub fn seeds(&self) -> usize {
        self.counts.len()
    }

    /// Counts of one seed, by actor.
    pub(super) fn seed(&self, seed: usize) -> &[Accuracy] {
        &self.counts[seed]
    }

    /// Counts of one actor over all seeds.
    pub(super) fn actor(&self, actor: usize) -> Accuracy {
        let mut sum = Accuracy::default();
        for seed in &self.counts {
            sum.add_times(&seed[actor], 1);
        }
        sum
    }

    /// Counts over all actors and seeds; its accuracies are the means over seeds.
    pub fn total(&self) -> Accuracy {
        let mut sum = Accuracy::default();
        for actor in self.counts.iter().flatten() {
            sum.add_times(actor, 1);
        }
        sum
    }

    /// Whether both score the same clips: equal counts of clips and blends for every actor.
    pub(super) fn same_clips(&self, other: &Self) -> bool {
        let same = |(a, b): (&Accuracy, &Accuracy)| (a.clips, a.blends) == (b.clips, b.blends);
        self.unit == other.unit
            && self.actors() == other.actors()
            && self.seed(0).iter().zip(other.seed(0)).all(same)
    }
}
