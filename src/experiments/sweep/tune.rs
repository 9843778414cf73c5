//! Hyper-parameter search: its default space, and the file that it writes.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Swept;
use super::nested::NestedSearch;
use super::parameter::Parameter;
use super::search::{Search, SearchOptions, SearchPlan, Searching, check_values};
use super::space::{self, SearchSpace};
use crate::config::Config;
use crate::data::dataset::{Dataset, Split};
use crate::error::{Error, Result};
use crate::experiments::study::{Setup, Study};
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;

/// Chooses hyper-parameters by cross-validation: the best validation mean of the main measure wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "SearchOptions", into = "SearchOptions")]
pub struct Tune {
    /// The keys and their values; empty: those of [`default_space`].
    pub parameters: Vec<Parameter>,
    /// How they are combined.
    pub search: Search,
    /// Whether the search is repeated without each fold in turn, which is then scored: see
    /// [`Nested`](super::Nested).
    pub nested: bool,
    /// Whether every model's weights are kept; otherwise none are.
    pub keep_weights: bool,
}

impl Default for Tune {
    /// The default space, searched by the tree-structured Parzen estimator.
    fn default() -> Self {
        Self {
            parameters: Vec::new(),
            search: Search::Tpe(CONFIGURATIONS),
            nested: false,
            keep_weights: false,
        }
    }
}

impl From<SearchOptions> for Tune {
    fn from(options: SearchOptions) -> Self {
        Self {
            search: options.search(Self::default().search),
            nested: options.nested,
            keep_weights: options.keep_weights,
            parameters: options.param,
        }
    }
}

impl From<Tune> for SearchOptions {
    fn from(tune: Tune) -> Self {
        let options = SearchOptions::naming_grid(tune.parameters, tune.search);
        options.keeping(tune.keep_weights).repeated(tune.nested)
    }
}

impl Tune {
    /// Refuses keys that cannot be swept.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn check(&self) -> Result<()> {
        space::check(&self.parameters)
    }
}

/// A search over all folds, and those without each fold in turn, while they run.
#[derive(Debug)]
pub struct Tuning {
    whole: Searching,
    nested: Option<NestedSearch>,
}

impl Tuning {
    /// Configurations without their own row, and why.
    pub fn same(&self) -> &[String] {
        self.whole.same()
    }
}

impl Study for Tune {
    const NAME: &'static str = "tune";
    type State = Tuning;
    type Findings = Swept;

    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<Tuning> {
        self.check()?;
        check_values(&self.parameters, self.search, &setup.config)?;
        let space = match self.parameters.is_empty() {
            true => SearchSpace {
                parameters: default_space(&setup.data.dataset)?,
                weights_sum_to_one: true,
            },
            false => SearchSpace::of(self.parameters.clone()),
        };
        let options = SearchPlan {
            space,
            search: self.search,
            keep_weights: self.keep_weights,
        };
        // Models of a nested search are of no use beyond their scores.
        let inner = SearchPlan {
            keep_weights: false,
            ..options.clone()
        };
        let whole = Searching::start(options, setup, plan)?;
        let nested = self
            .nested
            .then(|| NestedSearch::start(&inner, setup, plan))
            .transpose()?;
        Ok(Tuning { whole, nested })
    }

    fn next_trials(
        &self,
        setup: &Setup,
        state: &mut Tuning,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        state.whole.next_trials(setup, outcomes, plan)?;
        match &mut state.nested {
            Some(nested) => nested.next_trials(outcomes, plan),
            None => Ok(()),
        }
    }

    fn conclude(&self, setup: &Setup, state: &Tuning, outcomes: &Outcomes) -> Result<Swept> {
        let nested = state.nested.as_ref();
        Ok(Swept {
            nested: nested
                .map(|nested| nested.conclude(setup, outcomes))
                .transpose()?,
            ..state.whole.conclude(setup, outcomes)?
        })
    }
}

/// Number of configurations that `tune` tries by default.
pub const CONFIGURATIONS: usize = 24;

/// The default search space: top-k from 1 to all encoders, and ranges around the paper's Table IV for the
/// rest, which are ours: the paper selects by cross-validation but prints its grid only for top-k. The
/// weight of the salience loss is what that of the presence loss leaves of 1. Where the actors of all clips
/// are known, what features are standardised by is part of it.
///
/// # Errors
/// None; the texts are fixed.
pub fn default_space(dataset: &Dataset) -> Result<Vec<Parameter>> {
    let known = dataset.splits().all(Split::can_standardise_per_actor);
    space_of(dataset.encoders.len(), known)
}

fn space_of(encoders: usize, actors_are_known: bool) -> Result<Vec<Parameter>> {
    // With one encoder there is nothing to select.
    let kept = (encoders > 1).then(|| format!("model.top_k=1..{encoders}"));
    let others = [
        "train.lr=1e-4..1e-3:log",
        "train.weight_decay=1e-4..1e-2:log",
        "model.dropout=0.1..0.5",
        "loss.presence_weight=0.5..0.8",
    ];
    kept.into_iter()
        .chain(others.map(str::to_owned))
        .chain(actors_are_known.then(|| "data.standardize=true,actor".to_owned()))
        .map(|text| text.parse())
        .collect()
}

/// Writes a configuration atomically, as the TOML file that `--config` takes.
///
/// # Errors
/// [`Error::Write`]; [`Error::Data`] for a configuration that cannot be represented as TOML.
pub fn write_config(path: &Path, config: &Config, comment: &str) -> Result<()> {
    let mut text = toml::to_string(config)
        .map_err(|error| Error::Data(format!("configuration as TOML: {error}")))?;
    // What a file of the challenge's task does not say would be read as `auto` here.
    for (key, value) in config.entries() {
        if let Some(name) = key.strip_prefix("decode.")
            && !value.is_null()
            && !text.contains(&format!("\n{name} = "))
        {
            text += &format!("{name} = {value}\n");
        }
    }
    let comment: String = comment.lines().map(|line| format!("# {line}\n")).collect();
    crate::files::atomic_file::write(path, |out| {
        std::io::Write::write_all(out, format!("{comment}\n{text}").as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MaxEmotions, Proportions};

    #[test]
    fn the_file_reads_back_as_the_same_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best.toml");
        let mut config = Config::default();
        config.model.top_k = 7;
        config.train.lr = 1.2345e-4;
        config.data.encoders = Some(vec!["a".into(), "b\"c".into()]);
        write_config(&path, &config, "one\ntwo").unwrap();
        assert_eq!(Config::load(Some(&path), &[], None).unwrap(), config);
        // What the challenge's files leave out is said here, where it would be `auto`.
        config.decode.max_emotions = MaxEmotions::CHALLENGE;
        config.decode.proportions = Proportions::challenge();
        config.decode.beta = Some(1.0);
        write_config(&path, &config, "").unwrap();
        assert_eq!(Config::load(Some(&path), &[], None).unwrap(), config);
    }

    #[test]
    fn the_default_space_fits_any_number_of_encoders() {
        for encoders in [2, 3, 9, 36, 50] {
            let space = space_of(encoders, false).unwrap();
            assert_eq!(space[0].key, "model.top_k");
            assert_eq!(space[0].grid().unwrap().len(), encoders);
        }
        let one = space_of(1, false).unwrap();
        assert!(one.iter().all(|parameter| parameter.key != "model.top_k"));
    }
}
