//! How a sweep proposes configurations, and its state while it runs.

use serde::{Deserialize, Serialize};

use super::parameter::Parameter;
use super::space::{self, Point, SearchSpace};
use super::{Swept, tpe};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::experiments::comparison::{Comparison, Entry, best, compare_rows};
use crate::experiments::paper::TABLE_5;
use crate::experiments::study::Setup;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::rng::{Purpose, Stream};

/// Number of configurations that are proposed from the same results and run in parallel. A constant, so
/// that the number of cores or jobs changes nothing.
const SIDE_BY_SIDE: usize = 2;

/// How configurations are proposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Search {
    /// All combinations.
    Grid,
    /// This many at random.
    Random(usize),
    /// This many by the tree-structured Parzen estimator (Bergstra et al. 2011).
    Tpe(usize),
}

/// The options of a sweep as stored in `plan.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SearchOptions {
    pub(super) param: Vec<Parameter>,
    random: Option<usize>,
    tpe: Option<usize>,
    /// Only if a grid is not the default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    grid: Option<bool>,
    /// Only if the search is repeated inside each fold.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) nested: bool,
    /// Only if they are kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) keep_weights: bool,
}

impl SearchOptions {
    /// The options of a study whose default is a grid.
    pub(super) fn or_grid(param: Vec<Parameter>, search: Search) -> Self {
        let (random, tpe) = match search {
            Search::Grid => (None, None),
            Search::Random(count) => (Some(count), None),
            Search::Tpe(count) => (None, Some(count)),
        };
        Self {
            param,
            random,
            tpe,
            grid: None,
            nested: false,
            keep_weights: false,
        }
    }

    /// The same, with the weights of every model kept or not.
    pub(super) fn keeping(self, keep_weights: bool) -> Self {
        Self {
            keep_weights,
            ..self
        }
    }

    /// The options of a study whose default is not a grid.
    pub(super) fn naming_grid(param: Vec<Parameter>, search: Search) -> Self {
        Self {
            grid: Some(search == Search::Grid),
            ..Self::or_grid(param, search)
        }
    }

    /// The same, repeated without each fold or not.
    pub(super) fn repeated(self, nested: bool) -> Self {
        Self { nested, ..self }
    }

    pub(super) fn search(&self, default: Search) -> Search {
        match (self.random, self.tpe) {
            (Some(count), _) => Search::Random(count),
            (_, Some(count)) => Search::Tpe(count),
            _ if self.grid == Some(true) => Search::Grid,
            _ => default,
        }
    }
}

/// One configuration that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The swept keys' values.
    pub point: Point,
    /// All keys.
    pub config: Config,
}

/// What is searched, and how.
#[derive(Clone, Debug)]
pub(super) struct SearchPlan {
    /// The keys and their values.
    pub(super) space: SearchSpace,
    /// How they are combined.
    pub(super) search: Search,
    /// Whether every model's weights are kept.
    pub(super) keep_weights: bool,
}

/// A search while it runs.
#[derive(Debug)]
pub struct Searching {
    space: SearchSpace,
    search: Search,
    keep_weights: bool,
    /// The configurations that were tried, as entries and as points, in the same order.
    comparison: Comparison,
    tried: Vec<Tried>,
    /// The means of the main measure of the configurations that have ended, signed so that higher is better;
    /// `None` for one that failed.
    merits: Vec<Option<f64>>,
    /// Number of configurations proposed so far, including those that are equivalent to another.
    proposed: usize,
    same: Vec<String>,
}

impl Searching {
    /// Adds the first configurations.
    ///
    /// # Errors
    /// [`Error::Config`]; as [`Comparison::add`].
    pub(super) fn start(options: SearchPlan, setup: &Setup, plan: &mut Plan) -> Result<Self> {
        let SearchPlan {
            space,
            search,
            keep_weights,
        } = options;
        let mut searching = Self {
            space,
            search,
            keep_weights,
            comparison: Comparison::default(),
            tried: Vec::new(),
            merits: Vec::new(),
            proposed: 0,
            same: Vec::new(),
        };
        match search {
            Search::Grid => {
                let points = space::grid(&searching.space.parameters)?;
                searching.add(points, setup, plan)?;
            }
            Search::Random(count) => {
                let points = (0..count).map(|number| searching.random(setup, number));
                let points = points.collect();
                searching.add(points, setup, plan)?;
            }
            Search::Tpe(_) => searching.next_trials(setup, &Outcomes::default(), plan)?,
        }
        Ok(searching)
    }

    /// Proposes the next configurations of a guided search, once those before have ended.
    ///
    /// # Errors
    /// As [`Searching::start`].
    pub(super) fn next_trials(
        &mut self,
        setup: &Setup,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        let Search::Tpe(count) = self.search else {
            return Ok(());
        };
        let before = plan.trials().len();
        // A proposal that is equivalent to an earlier configuration adds no trial.
        while self.proposed < count
            && plan.trials().len() == before
            && self.have_ended(setup, outcomes)
        {
            let points = self.tried.iter().map(|tried| tried.point.clone());
            let known: Vec<_> = points.zip(self.merits.iter().copied()).collect();
            let random = tpe::RANDOM_FIRST.saturating_sub(self.proposed);
            let together = random.max(SIDE_BY_SIDE).min(count - self.proposed);
            let seed = setup.config.train.seed;
            let numbers = self.proposed..self.proposed + together;
            let points =
                numbers.map(|number| tpe::propose(&self.space.parameters, &known, seed, number));
            let points = points.collect();
            self.add(points, setup, plan)?;
            self.proposed += together;
        }
        Ok(())
    }

    /// Whether all configurations so far have ended; records their merits.
    fn have_ended(&mut self, setup: &Setup, outcomes: &Outcomes) -> bool {
        for place in self.merits.len()..self.tried.len() {
            let folds = self.comparison.folds(place);
            if !folds.iter().all(|id| outcomes.has(id)) {
                return false;
            }
            let results = outcomes.results(folds);
            let merit = results
                .ok()
                .and_then(|results| setup.protocol.merit(&results));
            self.merits.push(merit);
        }
        true
    }

    /// Whether no configuration follows any more and all have ended.
    pub(super) fn has_ended(&self, outcomes: &Outcomes) -> bool {
        let all_proposed = match self.search {
            Search::Tpe(count) => self.proposed >= count,
            Search::Grid | Search::Random(_) => true,
        };
        let mut places = 0..self.tried.len();
        let has_ended = |place: usize| {
            let folds = self.comparison.folds(place);
            folds.iter().all(|id| outcomes.has(id))
        };
        all_proposed && places.all(has_ended)
    }

    /// The configuration with this number in a random search.
    fn random(&self, setup: &Setup, number: usize) -> Point {
        let mut stream = Stream::new(setup.config.train.seed, Purpose::Sweep, 0, number);
        let drawn = |parameter: &Parameter| (parameter.key.clone(), parameter.draw(&mut stream));
        self.space.parameters.iter().map(drawn).collect()
    }

    /// Adds the configurations that are not equivalent to an earlier one.
    fn add(&mut self, points: Vec<Point>, setup: &Setup, plan: &mut Plan) -> Result<()> {
        for point in points {
            let point = self.space.completed(point);
            let name = space::name(&point);
            let config = space::apply(&setup.config, &point).map_err(|error| Error::Config {
                field: format!("sweep at {name}"),
                reason: error.to_string(),
            })?;
            let data = setup.folder.open(&config.data)?;
            let encoders = data.dataset.encoders.len();
            let paper = self.paper(&config, encoders);
            let mut entry = Entry::fusion(&name, &config, &setup.config, &data, paper);
            entry.candidate.keep_weights = self.keep_weights;
            let same = self.comparison.entries().find(|known| {
                known.candidate.kind == entry.candidate.kind
                    && known.candidate.data.digest == data.digest
            });
            let Some(same) = same.map(|known| known.candidate.name.clone()) else {
                self.comparison.add([entry], &setup.protocol, plan)?;
                self.tried.push(Tried { point, config });
                continue;
            };
            if same != name {
                let reason = if config.model.top_k > encoders {
                    format!(" (the data have only {encoders} encoders)")
                } else {
                    String::new()
                };
                self.same
                    .push(format!("{name}: equivalent to {same}{reason}"));
            }
        }
        Ok(())
    }

    /// Table V's figure, if top-k is the only parameter.
    fn paper(&self, config: &Config, encoders: usize) -> Option<f64> {
        let [only] = &self.space.parameters[..] else {
            return None;
        };
        let k = config.model.top_k;
        let known = TABLE_5.iter().find(|(of_paper, _)| *of_paper == k);
        known
            .filter(|_| only.key == "model.top_k" && k <= encoders)
            .map(|(_, average)| *average)
    }

    /// Configurations without their own row, and why.
    pub fn same(&self) -> &[String] {
        &self.same
    }

    /// The index of the configuration that all are compared with: the setup's own, where it was tried, or
    /// the first. Never the best, whose lead would be partly the luck that made it the best.
    fn reference(&self, setup: &Setup) -> usize {
        let own = Entry::fusion("", &setup.config, &setup.config, &setup.data, None);
        let same = |entry: &Entry| {
            let candidate = &entry.candidate;
            candidate.kind == own.candidate.kind && candidate.data.digest == setup.data.digest
        };
        let place = self.comparison.entries().position(same);
        place.unwrap_or_default()
    }

    /// The configurations that were tried, compared with one that was named before any result: see
    /// [`Swept::rows`].
    ///
    /// # Errors
    /// As [`Comparison::rows`] and [`compare_rows`].
    pub(super) fn conclude(&self, setup: &Setup, outcomes: &Outcomes) -> Result<Swept> {
        let rows = self
            .comparison
            .rows_without_clips(&setup.protocol, outcomes);
        let mut rows = rows?;
        let best = best(&rows);
        compare_rows(&mut rows, self.reference(setup))?;
        Ok(Swept {
            tried: self.tried.clone(),
            rows,
            best,
            same: self.same.clone(),
            nested: None,
        })
    }
}

/// Refuses values that the configuration does not accept: checks all combinations of a grid, otherwise
/// every listed value and the ends of every range.
///
/// # Errors
/// [`Error::Config`].
pub(super) fn check_values(parameters: &[Parameter], search: Search, base: &Config) -> Result<()> {
    let points = match search {
        Search::Grid => space::grid(parameters)?,
        _ => {
            let of_one = |parameter: &Parameter| -> Vec<Point> {
                let values = parameter.outermost().into_iter();
                let point = |value| vec![(parameter.key.clone(), value)];
                values.map(point).collect()
            };
            parameters.iter().flat_map(of_one).collect()
        }
    };
    points
        .iter()
        .try_for_each(|point| space::apply(base, point).map(|_| ()))
}
