//! What a weights file says about itself: encoders, classes, thresholds and configuration of its model.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::config::{Config, DecodeConfig};
use crate::encoders::Encoder;
use crate::eval::align::Alignment;
use crate::eval::decode::Decoding;
use crate::eval::decoder::Decoder;
use crate::eval::mixtures::Mixtures;
use crate::eval::rules::Thresholds;

/// Version of the weights file; a reader refuses a later one.
pub const FORMAT_VERSION: u32 = 2;

/// The version of files that decode as the challenge does: at most two emotions, 50/50 or 70/30.
const CHALLENGE_VERSION: u32 = 1;

/// The one metadata entry. One, because the format keeps entries in no order, and the same run must
/// give the same bytes.
pub(crate) const METADATA_KEY: &str = "blendfuse";

/// How scores became emotions on the validation fold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChosenThresholds {
    /// t_p.
    pub presence: f64,
    /// t_s.
    pub salience: f64,
    /// α of the alignment (eq. 14) that the thresholds were chosen with.
    #[serde(default = "usual_alpha")]
    pub alpha: f64,
    /// β of the alignment; the files do not say so where it is the paper's 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub beta: f64,
    /// Whether they were searched on the validation fold; otherwise they were configured, or are
    /// the defaults used without a validation fold.
    pub searched: bool,
}

/// What files from before α was part of the choice were decoded with.
fn usual_alpha() -> f64 {
    crate::eval::align::USUAL_ALPHA
}

fn one() -> f64 {
    1.0
}

fn is_one(beta: &f64) -> bool {
    *beta == one()
}

impl ChosenThresholds {
    /// The exponents of the alignment.
    pub fn alignment(&self) -> Alignment {
        Alignment {
            alpha: self.alpha,
            beta: self.beta,
        }
    }

    /// The decoder that these thresholds make with the rules of a configuration.
    pub fn decoder(&self, config: &DecodeConfig) -> Decoder {
        Decoder {
            decoding: Decoding::of(config),
            thresholds: Thresholds {
                presence: self.presence,
                salience: self.salience,
            },
            alignment: self.alignment(),
        }
    }
}

/// What a weights file says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Of this format.
    pub format_version: u32,
    /// The program that wrote it.
    pub program: String,
    /// In the order of the network's inputs.
    pub encoders: Vec<Encoder>,
    /// In the order of every probability vector.
    pub classes: Vec<String>,
    /// The neutral class, if there is one.
    pub neutral: Option<String>,
    /// The fold that was held out, if one was.
    pub fold: Option<usize>,
    /// The epoch that the weights are from, counted from 1.
    pub epoch: usize,
    /// Decoding thresholds for this model.
    pub thresholds: ChosenThresholds,
    /// The full configuration.
    pub config: Config,
}

impl Description {
    /// The version of a file with this configuration: the first that says all of it.
    pub fn version_for(config: &DecodeConfig, thresholds: &ChosenThresholds) -> u32 {
        let paper = config.beta == Some(1.0) && thresholds.beta == 1.0;
        match Mixtures::of(config) == Mixtures::challenge() && paper {
            true => CHALLENGE_VERSION,
            false => FORMAT_VERSION,
        }
    }

    /// How the model's scores become emotions.
    pub fn decoder(&self) -> Decoder {
        self.thresholds.decoder(&self.config.decode)
    }

    /// Whether a model can be made of it; the reason why not. Programs write only such that can.
    pub(super) fn check(&self) -> Result<(), String> {
        let encoders = self.encoders.iter().map(|encoder| &encoder.name);
        for (what, names) in [
            ("encoder", encoders.collect::<Vec<_>>()),
            ("class", self.classes.iter().collect()),
        ] {
            let mut seen = HashSet::new();
            if let Some(name) = names.iter().find(|name| !seen.insert(**name)) {
                return Err(format!(
                    "damaged metadata: the {what} {name:?} is listed twice"
                ));
            }
        }
        let unknown = |name: &&String| !self.classes.contains(name);
        if let Some(name) = self.neutral.as_ref().filter(unknown) {
            return Err(format!(
                "damaged metadata: the neutral class {name:?} is not one of the classes"
            ));
        }
        let chosen = self.thresholds;
        for value in [chosen.presence, chosen.salience, chosen.alpha, chosen.beta] {
            if !(value.is_finite() && value >= 0.0) {
                return Err(format!(
                    "damaged metadata: a threshold, alpha or beta is {value}"
                ));
            }
        }
        let checked = self.config.check();
        checked.map_err(|error| format!("damaged metadata: {error}"))
    }
}
