//! Files of scores are decoded as their run decodes, and predictions of whole folds lack nothing.

use serde_json::Value;

use crate::command::{Place, SMALL};

const METADATA: [&str; 2] = ["--metadata", "data/train_metadata.csv"];

/// The scores of a file, and what was said on stderr.
fn evaluated(place: &Place, file: &str, flags: &[&str]) -> (Value, String) {
    let evaluate = [&["evaluate", file, "--json"][..], &METADATA, flags].concat();
    let ran = place.run(&evaluate);
    assert_eq!(ran.code, 0, "{file}: {}", ran.stderr);
    (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
}

#[track_caller]
fn assert_same_scores(a: &Value, b: &Value) {
    for key in ["acc_presence", "acc_salience", "average", "clips", "by_set"] {
        assert_eq!(a[key], b[key], "{key}");
    }
}

fn train(place: &Place, flags: &[&str]) {
    let train = [
        "train",
        "data",
        "--out",
        "run",
        "--fold",
        "1",
        "--set",
        "train.max_epochs=3",
    ];
    place.ok(&[&train[..], SMALL, flags].concat());
    let predict = ["predict", "run", "data", "--split", "train", "--held-out"];
    let files = [
        "--out",
        "h.json",
        "--probs",
        "h.csv",
        "--explain",
        "why.csv",
    ];
    place.ok(&[&predict[..], &files].concat());
    place.ok(&[&predict[..], &["--out", "h.zip", "--probs", "h.npz"]].concat());
}

#[test]
fn every_file_of_predict_scores_the_same_without_a_warning() {
    let place = Place::with_data(&[]);
    train(&place, &[]);
    let (expected, _) = evaluated(&place, "h.json", &[]);
    assert_eq!(expected["folds"], serde_json::json!([1]));
    assert_eq!(expected["not_predicted"], serde_json::json!([]));
    let run = ["--run", "run"];
    for (file, flags) in [
        ("h.json", &[][..]),
        ("h.zip", &[]),
        ("h.npz", &[]),
        ("h.npz", &run),
        ("h.csv", &run),
        ("h.csv", &["--run", "run/weights.safetensors"]),
        ("why.csv", &run),
    ] {
        let (found, told) = evaluated(&place, file, flags);
        assert_same_scores(&found, &expected);
        assert!(!told.contains("warning"), "{file}: {told}");
    }
    let ran = place.run(&[&["evaluate", "h.json"][..], &METADATA].concat());
    assert!(
        ran.stderr.contains("those of fold 1; clips of other folds"),
        "{}",
        ran.stderr
    );
    // A file in the run's folder is the run's.
    std::fs::copy(place.path("h.csv"), place.path("run/h.csv")).unwrap();
    let (found, _) = evaluated(&place, "run/h.csv", &[]);
    assert_same_scores(&found, &expected);
    assert_eq!(found["run"], "run");
    for file in ["h.npz", "run/h.csv"] {
        place.ok(&["decode", file, "--out", "again.json", "--force"]);
        let read = |name| std::fs::read(place.path(name)).unwrap();
        assert!(read("again.json") == read("h.json"), "{file}");
    }
    // Flags come before the run.
    let given = ["--presence-threshold", "1", "--salience-threshold", "0.5"];
    let (found, _) = evaluated(&place, "h.npz", &given);
    assert_eq!(
        found["measures"]["values"]["exact_set"],
        evaluated(&place, "h.csv", &given).0["measures"]["values"]["exact_set"]
    );
    assert_ne!(found["by_set"], expected["by_set"]);
    // One clip of the fold is missing.
    let text = std::fs::read_to_string(place.path("h.csv")).unwrap();
    let short = text.trim_end().rsplit_once('\n').unwrap().0;
    std::fs::write(place.path("short.csv"), short).unwrap();
    let (found, told) = evaluated(&place, "short.csv", &run);
    assert!(told.contains("with labels but no prediction"), "{told}");
    assert!(!found["not_predicted"].as_array().unwrap().is_empty());
}

#[test]
fn folds_that_the_run_made_are_whole_too() {
    let place = Place::with_data(&[]);
    let path = place.path("data/train_metadata.csv");
    let table = std::fs::read_to_string(&path).unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let fold = header.iter().position(|column| *column == "fold").unwrap();
    let without = table.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.remove(fold);
        cells.join(",") + "\n"
    });
    std::fs::write(&path, without.collect::<String>()).unwrap();
    train(&place, &["--folds", "5"]);
    let (_, told) = evaluated(&place, "h.json", &[]);
    assert!(told.contains("with labels but no prediction"), "{told}");
    for (file, flags) in [("h.json", &["--run", "run"][..]), ("h.npz", &[])] {
        let (found, told) = evaluated(&place, file, flags);
        assert!(!told.contains("warning"), "{file}: {told}");
        assert_eq!(found["folds"], serde_json::json!([1]));
    }
}

#[test]
fn out_of_fold_scores_are_decoded_with_each_folds_thresholds() {
    let place = Place::with_data(&["--test-labels"]);
    let cv = [
        "cv",
        "data",
        "--out",
        "cv",
        "--seeds",
        "2",
        "--retrain",
        "--ensemble",
    ];
    let quick = ["--set", "train.max_epochs=2"];
    place.ok(&[&cv[..], SMALL, &quick].concat());
    for seed in [0, 1] {
        let stem = format!("cv/out_of_fold_seed{seed}");
        let (expected, _) = evaluated(&place, &format!("{stem}.json"), &[]);
        for ending in ["csv", "npz"] {
            let (found, told) = evaluated(&place, &format!("{stem}.{ending}"), &[]);
            assert_same_scores(&found, &expected);
            assert!(told.contains("each clip's own fold, 5 folds"), "{told}");
        }
    }
    let test = ["--metadata", "data/test_metadata.csv"];
    for folder in ["cv/final", "cv/final/ensemble"] {
        let of = |file: &str| {
            place.json(&[&["evaluate", &format!("{folder}/{file}")][..], &test].concat())
        };
        let expected = of("predictions.json");
        for file in ["probabilities.csv", "probabilities.npz"] {
            assert_same_scores(&of(file), &expected);
        }
    }
    // The final model's scores are of no fold.
    let named = ["evaluate", "cv/final/probabilities.csv", "--run", "cv"];
    let message = place.refused(&[&named[..], &test].concat());
    assert!(
        message.contains("are none of its held-out clips"),
        "{message}"
    );
}
