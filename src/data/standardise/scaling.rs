//! How the features of a split are standardised: by the training rows or by each actor's own clips, and within
//! which bounds.

use std::collections::BTreeMap;

use super::actors::{ActorClips, ActorStats, EncoderRows};
use super::{ColumnStats, fit};
use crate::config::{DataConfig, StandardiseBy};
use crate::data::dataset::Split;
use crate::data::fingerprint::Fingerprint;
use crate::data::metadata::actors::ActorSource;
use crate::error::{Error, Result};
use crate::kernels::pack::Standardise;

/// The statistics of the training rows, and what is made of them for other rows.
#[derive(Clone, Debug)]
pub struct Standardisation {
    training: Vec<ColumnStats>,
    bound: f32,
    // k of the shrinkage, where each actor has statistics of their own.
    per_actor: Option<f64>,
}

impl Standardisation {
    /// As a configuration asks, with the statistics of the given clips of the training split; none: features
    /// are taken as they are.
    pub fn fit(config: &DataConfig, split: &Split, clips: &[usize]) -> Option<Self> {
        (config.standardize != StandardiseBy::Nothing)
            .then(|| Self::of_training(config, fit(split, clips)))
    }

    /// As a configuration asks, with known statistics of the training rows, one per encoder.
    pub fn of_training(config: &DataConfig, training: Vec<ColumnStats>) -> Self {
        let per_actor = config.standardize == StandardiseBy::Actor;
        Self {
            training,
            bound: config.bound(),
            per_actor: per_actor.then_some(config.actor_shrinkage),
        }
    }

    /// The statistics of the training rows, one per encoder.
    pub fn training(&self) -> &[ColumnStats] {
        &self.training
    }

    /// Values beyond ± this become ± this; infinity leaves all as they are.
    pub fn bound(&self) -> f32 {
        self.bound
    }

    /// Whether each actor has statistics of their own.
    pub fn is_per_actor(&self) -> bool {
        self.per_actor.is_some()
    }

    /// The statistics of the actors of some clips of a split, over all clips that it has of them; none where
    /// actors have none of their own. `encoder` gives the split's encoder for each entry of the statistics.
    ///
    /// # Errors
    /// [`Error::Data`] where actors are needed and nothing tells them, or only a guess that all clips show the
    /// same.
    pub(crate) fn actors_of(
        &self,
        split: &Split,
        wanted: &[usize],
        encoder: impl Fn(usize) -> usize + Sync,
    ) -> Result<Option<ActorStats>> {
        if !self.is_per_actor() {
            return Ok(None);
        }
        check_actors(split)?;
        let actors: Vec<Option<&str>> = split.clips.iter().map(|c| c.actor.as_deref()).collect();
        let clips = ActorClips {
            actors: &actors,
            wanted,
        };
        Ok(self.actors(clips, |entry| EncoderRows {
            source: split.source(encoder(entry)),
            rows: split.rows(encoder(entry)).to_vec(),
        }))
    }

    /// As [`Standardisation::actors_of`], of clips wherever they are.
    pub(crate) fn actors<'r>(
        &self,
        clips: ActorClips<'_>,
        encoder: impl Fn(usize) -> EncoderRows<'r> + Sync,
    ) -> Option<ActorStats> {
        let k = self.per_actor?;
        Some(ActorStats::fit(clips, &self.training, k, encoder))
    }

    /// How clips are standardised whose actors have these statistics.
    ///
    /// # Panics
    /// If actors have statistics of their own and none are given.
    pub fn with<'a>(&'a self, actors: Option<&'a ActorStats>) -> Scaling<'a> {
        assert_eq!(
            self.is_per_actor(),
            actors.is_some(),
            "statistics of actors"
        );
        Scaling {
            training: &self.training,
            bound: self.bound,
            actors,
        }
    }
}

/// Persons with fewer clips are better off with the training statistics, measured in `docs/new-people.md`.
const FEW: usize = 3;

/// Says which actors have too few clips in a split for statistics of their own.
pub fn warning_of_few_clips(split: &Split) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for actor in split.clips.iter().filter_map(|clip| clip.actor.as_deref()) {
        *counts.entry(actor).or_default() += 1;
    }
    let few = counts.iter().filter(|(_, count)| **count < FEW);
    let few: Vec<&str> = few.map(|(actor, _)| *actor).collect();
    let unknown = split
        .clips
        .iter()
        .filter(|clip| clip.actor.is_none())
        .count();
    let mut told = Vec::new();
    if let Some(first) = few.first() {
        told.push(format!(
            "{} of {} actors have fewer than {FEW} clips, such as {first}",
            few.len(),
            counts.len()
        ));
    }
    if unknown > 0 {
        told.push(format!(
            "of {unknown} of {} clips the actor is unknown",
            split.len()
        ));
    }
    (!told.is_empty()).then(|| {
        format!(
            "{}: {}; where an actor has few clips, standardising them by the training rows is at least as good (data.standardize)",
            split.metadata_path().display(),
            told.join(", and ")
        )
    })
}

/// Refuses clips of unknown actors; and clips that a guess takes for one person, such as `test_0001`.
fn check_actors(split: &Split) -> Result<()> {
    let mut actors: Vec<&str> = split
        .clips
        .iter()
        .filter_map(|c| c.actor.as_deref())
        .collect();
    actors.sort_unstable();
    actors.dedup();
    let reason = match actors[..] {
        [] => "nothing tells whom they show".to_owned(),
        [only] if split.len() > 1 && split.actors == ActorSource::Names => format!(
            "their names alone say that all of them show one actor, {only:?}, which is a guess"
        ),
        _ => return Ok(()),
    };
    Err(Error::Data(format!(
        "{}: data.standardize=\"actor\" takes statistics of each actor's own clips, and of these {} clips {reason}; add a column actor, or set data.actor_pattern",
        split.metadata_path().display(),
        split.len()
    )))
}

/// How the clips of one split are standardised.
#[derive(Clone, Copy, Debug)]
pub struct Scaling<'a> {
    training: &'a [ColumnStats],
    bound: f32,
    actors: Option<&'a ActorStats>,
}

impl<'a> Scaling<'a> {
    /// Adds what tells an encoder's standardisation from others, beside the training rows; nothing for what
    /// the training rows alone decide.
    pub(crate) fn identify(&self, encoder: usize, in_hash: &mut Fingerprint) {
        if self.bound < f32::INFINITY {
            in_hash.update(format!("bound {}\n", self.bound).as_bytes());
        }
        if let Some(actors) = self.actors {
            actors.identify(encoder, in_hash);
        }
    }

    /// Number of encoders.
    pub(crate) fn encoders(&self) -> usize {
        self.training.len()
    }

    /// How all clips are standardised, if they are alike.
    pub(crate) fn common(&self, encoder: usize) -> Option<Standardise<'a>> {
        self.actors.is_none().then(|| self.of_training(encoder))
    }

    /// How a clip is standardised.
    ///
    /// # Panics
    /// If it was not among those whose actors' statistics were asked for.
    pub(crate) fn of(&self, encoder: usize, clip: usize) -> Standardise<'a> {
        let own = self
            .actors
            .and_then(|actors| actors.of(encoder, clip, self.bound));
        own.unwrap_or_else(|| self.of_training(encoder))
    }

    fn of_training(&self, encoder: usize) -> Standardise<'a> {
        Standardise {
            bound: self.bound,
            ..self.training[encoder].as_kernel()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture;

    fn rule(by: StandardiseBy) -> Standardisation {
        let config = DataConfig {
            standardize: by,
            ..DataConfig::default()
        };
        let data = fixture::dataset();
        Standardisation::fit(&config, &data.train, &[0, 1, 2, 3]).unwrap()
    }

    #[test]
    fn actors_have_to_be_known_where_they_have_statistics_of_their_own() {
        let mut split = fixture::dataset().train;
        let mut said = |actor: Option<&str>, source: ActorSource| {
            for clip in &mut split.clips {
                clip.actor = actor.map(str::to_owned);
            }
            split.actors = source;
            rule(StandardiseBy::Actor)
                .actors_of(&split, &[0, 1], |encoder| encoder)
                .map(|found| found.is_some())
                .map_err(|error| error.to_string())
        };
        let error = said(None, ActorSource::Unknown).unwrap_err();
        assert!(
            error.ends_with("of these 6 clips nothing tells whom they show; add a column actor, or set data.actor_pattern"),
            "{error}"
        );
        let error = said(Some("test"), ActorSource::Names).unwrap_err();
        assert!(
            error.contains("one actor, \"test\", which is a guess"),
            "{error}"
        );
        assert_eq!(said(Some("test"), ActorSource::Column), Ok(true));
        let warned = warning_of_few_clips(&fixture::dataset().train);
        assert!(warned.is_some_and(|text| text.contains("have fewer than 3 clips, such as")));
        let of_training = rule(StandardiseBy::Training);
        let split = fixture::dataset().train;
        assert!(
            of_training
                .actors_of(&split, &[0], |encoder| encoder)
                .unwrap()
                .is_none()
        );
    }
}
