//! The contribution of each part of the model (the paper's Table II, and more).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::comparison::{Comparison, Entry, Row, compare_rows};
use super::paper::table_2;
use super::study::{Setup, Study};
use crate::config::Config;
use crate::config::{Gate, Heads, PresenceLoss, StandardiseBy};
use crate::error::Result;
use crate::plan::data_folder::Opened;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;
use crate::plan::trial::TrialKind;

/// Cross-validates the setup's configuration and its variants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ablate {
    /// Whether every model's weights are kept; otherwise only those of the full model.
    pub keep_weights: bool,
}

/// An ablation while it runs.
#[derive(Debug)]
pub struct Ablating {
    comparison: Comparison,
    unchanged: Vec<String>,
}

/// The contributions of the parts of a model.
#[derive(Debug)]
pub struct Ablation {
    /// The full model and its variants, compared with the full model.
    pub rows: Vec<Row>,
    /// Variants without a row, because the configuration already equals them.
    pub unchanged: Vec<String>,
}

impl Study for Ablate {
    const NAME: &'static str = "ablate";
    type State = Ablating;
    type Findings = Ablation;

    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<Ablating> {
        let (mut entries, unchanged) = variants(&setup.config, &setup.data);
        for entry in &mut entries {
            entry.candidate.keep_weights |= self.keep_weights;
        }
        let mut comparison = Comparison::default();
        comparison.add(entries, &setup.protocol, plan)?;
        Ok(Ablating {
            comparison,
            unchanged,
        })
    }

    fn conclude(&self, setup: &Setup, state: &Ablating, outcomes: &Outcomes) -> Result<Ablation> {
        let mut rows = state.comparison.rows(&setup.protocol, outcomes)?;
        compare_rows(&mut rows, 0)?;
        Ok(Ablation {
            rows,
            unchanged: state.unchanged.clone(),
        })
    }
}

/// One change of a configuration.
type Change = fn(&mut Config);

/// The full model and its variants; and the names of variants that equal the base configuration and
/// therefore have no row.
pub fn variants(base: &Config, data: &Arc<Opened>) -> (Vec<Entry>, Vec<String>) {
    let encoders = data.dataset.encoders.len();
    let full = Entry::fusion("full model", base, base, data, Some(table_2::FULL));
    let mut unchanged = Vec::new();
    let mut entries = vec![full.with_weights()];
    for (name, change, paper) in of_the_paper().into_iter().chain(more(base)) {
        let mut config = base.clone();
        change(&mut config);
        if name == WITHOUT_SELECTION {
            config.model.top_k = encoders;
        }
        if TrialKind::fusion(&config, encoders) == entries[0].candidate.kind {
            unchanged.push(name.to_owned());
        } else {
            entries.push(Entry::fusion(name, &config, base, data, paper));
        }
    }
    (entries, unchanged)
}

const WITHOUT_SELECTION: &str = "without top-k (all encoders kept)";

/// The rows of Table II below the full model.
fn of_the_paper() -> [(&'static str, Change, Option<f64>); 2] {
    [
        (
            "without attention (uniform averaging)",
            |config| config.model.gate = Gate::Uniform,
            Some(table_2::WITHOUT_ATTENTION),
        ),
        (
            "further without dual heads (one head)",
            |config| {
                config.model.gate = Gate::Uniform;
                config.model.heads = Heads::Single;
            },
            Some(table_2::WITHOUT_DUAL_HEADS),
        ),
    ]
}

/// Variants that the paper does not show.
fn more(base: &Config) -> [(&'static str, Change, Option<f64>); 5] {
    let adaptation: (&str, Change) = if base.uda.enabled {
        ("without domain adaptation", |config| {
            config.uda.enabled = false;
        })
    } else {
        ("with domain adaptation", |config| config.uda.enabled = true)
    };
    [
        // The number of encoders depends on the data and is filled in there.
        (WITHOUT_SELECTION, |_| {}, None),
        (adaptation.0, adaptation.1, None),
        (
            "without standardisation",
            |config| {
                config.data.standardize = StandardiseBy::Nothing;
                // A bound is in standard deviations.
                config.data.clip_values = 0.0;
            },
            None,
        ),
        (
            "binary cross-entropy for presence",
            |config| config.loss.presence = PresenceLoss::BinaryCrossEntropy,
            None,
        ),
        (
            "fixed temperature",
            |config| config.model.temperature_learned = false,
            None,
        ),
    ]
}
