//! What each part of the model is worth (the paper's Table II, and more).

use std::sync::Arc;

use super::comparison::Contender;
use super::paper::table_2;
use crate::config::Config;
use crate::config::{Gate, Heads, PresenceLoss};
use crate::plan::data_folder::Opened;
use crate::plan::trial::TrialKind;

/// One change of a configuration.
type Change = fn(&mut Config);

/// The full model and its variants; and the names of variants that the base leaves nothing to change
/// for, which have no row.
pub fn variants(base: &Config, data: &Arc<Opened>) -> (Vec<Contender>, Vec<String>) {
    let encoders = data.dataset.encoders.len();
    let full = Contender::fusion("full model", base, base, data, Some(table_2::FULL));
    let mut left_out = Vec::new();
    let mut contenders = vec![full.keeping_weights()];
    for (name, change, paper) in of_the_paper().into_iter().chain(more(base)) {
        let mut config = base.clone();
        change(&mut config);
        if name == WITHOUT_SELECTION {
            config.model.top_k = encoders;
        }
        if TrialKind::fusion(&config, encoders) == contenders[0].candidate.kind {
            left_out.push(name.to_owned());
        } else {
            contenders.push(Contender::fusion(name, &config, base, data, paper));
        }
    }
    (contenders, left_out)
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
            "also without dual heads (one head)",
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
        // What keeps all depends on the data and is filled in there.
        (WITHOUT_SELECTION, |_| {}, None),
        (adaptation.0, adaptation.1, None),
        (
            "without standardisation",
            |config| config.data.standardize = false,
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
