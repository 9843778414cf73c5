//! A run whose loss stops being a number ends with the place where it began and with weights that
//! are still numbers.

use blendfuse::Error;
use blendfuse::data::dataset::Dataset;
use blendfuse::data::synth::{self, Preset, SynthOptions};
use blendfuse::model::Config;
use blendfuse::model::config_overrides::parse_assignment;
use blendfuse::train::checkpoint::Checkpoint;
use blendfuse::train::{Options, Run};

#[test]
fn an_exploding_run_names_epoch_batch_and_place_and_keeps_finite_weights() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    synth::write(&data, &SynthOptions::preset(Preset::Tiny), &|_| ()).unwrap();
    let dataset = Dataset::open(&data, None).unwrap();
    let settings = [
        "train.lr=1e30",
        "model.projection_dim=8",
        "model.shared_dim=8",
    ];
    let overrides: Vec<_> = settings
        .iter()
        .map(|text| parse_assignment(text).unwrap())
        .collect();
    let config = Config::from_overrides(&overrides).unwrap();
    let options = Options {
        fold: Some(0),
        ..Options::default()
    };
    let out = folder.path().join("run");
    let error = Run::prepare(&dataset, &config, options)
        .unwrap()
        .train(&out, &mut ())
        .unwrap_err();
    let Error::NonFinite {
        epoch,
        batch,
        advice,
        ..
    } = &error
    else {
        panic!("expected a value that is not finite, got: {error}");
    };
    assert_eq!(*epoch, Some(1));
    assert!(
        batch.is_some_and(|batch| batch >= 2),
        "the first step was sound: {error}"
    );
    assert!(advice.contains("it began in "), "{error}");
    assert!(!error.is_input());
    // `load_into` refuses weights that are not finite.
    let weights = Checkpoint::read(&out.join("last.safetensors")).unwrap();
    let shapes: Vec<_> = dataset
        .encoders
        .iter()
        .map(|encoder| blendfuse::model::EncoderShape {
            name: encoder.name.clone(),
            width: encoder.cols,
        })
        .collect();
    let mut net =
        blendfuse::model::FusionNet::<f32>::new(&config, &shapes, dataset.classes.len()).unwrap();
    weights.load_into(&mut net.params).unwrap();
    let manifest = blendfuse::train::manifest::Manifest::read(&out.join("manifest.json")).unwrap();
    assert!(!manifest.finished);
}
