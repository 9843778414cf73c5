//! Flags that say how the metadata are read.

use clap::Args;

use crate::Result;
use crate::config::{Config, DataConfig};
use crate::data::metadata::Reading;

/// How the metadata are read; each flag sets a configuration key.
#[derive(Args, Debug, Default)]
pub struct DataArgs {
    /// Make K folds, for metadata without a fold column: no actor is in two of them; clips, blends and
    /// classes are spread evenly [data.folds]
    #[arg(long, value_name = "K")]
    pub folds: Option<usize>,
    /// With --folds: decides between assignments that are equally good [data.fold_seed; default: 0]
    #[arg(long, value_name = "N", requires = "folds")]
    fold_seed: Option<u64>,
    #[command(flatten)]
    labels: LabelArgs,
    /// Find the actor in a clip's name by this regular expression with one capture group, such as
    /// '-(\d\d)$' for RAVDESS [data.actor_pattern; default: the column actor, else the name before
    /// its first _]
    #[arg(long, value_name = "REGEX", allow_hyphen_values = true)]
    actor_pattern: Option<String>,
}

/// How labels are read.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct LabelArgs {
    /// Divide each row of class columns by its sum: for votes, percentages or 0/1 flags
    /// [data.normalise_labels]
    #[arg(long)]
    pub normalise_labels: bool,
}

impl LabelArgs {
    /// The reading that they ask for.
    pub fn reading(self) -> Reading<'static> {
        Reading {
            normalise_labels: self.normalise_labels,
            ..Reading::default()
        }
    }
}

impl DataArgs {
    /// As `key=value`.
    pub fn assignments(&self) -> Vec<String> {
        let mut set = Vec::new();
        set.extend(self.folds.map(|folds| format!("data.folds={folds}")));
        set.extend(self.fold_seed.map(|seed| format!("data.fold_seed={seed}")));
        if self.labels.normalise_labels {
            set.push("data.normalise_labels=true".to_owned());
        }
        // A JSON string is a TOML string too.
        let pattern = self.actor_pattern.as_ref();
        set.extend(
            pattern.map(|p| format!("data.actor_pattern={}", serde_json::Value::from(p.as_str()))),
        );
        set
    }

    /// As the part of the configuration that they set.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn config(&self) -> Result<DataConfig> {
        Ok(Config::load(None, &self.assignments(), None)?.data)
    }
}
