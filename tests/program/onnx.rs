//! Exported models: the graph gives the program's scores for every variant of the network, describes its
//! inputs and outputs, and is the same bytes each time. `fixtures/check_onnx.py` uses ONNX Runtime.

use std::collections::HashMap;

use blendfuse::data::part::{self, Needs};
use blendfuse::predict::{Predictor, Scores};
use blendfuse::testing::export::onnx::proto::{ModelProto, ValueInfoProto};
use blendfuse::testing::formats::npz::Npz;
use ndarray::ArrayD;
use prost::Message;

use crate::command::{Place, SMALL};
use crate::onnx_graph::{Tensor, constant, graph, run};

const ENCODERS: usize = 6;
const CLASSES: usize = 6;

/// A model trained briefly on data with missing encoders.
fn trained(settings: &[&str]) -> Place {
    let place = Place::with_data(&["--missing", "0.2"]);
    let settings = settings.iter().flat_map(|setting| ["--set", setting]);
    let train = ["train", "data", "--out", "run", "--fold", "0"];
    let short = ["--set", "train.max_epochs=4"];
    place.ok(&train
        .into_iter()
        .chain(SMALL.iter().copied())
        .chain(short)
        .chain(settings)
        .collect::<Vec<_>>());
    place
}

fn exported(place: &Place) -> ModelProto {
    place.ok(&["export", "run", "--onnx", "model.onnx", "--force"]);
    ModelProto::decode(&std::fs::read(place.path("model.onnx")).unwrap()[..]).unwrap()
}

/// The program's scores of the test clips, and the same clips as inputs of the graph.
fn scored(place: &Place) -> (Scores, HashMap<String, Tensor>) {
    let model = Predictor::load(&place.path("run")).unwrap();
    let encoders = &model.description().encoders;
    let needs = Needs {
        encoders,
        dropped: &[],
        classes: &model.classes(),
    };
    let split = part::open(&place.path("data"), "test", needs)
        .unwrap()
        .split;
    let clips: Vec<usize> = (0..split.len()).collect();
    let scores = model.score(&split, &clips, &[]).unwrap();
    let inputs = encoders.iter().enumerate().map(|(m, encoder)| {
        let width = encoder.width;
        let mut x = ArrayD::from_elem(vec![clips.len(), width], f64::NAN);
        for (clip, row) in split.rows(m).iter().enumerate() {
            let Some(row) = row else { continue };
            let mut values = vec![0.0f32; width];
            split.source(m).read(*row as usize, 0, &mut values);
            for (col, value) in values.into_iter().enumerate() {
                x[[clip, col]] = value.into();
            }
        }
        (encoder.name.clone(), x)
    });
    let inputs = inputs.collect();
    (scores, inputs)
}

fn shape(value: &ValueInfoProto) -> (String, usize) {
    let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
    let dims = &tensor.shape.as_ref().unwrap().dim;
    assert_eq!(dims[0].dim_param.as_deref(), Some("batch"));
    let width = dims[1].dim_value.unwrap();
    (value.name.clone().unwrap(), width as usize)
}

#[test]
fn the_graph_gives_the_programs_scores_in_every_form() {
    for settings in [
        &[][..],
        &["model.top_k=1"],
        &["model.top_k=6", "decode.alpha=2.5"],
        &["model.gate=\"uniform\"", "loss.presence=\"bce\""],
        &["model.heads=\"single\"", "data.standardize=false"],
        &["uda.enabled=true", "model.temperature_learned=false"],
        &["data.clip_values=0.5"],
    ] {
        let place = trained(settings);
        let model = exported(&place);
        let (scores, inputs) = scored(&place);
        assert!(inputs.values().any(|x| x.iter().any(|x| x.is_nan())));
        let found = run(&model, &inputs);
        for (name, expected) in [
            ("presence", &scores.presence),
            ("salience", &scores.salience),
            ("aligned", &scores.aligned),
            ("weights", &scores.gate_weights),
            ("kept", &scores.selected_weights),
        ] {
            let found = &found[name];
            assert_eq!(found.shape(), expected.shape(), "{name}");
            for (found, expected) in found.iter().zip(expected) {
                let difference = (found - expected).abs();
                assert!(difference <= 1e-5, "{settings:?} {name}: {difference}");
            }
        }
        // Without any encoder, every score is NaN.
        let nothing = inputs.iter();
        let nothing =
            nothing.map(|(name, x)| (name.clone(), ArrayD::from_elem(x.raw_dim(), f64::NAN)));
        let found = run(&model, &nothing.collect());
        for name in ["presence", "salience", "aligned", "weights", "kept"] {
            assert!(found[name].iter().all(|x| x.is_nan()), "{name}");
        }
    }
}

#[test]
fn the_file_says_what_it_takes_and_gives_and_folds_what_it_says() {
    let place = trained(&[]);
    let said = place.json(&["export", "run", "--onnx", "a.onnx"]);
    let bytes = std::fs::read(place.path("a.onnx")).unwrap();
    assert_eq!(said["bytes"], bytes.len());
    assert_eq!(said["inputs"].as_array().unwrap().len(), ENCODERS);
    let model = ModelProto::decode(&bytes[..]).unwrap();
    assert_eq!(
        (model.ir_version, model.opset_import[0].version),
        (Some(8), Some(17))
    );

    let trained = Predictor::load(&place.path("run")).unwrap();
    let (description, net) = (trained.description(), trained.net());
    let inputs: Vec<_> = graph(&model).input.iter().map(shape).collect();
    let encoders = description.encoders.iter();
    let expected: Vec<_> = encoders
        .map(|encoder| (encoder.name.clone(), encoder.width))
        .collect();
    assert_eq!(inputs, expected);
    let outputs: Vec<_> = graph(&model).output.iter().map(shape).collect();
    let expected = [
        ("presence", CLASSES),
        ("salience", CLASSES),
        ("aligned", CLASSES),
        ("weights", ENCODERS),
        ("kept", ENCODERS),
    ];
    assert_eq!(
        outputs,
        expected.map(|(name, width)| (name.to_owned(), width))
    );
    let values = graph(&model).input.iter().chain(&graph(&model).output);
    assert!(
        values
            .into_iter()
            .all(|value| value.doc_string.as_ref().is_some_and(|doc| doc.len() > 20))
    );

    let says: HashMap<_, _> = model
        .metadata_props
        .iter()
        .map(|entry| (entry.key(), entry.value()))
        .collect();
    assert_eq!(
        says["blendfuse.classes"],
        r#"["ang","disg","fea","hap","sad","neu"]"#
    );
    assert_eq!(says["blendfuse.neutral"], "neu");
    assert_eq!(
        says["blendfuse.presence_threshold"].parse(),
        Ok(description.thresholds.presence)
    );
    assert_eq!(
        says["blendfuse.alpha"].parse(),
        Ok(description.thresholds.alpha)
    );
    assert!(says["blendfuse.decoding"].contains("|r - 0.5| <= salience_threshold"));

    // γ / √(var + ε) of the output, 1 / std of the column.
    let vector = |name: String| net.params.vector(net.params.find(&name).unwrap()).to_vec();
    let stats = trained.standardisation().unwrap().training();
    for (m, encoder) in description.encoders.iter().enumerate() {
        let part = |part: &str| format!("encoders.{}.{part}", encoder.name);
        let weight = net.params.find(&part("linear.weight")).unwrap();
        let weight = net.params.get(weight).tensor.to_row_major();
        let (gamma, var) = (
            vector(part("norm.weight")),
            vector(part("norm.running_var")),
        );
        let name = format!("encoders/{}/linear/weight", encoder.name);
        let mut constants = graph(&model).initializer.iter();
        let folded = constant(constants.find(|tensor| tensor.name() == name).unwrap());
        assert_eq!(folded.shape(), [16, encoder.width]);
        for (at, found) in folded.indexed_iter() {
            let (o, i) = (at[0], at[1]);
            let scale = f64::from(gamma[o]) / (f64::from(var[o]) + 1e-5).sqrt();
            let inv_std = f64::from(stats[m].as_kernel().inv_std[i]);
            let expected = scale * f64::from(weight[o * encoder.width + i]) * inv_std;
            assert!(
                (found - expected).abs() <= 2e-7 * expected.abs(),
                "{name} {o} {i}"
            );
        }
    }
}

#[test]
fn the_same_model_gives_the_same_bytes_and_nothing_is_overwritten() {
    let place = trained(&[]);
    let bytes = |name: &str| std::fs::read(place.path(name)).unwrap();
    place.ok(&["export", "run", "--onnx", "a.onnx"]);
    place.ok(&["export", "run/weights.safetensors", "--onnx", "b.onnx"]);
    assert_eq!(bytes("a.onnx"), bytes("b.onnx"));
    let refused = place.refused(&["export", "run", "--onnx", "a.onnx"]);
    assert!(refused.contains("a.onnx: already exists"), "{refused}");
    place.ok(&["export", "run", "--onnx", "a.onnx", "--force"]);
    assert_eq!(bytes("a.onnx"), bytes("b.onnx"));
    for (arguments, expected) in [
        (
            ["nowhere", "--onnx", "c.onnx"],
            "nowhere: expected the folder of a trained model",
        ),
        (
            ["data", "--onnx", "c.onnx"],
            "contains no weights.safetensors",
        ),
        (
            ["data/train_metadata.csv", "--onnx", "c.onnx"],
            "not a safetensors file",
        ),
        (
            ["run", "--onnx", "c.pt"],
            "expected a file name ending in .onnx",
        ),
        (["run", "--onnx", "no/c.onnx"], "no such folder: no"),
    ] {
        let refused = place.refused(&[&["export"], &arguments[..]].concat());
        assert!(refused.contains(expected), "{refused}");
    }
    assert!(!place.path("c.onnx").exists());
}

#[test]
fn an_encoder_that_has_the_name_of_an_output_is_refused() {
    let place = Place::with_data(&[]);
    for part in ["train", "test"] {
        let features = place.path("data/features").join(part);
        std::fs::rename(features.join("clip.npz"), features.join("weights.npz")).unwrap();
        assert!(Npz::open(&features.join("weights.npz")).is_ok());
    }
    std::fs::remove_file(place.path("data/encoders.toml")).unwrap_or_default();
    let train = ["train", "data", "--out", "run", "--max-steps", "2"];
    place.ok(&[&train[..], SMALL].concat());
    let refused = place.refused(&["export", "run", "--onnx", "a.onnx"]);
    assert!(
        refused.starts_with("encoder weights: an output"),
        "{refused}"
    );
}
