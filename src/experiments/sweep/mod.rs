//! Configurations that differ in a few keys, each cross-validated: all of a grid, some at random, or
//! sequentially, where a model of the results so far expects the best scores.

pub mod nested;
pub mod parameter;
mod search;
pub mod space;
mod tpe;
pub mod tune;

pub use search::{Search, Searching, Tried};
pub use tune::Tune;

use serde::{Deserialize, Serialize};

use self::nested::Nested;
use self::parameter::Parameter;
use self::search::{SearchOptions, SearchPlan, check_values};
use self::space::SearchSpace;
use super::comparison::Row;
use super::study::{Setup, Study};
use crate::error::{Error, ParameterFault, Result};
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;

/// Cross-validates the setup's configuration with other values of some keys.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "SearchOptions", into = "SearchOptions")]
pub struct Sweep {
    /// The keys and their values.
    pub parameters: Vec<Parameter>,
    /// How they are combined.
    pub search: Search,
    /// Whether every model's weights are kept; otherwise none are.
    pub keep_weights: bool,
}

/// The results of a sweep.
#[derive(Debug)]
pub struct Swept {
    /// The configurations that were tried, in order, each once.
    pub tried: Vec<Tried>,
    /// One row each, compared with the setup's own configuration, where it was tried, or with the first.
    pub rows: Vec<Row>,
    /// The index of the best mean of the main measure; of equal ones the first.
    pub best: Option<usize>,
    /// Configurations without a row, and why.
    pub same: Vec<String>,
    /// The estimate in which nothing was chosen on the clips that are scored, if requested.
    pub nested: Option<Nested>,
}

impl Swept {
    /// Whether every configuration that was tried has a result.
    pub fn is_complete(&self) -> bool {
        self.rows.iter().all(|row| row.result.is_ok())
    }
}

impl Sweep {
    /// Refuses keys that cannot be swept, or none at all.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check(&self) -> Result<()> {
        if self.parameters.is_empty() {
            return Err(Error::Parameter {
                parameter: String::new(),
                fault: ParameterFault::Absent,
            });
        }
        space::check(&self.parameters)
    }
}

impl From<SearchOptions> for Sweep {
    fn from(options: SearchOptions) -> Self {
        Self {
            search: options.search(Search::Grid),
            keep_weights: options.keep_weights,
            parameters: options.param,
        }
    }
}

impl From<Sweep> for SearchOptions {
    fn from(sweep: Sweep) -> Self {
        SearchOptions::or_grid(sweep.parameters, sweep.search).keeping(sweep.keep_weights)
    }
}

impl Study for Sweep {
    const NAME: &'static str = "sweep";
    type State = Searching;
    type Findings = Swept;

    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<Searching> {
        self.check()?;
        check_values(&self.parameters, self.search, &setup.config)?;
        let options = SearchPlan {
            space: SearchSpace::of(self.parameters.clone()),
            search: self.search,
            keep_weights: self.keep_weights,
        };
        Searching::start(options, setup, plan)
    }

    fn next_trials(
        &self,
        setup: &Setup,
        state: &mut Searching,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        state.next_trials(setup, outcomes, plan)
    }

    fn conclude(&self, setup: &Setup, state: &Searching, outcomes: &Outcomes) -> Result<Swept> {
        state.conclude(setup, outcomes)
    }
}
