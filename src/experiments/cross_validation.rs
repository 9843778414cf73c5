//! Cross-validation on the folds of the metadata: the trials that a configuration needs, and their
//! summary.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::measures::MeasureSummary;
use super::out_of_fold::{OutOfFold, actor_scores, pooled};
use super::score::{Spread, mean, median};
use crate::artifact::description::ChosenThresholds;
use crate::artifact::fault::{Fault, TrainingFault};
use crate::config::{LossConfig, Monitor};
use crate::data::dataset::Dataset;
use crate::data::folds::folds;
use crate::error::{Error, Result};
use crate::eval::metrics::Accuracy;
use crate::eval::statistics::ActorScores;
use crate::plan::data_folder::Opened;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::result::{TrialResult, TrialSummary};
use crate::plan::trial::{Trial, TrialKind};
use crate::predict::score::MeanLosses;

/// Something to cross-validate.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its display name, for its trials in the progress and its row in tables.
    pub name: String,
    /// What is trained; the seed in it does not matter.
    pub kind: TrialKind,
    /// The data.
    pub data: Arc<Opened>,
    /// Whether the weights of its models are kept.
    pub keep_weights: bool,
}

impl Candidate {
    /// Adds its trials to a plan, seed by seed and within a seed fold by fold, and returns their names.
    ///
    /// # Errors
    /// As [`Plan::add`].
    pub fn add_trials(&self, protocol: &Protocol, plan: &mut Plan) -> Result<Vec<String>> {
        let mut ids = Vec::new();
        for &seed in protocol.seeds_of(&self.kind) {
            for &fold in &protocol.folds {
                let trial = Trial::new(&self.kind, Some(fold), seed);
                ids.push(plan.add(&self.name, trial, &self.data, self.keep_weights)?);
            }
        }
        Ok(ids)
    }

    /// The summary of the trials with these names, which [`Candidate::add_trials`] returned; the reason
    /// instead if one of them failed or has not run.
    ///
    /// # Errors
    /// As `OutOfFold::of` and `pooled`.
    pub fn summarise(
        &self,
        protocol: &Protocol,
        ids: &[String],
        outcomes: &Outcomes,
    ) -> Result<std::result::Result<CrossValidation, String>> {
        match outcomes.read(ids)? {
            Ok(results) => CrossValidation::of(self, protocol, &results).map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }
}

/// How candidates are cross-validated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Protocol {
    /// Folds that are held out, one after the other.
    pub folds: Vec<usize>,
    /// Seeds; each fold is trained once with each.
    pub seeds: Vec<u64>,
    /// The main measure of the task, by which configurations are compared.
    #[serde(skip, default = "average")]
    pub main: Monitor,
}

fn average() -> Monitor {
    Monitor::Average
}

impl Protocol {
    /// All folds of the training part, and `seeds` seeds from `first` on.
    ///
    /// # Errors
    /// [`Error::Csv`] if the metadata name fewer than two folds.
    pub fn of(dataset: &Dataset, first: u64, seeds: usize) -> Result<Self> {
        let folds = folds(&dataset.train);
        if folds.len() < 2 {
            let found = match folds.first() {
                None => "is missing or empty".to_owned(),
                Some(only) => format!("every clip with a fold is in fold {only}"),
            };
            return Err(Error::Csv {
                path: dataset.train.metadata_path().to_owned(),
                line: None,
                column: Some("fold".into()),
                reason: format!(
                    "{found}; cross-validation needs at least two folds: data.folds=K makes them, with no actor in two"
                ),
            });
        }
        Ok(Self {
            folds,
            seeds: (0..seeds as u64).map(|i| first.wrapping_add(i)).collect(),
            main: dataset.task().main_measure(),
        })
    }

    /// The seeds to repeat a kind of training with: only the first if the result is the same for all.
    pub fn seeds_of(&self, kind: &TrialKind) -> &[u64] {
        match kind.is_random() {
            true => &self.seeds,
            false => &self.seeds[..self.seeds.len().min(1)],
        }
    }
}

impl Protocol {
    /// The mean of the main measure over all folds and seeds, with the sign that makes higher better.
    pub(super) fn merit(&self, results: &[&TrialSummary]) -> Option<f64> {
        let folds = FoldScore::of(results.iter().copied(), self.main);
        let seeds: Vec<&[FoldScore]> = folds.chunks(self.folds.len().max(1)).collect();
        let mean = Summary::of(&seeds)?.of_main(self.main)?.mean;
        Some(match self.main.higher_is_better() {
            true => mean,
            false => -mean,
        })
    }
}

/// One trial's part of a cross-validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoldScore {
    /// The trial's name.
    pub id: String,
    /// The seed.
    pub seed: u64,
    /// The fold held out.
    pub fold: usize,
    /// Official counts at the best epoch.
    pub accuracy: Accuracy,
    /// Mean losses at the best epoch, in nats.
    pub losses: Option<MeanLosses>,
    /// Thresholds chosen on the fold.
    pub thresholds: ChosenThresholds,
    /// The best epoch.
    pub best_epoch: usize,
    /// Number of epochs.
    pub epochs: usize,
    /// What is wrong with the training, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<TrainingFault>,
    /// The task's main measure, where it is not the average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<f64>,
    /// Whether a baseline was still improving at its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconverged: bool,
}

impl FoldScore {
    /// The value of the main measure, which is `main`; none where it is undefined.
    pub fn value(&self, main: Monitor) -> Option<f64> {
        match main {
            Monitor::Average => Some(self.accuracy.average()),
            _ => self.main,
        }
    }

    /// The mean of the main measure over a fold's seeds; none where no seed has a value.
    pub fn mean(scores: &[Self], fold: usize, main: Monitor) -> Option<f64> {
        let of_fold = scores.iter().filter(|score| score.fold == fold);
        mean(of_fold.filter_map(|score| score.value(main)))
    }

    fn of<'a, S: 'a>(
        results: impl IntoIterator<Item = &'a TrialResult<S>>,
        main: Monitor,
    ) -> Vec<Self> {
        let score = |result: &TrialResult<S>| Self {
            id: result.id.clone(),
            seed: result.trial.seed,
            fold: result.trial.fold.unwrap_or_default(),
            accuracy: result.accuracy.unwrap_or_default(),
            losses: result.losses,
            thresholds: result.thresholds,
            best_epoch: result.best_epoch,
            epochs: result.epochs,
            fault: result.fault.clone(),
            main: result.measure(main).filter(|_| main != Monitor::Average),
            unconverged: result.unconverged,
        };
        results.into_iter().map(score).collect()
    }
}

/// Means and spreads over folds and seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// ½ ACC_presence + ½ ACC_salience, where an undefined one counts as 0.
    pub average: Spread,
    /// ACC_presence.
    pub acc_presence: Option<Spread>,
    /// ACC_salience; over the folds where it is defined.
    pub acc_salience: Option<Spread>,
    /// L_task.
    pub task_loss: Option<Spread>,
    /// L_p.
    pub presence_loss: Option<Spread>,
    /// L_s.
    pub salience_loss: Option<Spread>,
    /// The best epoch.
    pub best_epoch: Spread,
    /// The task's main measure, where it is not the average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<Spread>,
}

/// The results of a candidate.
#[derive(Clone, Debug)]
pub struct CrossValidation {
    /// The candidate.
    pub candidate: Candidate,
    /// Every trial, seed by seed and within a seed fold by fold.
    pub folds: Vec<FoldScore>,
    /// Over all of them.
    pub summary: Summary,
    /// The same for each seed.
    pub by_seed: Vec<(u64, Summary)>,
    /// Scores of every clip by the models that did not train on it, one for each seed; empty where only
    /// the table is wanted.
    pub out_of_fold: Vec<OutOfFold>,
    /// What they score, by actor and seed.
    pub scores: ActorScores,
    /// One setting of the thresholds, chosen on all out-of-fold scores of all seeds.
    pub pooled_thresholds: ChosenThresholds,
    /// The accuracy that it reaches on them.
    pub pooled_accuracy: Accuracy,
    /// All other measures.
    pub measures: MeasureSummary,
    /// Median of the best epochs: how long to train on all clips.
    pub median_best_epoch: usize,
    /// The task's main measure.
    pub main: Monitor,
}

impl CrossValidation {
    /// Official counts over all clips and seeds, each clip decoded with its own fold's thresholds.
    pub fn accuracy(&self) -> Accuracy {
        self.scores.total()
    }

    /// The task loss over folds and seeds with these weights instead of the candidate's own.
    pub fn loss_weighted_by(&self, loss: &LossConfig) -> Option<Spread> {
        let weighted = |score: &FoldScore| {
            let MeanLosses {
                presence, salience, ..
            } = score.losses?;
            let sum = loss.presence_weight * presence + loss.salience_weight * salience;
            sum.is_finite().then_some(sum)
        };
        let of_one_seed = self.folds.len() / self.by_seed.len().max(1);
        let seeds = self.folds.chunks(of_one_seed.max(1));
        let values: Vec<Vec<_>> = seeds
            .map(|folds| folds.iter().map(weighted).collect())
            .collect();
        Spread::of(&values)
    }

    /// The trainings that went wrong, one line each.
    pub fn faults(&self) -> Vec<String> {
        let told = |score: &FoldScore| {
            let fault = score.fault.as_ref()?;
            Some(format!(
                "fold {}, seed {}: {}",
                score.fold, score.seed, fault.text
            ))
        };
        self.folds.iter().filter_map(told).collect()
    }

    /// Why the whole is not usable, if it is not: a fold diverged and left no usable weights, or no fold
    /// is better than a constant answer.
    pub fn unusable(&self) -> Option<String> {
        let bad = |wanted: Fault| {
            let folds = self.folds.iter().filter_map(|score| score.fault.as_ref());
            let folds = folds.filter(move |fault| !fault.usable && fault.fault == wanted);
            folds.count()
        };
        let (diverged, stuck) = (bad(Fault::Diverged), bad(Fault::Stuck));
        let all = self.folds.len();
        let name = &self.candidate.name;
        if diverged > 0 {
            return Some(format!(
                "{name}: training diverged in {diverged} of {all} trials, so the scores are not usable; the notes above have the figures"
            ));
        }
        (all > 0 && stuck == all).then(|| {
            format!(
                "{name}: none of {all} trials is better than an answer that never changes; the notes above have the figures"
            )
        })
    }

    /// The cross-validation that results make up, seed by seed and within a seed fold by fold.
    ///
    /// # Errors
    /// As `OutOfFold::of` and `pooled`; [`Error::Data`] without results.
    pub(super) fn of(
        candidate: &Candidate,
        protocol: &Protocol,
        results: &[TrialResult],
    ) -> Result<Self> {
        let dataset = &candidate.data.dataset;
        let folds = FoldScore::of(results, protocol.main);
        let of_one_seed = protocol.folds.len().max(1);
        let out_of_fold: Vec<OutOfFold> = results
            .chunks(of_one_seed)
            .map(|results| OutOfFold::of(results, dataset))
            .collect::<Result<_>>()?;
        // There is nothing to search for a trivial answer, which is decoded alike in every fold.
        let (pooled_thresholds, pooled_accuracy) = match folds.first() {
            Some(first) if candidate.kind.is_trivial() => {
                let mut sum = Accuracy::default();
                for score in &folds {
                    sum.add_times(&score.accuracy, 1);
                }
                (first.thresholds, sum)
            }
            _ => pooled(&candidate.kind, &out_of_fold, dataset)?,
        };
        let seeds: Vec<&[FoldScore]> = folds.chunks(of_one_seed).collect();
        let nothing = || Error::Data("cross-validation without a trial".into());
        let by_seed = protocol.seeds_of(&candidate.kind).iter().zip(&seeds);
        let by_seed = by_seed
            .map(|(&seed, scores)| Some((seed, Summary::of(&[*scores])?)))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(nothing)?;
        Ok(Self {
            candidate: candidate.clone(),
            main: protocol.main,
            summary: Summary::of(&seeds).ok_or_else(nothing)?,
            by_seed,
            measures: MeasureSummary::of(&out_of_fold, &dataset.classes)?,
            scores: actor_scores(&out_of_fold, protocol.main, dataset)?,
            out_of_fold,
            pooled_thresholds,
            pooled_accuracy,
            median_best_epoch: median(folds.iter().map(|score| score.best_epoch))
                .ok_or_else(nothing)?,
            folds,
        })
    }
}

impl Summary {
    /// The summary of the scores of each seed; `None` if there are none.
    fn of(seeds: &[&[FoldScore]]) -> Option<Self> {
        let spread = |value: &dyn Fn(&FoldScore) -> Option<f64>| {
            let values: Vec<Vec<_>> = seeds
                .iter()
                .map(|scores| scores.iter().map(value).collect())
                .collect();
            Spread::of(&values)
        };
        let loss = |part: fn(&MeanLosses) -> f64| {
            spread(&|score| score.losses.as_ref().map(part).filter(|x| x.is_finite()))
        };
        Some(Self {
            average: spread(&|score| Some(score.accuracy.average()))?,
            acc_presence: spread(&|score| score.accuracy.presence()),
            acc_salience: spread(&|score| score.accuracy.salience()),
            task_loss: loss(|losses| losses.task),
            presence_loss: loss(|losses| losses.presence),
            salience_loss: loss(|losses| losses.salience),
            best_epoch: spread(&|score| Some(score.best_epoch as f64))?,
            main: spread(&|score| score.main),
        })
    }

    /// The task's main measure, which is `main`; none where no fold has it.
    pub fn of_main(&self, main: Monitor) -> Option<&Spread> {
        match main {
            Monitor::Average => Some(&self.average),
            _ => self.main.as_ref(),
        }
    }
}
