//! The scores of every clip by the model that did not train on it.

use ndarray::{Array2, ArrayView1, Axis, concatenate};

use crate::artifact::description::ChosenThresholds;
use crate::config::Monitor;
use crate::data::dataset::Dataset;
use crate::data::folds::fold;
use crate::data::label::Blend;
use crate::error::{Error, Result};
use crate::eval::distribution;
use crate::eval::metrics::Accuracy;
use crate::eval::overlap::overlap;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::statistics::{ActorScores, Grouping, ScoredClip};
use crate::plan::result::TrialResult;
use crate::plan::trial::TrialKind;
use crate::predict::clip_scores::ScoreRows;
use crate::predict::decoding::{choose, choose_on_rows};

/// Out-of-fold scores of one seed, clips in the order of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfFold {
    /// The seed.
    pub seed: u64,
    /// Indices of the clips in the training split.
    pub clips: Vec<usize>,
    /// The fold of each.
    pub folds: Vec<usize>,
    /// The scores as the models gave them.
    pub rows: ScoreRows,
    /// Aligned with the α of each clip's own fold.
    pub aligned: Array2<f64>,
    /// Decoded with the thresholds of each clip's own fold.
    pub decided: Vec<Blend>,
    /// The true labels of the clips.
    pub truths: Vec<Blend>,
}

/// One clip of a fold, with its index among all clips.
struct ClipOfFold<'a> {
    place: usize,
    fold: usize,
    rows: &'a ScoreRows,
    row: usize,
    aligned: Vec<f64>,
    decided: Blend,
    truth: Blend,
}

impl ClipOfFold<'_> {
    /// Presence, or salience if `second` is set; the distribution if there are no heads.
    fn head(&self, second: bool) -> Vec<f64> {
        let rows = match self.rows {
            ScoreRows::Heads { salience, .. } if second => salience,
            ScoreRows::Heads { presence, .. } => presence,
            ScoreRows::Distribution(rows) => rows,
        };
        rows.row(self.row).to_vec()
    }
}

impl OutOfFold {
    /// Joins the results of one seed's folds.
    ///
    /// # Errors
    /// [`Error::Data`] if a result does not fit the data set.
    pub fn of(results: &[TrialResult], dataset: &Dataset) -> Result<Self> {
        let mut parts = Vec::new();
        for result in results {
            let unfit = |what: &str| {
                Error::Data(format!(
                    "trial {}: {what}; remove its file to train it again",
                    result.id
                ))
            };
            let scores = result
                .held_out
                .as_ref()
                .ok_or_else(|| unfit("its result has no held-out scores"))?;
            let number = result.trial.fold.unwrap_or_default();
            let places = fold(&dataset.train, number)?.validation;
            let names = places
                .iter()
                .map(|&place| &dataset.train.clips[place].filename);
            if !names.eq(&scores.clips) {
                return Err(unfit("its result has other clips than its fold"));
            }
            let decoder = result.decoder();
            let aligned = scores.rows.aligned(decoder.alignment)?;
            let decided = decoder.decode(aligned.view(), &dataset.classes)?;
            for (row, (place, decided)) in places.into_iter().zip(decided).enumerate() {
                let truth = dataset.train.clips[place].truth.clone();
                parts.push(ClipOfFold {
                    place,
                    fold: number,
                    rows: &scores.rows,
                    row,
                    aligned: aligned.row(row).to_vec(),
                    decided,
                    truth: truth.ok_or_else(|| unfit("its result names a clip without a label"))?,
                });
            }
        }
        parts.sort_by_key(|part| part.place);
        let matrix = |values: Vec<Vec<f64>>| {
            let shape = (values.len(), dataset.classes.len());
            Array2::from_shape_vec(shape, values.into_iter().flatten().collect())
                .map_err(|error| Error::Data(format!("out-of-fold scores: {error}")))
        };
        let first = matrix(parts.iter().map(|part| part.head(false)).collect())?;
        let rows = match parts.first().map(|part| part.rows) {
            Some(ScoreRows::Heads { .. }) => ScoreRows::Heads {
                presence: first,
                salience: matrix(parts.iter().map(|part| part.head(true)).collect())?,
            },
            _ => ScoreRows::Distribution(first),
        };
        Ok(Self {
            seed: results.first().map_or(0, |result| result.trial.seed),
            clips: parts.iter().map(|part| part.place).collect(),
            folds: parts.iter().map(|part| part.fold).collect(),
            rows,
            aligned: matrix(parts.iter().map(|part| part.aligned.clone()).collect())?,
            decided: parts.iter().map(|part| part.decided.clone()).collect(),
            truths: parts.into_iter().map(|part| part.truth).collect(),
        })
    }

    /// Official counts over all clips, each decoded with its own fold's thresholds.
    pub fn accuracy(&self) -> Accuracy {
        Accuracy::of(self.truths.iter().zip(&self.decided))
    }

    /// Each clip's value of a main measure that is a mean over clips, in the order of the clips; 0 for
    /// measures that are counted from the decided emotions.
    ///
    /// # Errors
    /// As [`distribution::Measures::of`].
    pub fn main_of_clips(&self, main: Monitor) -> Result<Vec<f64>> {
        let decided = self.truths.iter().zip(&self.decided);
        match main {
            Monitor::Overlap => Ok(decided
                .map(|(truth, decided)| overlap(truth, decided))
                .collect()),
            Monitor::Kl => {
                let divergence = |(truth, row): (&Blend, ArrayView1<'_, f64>)| {
                    let shares = truth.to_distribution(row.len());
                    let measures = distribution::Measures::of(&shares, &row.to_vec())?;
                    Ok(measures.kullback_leibler)
                };
                let rows = self.truths.iter().zip(self.aligned.rows());
                rows.map(divergence).collect()
            }
            Monitor::Presence
            | Monitor::Salience
            | Monitor::Average
            | Monitor::Auto
            | Monitor::Loss => Ok(vec![0.0; self.clips.len()]),
        }
    }

    /// As a table that `decode` and `evaluate` read.
    pub fn table(&self, dataset: &Dataset) -> ProbabilityTable {
        let (presence, salience) = match &self.rows {
            ScoreRows::Heads { presence, salience } => {
                (Some(presence.clone()), Some(salience.clone()))
            }
            ScoreRows::Distribution(_) => (None, None),
        };
        ProbabilityTable {
            filenames: self.names(dataset),
            classes: dataset.classes.clone(),
            presence,
            salience,
            aligned: self.aligned.clone(),
        }
    }

    /// The clips' names.
    pub fn names(&self, dataset: &Dataset) -> Vec<String> {
        let name = |&clip: &usize| dataset.train.clips[clip].filename.clone();
        self.clips.iter().map(name).collect()
    }
}

/// Official counts of the out-of-fold predictions of each seed, and their main measure, by actor and seed.
///
/// # Errors
/// As [`ActorScores::judged_by`].
pub fn actor_scores(seeds: &[OutOfFold], main: Monitor, dataset: &Dataset) -> Result<ActorScores> {
    let grouping = Grouping::by_actor(&dataset.train.clips);
    let seeds = seeds.iter().map(|seed| {
        let values = seed.main_of_clips(main)?;
        let shown = seed.truths.iter().zip(&seed.decided);
        let clips = seed.clips.iter().zip(shown).zip(values);
        Ok(clips.map(|((&clip, (truth, predicted)), main)| ScoredClip {
            clip,
            truth,
            predicted,
            main,
        }))
    });
    let seeds = seeds.collect::<Result<Vec<_>>>()?;
    ActorScores::judged_by(main, &grouping, seeds)
}

/// Chooses one setting of the thresholds and exponents on the out-of-fold scores of all seeds together, and
/// returns the accuracy that it reaches on them.
///
/// # Errors
/// As [`choose`].
pub fn pooled(
    kind: &TrialKind,
    seeds: &[OutOfFold],
    dataset: &Dataset,
) -> Result<(ChosenThresholds, Accuracy)> {
    let decode = kind.decode();
    let truths: Vec<Blend> = seeds.iter().flat_map(|seed| seed.truths.clone()).collect();
    let stacked = |part: &dyn Fn(&OutOfFold) -> Array2<f64>| {
        let parts: Vec<_> = seeds.iter().map(part).collect();
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        concatenate(Axis(0), &views)
            .map_err(|error| Error::Data(format!("out-of-fold scores: {error}")))
    };
    let head = |second: bool| {
        stacked(&|seed| match &seed.rows {
            ScoreRows::Heads { salience, .. } if second => salience.clone(),
            ScoreRows::Heads { presence, .. } => presence.clone(),
            ScoreRows::Distribution(rows) => rows.clone(),
        })
    };
    let first = head(false)?;
    if matches!(
        seeds.first().map(|seed| &seed.rows),
        Some(ScoreRows::Heads { .. })
    ) {
        let second = head(true)?;
        return choose(
            &decode,
            &dataset.classes,
            first.view(),
            second.view(),
            &truths,
        );
    }
    let (chosen, cell) = choose_on_rows(&decode, &dataset.classes, first.view(), &truths)?;
    Ok((chosen, cell.accuracy))
}
