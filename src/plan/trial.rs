//! One run of training and its name: the hash of everything that determines its result.

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::baseline::{BaselineSpec, Recipe};
use crate::config::Config;
use crate::config::{
    DataConfig, DecodeConfig, DecodeRules, MaxEmotions, ProjectionInputs, Proportions,
    StandardiseBy, TrainConfig,
};
use crate::data::task::Task;
use crate::error::{Error, Result};
use crate::kernels::micro::kernel_name;
use crate::train::run::PROGRAM;

/// Version of the hashed content and of the result files; another version shares no names with this one.
pub const FORMAT_VERSION: u32 = 1;

/// Number of hexadecimal digits of a name.
const NAME_DIGITS: usize = 16;

/// Whether a text is the name of a trial.
pub fn is_id(text: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    text.len() == NAME_DIGITS && text.chars().all(digit)
}

/// What is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialKind {
    /// The fusion model with this configuration; the seed in it is the trial's.
    Fusion(Box<Config>),
    /// A baseline of the challenge.
    Baseline(BaselineKind),
}

/// A baseline with its recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineKind {
    /// The baseline.
    pub spec: BaselineSpec,
    /// How its classifier is trained; `None` where there is no recipe, or where it is chosen inside the
    /// training clips.
    pub recipe: Option<Recipe>,
    /// How its scores become emotions; none: by the challenge's rules into the challenge's sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode: Option<DecodeConfig>,
    /// How its features are standardised; none: by the training rows, without a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<DataConfig>>,
    /// What the first layer of its classifier is trained on.
    #[serde(default, skip_serializing_if = "ProjectionInputs::are_columns")]
    pub inputs: ProjectionInputs,
}

/// By the challenge's rules into the challenge's sets.
fn challenge() -> DecodeConfig {
    DecodeConfig {
        rules: DecodeRules::Challenge,
        beta: Some(1.0),
        max_emotions: MaxEmotions::CHALLENGE,
        proportions: Proportions::challenge(),
        ..DecodeConfig::default()
    }
}

impl TrialKind {
    /// A baseline for a task; without a recipe it is chosen inside the training clips.
    pub fn baseline(spec: &BaselineSpec, recipe: Option<&Recipe>, task: &Task) -> Self {
        let decode = spec.decode(task);
        TrialKind::Baseline(BaselineKind {
            spec: spec.clone(),
            recipe: recipe.copied().filter(|_| spec.has_recipe()),
            decode: (decode != challenge()).then_some(decode),
            data: None,
            inputs: ProjectionInputs::Columns,
        })
    }

    /// The same, a baseline's classifier trained on what the fusion models are, unless it is one without a recipe:
    /// logistic regression finds coordinates of its own, and a forest cuts columns.
    pub fn trained_on(self, inputs: ProjectionInputs) -> Self {
        match self {
            TrialKind::Baseline(baseline) if baseline.spec.has_recipe() => {
                TrialKind::Baseline(BaselineKind { inputs, ..baseline })
            }
            other => other,
        }
    }

    /// The same, a baseline's features standardised as the configuration of the fusion models says: per actor,
    /// and within bounds. Features as they are suit no baseline, so those of the fusion models do not count.
    pub fn standardised_as(self, fusion: &DataConfig) -> Self {
        let TrialKind::Baseline(baseline) = self else {
            return self;
        };
        let usual = DataConfig::default();
        let wanted = match fusion.standardize {
            StandardiseBy::Nothing => usual.clone(),
            _ => DataConfig {
                standardize: fusion.standardize,
                actor_shrinkage: fusion.actor_shrinkage,
                clip_values: fusion.clip_values,
                ..usual.clone()
            },
        };
        TrialKind::Baseline(BaselineKind {
            data: (wanted != usual).then(|| Box::new(wanted)),
            ..baseline
        })
    }

    /// The fusion model for a data set with this many encoders. Settings that do not change the result are
    /// normalised, so that equal trials have equal names: `train.checkpoint_seconds` is the default, and
    /// `model.top_k` at most the number of encoders. Nothing in the configuration may be `auto`
    /// ([`Task::resolve`]), or its scores are decoded as the challenge's.
    pub fn fusion(config: &Config, encoders: usize) -> Self {
        let mut config = config.clone();
        config.train.checkpoint_seconds = TrainConfig::default().checkpoint_seconds;
        config.model.top_k = config.model.top_k.min(encoders.max(1));
        TrialKind::Fusion(Box::new(config))
    }

    /// The same with another seed.
    pub fn with_seed(&self, seed: u64) -> Self {
        match self {
            TrialKind::Fusion(config) => {
                let mut config = config.clone();
                config.train.seed = seed;
                TrialKind::Fusion(config)
            }
            TrialKind::Baseline(_) => self.clone(),
        }
    }

    /// What features are standardised by.
    pub fn standardised_by(&self) -> StandardiseBy {
        match self {
            TrialKind::Fusion(config) => config.data.standardize,
            TrialKind::Baseline(baseline) => {
                let data = baseline.data.as_ref();
                data.map_or(StandardiseBy::Training, |data| data.standardize)
            }
        }
    }

    /// The configuration, if the fusion model is trained.
    pub fn config(&self) -> Option<&Config> {
        match self {
            TrialKind::Fusion(config) => Some(config),
            TrialKind::Baseline(_) => None,
        }
    }

    /// Whether its test split is that of a configuration. A search that is repeated without each fold in turn
    /// has trials with the labels of the whole search whose test split is that fold.
    pub fn has_test_split_of(&self, config: &Config) -> bool {
        self.config()
            .is_none_or(|own| own.data.test_fold == config.data.test_fold)
    }

    /// Whether results differ between seeds, as they do not for trivial baselines and logistic regression.
    pub fn is_random(&self) -> bool {
        match self {
            TrialKind::Fusion(_) => true,
            TrialKind::Baseline(baseline) => baseline.spec.is_random(),
        }
    }

    /// Whether it is a baseline that always gives the same answer.
    pub fn is_trivial(&self) -> bool {
        match self {
            TrialKind::Fusion(_) => false,
            TrialKind::Baseline(baseline) => baseline.spec.is_trivial(),
        }
    }

    /// Whether training writes weights; a baseline leaves only its scores.
    pub fn has_weights(&self) -> bool {
        matches!(self, TrialKind::Fusion(_))
    }

    /// How scores become emotions.
    pub fn decode(&self) -> DecodeConfig {
        match self {
            TrialKind::Fusion(config) => config.decode.clone(),
            TrialKind::Baseline(baseline) => baseline.decode.clone().unwrap_or_else(challenge),
        }
    }
}

/// One run of training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// What is trained.
    pub kind: TrialKind,
    /// The fold held out; `None`: train on all clips.
    pub fold: Option<usize>,
    /// The seed.
    pub seed: u64,
}

impl Trial {
    /// A run of `kind` with this seed.
    pub fn new(kind: &TrialKind, fold: Option<usize>, seed: u64) -> Self {
        Self {
            kind: kind.with_seed(seed),
            fold,
            seed,
        }
    }

    /// Its name: the first 16 hexadecimal digits of the SHA-256 of the trial, the digest of the input
    /// files (see `data::fingerprint::digest`), the program's version and the micro-kernel.
    ///
    /// # Errors
    /// [`Error::Data`] if the machine has no kernel, or for a configuration that cannot be represented as
    /// JSON.
    pub fn id(&self, data: &str) -> Result<String> {
        let kernel = kernel_name().map_err(|error| Error::Data(error.to_string()))?;
        let trial =
            serde_json::to_value(self).map_err(|error| Error::Data(format!("trial: {error}")))?;
        let determined_by = json!({
            "format_version": FORMAT_VERSION,
            "program": PROGRAM,
            "kernel": kernel,
            "data": data,
            "trial": trial,
        });
        let mut text = String::new();
        canonical(&determined_by, &mut text);
        let hash = Sha256::digest(text.as_bytes());
        let mut name = String::new();
        for byte in hash.iter().take(NAME_DIGITS / 2) {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        Ok(name)
    }
}

/// JSON with sorted keys and no spaces, whatever the order of the map.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            out.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                let _ = write!(out, "{}:", Value::String(key.clone()));
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(values) => {
            out.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(value, out);
            }
            out.push(']');
        }
        leaf => {
            let _ = write!(out, "{leaf}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(config: &Config, fold: Option<usize>, seed: u64, data: &str) -> String {
        Trial::new(&TrialKind::fusion(config, 8), fold, seed)
            .id(data)
            .unwrap()
    }

    #[test]
    fn whatever_determines_the_result_is_part_of_the_name() {
        let config = Config::default();
        let name = id(&config, Some(0), 0, "a");
        assert!(is_id(&name), "{name}");
        assert!(!is_id(&name[1..]) && !is_id(&name.to_uppercase().replace(char::is_numeric, "A")));
        assert_eq!(name, id(&config, Some(0), 0, "a"));
        let mut other = config.clone();
        other.train.lr *= 1.5;
        for different in [
            id(&other, Some(0), 0, "a"),
            id(&config, Some(1), 0, "a"),
            id(&config, None, 0, "a"),
            id(&config, Some(0), 1, "a"),
            id(&config, Some(0), 0, "b"),
        ] {
            assert_ne!(different, name);
        }
    }

    #[test]
    fn what_changes_no_result_is_not() {
        let config = Config::default();
        let name = id(&config, Some(0), 3, "a");
        let mut other = config.clone();
        other.train.checkpoint_seconds = 1.0;
        // The trial's own seed counts, and eight encoders leave no more than eight to keep.
        other.train.seed = 77;
        other.model.top_k = 8;
        assert_eq!(id(&other, Some(0), 3, "a"), name);
        other.model.top_k = 7;
        assert_ne!(id(&other, Some(0), 3, "a"), name);
    }

    #[test]
    fn baselines_with_a_recipe_take_the_span_and_no_others() {
        let task = Task::of(std::iter::empty());
        let recipe = Recipe::default();
        for (name, takes) in [
            ("linear:clip", true),
            ("mlp-256:clip", true),
            ("logistic:clip", false),
            ("forest:clip", false),
            ("trivial-single", false),
        ] {
            let spec: BaselineSpec = name.parse().unwrap();
            let columns = TrialKind::baseline(&spec, Some(&recipe), &task);
            let text = serde_json::to_string(&columns).unwrap();
            assert!(!text.contains("inputs"), "{text}");
            let span = columns.clone().trained_on(ProjectionInputs::Span);
            assert_eq!(span != columns, takes, "{name}");
            let id = |kind| Trial::new(kind, Some(0), 0).id("a").unwrap();
            assert_eq!(id(&span) != id(&columns), takes, "{name}");
            assert_eq!(columns, span.trained_on(ProjectionInputs::Columns));
        }
    }

    #[test]
    fn keys_are_sorted_and_text_is_quoted() {
        let mut text = String::new();
        canonical(&json!({"b": [1, 0.1, null], "a": "x\"y"}), &mut text);
        assert_eq!(text, r#"{"a":"x\"y","b":[1,0.1,null]}"#);
    }
}
