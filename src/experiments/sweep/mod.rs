//! Configurations that differ in a few keys, each cross-validated: all of a grid, some at random, or
//! one after the other where a model of the results so far expects most.

pub mod space;
mod tpe;
pub mod tune;

use serde::{Deserialize, Serialize};

use super::comparison::{Contender, Row, compare, compare_rows};
use super::cross_validate::Protocol;
use super::paper::TABLE_5;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::plan::data_folder::DataFolder;
use crate::plan::outcomes::Outcomes;
use crate::plan::run::schedule::{PlanObserver, Scheduler};
use crate::rng::{Purpose, Stream};
use space::{Parameter, Point, apply, name};

/// Configurations that are proposed from the same results and run side by side. A number of its own,
/// so that cores and jobs change nothing.
const SIDE_BY_SIDE: usize = 2;

/// How configurations are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// All combinations.
    Grid,
    /// So many at random.
    Random(usize),
    /// So many by the tree-structured Parzen estimator (Bergstra et al. 2011).
    Tpe(usize),
}

/// What is swept.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What the swept keys are laid over.
    pub base: Config,
    /// The keys and their values.
    pub parameters: Vec<Parameter>,
    /// How they are combined.
    pub search: Search,
}

/// One configuration that was tried.
#[derive(Clone, Debug)]
pub struct Tried {
    /// The swept keys' values.
    pub point: Point,
    /// All keys.
    pub config: Config,
}

/// The outcome.
#[derive(Debug)]
pub struct Swept {
    /// What was tried, in order, each training once.
    pub tried: Vec<Tried>,
    /// A row for each; compared with the best.
    pub rows: Vec<Row>,
    /// The place of the highest validation average; of equal ones the first.
    pub best: Option<usize>,
    /// Configurations without a row, and why.
    pub same: Vec<String>,
    /// Everything that was run.
    pub outcomes: Outcomes,
}

impl Sweep {
    /// Refuses values that the configuration does not take: all combinations of a grid, otherwise
    /// every listed value and the ends of every range.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn check(&self) -> Result<()> {
        let points = match self.search {
            Search::Grid => space::grid(&self.parameters)?,
            _ => {
                let of_one = |parameter: &Parameter| -> Vec<Point> {
                    let values = parameter.outermost().into_iter();
                    let point = |value| vec![(parameter.key.clone(), value)];
                    values.map(point).collect()
                };
                self.parameters.iter().flat_map(of_one).collect()
            }
        };
        points
            .iter()
            .try_for_each(|point| apply(&self.base, point).map(|_| ()))
    }

    /// Cross-validates the configurations; all of a grid or a random search in one plan.
    ///
    /// # Errors
    /// [`Error::Config`] for a combination that is no configuration; as [`compare`].
    pub fn run(
        &self,
        scheduler: &Scheduler<'_>,
        data: &DataFolder,
        protocol: &Protocol,
        observer: &mut dyn PlanObserver,
    ) -> Result<Swept> {
        let mut swept = Swept {
            tried: Vec::new(),
            rows: Vec::new(),
            best: None,
            same: Vec::new(),
            outcomes: Outcomes::default(),
        };
        match self.search {
            Search::Grid => {
                let points = space::grid(&self.parameters)?;
                self.try_points(points, &mut swept, scheduler, data, protocol, observer)?;
            }
            Search::Random(count) => {
                let points = (0..count).map(|number| {
                    let mut stream = Stream::new(self.base.train.seed, Purpose::Sweep, 0, number);
                    let values = self.parameters.iter();
                    values
                        .map(|parameter| (parameter.key.clone(), parameter.draw(&mut stream)))
                        .collect()
                });
                let points = points.collect();
                self.try_points(points, &mut swept, scheduler, data, protocol, observer)?;
            }
            Search::Tpe(count) => {
                let mut number = 0;
                while number < count {
                    let known: Vec<(Point, Option<f64>)> = swept
                        .tried
                        .iter()
                        .zip(&swept.rows)
                        .map(|(tried, row)| (tried.point.clone(), average(row)))
                        .collect();
                    let first = tpe::RANDOM_FIRST.saturating_sub(number);
                    let together = first.max(SIDE_BY_SIDE).min(count - number);
                    let seed = self.base.train.seed;
                    let points = (number..number + together)
                        .map(|number| tpe::propose(&self.parameters, &known, seed, number))
                        .collect();
                    self.try_points(points, &mut swept, scheduler, data, protocol, observer)?;
                    number += together;
                }
            }
        }
        let mut best: Option<(usize, f64)> = None;
        for (place, row) in swept.rows.iter().enumerate() {
            if let Some(average) = average(row)
                && best.is_none_or(|(_, most)| average > most)
            {
                best = Some((place, average));
            }
        }
        swept.best = best.map(|(place, _)| place);
        if swept.rows.iter().filter(|row| row.found.is_ok()).count() > 0 {
            compare_rows(&mut swept.rows, swept.best.unwrap_or_default())?;
        }
        Ok(swept)
    }

    /// Cross-validates those that train as nothing tried before does.
    fn try_points(
        &self,
        points: Vec<Point>,
        swept: &mut Swept,
        scheduler: &Scheduler<'_>,
        data: &DataFolder,
        protocol: &Protocol,
        observer: &mut dyn PlanObserver,
    ) -> Result<()> {
        let mut contenders: Vec<Contender> = Vec::new();
        for point in points {
            let name = name(&point);
            let config = apply(&self.base, &point).map_err(|error| Error::Config {
                field: format!("sweep at {name}"),
                reason: error.to_string(),
            })?;
            let opened = data.open(&config.data)?;
            let encoders = opened.dataset.encoders.len();
            let mut contender = Contender::fusion(
                &name,
                &config,
                &self.base,
                &opened,
                self.paper(&config, encoders),
            );
            contender.changes = config.changes_from(&self.base);
            let known = swept.rows.iter().map(|row| &row.contender);
            let same = known.chain(&contenders).find(|known| {
                known.candidate.kind == contender.candidate.kind
                    && known.candidate.data.digest == opened.digest
            });
            if let Some(same) = same {
                let same = &same.candidate.name;
                let reason = if config.model.top_k > encoders {
                    format!(" (the data have only {encoders} encoders)")
                } else {
                    String::new()
                };
                if *same != name {
                    swept
                        .same
                        .push(format!("{name}: equivalent to {same}{reason}"));
                }
                continue;
            }
            contenders.push(contender);
            swept.tried.push(Tried { point, config });
        }
        if contenders.is_empty() {
            return Ok(());
        }
        let (rows, outcomes) = compare(scheduler, contenders, protocol, observer)?;
        swept.rows.extend(rows);
        swept.outcomes.extend(outcomes);
        Ok(())
    }

    /// Table V's figure, where the number of kept encoders is all that is swept.
    fn paper(&self, config: &Config, encoders: usize) -> Option<f64> {
        let alone = self.parameters.len() == 1 && self.parameters[0].key == "model.top_k";
        let k = config.model.top_k;
        let known = TABLE_5.iter().find(|(of_paper, _)| *of_paper == k);
        known
            .filter(|_| alone && k <= encoders)
            .map(|(_, average)| *average)
    }
}

/// The validation average of a row that has one.
pub fn average(row: &Row) -> Option<f64> {
    let found = row.found.as_ref().ok()?;
    Some(found.summary.average.mean)
}
