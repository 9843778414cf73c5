//! The scores of every clip by the model that did not train on it.

use ndarray::{Array2, Axis, concatenate};

use super::result::{ScoreRows, TrialResult};
use super::trial::TrialKind;
use crate::data::dataset::Dataset;
use crate::data::label::Blend;
use crate::error::{Error, Result};
use crate::eval::grid::Grid;
use crate::eval::metrics::Accuracy;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::thresholds::Searcher;
use crate::train::checkpoint::ChosenThresholds;
use crate::train::decoding::{PRESENCE_WEIGHT, choose, rules};

/// Out-of-fold scores of one seed, clips in the order of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub struct OutOfFold {
    /// The seed.
    pub seed: u64,
    /// Places of the clips in the training part.
    pub clips: Vec<usize>,
    /// The fold of each.
    pub folds: Vec<usize>,
    /// The scores as the models gave them.
    pub rows: ScoreRows,
    /// Aligned with the α of each clip's own fold.
    pub aligned: Array2<f64>,
    /// Decoded with the thresholds of each clip's own fold.
    pub decided: Vec<Blend>,
    /// What the clips show.
    pub truths: Vec<Blend>,
}

impl OutOfFold {
    /// From the results of one seed's folds.
    ///
    /// # Errors
    /// [`Error::Data`] if a result does not fit the data set or its fold has none of its clips.
    pub fn of(results: &[&TrialResult], dataset: &Dataset) -> Result<Self> {
        let mut parts = Vec::new();
        for result in results {
            let unfit = |what: &str| {
                Error::Data(format!(
                    "trial {}: {what}; remove its file, and it is trained again",
                    result.id
                ))
            };
            let scores = result
                .held_out
                .as_ref()
                .ok_or_else(|| unfit("its result has no held-out scores"))?;
            let fold = result.trial.fold.unwrap_or_default();
            let aligned = scores.rows.aligned(result.thresholds.alpha)?;
            let decided = rules(&result.trial.kind.decode()).decode_rows(
                aligned.view(),
                &dataset.classes,
                result.thresholds.as_thresholds(),
            )?;
            let mut decided = decided.into_iter();
            for (row, name) in scores.clips.iter().enumerate() {
                let clip = dataset.train.clip(name);
                let clip =
                    clip.ok_or_else(|| unfit("its result names a clip that is not there"))?;
                let truth = dataset.train.clips[clip].truth.clone();
                parts.push((
                    clip,
                    fold,
                    (scores, row),
                    aligned.row(row).to_vec(),
                    decided.next().unwrap_or_else(|| Blend::new(Vec::new())),
                    truth.ok_or_else(|| unfit("its result names a clip without a label"))?,
                ));
            }
        }
        parts.sort_by_key(|part| part.0);
        let matrix = |value: &dyn Fn(usize) -> Vec<f64>| {
            let classes = dataset.classes.len();
            let values = (0..parts.len()).flat_map(value).collect();
            Array2::from_shape_vec((parts.len(), classes), values)
                .map_err(|error| Error::Data(format!("out-of-fold scores: {error}")))
        };
        let aligned = matrix(&|i| parts[i].3.clone())?;
        let heads = parts
            .first()
            .is_some_and(|part| matches!(part.2.0.rows, ScoreRows::Heads { .. }));
        let head = |second: bool| {
            matrix(&|i| match &parts[i].2 {
                (scores, row) => match &scores.rows {
                    ScoreRows::Heads { presence, salience } => {
                        (if second { salience } else { presence })
                            .row(*row)
                            .to_vec()
                    }
                    ScoreRows::Distribution(rows) => rows.row(*row).to_vec(),
                },
            })
        };
        let rows = if heads {
            ScoreRows::Heads {
                presence: head(false)?,
                salience: head(true)?,
            }
        } else {
            ScoreRows::Distribution(head(false)?)
        };
        Ok(Self {
            seed: results.first().map_or(0, |result| result.trial.seed),
            clips: parts.iter().map(|part| part.0).collect(),
            folds: parts.iter().map(|part| part.1).collect(),
            rows,
            aligned,
            decided: parts.iter().map(|part| part.4.clone()).collect(),
            truths: parts.iter().map(|part| part.5.clone()).collect(),
        })
    }

    /// Official counts over all clips, each decoded with its own fold's thresholds.
    pub fn accuracy(&self) -> Accuracy {
        Accuracy::of(self.truths.iter().zip(&self.decided))
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

/// Chooses one setting of (t_p, t_s, α) on the out-of-fold scores of all seeds together, and gives
/// the accuracy that it reaches on them.
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
    let rules = rules(&decode);
    let searcher = Searcher {
        rules,
        grid: &Grid::for_rules(rules),
        presence_weight: PRESENCE_WEIGHT,
        classes: &dataset.classes,
    };
    let best = searcher.search(first.view(), &truths)?.best;
    let chosen = ChosenThresholds {
        presence: best.thresholds.presence,
        salience: best.thresholds.salience,
        alpha: crate::eval::align::USUAL_ALPHA,
        searched: true,
    };
    Ok((chosen, best.accuracy))
}
