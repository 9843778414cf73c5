//! Statistics of each actor's own clips, for features that are standardised per actor.

use std::collections::HashMap;

use rayon::prelude::*;

use super::ColumnStats;
use crate::data::fingerprint::Fingerprint;
use crate::kernels::pack::{Standardise, StoredRows};

/// Which clips statistics are wanted for, and whom each clip shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ActorClips<'a> {
    /// The actor of each clip; none: unknown.
    pub(crate) actors: &'a [Option<&'a str>],
    /// The clips to be standardised. All clips of their actors count, whether they are among these or not.
    pub(crate) wanted: &'a [usize],
}

/// An encoder's stored features and the row of each clip.
#[derive(Debug)]
pub(crate) struct EncoderRows<'a> {
    pub(crate) source: StoredRows<'a>,
    pub(crate) rows: Vec<Option<u32>>,
}

/// Mean and 1 / standard deviation of the columns of one actor's clips, shrunk towards those of the training
/// rows.
#[derive(Clone, Debug, PartialEq)]
struct ActorColumns {
    mean: Vec<f32>,
    inv_std: Vec<f32>,
}

/// Whose statistics standardise a clip.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Those of this actor.
    Actor(usize),
    /// Those of the training rows, because the actor is unknown.
    Training,
    /// Not asked for.
    NotWanted,
}

/// Statistics of the actors of some clips, for every encoder.
///
/// An actor's n rows of an encoder have the weight w = (n − 1) / (n − 1 + k), and the training rows the rest:
/// the mean is w m + (1 − w) m₀, the variance w v + (1 − w) v₀. So a single row falls back to the training
/// statistics, and many rows speak for themselves. Labels are not read.
#[derive(Clone, Debug, PartialEq)]
pub struct ActorStats {
    // One per clip.
    places: Vec<Place>,
    // Of each encoder, one per actor; none where the actor has a single row or none.
    columns: Vec<Vec<Option<ActorColumns>>>,
}

impl ActorStats {
    /// Statistics of the actors of the wanted clips; `training` and `encoder` give the training statistics and
    /// the rows of each encoder, `k` is the shrinkage.
    pub(crate) fn fit<'r>(
        clips: ActorClips<'_>,
        training: &[ColumnStats],
        k: f64,
        encoder: impl Fn(usize) -> EncoderRows<'r> + Sync,
    ) -> Self {
        let (places, members) = places(clips);
        let of_encoder = |(n, training): (usize, &ColumnStats)| {
            let EncoderRows { source, rows } = encoder(n);
            let of_actor = |clips: &Vec<usize>| {
                let rows: Vec<u32> = clips.iter().filter_map(|&clip| rows[clip]).collect();
                (rows.len() > 1).then(|| {
                    let weight = (rows.len() - 1) as f64 / ((rows.len() - 1) as f64 + k);
                    ActorColumns::shrunk(&ColumnStats::fit(source, &rows), training, weight)
                })
            };
            members.par_iter().map(of_actor).collect()
        };
        let columns = training.par_iter().enumerate().map(of_encoder).collect();
        Self { places, columns }
    }

    /// Adds everything that tells an encoder's statistics, and whose they are, from others.
    pub(crate) fn identify(&self, encoder: usize, in_hash: &mut Fingerprint) {
        in_hash.update(format!("{:?}\n", self.places).as_bytes());
        for columns in &self.columns[encoder] {
            let Some(ActorColumns { mean, inv_std }) = columns else {
                in_hash.update(b"training\n");
                continue;
            };
            let bytes: Vec<u8> = mean
                .iter()
                .chain(inv_std)
                .flat_map(|x| x.to_le_bytes())
                .collect();
            in_hash.update(&bytes);
        }
    }

    /// How a clip is standardised; none: by the training statistics.
    ///
    /// # Panics
    /// If the clip was not among those wanted.
    pub(crate) fn of(&self, encoder: usize, clip: usize, bound: f32) -> Option<Standardise<'_>> {
        let actor = match self.places[clip] {
            Place::Actor(actor) => actor,
            Place::Training => return None,
            Place::NotWanted => panic!("no statistics of this clip's actor"),
        };
        let columns = self.columns[encoder][actor].as_ref()?;
        Some(Standardise {
            mean: &columns.mean,
            inv_std: &columns.inv_std,
            bound,
        })
    }
}

impl ActorColumns {
    fn shrunk(own: &ColumnStats, training: &ColumnStats, weight: f64) -> Self {
        let mix = |own: f64, training: f64| weight * own + (1.0 - weight) * training;
        let columns = 0..training.mean().len();
        let mean = |c: usize| mix(own.mean()[c].into(), training.mean()[c].into()) as f32;
        let inv_std = |c: usize| {
            // What never varied in training has no weights that were learnt.
            if training.is_constant(c) {
                return 0.0;
            }
            let variance = |stats: &ColumnStats| match stats.is_constant(c) {
                true => 0.0,
                false => f64::from(stats.std()[c]).powi(2),
            };
            let inv_std = (1.0 / mix(variance(own), variance(training)).sqrt()) as f32;
            if inv_std.is_finite() { inv_std } else { 0.0 }
        };
        Self {
            mean: columns.clone().map(mean).collect(),
            inv_std: columns.map(inv_std).collect(),
        }
    }
}

/// The place of each clip, and for each actor all clips.
fn places(clips: ActorClips<'_>) -> (Vec<Place>, Vec<Vec<usize>>) {
    let mut places = vec![Place::NotWanted; clips.actors.len()];
    let mut known: HashMap<&str, usize> = HashMap::new();
    for &clip in clips.wanted {
        places[clip] = match clips.actors[clip] {
            None => Place::Training,
            Some(actor) => {
                let next = known.len();
                Place::Actor(*known.entry(actor).or_insert(next))
            }
        };
    }
    let mut members = vec![Vec::new(); known.len()];
    for (clip, actor) in clips.actors.iter().enumerate() {
        if let Some(&actor) = actor.and_then(|actor| known.get(actor)) {
            members[actor].push(clip);
        }
    }
    (places, members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::pack::{RowSource, RowValues};

    /// Three columns of seven clips: a varies, b is constant in training, c is constant for the first actor.
    const X: [f32; 21] = [
        1.0, 5.0, 2.0, //
        3.0, 6.0, 2.0, //
        10.0, 7.0, 0.0, //
        20.0, 8.0, 1.0, //
        60.0, 9.0, 5.0, //
        -4.0, 9.0, 6.0, //
        7.0, 3.0, 9.0,
    ];

    fn training() -> ColumnStats {
        ColumnStats::from_parts(vec![4.0, 5.0, 1.0], vec![2.0, 1.0, 3.0])
    }

    fn fit(k: f64, rows: [Option<u32>; 7]) -> ActorStats {
        let actors = [
            Some("x"),
            Some("x"),
            Some("y"),
            Some("y"),
            Some("y"),
            None,
            Some("z"),
        ];
        let clips = ActorClips {
            actors: &actors,
            wanted: &[0, 2, 5, 6],
        };
        let values = RowValues::F32(&X);
        ActorStats::fit(clips, &[training()], k, |_| EncoderRows {
            source: RowSource { values, cols: 3 }.into(),
            rows: rows.to_vec(),
        })
    }

    const ALL: [Option<u32>; 7] = [
        Some(0),
        Some(1),
        Some(2),
        Some(3),
        Some(4),
        Some(5),
        Some(6),
    ];

    #[test]
    fn an_actors_clips_are_standardised_by_themselves_without_shrinkage() {
        let stats = fit(0.0, ALL);
        let x = stats.of(0, 0, f32::INFINITY).unwrap();
        assert_eq!(x.mean, [2.0, 5.5, 2.0]);
        // Population deviation 1; constant in training; constant for the actor.
        assert!((x.inv_std[0] - 1.0).abs() <= 1e-6);
        assert_eq!(x.inv_std[1..], [0.0, 0.0]);
        // All three clips of y count, though only one of them was asked for.
        let y = stats.of(0, 2, 3.0).unwrap();
        assert_eq!((y.mean[0], y.mean[2], y.bound), (30.0, 2.0, 3.0));
        let std = (1400.0_f32 / 3.0).sqrt();
        assert!((y.inv_std[0] - 1.0 / std).abs() <= 1e-7);
    }

    #[test]
    fn few_clips_shrink_towards_the_training_statistics_and_one_falls_back() {
        let stats = fit(2.0, ALL);
        // n = 2: w = 1/3.
        let x = stats.of(0, 0, f32::INFINITY).unwrap();
        let mean: f32 = (2.0 + 2.0 * 4.0) / 3.0;
        assert!((x.mean[0] - mean).abs() <= 1e-6);
        let variance: f32 = (1.0 + 2.0 * 4.0) / 3.0;
        assert!((x.inv_std[0] - 1.0 / variance.sqrt()).abs() <= 1e-6);
        // Constant for the actor: two thirds of the training variance remain.
        assert!((x.inv_std[2] - 1.0 / 6.0_f32.sqrt()).abs() <= 1e-6);
        assert_eq!(stats.of(0, 5, 1.0).map(|s| s.bound), None);
        assert!(stats.of(0, 6, 1.0).is_none());
    }

    #[test]
    fn rows_that_an_encoder_lacks_do_not_count() {
        let mut rows = ALL;
        rows[1] = None;
        assert!(fit(0.0, rows).of(0, 0, 1.0).is_none());
        rows[4] = None;
        let stats = fit(0.0, rows);
        assert_eq!(stats.of(0, 2, 1.0).unwrap().mean[0], 15.0);
    }

    #[test]
    #[should_panic(expected = "no statistics of this clip's actor")]
    fn a_clip_that_was_not_asked_for_has_none() {
        fit(0.0, ALL).of(0, 3, 1.0);
    }
}
