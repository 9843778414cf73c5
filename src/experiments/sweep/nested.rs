//! An honest estimate of a tuned model: the search is repeated without each fold in turn, and the model that it
//! chooses is scored on that fold, from which nothing was chosen (Stone 1974; Varma and Simon 2006).

use std::num::NonZeroUsize;

use ndarray::Array2;

use super::search::{SearchPlan, Searching};
use crate::config::{Config, Monitor};
use crate::data::dataset::Dataset;
use crate::data::folds::fold;
use crate::data::metadata::Clip;
use crate::error::{Error, Result};
use crate::eval::distribution::Measures;
use crate::eval::metrics::Accuracy;
use crate::eval::overlap::mean_overlap;
use crate::experiments::comparison::{Comparison, Entry, FinalModel, Row, best, compare_rows};
use crate::experiments::cross_validation::CrossValidation;
use crate::experiments::study::Setup;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::result::TrialResult;
use crate::plan::trial::Trial;

/// Scores of every clip by a model that was trained, and everything about it chosen, without the clip's fold.
#[derive(Debug)]
pub struct Nested {
    /// The setup's own configuration, then what the searches chose, compared with it. Of both, epochs and
    /// thresholds were chosen on the other folds.
    pub rows: Vec<Row>,
    /// What each search chose.
    pub folds: Vec<ChosenWithout>,
}

/// What the search without a fold chose.
#[derive(Clone, Debug)]
pub struct ChosenWithout {
    /// The fold.
    pub fold: usize,
    /// The name of the configuration; the reason if there is none.
    pub chosen: std::result::Result<String, String>,
}

/// The searches while they run.
#[derive(Debug)]
pub(super) struct NestedSearch {
    without: Vec<SearchWithout>,
}

/// The search without one fold.
#[derive(Debug)]
struct SearchWithout {
    fold: usize,
    /// With the fold as test split.
    setup: Setup,
    searching: Searching,
    /// The setup's own configuration, and its model of all other folds.
    own: Comparison,
    /// The same of the configuration that was chosen, once all have ended.
    chosen: Option<Comparison>,
}

/// A configuration's name in the table, and its folds' final models.
struct Estimated<'a> {
    name: &'a str,
    /// Seed by seed for each fold, in the order of the folds.
    of_folds: Vec<std::result::Result<Vec<TrialResult>, String>>,
}

impl NestedSearch {
    /// Adds the first configurations of every search.
    ///
    /// # Errors
    /// [`Error::Config`] if a fold is the test split already; as [`Setup::open`], for instance where fewer than three folds leave one to search with; as
    /// [`Searching::start`].
    pub(super) fn start(options: &SearchPlan, setup: &Setup, plan: &mut Plan) -> Result<Self> {
        // Each search has a test split of its own, beside which that fold would be trained on.
        if setup.config.data.test_fold.is_some() {
            return Err(Error::Config {
                field: "data.test_fold".into(),
                reason: "a nested search leaves out every fold in turn; take this key out of the configuration".into(),
            });
        }
        let folds = setup.protocol.folds.iter();
        let without = folds.map(|&fold| SearchWithout::start(fold, options, setup, plan));
        Ok(Self {
            without: without.collect::<Result<_>>()?,
        })
    }

    /// Adds what follows in every search.
    ///
    /// # Errors
    /// As [`Searching::next_trials`] and [`Comparison::next_trials`].
    pub(super) fn next_trials(&mut self, outcomes: &Outcomes, plan: &mut Plan) -> Result<()> {
        let mut without = self.without.iter_mut();
        without.try_for_each(|search| search.next_trials(outcomes, plan))
    }

    /// The estimate.
    ///
    /// # Errors
    /// As [`CrossValidation::of`] and [`compare_rows`].
    pub(super) fn conclude(&self, setup: &Setup, outcomes: &Outcomes) -> Result<Nested> {
        let (mut own, mut tuned, mut folds) = (Vec::new(), Vec::new(), Vec::new());
        for search in &self.without {
            let chosen = search.chosen.as_ref();
            let name = chosen.and_then(|chosen| chosen.entries().next());
            let name = name.map(|entry| entry.candidate.name.clone());
            folds.push(ChosenWithout {
                fold: search.fold,
                chosen: name.ok_or_else(|| "its search has not ended".to_owned()),
            });
            let whole = &setup.data.dataset;
            own.push(search.scored(Some(&search.own), outcomes, whole)?);
            tuned.push(search.scored(chosen, outcomes, whole)?);
        }
        let row = |name, of_folds| Estimated { name, of_folds }.row(setup);
        let mut rows = vec![row("not tuned", own)?, row("tuned", tuned)?];
        compare_rows(&mut rows, 0)?;
        Ok(Nested { rows, folds })
    }
}

impl SearchWithout {
    fn start(fold: usize, options: &SearchPlan, setup: &Setup, plan: &mut Plan) -> Result<Self> {
        let config = without(&setup.config, fold);
        let seeds = NonZeroUsize::new(setup.protocol.seeds.len()).unwrap_or(NonZeroUsize::MIN);
        let setup = Setup::open(setup.folder.path(), config, seeds)?;
        let searching = Searching::start(options.clone(), &setup, plan)?;
        let mut own = Comparison::default();
        let entry = Entry::fusion("not tuned", &setup.config, &setup.config, &setup.data, None);
        own.add(
            [entry.with_final_model(FinalModel::Model)],
            &setup.protocol,
            plan,
        )?;
        Ok(Self {
            fold,
            setup,
            searching,
            own,
            chosen: None,
        })
    }

    fn next_trials(&mut self, outcomes: &Outcomes, plan: &mut Plan) -> Result<()> {
        let protocol = &self.setup.protocol;
        self.searching.next_trials(&self.setup, outcomes, plan)?;
        self.own.next_trials(protocol, outcomes, plan)?;
        if self.chosen.is_none() && self.searching.has_ended(outcomes) {
            let found = self.searching.conclude(&self.setup, outcomes)?;
            if let Some(best) = best(&found.rows) {
                let entry = found.rows[best].entry.clone();
                let mut chosen = Comparison::default();
                let entry = entry.with_final_model(FinalModel::Model);
                chosen.add([entry], protocol, plan)?;
                self.chosen = Some(chosen);
            }
        }
        match &mut self.chosen {
            Some(chosen) => chosen.next_trials(protocol, outcomes, plan),
            None => Ok(()),
        }
    }

    /// The final models of a comparison's only entry, as results on the fold that none of them saw.
    fn scored(
        &self,
        of: Option<&Comparison>,
        outcomes: &Outcomes,
        whole: &Dataset,
    ) -> Result<std::result::Result<Vec<TrialResult>, String>> {
        let Some(of) = of else {
            return Ok(Err(format!(
                "the search without fold {} has not ended",
                self.fold
            )));
        };
        let rows = of.rows(&self.setup.protocol, outcomes)?;
        let retrained = rows.into_iter().find_map(|row| row.retrained);
        match retrained {
            Some(Ok(retrained)) => {
                let results = retrained.results.into_iter();
                let results = results.map(|result| self.on_the_fold(result, whole));
                results.collect::<Result<_>>().map(Ok)
            }
            Some(Err(reason)) => Ok(Err(reason)),
            None => Ok(Err(format!(
                "the final model without fold {} has no result",
                self.fold
            ))),
        }
    }

    /// A final model's result, its scores of the test split as those of a held-out fold of the `whole` data.
    fn on_the_fold(&self, result: TrialResult, whole: &Dataset) -> Result<TrialResult> {
        let mut result = TrialResult {
            trial: Trial {
                fold: Some(self.fold),
                ..result.trial
            },
            held_out: result.test,
            test: None,
            ..result
        };
        let Some(scores) = &result.held_out else {
            return Ok(result);
        };
        let clips = fold(&whole.train, self.fold)?.validation;
        let clips: Vec<&Clip> = clips.iter().map(|&clip| &whole.train.clips[clip]).collect();
        let decoder = result.decoder();
        let decided = scores.rows.decoded(&decoder, &whole.classes)?;
        let pairs = || {
            let pairs = clips.iter().zip(&decided);
            pairs.filter_map(|(clip, decided)| Some((clip.truth.as_ref()?, decided)))
        };
        let accuracy = Accuracy::of(pairs());
        match self.setup.protocol.main {
            Monitor::Overlap => result.overlap = mean_overlap(pairs()),
            Monitor::Kl => {
                let shares = clips.iter().flat_map(|clip| clip.target.iter().flatten());
                let shape = (clips.len(), whole.classes.len());
                let shares =
                    Array2::from_shape_vec(shape, shares.copied().collect()).map_err(|error| {
                        Error::Data(format!("labels of fold {}: {error}", self.fold))
                    })?;
                let aligned = scores.rows.aligned(decoder.alignment)?;
                let measures = Measures::of_rows(shares.view(), aligned.view())?;
                result.kl = Measures::mean(&measures).map(|mean| mean.kullback_leibler);
            }
            _ => {}
        }
        result.accuracy = Some(accuracy);
        Ok(result)
    }
}

impl Estimated<'_> {
    fn row(self, setup: &Setup) -> Result<Row> {
        let entry = Entry::fusion(self.name, &setup.config, &setup.config, &setup.data, None);
        let of_folds: std::result::Result<Vec<_>, String> = self.of_folds.into_iter().collect();
        let result = match of_folds {
            Ok(of_folds) => {
                let seeds = 0..setup.protocol.seeds_of(&entry.candidate.kind).len();
                let by_seed =
                    seeds.flat_map(|seed| of_folds.iter().filter_map(move |f| f.get(seed)));
                let results: Vec<TrialResult> = by_seed.cloned().collect();
                Ok(CrossValidation::of(
                    &entry.candidate,
                    &setup.protocol,
                    &results,
                )?)
            }
            Err(reason) => Err(reason),
        };
        Ok(Row {
            entry,
            result,
            significance: None,
            retrained: None,
        })
    }
}

/// A configuration with a fold as its test split.
fn without(config: &Config, fold: usize) -> Config {
    let mut config = config.clone();
    config.data.test_fold = Some(fold);
    config
}
