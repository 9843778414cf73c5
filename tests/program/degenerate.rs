//! Edge cases of training data: each one is defined, ends with numbers or a one-line error, and is
//! reported to the user.

use std::fs;

use blendfuse::data::dataset::Dataset;
use blendfuse::ingest::encoder_file::EncoderRows;

use crate::command::{Place, SMALL};

/// Rewrites every value of an encoder's two files.
fn rewrite(place: &Place, encoder: &str, change: impl Fn(usize, f32) -> f32) {
    let dataset = Dataset::open(&place.path("data"), None).unwrap();
    let parts = [
        ("train", Some(&dataset.train)),
        ("test", dataset.test.as_ref()),
    ];
    let mut files = Vec::new();
    for (name, split) in parts {
        let split = split.unwrap();
        let m = dataset
            .encoders
            .iter()
            .position(|e| e.name == encoder)
            .unwrap();
        let source = split.source(m);
        let mut file = EncoderRows::new(source.cols);
        for (clip, row) in split.clips.iter().zip(split.rows(m)) {
            let Some(row) = *row else { continue };
            let mut values = vec![0.0; source.cols];
            source.read(row as usize, 0, &mut values);
            for (column, value) in values.iter_mut().enumerate() {
                *value = change(column, *value);
            }
            file.push(clip.filename.clone(), &values);
        }
        files.push((
            place.path(&format!("data/features/{name}/{encoder}.npz")),
            file,
        ));
    }
    drop(dataset);
    for (path, file) in files {
        fs::remove_file(&path).unwrap();
        file.write(&path, None, None).unwrap();
    }
}

/// Keeps the header of the training table and selected lines; the selection gets the line number.
fn keep_lines(place: &Place, wanted: impl Fn(usize, &str) -> bool) {
    let path = place.path("data/train_metadata.csv");
    let text = fs::read_to_string(&path).unwrap();
    let kept = text
        .lines()
        .enumerate()
        .filter(|(i, line)| *i == 0 || wanted(*i, line));
    let kept: Vec<&str> = kept.map(|(_, line)| line).collect();
    fs::write(&path, kept.join("\n") + "\n").unwrap();
}

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["train", "data", "--out", out, "--set", "train.max_epochs=2"];
    [&base[..], SMALL, more].concat()
}

/// Trains and predicts; every probability must be a number. Returns stderr.
#[track_caller]
fn trained(place: &Place, more: &[&str]) -> String {
    let ran = place.run(&train("run", more));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    place.ok(&[
        "predict",
        "run",
        "data",
        "--split",
        "test",
        "--probs",
        "probs.csv",
    ]);
    let probs = fs::read_to_string(place.path("probs.csv")).unwrap();
    let mut numbers = 0;
    for cell in probs
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(1))
    {
        let value: f64 = cell.parse().unwrap();
        assert!((0.0..=1.0).contains(&value), "{value}");
        numbers += 1;
    }
    assert!(numbers > 0);
    ran.stderr
}

#[test]
fn a_constant_column_standardises_to_zero_and_has_no_effect() {
    let place = Place::with_data(&[]);
    rewrite(
        &place,
        "clip",
        |column, x| if column == 0 { 3.5 } else { x },
    );
    trained(&place, &["--fold", "0"]);
    let weights = fs::read(place.path("run/weights.safetensors")).unwrap();
    // Another constant changes nothing except the stored mean.
    let probs = fs::read(place.path("probs.csv")).unwrap();
    fs::remove_dir_all(place.path("run")).unwrap();
    fs::remove_file(place.path("probs.csv")).unwrap();
    rewrite(
        &place,
        "clip",
        |column, x| if column == 0 { -1e6 } else { x },
    );
    trained(&place, &["--fold", "0"]);
    assert!(probs == fs::read(place.path("probs.csv")).unwrap());
    assert_eq!(
        weights.len(),
        fs::read(place.path("run/weights.safetensors"))
            .unwrap()
            .len()
    );
}

#[test]
fn an_encoder_that_is_all_zeros_is_named() {
    let place = Place::with_data(&[]);
    rewrite(&place, "clip", |_, _| 0.0);
    let told = trained(&place, &["--fold", "0"]);
    assert!(
        told.contains("warning: encoder clip: every column is constant over the training clips"),
        "{told}"
    );
    fs::remove_dir_all(place.path("run")).unwrap();
    fs::remove_file(place.path("probs.csv")).unwrap();
    trained(&place, &["--fold", "0", "--set", "data.standardize=false"]);
}

#[test]
fn features_that_are_not_finite_are_refused_with_their_place() {
    for (bad, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf")] {
        let place = Place::with_data(&[]);
        rewrite(
            &place,
            "clip",
            |column, x| if column == 2 { bad } else { x },
        );
        let line = place.refused(&train("run", &[]));
        assert!(
            line.contains("data/features/train/clip.npz") && line.contains(shown),
            "{line}"
        );
        assert!(line.contains("column 2"), "{line}");
        assert!(!place.path("run").exists());
    }
}

#[test]
fn a_class_that_a_fold_lacks_is_named() {
    let place = Place::with_data(&[]);
    // No clip of fold 0 shows sadness, so that all of them are in the training set.
    keep_lines(&place, |_, line| {
        let cells: Vec<&str> = line.split(',').collect();
        !(cells[1] == "0" && line.contains("sad"))
    });
    let told = trained(&place, &["--fold", "0"]);
    assert!(
        told.contains("warning: no validation clip shows sad: "),
        "{told}"
    );
    let place = Place::with_data(&[]);
    // Only clips of fold 0 show it, so that none is in the training set.
    keep_lines(&place, |_, line| {
        let cells: Vec<&str> = line.split(',').collect();
        cells[1] == "0" || !line.contains("sad")
    });
    let told = trained(&place, &["--fold", "0"]);
    assert!(
        told.contains("warning: no training clip shows sad: the model cannot learn to predict it"),
        "{told}"
    );
    // All folds together still give a complete table.
    place.ok(&[
        &["cv", "data", "--out", "cv", "--set", "train.max_epochs=1"],
        SMALL,
    ]
    .concat());
}

#[test]
fn one_training_clip_is_too_few_and_two_are_enough() {
    let place = Place::with_data(&[]);
    keep_lines(&place, |i, _| i == 1);
    let line = place.refused(&train("run", &[]));
    assert!(
        line.starts_with("1 clip to train on; batch norm needs at least 2"),
        "{line}"
    );
    let place = Place::with_data(&[]);
    keep_lines(&place, |i, _| i <= 2);
    trained(&place, &[]);
}

#[test]
fn a_last_batch_of_one_clip_trains() {
    let place = Place::with_data(&[]);
    // 141 clips: batches of 10 leave one over.
    trained(&place, &["--set", "train.batch_size=10"]);
}

#[test]
fn more_kept_encoders_than_there_are_keep_all() {
    let place = Place::with_data(&[]);
    let told = trained(&place, &["--set", "model.top_k=50"]);
    assert!(
        told.contains("6 encoders (all kept for every clip: model.top_k=50)"),
        "{told}"
    );
    let many = fs::read(place.path("probs.csv")).unwrap();
    fs::remove_dir_all(place.path("run")).unwrap();
    fs::remove_file(place.path("probs.csv")).unwrap();
    trained(&place, &["--set", "model.top_k=6"]);
    assert!(many == fs::read(place.path("probs.csv")).unwrap());
}
