//! Export of a trained model to ONNX: one graph from raw features to both heads, their alignment and
//! the gate weights, for ONNX Runtime in any language and in browsers. `docs/onnx.md` describes the file
//! for its users.

use std::path::Path;

use serde_json::json;

use crate::Result;
use crate::config::{DataConfig, DecodeConfig, DecodeRules, NeutralRule};
use crate::eval::mixtures::Mixtures;
use crate::predict::Predictor;

mod file;
mod graph;
mod network;
pub mod proto;

use proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto};

/// The version of the ONNX operator set: the newest whose `ReduceMax` and similar operators all current
/// runtimes support.
pub const OPSET: i64 = 17;
/// The IR version that was released with this operator set.
pub const IR_VERSION: i64 = 8;

/// The output with p `(batch, C)`.
pub const PRESENCE: &str = "presence";
/// The output with s `(batch, C)`.
pub const SALIENCE: &str = "salience";
/// The output with f `(batch, C)`.
pub const ALIGNED: &str = "aligned";
/// The output with a `(batch, M)`, before selection.
pub const WEIGHTS: &str = "weights";
/// The output with ã `(batch, M)`, after selection.
pub const KEPT: &str = "kept";

/// All outputs, in order.
pub const OUTPUTS: [&str; 5] = [PRESENCE, SALIENCE, ALIGNED, WEIGHTS, KEPT];

/// Writes the model's inference graph; returns the size of the file in bytes. The same model gives the
/// same bytes. Weights are folded and written in blocks of rows, which takes little memory in addition
/// to the model.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for a model over the 2 GiB of an ONNX file, or an encoder with the
/// name of an output; [`Error::Write`](crate::Error::Write), also for a weight that folding takes out of
/// range.
pub fn write(path: &Path, model: &Predictor) -> Result<u64> {
    let graph = network::build(model)?;
    let described = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("blendfuse".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: Some(
            "Blended emotion recognition: presence and salience of each emotion from the features of several encoders. The metadata describe how to decode.".into(),
        ),
        graph: None,
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
        metadata_props: metadata(model),
    };
    file::write(path, &described, graph, file::LARGEST)
}

/// The metadata for users of the model, by key.
fn metadata(model: &Predictor) -> Vec<StringStringEntryProto> {
    let description = model.description();
    let (config, chosen) = (&description.config, description.thresholds);
    let encoders = &description.encoders;
    let mut entries = vec![
        ("program", format!("blendfuse {}", env!("CARGO_PKG_VERSION"))),
        ("trained_by", description.program.clone()),
        ("classes", json!(description.classes).to_string()),
        ("neutral", description.neutral.clone().unwrap_or_default()),
        ("encoders", json!(encoders).to_string()),
        ("alpha", chosen.alpha.to_string()),
        ("beta", chosen.beta.to_string()),
        ("max_emotions", json!(config.decode.max_emotions).to_string()),
        ("proportions", json!(config.decode.proportions).to_string()),
        ("presence_threshold", chosen.presence.to_string()),
        ("salience_threshold", chosen.salience.to_string()),
        ("thresholds_searched", chosen.searched.to_string()),
        ("decode_rules", rules_name(&config.decode).into()),
        ("decoding", decoding_in_words(&config.decode)),
        ("missing", "a row of an input that contains NaN means that the encoder is missing for the clip; a clip without any encoder gets NaN".into()),
        ("top_k", config.model.top_k.min(encoders.len()).to_string()),
    ];
    if model.is_per_actor() {
        entries.push(("standardise_inputs", per_actor_in_words(&config.data)));
    }
    if let Some(temperature) = model.net().temperature() {
        entries.push(("temperature", temperature.to_string()));
    }
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: Some(format!("blendfuse.{key}")),
        value: Some(value),
    };
    entries.into_iter().map(entry).collect()
}

/// How to standardise the inputs of a model that does so per actor.
fn per_actor_in_words(config: &DataConfig) -> String {
    let k = config.actor_shrinkage;
    format!(
        "Inputs are standardised before they are fed, column by column. n clips of the same actor that have the encoder, with mean m and population variance v, weigh w = (n - 1) / (n - 1 + {k}): \
         x becomes (x - w m - (1 - w) m0) / sqrt(w v + (1 - w) v0), where m0 and v0 are the training rows' mean and variance (tensors of the weights file); columns that were constant in training become 0. \
         n of 1, or an unknown actor: w = 0."
    )
}

fn rules_name(config: &DecodeConfig) -> &'static str {
    match (config.rules, config.neutral) {
        (DecodeRules::Challenge, _) => "challenge",
        (DecodeRules::Paper, NeutralRule::Drop) => "paper",
        (DecodeRules::Paper, NeutralRule::KeepOne) => "paper, neutral keeps one",
    }
}

/// How to decode `aligned` into emotions without this program.
fn decoding_in_words(config: &DecodeConfig) -> String {
    let mixtures = Mixtures::of(config);
    if mixtures == Mixtures::challenge() {
        return challenge_in_words(config);
    }
    let most = mixtures.most();
    let rules = match config.rules {
        DecodeRules::Paper => {
            let beaten = beaten_neutral(config.neutral);
            format!(
                "Leave out every emotion below presence_threshold. If none is left: only the highest, 100. \
                 If neutral is left with others and above the highest of them: only neutral, 100; else {beaten}. \
                 Take the highest k that are left, at most {most}. If k = 1: only that, 100. \
                 Otherwise the excess is e = aligned_1 / sum - 1/k, with the highest first and the sum over the k."
            )
        }
        DecodeRules::Challenge => format!(
            "Only the {most} highest count. If the highest is below presence_threshold: only that, 100; else leave out those below. \
             If one is left: only that, 100. If neutral is one of those left: only the highest other one if it is at least as high, else only neutral. \
             Otherwise k are left, and the excess e is the highest minus the mean of the others."
        ),
    };
    format!(
        "From output aligned, columns in the order of classes. {rules} \
         Of the proportions for k emotions, ordered by their highest share, the first if e <= salience_threshold; \
         the boundary after the next lies at salience_threshold * m_2 / m_1, m_j being the excess midway between \
         the proportions j and j + 1; of those with the same highest share the nearest to the scores. \
         Without proportions for k: aligned_i / sum, where proportions is \"continuous\" (1 - salience_threshold) * aligned_i / sum + salience_threshold / k, \
         as percentages with one digit that sum to 100 (largest remainders)."
    )
}

/// What becomes of neutral where another emotion is at least as high.
fn beaten_neutral(rule: NeutralRule) -> &'static str {
    match rule {
        NeutralRule::Drop => "drop neutral and continue with the others",
        NeutralRule::KeepOne => "keep only that other one",
    }
}

fn challenge_in_words(config: &DecodeConfig) -> String {
    let rules = match config.rules {
        DecodeRules::Paper => {
            let beaten = beaten_neutral(config.neutral);
            format!(
                "Leave out every emotion below presence_threshold. If none is left: only the highest, 100. \
                 If neutral is left with others and above the highest of them: only neutral, 100; else {beaten}. \
                 If one is left: only that, 100. Otherwise take the two highest i and j, r = aligned_i / (aligned_i + aligned_j): \
                 50/50 if |r - 0.5| <= salience_threshold, else 70/30, the higher first."
            )
        }
        DecodeRules::Challenge => {
            "Only the two highest count. If the highest is below presence_threshold: only that, 100; else leave out those below. \
             If one is left: only that, 100. If neutral is one of the two: only the other one if it is at least as high, else only neutral. \
             Otherwise 50/50 if their difference is at most salience_threshold, else 70/30, the higher first."
                .to_owned()
        }
    };
    format!("From output aligned, columns in the order of classes. {rules}")
}
