//! A run whose loss becomes non-finite ends with the position of the first such value and with finite
//! weights.

use blendfuse::Error;
use blendfuse::artifact::checkpoint::Checkpoint;
use blendfuse::config::Config;
use blendfuse::data::dataset::Dataset;
use blendfuse::data::synth::{self, Preset, SynthOptions};
use blendfuse::testing::config::overrides::parse_assignment;
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
    let mut net =
        blendfuse::model::FusionNet::<f32>::new(&config, &dataset.encoders, dataset.classes.len())
            .unwrap();
    weights.load_into(&mut net.params).unwrap();
    let manifest =
        blendfuse::artifact::manifest::Manifest::read(&out.join("manifest.json")).unwrap();
    assert!(!manifest.finished);
}

#[test]
fn weights_out_of_range_never_pass_for_a_result() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    synth::write(&data, &SynthOptions::preset(Preset::Tiny), &|_| ()).unwrap();
    let dataset = Dataset::open(&data, None).unwrap();
    // One step an epoch: no later loss of the epoch shows what the step did.
    let settings = [
        "train.lr=1e40",
        "train.batch_size=4096",
        "train.max_epochs=1",
        "model.projection_dim=8",
    ];
    let overrides: Vec<_> = settings
        .iter()
        .map(|text| parse_assignment(text).unwrap())
        .collect();
    let config = Config::from_overrides(&overrides).unwrap();
    for fold in [None, Some(0)] {
        let out = folder.path().join(format!("run-{fold:?}"));
        let options = Options {
            fold,
            ..Options::default()
        };
        let run = Run::prepare(&dataset, &config, options).unwrap();
        let error = run.train(&out, &mut ()).unwrap_err();
        assert!(matches!(error, Error::NonFinite { .. }), "{error}");
        assert!(error.to_string().contains("epoch 1"), "{error}");
        assert!(!out.join("weights.safetensors").exists());
        assert!(!out.join("last.safetensors").exists());
    }
}

#[test]
fn resume_replaces_nothing_in_a_folder_that_is_not_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    synth::write(&data, &SynthOptions::preset(Preset::Tiny), &|_| ()).unwrap();
    let dataset = Dataset::open(&data, None).unwrap();
    let out = folder.path().join("mine");
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("history.csv"), "mine").unwrap();
    let options = Options {
        resume: true,
        ..Options::default()
    };
    let run = Run::prepare(&dataset, &Config::default(), options).unwrap();
    let error = run.train(&out, &mut ()).unwrap_err();
    assert!(error.is_input(), "{error}");
    assert_eq!(std::fs::read(out.join("history.csv")).unwrap(), b"mine");
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 1);
}
