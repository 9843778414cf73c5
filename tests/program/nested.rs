//! A fold as test split, and searches that are repeated without each fold.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{Place, SMALL};
use crate::small_data::scramble;

const PARAMETERS: [&str; 4] = [
    "--param",
    "model.top_k=1,3",
    "--param",
    "train.lr=1e-3,1e-2",
];

fn tune(place: &Place, data: &str, out: &str) -> Value {
    let base = [
        "tune",
        data,
        "--out",
        out,
        "--grid",
        "--nested",
        "--set",
        "train.max_epochs=3",
    ];
    place.json(&[&base[..], &PARAMETERS, SMALL].concat())
}

/// The scores of a final model without a fold on that fold, as the trial with these settings has them.
fn scores(plan: &Path, fold: u64) -> Vec<Value> {
    let mut found = Vec::new();
    for folder in fs::read_dir(plan.join("trials")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let result: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            let config = &result["trial"]["kind"]["fusion"];
            if config["data"]["test_fold"] == fold && result["trial"]["fold"].is_null() {
                found.push(serde_json::json!({
                    "settings": config,
                    "scores": result["test"],
                    "history": result["history"].as_array().unwrap().len(),
                }));
            }
        }
    }
    found.sort_by_key(Value::to_string);
    found
}

#[test]
fn every_clip_is_scored_by_a_model_for_which_its_label_was_not_read() {
    let place = Place::with_data(&[]);
    let found = tune(&place, "data", "tune");
    let nested = &found["nested"];
    let folds = nested["folds"].as_array().unwrap();
    assert_eq!(folds.len(), 5);
    assert!(
        folds.iter().all(|fold| fold["chosen"].is_string()),
        "{nested}"
    );
    let names: Vec<&str> = nested["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["not tuned", "tuned"]);
    let tables = fs::read_to_string(place.path("tune/tables.md")).unwrap();
    assert!(tables.contains("Nothing chosen on the scored clips"));
    // Another process concludes the same.
    let collected = place.json(&["collect", "tune"]);
    assert_eq!(collected["nested"], *nested);

    let (from, to) = (place.path("data"), place.path("scrambled"));
    copy(&from, &to);
    scramble(&to.join("train_metadata.csv"), "2");
    tune(&place, "scrambled", "other");
    let (models, others) = (
        scores(&place.path("tune"), 2),
        scores(&place.path("other"), 2),
    );
    assert!(!models.is_empty());
    assert!(
        models == others,
        "labels of the fold reached a model that is scored on it"
    );
    assert_ne!(
        scores(&place.path("tune"), 1),
        scores(&place.path("other"), 1),
        "the same labels are training labels for the other folds"
    );
}

#[test]
fn analyze_looks_at_the_models_of_the_whole_search() {
    let place = Place::with_data(&[]);
    let base = ["tune", "data", "--out", "tune", "--grid", "--nested"];
    let quick = ["--set", "train.max_epochs=2", "--param", "model.top_k=1,3"];
    place.ok(&[&base[..], &quick, SMALL].concat());
    // Those of the repetitions on all of their clips are kept, but none that `analyze` looks at.
    let message = place.refused(&["analyze", "tune", "data"]);
    assert!(message.contains("none of the 5 fold models"), "{message}");
    place.ok(&["report", "tune"]);
    let html = fs::read_to_string(place.path("tune/report.html")).unwrap();
    assert!(html.contains("with --keep-weights"));

    let kept = ["tune", "data", "--out", "kept", "--grid", "--nested"];
    let found = place.json(&[&kept[..], &["--keep-weights"], &quick, SMALL].concat());
    place.ok(&["analyze", "kept", "data"]);
    let analysed = fs::read(place.path("kept/analysis/analysis.json")).unwrap();
    let analysed: Value = serde_json::from_slice(&analysed).unwrap();
    assert_eq!(analysed["models"].as_array().unwrap().len(), 5);
    let notes = analysed["notes"].as_array().unwrap();
    let best = found["best"]["name"].as_str().unwrap();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].as_str().unwrap().contains(best), "{notes:?}");
}

#[test]
fn a_fold_as_test_split_is_neither_trained_nor_validated_on() {
    let place = Place::with_data(&[]);
    let cv = [
        "cv",
        "data",
        "--out",
        "cv",
        "--retrain",
        "--set",
        "train.max_epochs=2",
    ];
    let without = ["--set", "data.test_fold=3"];
    let found = place.json(&[&cv[..], &without, SMALL].concat());
    let folds = found["folds"].as_array().unwrap();
    let numbers: Vec<u64> = folds
        .iter()
        .map(|fold| fold["fold"].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [0, 1, 2, 4]);
    let table = fs::read_to_string(place.path("data/train_metadata.csv")).unwrap();
    let header: Vec<&str> = table.lines().next().unwrap().split(',').collect();
    let column = header.iter().position(|title| *title == "fold").unwrap();
    let of_fold = table
        .lines()
        .skip(1)
        .filter(|line| line.split(',').nth(column) == Some("3"));
    let predicted = fs::read_to_string(place.path("cv/final/predictions.json")).unwrap();
    let predicted: Value = serde_json::from_str(&predicted).unwrap();
    let clips = predicted.as_object().unwrap();
    let clips = clips
        .get("predictions")
        .and_then(Value::as_object)
        .unwrap_or(clips);
    assert_eq!(clips.len(), of_fold.count());
    let refused = place.refused(&[&cv[..3], &["other", "--set", "data.test_fold=9"]].concat());
    assert!(
        refused.contains("data.test_fold: no such fold: 9; found: 0, 1, 2, 3, 4"),
        "{refused}"
    );
}

#[test]
fn a_nested_search_does_not_train_on_a_fold_that_is_the_test_split() {
    let place = Place::with_data(&[]);
    let tune = [
        "tune",
        "data",
        "--out",
        "tune",
        "--nested",
        "--set",
        "data.test_fold=1",
    ];
    let refused = place.refused(&tune);
    assert!(
        refused.contains("data.test_fold: a nested search"),
        "{refused}"
    );
    assert!(!place.path("tune").exists());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}
