//! Any answers on the same clips, side by side: paired differences with intervals over actors, by class
//! and by kind of clip, and the clips that flip.

mod flips;
mod parts;
mod side;
mod truth;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use flips::{Flip, Flips};
pub use parts::PartScore;
pub use side::{Named, Side};

use crate::config::Monitor;
use crate::data::label::{Blend, Classes};
use crate::data::task::Task;
use crate::error::{Error, Result};
use crate::eval::distribution;
use crate::eval::measures::{MeasureValues, Measured};
use crate::eval::overlap::overlap;
use crate::eval::statistics::{ActorScores, Grouping, Resampling, ScoredClip};
use crate::experiments::significance::{Significance, significances_of};
use truth::{Labelled, classes_of};

/// Where the labels are, other than the runs say.
#[derive(Clone, Debug, Default)]
pub struct LabelSource {
    /// A data folder.
    pub data: Option<PathBuf>,
    /// A metadata table.
    pub metadata: Option<PathBuf>,
    /// Whether class columns hold counts.
    pub normalise_labels: bool,
}

/// One side with its scores.
#[derive(Debug)]
pub struct ComparedSide {
    /// Its answers, clips in the order of [`Compared::names`].
    pub side: Side,
    /// Measures, the mean over seeds.
    pub measures: Vec<(&'static str, Option<f64>)>,
    /// Its intervals, and how it compares with the reference.
    pub significance: Significance,
    /// Its clips that flip; `None` for the reference itself.
    pub flips: Option<Flips>,
}

/// What was compared.
#[derive(Debug)]
pub struct Compared {
    /// The classes.
    pub classes: Classes,
    /// The clips' names.
    pub names: Vec<String>,
    /// What each shows.
    pub truths: Vec<Blend>,
    /// What the labels ask for.
    pub task: Task,
    /// What the sides are judged by.
    pub main: Monitor,
    /// Why that is not the task's own main measure, where it is not.
    pub main_note: Option<&'static str>,
    /// The sides.
    pub sides: Vec<ComparedSide>,
    /// The index of the side that all are compared with.
    pub reference: usize,
    /// By kind of clip: one emotion, a blend.
    pub by_kind: Vec<PartScore>,
    /// By class that a clip shows.
    pub by_class: Vec<PartScore>,
}

/// The measures of every side, by their names in [`MeasureValues`].
pub const MEASURES: [&str; 4] = ["macro_f1", "hamming", "top_1", "kullback_leibler"];

/// Compares sides, which must answer for the same clips, with the one at index `reference`.
///
/// # Errors
/// [`Error::Data`] for sides on other clips, which and how many; those of loading a side and its labels.
pub fn compare(
    named: &[Named],
    reference: usize,
    source: &LabelSource,
    resampling: &Resampling,
) -> Result<Compared> {
    let data = source.data.as_deref();
    let (mut sides, classes) = load(named, data, source)?;
    let labelled = Labelled::of(&sides, &classes, source)?;
    for place in 1..sides.len() {
        check_same_clips(&sides[0], &sides[place])?;
    }
    for side in &mut sides {
        labelled.sort(side)?;
    }
    let task = Task::of(&labelled.truths);
    let (main, main_note) = main_measure(&task, &sides);
    let grouping = Grouping::by_actor(&labelled.clips);
    let scores = sides.iter().map(|side| {
        let seeds = side.seeds.iter().map(|answers| {
            let values = values_of(answers, &labelled.truths, main)?;
            let shown = labelled.truths.iter().zip(&answers.decided).zip(values);
            Ok(shown
                .enumerate()
                .map(|(clip, ((truth, predicted), main))| ScoredClip {
                    clip,
                    truth,
                    predicted,
                    main,
                }))
        });
        let seeds = seeds.collect::<Result<Vec<_>>>()?;
        ActorScores::judged_by(main, &grouping, seeds).map(Some)
    });
    let scores = scores.collect::<Result<Vec<_>>>()?;
    let significances = significances_of(&scores, reference, resampling)?;
    let parts = parts::Parts {
        sides: &sides,
        truths: &labelled.truths,
        classes: &classes,
        grouping: &grouping,
        reference,
        resampling,
    };
    let (by_kind, by_class) = (parts.by_kind()?, parts.by_class()?);
    let flips: Vec<Option<Flips>> = (0..sides.len())
        .map(|place| {
            let other = (place != reference).then(|| &sides[place]);
            other.map(|side| Flips::of(&sides[reference], side, &labelled.truths))
        })
        .collect();
    let mut compared = Vec::new();
    for ((side, significance), flips) in sides.into_iter().zip(significances).zip(flips) {
        let missing = || Error::Data(format!("{}: has no scores", side.path.display()));
        compared.push(ComparedSide {
            measures: measures(&side, &labelled.truths)?,
            significance: significance.ok_or_else(missing)?,
            flips,
            side,
        });
    }
    Ok(Compared {
        names: labelled
            .clips
            .into_iter()
            .map(|clip| clip.filename)
            .collect(),
        truths: labelled.truths,
        classes,
        task,
        main,
        main_note,
        sides: compared,
        reference,
        by_kind,
        by_class,
    })
}

/// The sides with one order of classes: that of the first side that lists its own, or of the labels.
fn load(
    named: &[Named],
    data: Option<&Path>,
    source: &LabelSource,
) -> Result<(Vec<Side>, Classes)> {
    let mut loaded: Vec<Option<Side>> = Vec::new();
    let challenge = Classes::challenge();
    for one in named {
        // Predictions without probabilities list no classes, and are read last.
        let side = (!one.is_predictions()).then(|| one.load(&challenge, data));
        loaded.push(side.transpose()?);
    }
    let classes = match loaded.iter().flatten().next() {
        Some(side) => side.classes.clone(),
        None => classes_of(source)?,
    };
    let sides = named.iter().zip(loaded).map(|(one, side)| match side {
        Some(side) => side.with_classes(&classes),
        None => one.load(&classes, data),
    });
    Ok((sides.collect::<Result<_>>()?, classes))
}

/// Refuses a side whose clips are not those of the first.
fn check_same_clips(first: &Side, other: &Side) -> Result<()> {
    let (expected, found) = (truth::keys(first), truth::keys(other));
    let missing: Vec<&str> = expected.difference(&found).copied().collect();
    let more: Vec<&str> = found.difference(&expected).copied().collect();
    if missing.is_empty() && more.is_empty() {
        return Ok(());
    }
    let names = |clips: &[&str]| {
        let first: Vec<&str> = clips.iter().take(3).copied().collect();
        let dots = if clips.len() > 3 { ", …" } else { "" };
        format!("({}{dots})", first.join(", "))
    };
    let mut reasons = Vec::new();
    if !missing.is_empty() {
        let (count, of) = (missing.len(), expected.len());
        reasons.push(format!(
            "it lacks {count} of {of} clips {}",
            names(&missing)
        ));
    }
    if !more.is_empty() {
        reasons.push(format!("it has {} more {}", more.len(), names(&more)));
    }
    Err(Error::Data(format!(
        "{}: answers for other clips than {}: {}; expected the same clips",
        other.path.display(),
        first.path.display(),
        reasons.join(" and ")
    )))
}

/// The main measure of a task; the overlap where the scores for a divergence are missing.
fn main_measure(task: &Task, sides: &[Side]) -> (Monitor, Option<&'static str>) {
    let scored = |side: &Side| side.seeds.iter().all(|answers| answers.scores.is_some());
    match task.main_measure() {
        Monitor::Kl if !sides.iter().all(scored) => (
            Monitor::Overlap,
            Some("not the KL divergence, because some sides have no probabilities"),
        ),
        main => (main, None),
    }
}

/// Each clip's value of a main measure that is a mean over clips; 0 for others.
fn values_of(answers: &side::Answers, truths: &[Blend], main: Monitor) -> Result<Vec<f64>> {
    let shown = truths.iter().zip(&answers.decided);
    match (main, &answers.scores) {
        (Monitor::Overlap, _) => Ok(shown
            .map(|(truth, decided)| overlap(truth, decided))
            .collect()),
        (Monitor::Kl, Some(scores)) => {
            let rows = truths.iter().zip(scores.rows());
            let divergence = rows.map(|(truth, row)| {
                let shares = truth.to_distribution(row.len());
                Ok(distribution::Measures::of(&shares, &row.to_vec())?.kullback_leibler)
            });
            divergence.collect()
        }
        _ => Ok(vec![0.0; truths.len()]),
    }
}

/// The measures of a side, each the mean over its seeds; `None` where it is undefined.
fn measures(side: &Side, truths: &[Blend]) -> Result<Vec<(&'static str, Option<f64>)>> {
    let truths: Vec<&Blend> = truths.iter().collect();
    let of_seed = side.seeds.iter().map(|answers| {
        MeasureValues::of(&Measured {
            classes: &side.classes,
            truths: &truths,
            decided: &answers.decided.iter().collect::<Vec<_>>(),
            scores: answers.scores.as_ref().map(|scores| scores.view()),
            presence: None,
        })
    });
    let seeds = of_seed.collect::<Result<Vec<_>>>()?;
    let mean = |name: &'static str| {
        let values: Option<Vec<f64>> = seeds.iter().map(|seed| seed.get(name)).collect();
        let values = values.filter(|values| !values.is_empty());
        (
            name,
            values.map(|values| values.iter().sum::<f64>() / values.len() as f64),
        )
    };
    Ok(MEASURES.into_iter().map(mean).collect())
}

/// What a part of the clips is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Clips that show one emotion.
    Single,
    /// Clips that show several.
    Blend,
    /// Clips that show this class, alone or among others.
    Class(String),
}
