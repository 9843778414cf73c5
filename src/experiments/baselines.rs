//! The study that compares the challenge's baselines with the fusion model.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::comparison::{Comparison, Entry, FinalModel, Row, compare_rows};
use super::study::{Setup, Study};
use super::table_1::{Entries, baselines, unanswerable};
use crate::baseline::{BaselineSpec, ClassifierSpec, named};
use crate::config::Config;
use crate::config::Gate;
use crate::error::Result;
use crate::plan::data_folder::Opened;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;

/// The fusion model as configured.
pub const FUSION: &str = "fusion";

/// The fusion model with the same weight for every encoder and none left out.
pub const UNIFORM_FUSION: &str = "uniform-fusion";

/// The classifiers that every comparison has by default, on all encoders and on each.
const STANDARD: [&str; 2] = ["logistic", "forest"];

/// Cross-validates the fusion model and baselines; with a test split, each is also trained on all clips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompareBaselines {
    /// The rows by name, each once: [`FUSION`], [`UNIFORM_FUSION`], and the names that [`named`] accepts.
    /// Empty means the fusion model, both trivial baselines, uniform fusion and between them, with a
    /// recipe that is chosen, logistic regression and a random forest on all encoders and on each, a
    /// linear layer and the classifier on all of them; with a fixed recipe, Table I's baselines on
    /// features (if the data have none of those encoders, the classifier on each encoder).
    #[serde(rename = "baseline")]
    pub names: Vec<String>,
    /// The classifier of Table I's rows, and how all classifiers are trained.
    #[serde(rename = "recipe")]
    pub classifier: ClassifierSpec,
    /// Whether learning rate and number of epochs are chosen inside the training clips instead; the
    /// classifier's recipe then does not matter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub chosen_recipe: bool,
    /// Whether the weights of the fusion models are kept; baselines leave none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_weights: bool,
}

impl Default for CompareBaselines {
    /// All default rows, each with a recipe that is chosen inside the training clips.
    fn default() -> Self {
        Self {
            names: Vec::new(),
            classifier: ClassifierSpec::default(),
            chosen_recipe: true,
            keep_weights: false,
        }
    }
}

/// A comparison of baselines while it runs.
#[derive(Debug)]
pub struct ComparingBaselines {
    comparison: Comparison,
    left_out: Vec<String>,
}

impl ComparingBaselines {
    /// Rows that are impossible with these data, and why.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }
}

/// The results of the baselines.
#[derive(Debug)]
pub struct ComparedBaselines {
    /// All rows, compared with the first.
    pub rows: Vec<Row>,
    /// Rows that are impossible with these data, and why.
    pub left_out: Vec<String>,
}

impl Study for CompareBaselines {
    const NAME: &'static str = "baseline";
    type State = ComparingBaselines;
    type Findings = ComparedBaselines;

    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<ComparingBaselines> {
        self.classifier.recipe.check()?;
        let Entries { entries, left_out } = self.entries(&setup.config, &setup.data)?;
        let mut comparison = Comparison::default();
        comparison.add(entries, &setup.protocol, plan)?;
        Ok(ComparingBaselines {
            comparison,
            left_out,
        })
    }

    fn next_trials(
        &self,
        setup: &Setup,
        state: &mut ComparingBaselines,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        state
            .comparison
            .next_trials(&setup.protocol, outcomes, plan)
    }

    fn conclude(
        &self,
        setup: &Setup,
        state: &ComparingBaselines,
        outcomes: &Outcomes,
    ) -> Result<ComparedBaselines> {
        let mut rows = state.comparison.rows(&setup.protocol, outcomes)?;
        compare_rows(&mut rows, 0)?;
        Ok(ComparedBaselines {
            rows,
            left_out: state.left_out.clone(),
        })
    }
}

impl CompareBaselines {
    fn entries(&self, config: &Config, data: &Arc<Opened>) -> Result<Entries> {
        let mut found = match self.names.is_empty() {
            true => self.default_entries(config, data)?,
            false => Entries::default(),
        };
        for name in &self.names {
            self.add(&mut found, name, config, data)?;
        }
        for entry in &mut found.entries {
            entry.candidate.keep_weights = self.keep_weights;
            if data.dataset.scored_test(config.data.standardize).is_some() {
                entry.final_model = FinalModel::Model;
            }
        }
        Ok(found)
    }

    fn default_entries(&self, config: &Config, data: &Arc<Opened>) -> Result<Entries> {
        let mut found = Entries::default();
        self.add(&mut found, FUSION, config, data)?;
        let of_the_paper = baselines(data, &self.classifier, config.train.inputs);
        let (trivial, on_features): (Vec<_>, Vec<_>) = of_the_paper
            .entries
            .into_iter()
            .partition(|entry| entry.candidate.kind.is_trivial());
        found.entries.extend(trivial);
        found.left_out.extend(of_the_paper.left_out);
        if self.chosen_recipe {
            // What the data lack of Table I is no row of this table.
            found
                .left_out
                .retain(|reason| reason.starts_with("trivial"));
            for model in STANDARD {
                self.add(&mut found, &format!("{model}:+"), config, data)?;
                self.add(&mut found, &format!("{model}:*"), config, data)?;
            }
            self.add(&mut found, "linear:+", config, data)?;
            self.add(
                &mut found,
                &format!("{}:+", self.classifier.model),
                config,
                data,
            )?;
        } else if on_features.is_empty() {
            let on_each = format!("{}:*", self.classifier.model);
            self.add(&mut found, &on_each, config, data)?;
        } else {
            found.entries.extend(on_features);
        }
        self.add(&mut found, UNIFORM_FUSION, config, data)?;
        Ok(found)
    }

    /// Adds the rows of one name.
    fn add(
        &self,
        found: &mut Entries,
        name: &str,
        config: &Config,
        data: &Arc<Opened>,
    ) -> Result<()> {
        let fusion = |config: &Config, base: &Config| Entry::fusion(name, config, base, data, None);
        let entries = match name {
            FUSION => vec![fusion(config, config)],
            UNIFORM_FUSION => {
                let mut uniform = config.clone();
                uniform.model.gate = Gate::Uniform;
                vec![fusion(&uniform, config)]
            }
            _ => {
                let mut entries = Vec::new();
                for spec in named(name, &data.dataset)? {
                    match unanswerable(&spec, &data.dataset) {
                        Some(reason) => found.left_out.push(format!("{spec}: {reason}")),
                        None => entries.push(self.entry(&spec, config, data)),
                    }
                }
                entries
            }
        };
        for entry in entries {
            let kind = &entry.candidate.kind;
            let mut known = found.entries.iter();
            if !known.any(|known| known.candidate.kind == *kind) {
                found.entries.push(entry);
            }
        }
        Ok(())
    }

    fn entry(&self, spec: &BaselineSpec, config: &Config, data: &Arc<Opened>) -> Entry {
        let recipe = (!self.chosen_recipe).then_some(&self.classifier.recipe);
        Entry::baseline(spec.to_string(), spec, recipe, data, None)
            .standardised_as(&config.data)
            .trained_on(config.train.inputs)
    }
}
