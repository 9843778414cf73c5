//! How a model's scores become emotions, as a file of its scores carries it.

use serde::{Deserialize, Serialize};

use super::description::{ChosenThresholds, Description};
use crate::config::{DataConfig, DecodeConfig};
use crate::eval::rules::Thresholds;

/// What a reader of a model's scores needs to decode them as the model does, and to read the labels as it
/// read them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredDecoding {
    /// The neutral class, if there is one.
    pub neutral: Option<String>,
    /// The thresholds and exponents.
    pub thresholds: ChosenThresholds,
    /// The rules, and the sets that they give.
    pub decode: DecodeConfig,
    /// How the metadata were read.
    pub data: DataConfig,
}

impl StoredDecoding {
    /// That of a model.
    pub fn of(model: &Description) -> Self {
        Self {
            neutral: model.neutral.clone(),
            thresholds: model.thresholds,
            decode: model.config.decode.clone(),
            data: model.config.data.clone(),
        }
    }

    /// The same with other thresholds.
    pub fn with_thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds.presence = thresholds.presence;
        self.thresholds.salience = thresholds.salience;
        self
    }
}
