//! A trained model as an ONNX file: one graph from raw features to both heads, their alignment and
//! the encoders' weights, for ONNX Runtime in any language and in browsers. `docs/onnx.md` describes
//! the file to those who run it.

use std::path::Path;

use serde_json::json;

use crate::Result;
use crate::config::{DecodeConfig, DecodeRules, NeutralRule};
use crate::predict::Predictor;

mod file;
mod graph;
mod network;
pub mod proto;

use proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto};

/// The version of ONNX's operators: the newest whose `ReduceMax` and kin every runtime in use takes.
pub const OPSET: i64 = 17;
/// The version of the format that came with these operators.
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

/// The outputs in their order.
pub const OUTPUTS: [&str; 5] = [PRESENCE, SALIENCE, ALIGNED, WEIGHTS, KEPT];

/// Writes the model's inference graph; gives the bytes of the file. The same model gives the same
/// bytes. Weights are folded and written some rows at a time: beside the model itself little memory
/// is taken.
///
/// # Errors
/// [`Error::Data`](crate::Error::Data) for a model past the 2 GiB of an ONNX file, or an encoder with the name of an
/// output; [`Error::Write`](crate::Error::Write), also for a weight that folding takes out of range.
pub fn write(path: &Path, model: &Predictor) -> Result<u64> {
    let inference = model.net().inference();
    let graph = network::build(model, &inference)?;
    let described = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("blendfuse".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: Some(
            "Blended emotion recognition: presence and salience of each emotion from the features of several encoders. The metadata say how to decode.".into(),
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

/// What whoever serves the model has to know, by key.
fn metadata(model: &Predictor) -> Vec<StringStringEntryProto> {
    let description = model.description();
    let (config, chosen) = (&description.config, description.thresholds);
    let encoders: Vec<_> = description
        .encoders
        .iter()
        .map(|encoder| json!({"name": encoder.name, "modality": encoder.modality, "width": encoder.width}))
        .collect();
    let mut entries = vec![
        ("program", format!("blendfuse {}", env!("CARGO_PKG_VERSION"))),
        ("trained_by", description.program.clone()),
        ("classes", json!(description.classes).to_string()),
        ("neutral", description.neutral.clone().unwrap_or_default()),
        ("encoders", json!(encoders).to_string()),
        ("alpha", chosen.alpha.to_string()),
        ("presence_threshold", chosen.presence.to_string()),
        ("salience_threshold", chosen.salience.to_string()),
        ("thresholds_searched", chosen.searched.to_string()),
        ("decode_rules", rules_name(&config.decode).into()),
        ("decoding", decoding_in_words(&config.decode)),
        ("missing", "a row of an input that holds NaN says that the clip lacks this encoder; a clip that lacks them all gets NaN".into()),
        ("top_k", config.model.top_k.min(encoders.len()).to_string()),
    ];
    if let Some(temperature) = model.net().temperature() {
        entries.push(("temperature", temperature.to_string()));
    }
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: Some(format!("blendfuse.{key}")),
        value: Some(value),
    };
    entries.into_iter().map(entry).collect()
}

fn rules_name(config: &DecodeConfig) -> &'static str {
    match (config.rules, config.neutral) {
        (DecodeRules::Challenge, _) => "challenge",
        (DecodeRules::Paper, NeutralRule::Drop) => "paper",
        (DecodeRules::Paper, NeutralRule::KeepOne) => "paper, neutral keeps one",
    }
}

/// How `aligned` becomes emotions, for whoever decodes without this program.
fn decoding_in_words(config: &DecodeConfig) -> String {
    let rules = match config.rules {
        DecodeRules::Paper => {
            let beaten = match config.neutral {
                NeutralRule::Drop => "drop neutral and go on with the others",
                NeutralRule::KeepOne => "keep that other one alone",
            };
            format!(
                "Leave out every emotion below presence_threshold. None left: the highest alone, 100. \
                 If neutral is left with others and above the highest of them: neutral alone, 100; else {beaten}. \
                 One left: it alone, 100. Otherwise take the two highest i and j, r = aligned_i / (aligned_i + aligned_j): \
                 50/50 where |r - 0.5| <= salience_threshold, else 70/30, the higher first."
            )
        }
        DecodeRules::Challenge => {
            "Only the two highest count. The highest below presence_threshold: it alone, 100; else leave out those below. \
             One left: it alone, 100. Neutral among the two: the other one alone if it is at least as high, else neutral alone. \
             Otherwise 50/50 where their difference is at most salience_threshold, else 70/30, the higher first."
                .to_owned()
        }
    };
    format!("From output aligned, columns in the order of classes. {rules}")
}
