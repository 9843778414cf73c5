//! The labels of compared clips.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use ndarray::Axis;

use super::LabelSource;
use super::side::{Answers, Side};
use crate::data::filename::clip_key;
use crate::data::label::{Blend, Classes};
use crate::data::metadata::{Clip, Metadata, Reading};
use crate::error::{Error, Result};
use crate::eval::filename;
use crate::eval::truth;

/// The tables of a data folder in which labels may be.
const TABLES: [&str; 3] = [
    "train_metadata.csv",
    "test_metadata.csv",
    "ground_truth_test.csv",
];

/// The compared clips with their labels.
#[derive(Debug)]
pub(super) struct Labelled {
    /// Names and actors.
    pub(super) clips: Vec<Clip>,
    /// What each shows.
    pub(super) truths: Vec<Blend>,
}

/// The names of a side's clips, without media extensions.
pub(super) fn keys(side: &Side) -> BTreeSet<&str> {
    let clips = side.seeds.iter().flat_map(|answers| &answers.clips);
    clips.map(|name| clip_key(name)).collect()
}

/// The classes where no side lists its own: those of the labels.
pub(super) fn classes_of(source: &LabelSource) -> Result<Classes> {
    let reading = reading_of(source);
    let table = source.metadata.clone();
    let table = table.or_else(|| Some(source.data.as_ref()?.join(TABLES[0])));
    truth::classes(table.as_deref(), &reading)
}

fn reading_of(source: &LabelSource) -> Reading<'static> {
    Reading {
        normalise_labels: source.normalise_labels,
        ..Reading::default()
    }
}

impl Labelled {
    /// The labels of the first side's clips: from the table that was named, from the data folder that was
    /// named or that a run names, or from the challenge's names.
    ///
    /// # Errors
    /// [`Error::Data`] if clips have no label; those of reading the tables.
    pub(super) fn of(sides: &[Side], classes: &Classes, source: &LabelSource) -> Result<Self> {
        let labels = sides.iter().find_map(|side| side.labels.as_ref());
        let mut reading = match labels {
            Some(labels) => Reading::of(&labels.config)?.without_folds(),
            None => reading_of(source),
        };
        reading.normalise_labels |= source.normalise_labels;
        let data = source.data.as_deref();
        let data = data.or(labels.map(|labels| labels.data.as_path()));
        let tables: Vec<PathBuf> = match (&source.metadata, data) {
            (Some(table), _) => vec![table.clone()],
            (None, Some(data)) => TABLES.map(|name| data.join(name)).to_vec(),
            (None, None) => return Self::from_names(&sides[0], classes),
        };
        let wanted = keys(&sides[0]);
        let mut best: Option<(usize, Self, &Path)> = None;
        // Of a data folder the first table with most of the labels.
        for table in tables
            .iter()
            .filter(|table| source.metadata.is_some() || table.is_file())
        {
            let found = Self::in_table(table, classes, &reading, &wanted)?;
            let count = found.clips.len();
            if best.as_ref().is_none_or(|(most, ..)| count > *most) {
                best = Some((count, found, table));
            }
        }
        let Some((count, found, table)) = best else {
            let folder = data.unwrap_or(Path::new("."));
            return Err(Error::Missing {
                path: folder.to_owned(),
                expected: "the labels of the compared clips".into(),
                found: "it has no metadata".into(),
            });
        };
        if count < wanted.len() {
            let known: BTreeSet<&str> = found.clips.iter().map(|c| clip_key(&c.filename)).collect();
            let first = wanted.iter().find(|name| !known.contains(*name));
            return Err(Error::Data(format!(
                "{}: has no label of {} of {} clips, such as {}; expected one for every clip that is compared",
                table.display(),
                wanted.len() - count,
                wanted.len(),
                first.unwrap_or(&"")
            )));
        }
        Ok(found)
    }

    fn in_table(
        table: &Path,
        classes: &Classes,
        reading: &Reading<'_>,
        wanted: &BTreeSet<&str>,
    ) -> Result<Self> {
        let metadata = Metadata::read_against_with(table, classes, reading)?;
        let (mut clips, mut truths) = (Vec::new(), Vec::new());
        for clip in metadata.clips {
            if let Some(truth) = clip.truth.clone()
                && wanted.contains(clip_key(&clip.filename))
            {
                truths.push(truth);
                clips.push(clip);
            }
        }
        Ok(Self { clips, truths })
    }

    /// The challenge's names tell labels and, before their first `_`, actors.
    fn from_names(side: &Side, classes: &Classes) -> Result<Self> {
        let names = keys(side);
        let truths = names.iter().map(|name| filename::truth(name, classes));
        let truths = truths.collect::<Result<Vec<_>>>()?;
        let clip = |(name, truth): (&&str, &Blend)| Clip {
            filename: (*name).to_owned(),
            fold: None,
            actor: name.split_once('_').map(|(actor, _)| actor.to_owned()),
            truth: Some(truth.clone()),
            target: None,
            line: 0,
        };
        Ok(Self {
            clips: names.iter().zip(&truths).map(clip).collect(),
            truths,
        })
    }

    /// Puts a side's answers in the order of the clips.
    ///
    /// # Errors
    /// [`Error::Data`] for a clip that one of its seeds lacks.
    pub(super) fn sort(&self, side: &mut Side) -> Result<()> {
        let path = side.path.clone();
        for answers in &mut side.seeds {
            let places: HashMap<&str, usize> = answers
                .clips
                .iter()
                .enumerate()
                .map(|(place, name)| (clip_key(name), place))
                .collect();
            let order = self.clips.iter().map(|clip| {
                let place = places.get(clip_key(&clip.filename)).copied();
                place.ok_or_else(|| {
                    Error::Data(format!(
                        "{}: one of its seeds has no answer for {}",
                        path.display(),
                        clip.filename
                    ))
                })
            });
            let order = order.collect::<Result<Vec<usize>>>()?;
            let scores = answers.scores.as_ref();
            *answers = Answers {
                decided: order
                    .iter()
                    .map(|&at| answers.decided[at].clone())
                    .collect(),
                scores: scores.map(|scores| scores.select(Axis(0), &order)),
                clips: self
                    .clips
                    .iter()
                    .map(|clip| clip.filename.clone())
                    .collect(),
            };
        }
        Ok(())
    }
}
