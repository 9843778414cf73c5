//! Round trips are bit-exact: predictions, probabilities and weights. (Those of feature files are in
//! `formats::npz::write`.)

use blendfuse::artifact::checkpoint::Checkpoint;
use blendfuse::artifact::description::{ChosenThresholds, Description, FORMAT_VERSION};
use blendfuse::artifact::weights_file::save_weights;
use blendfuse::autograd::Tensor;
use blendfuse::config::Config;
use blendfuse::data::label::{Blend, Classes, Part};
use blendfuse::encoders::{Encoder, Modality};
use blendfuse::eval::probabilities::ProbabilityTable;
use blendfuse::eval::submission::Predictions;
use blendfuse::model::FusionNet;
use blendfuse::train::run::PROGRAM;
use ndarray::Array2;
use proptest::prelude::*;

/// Names as users have them, with what CSV and JSON must quote; a number keeps them apart, since blanks
/// around a name and its ending do not.
fn names(count: usize) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-zß字_0-9 ,\"'.-]{0,8}[a-z0-9]", count).prop_map(|names| {
        let numbered = names.iter().enumerate();
        numbered.map(|(i, name)| format!("{i}_{name}")).collect()
    })
}

fn blend() -> impl Strategy<Value = Blend> {
    let pair = (0usize..6, 1usize..6, 0.0f64..100.0).prop_map(|(first, step, share)| {
        let second = (first + step) % 6;
        Blend::new(vec![
            Part {
                class: first,
                salience: share,
            },
            Part {
                class: second,
                salience: 100.0 - share,
            },
        ])
    });
    prop_oneof![(0usize..6).prop_map(Blend::single), pair]
}

fn rows(clips: usize) -> impl Strategy<Value = Array2<f64>> {
    prop::collection::vec(1e-12f64..1.0, clips * 6)
        .prop_map(move |values| Array2::from_shape_vec((clips, 6), values).unwrap())
}

fn normalised(mut rows: Array2<f64>) -> Array2<f64> {
    for mut row in rows.rows_mut() {
        let sum = row.sum();
        row.mapv_inplace(|x| x / sum);
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn predictions(
        clips in (1usize..9).prop_flat_map(|count| (names(count), prop::collection::vec(blend(), count))),
    ) {
        let classes = Classes::challenge();
        let folder = tempfile::tempdir().unwrap();
        let written = Predictions { clips: clips.0.into_iter().zip(clips.1).collect() };
        for name in ["p.json", "p.zip"] {
            let path = folder.path().join(name);
            written.write(&path, &classes).unwrap();
            prop_assert_eq!(&Predictions::read(&path, &classes).unwrap(), &written);
        }
    }

    #[test]
    fn probabilities(
        (names, p, s) in (1usize..9).prop_flat_map(|count| (names(count), rows(count), rows(count))),
        alpha in 0.0f64..4.0,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.csv");
        let classes = Classes::challenge();
        let written = ProbabilityTable::from_heads(names, classes, p, normalised(s), alpha).unwrap();
        written.write_csv(&path).unwrap();
        let read = ProbabilityTable::read_csv(&path).unwrap();
        prop_assert_eq!(&read.filenames, &written.filenames);
        let bits = |x: &Array2<f64>| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&read.aligned), bits(&written.aligned));
        prop_assert_eq!(read.presence.as_ref().map(bits), written.presence.as_ref().map(bits));
        prop_assert_eq!(read.salience.as_ref().map(bits), written.salience.as_ref().map(bits));
    }

    #[test]
    fn weights(
        widths in prop::collection::vec(1usize..50, 1..4),
        dims in prop::array::uniform4(1usize..40),
        seed: u64,
    ) {
        let mut config = Config::default();
        let model = &mut config.model;
        [model.projection_dim, model.shared_dim, model.gate_hidden, model.head_hidden] = dims;
        config.train.seed = seed;
        let encoders: Vec<Encoder> = widths
            .iter()
            .enumerate()
            .map(|(m, &width)| Encoder { name: format!("encoder{m}"), modality: Modality::Video, width })
            .collect();
        let net = FusionNet::<f32>::new(&config, &encoders, 6).unwrap();
        let stats: Vec<(Vec<f32>, Vec<f32>)> = widths
            .iter()
            .map(|&width| (0..width).map(|i| (i as f32 - 3.0, 0.5 + i as f32)).unzip())
            .collect();
        let description = Description {
            format_version: FORMAT_VERSION,
            program: PROGRAM.to_owned(),
            encoders: encoders.clone(),
            classes: Classes::challenge().names().to_vec(),
            neutral: Some("neu".to_owned()),
            fold: Some(2),
            epoch: 7,
            thresholds: ChosenThresholds { presence: 0.1, salience: 0.05, alpha: 0.5, beta: 1.0, searched: true },
            config: config.clone(),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let given: Vec<(&[f32], &[f32])> = stats.iter().map(|(mean, std)| (&mean[..], &std[..])).collect();
        save_weights(&path, &net.params, &given, &description).unwrap();
        let file = Checkpoint::read(&path).unwrap();
        let mut read = FusionNet::<f32>::blank(&config, &encoders, 6).unwrap();
        file.load_into(&mut read.params).unwrap();
        let bits = |tensor: &Tensor<f32>| tensor.to_row_major().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        for ((_, a), (_, b)) in net.params.iter().zip(read.params.iter()) {
            prop_assert_eq!(&a.name, &b.name);
            prop_assert_eq!(bits(&a.tensor), bits(&b.tensor), "{}", a.name);
        }
        for (encoder, (mean, std)) in encoders.iter().zip(&stats) {
            let read = file.standardisation(&encoder.name, encoder.width).unwrap();
            prop_assert_eq!(&read, &(mean.clone(), std.clone()));
        }
        let read = serde_json::to_value(file.description().unwrap()).unwrap();
        prop_assert_eq!(read, serde_json::to_value(&description).unwrap());
    }
}
