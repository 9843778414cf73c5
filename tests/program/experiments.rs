//! `baseline`, `sweep` and `tune` from the command line: their output for data without the paper's
//! encoders, that nothing is trained twice, and that a second run gives the same bytes.

use std::fs;

use serde_json::Value;

use crate::command::{Place, SMALL};

fn plan(command: &'static str, out: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    let settings = ["--set", "train.max_epochs=2"];
    [&[command, "data", "--out", out][..], SMALL, &settings, more].concat()
}

fn names(value: &Value) -> Vec<&str> {
    let rows = value["table"]["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| row["configuration"].as_str().unwrap())
        .collect()
}

fn notes(value: &Value) -> String {
    let notes = value["table"]["notes"].as_array().unwrap();
    notes
        .iter()
        .map(|note| note.as_str().unwrap())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn baselines_are_compared_with_the_fusion_model() {
    let place = Place::with_data(&["--test-labels"]);
    let epochs = ["--baseline-epochs", "3", "--seeds", "2"];
    let value = place.json(&plan("baseline", "one", &epochs));
    let rows = value["table"]["rows"].as_array().unwrap();
    assert_eq!(
        names(&value)[..3],
        [
            "fusion",
            "trivial: one single emotion",
            "trivial: one blend"
        ]
    );
    assert_eq!(names(&value).last(), Some(&"uniform-fusion"));
    // A trivial baseline has no seeds; it is scored by the official rules, on validation and test.
    assert_eq!(
        (&rows[0]["seeds"], &rows[1]["seeds"]),
        (&"0–1".into(), &"0".into())
    );
    assert_eq!(rows[1]["acc_salience"], 0.0);
    assert_eq!(
        rows[1]["verdict"].as_str().map(|v| v != "reference"),
        Some(true)
    );
    assert!(
        rows.iter().all(|row| row["test_average"].is_f64()),
        "{rows:?}"
    );
    assert!(rows.iter().all(|row| row["interval_low"].is_f64()));
    assert!(notes(&value).contains("LEFT OUT"), "{}", notes(&value));
    place.ok(&plan(
        "baseline",
        "two",
        &[&epochs[..], &["--jobs", "1"]].concat(),
    ));
    for file in ["baseline.csv", "baseline.json", "tables.md", "plan.json"] {
        let read = |out: &str| fs::read(place.path(out).join(file)).unwrap();
        assert!(read("one") == read("two"), "{file} differs");
    }
    let again = place.json(&plan(
        "baseline",
        "one",
        &[&epochs[..], &["--resume"]].concat(),
    ));
    assert_eq!(again["trials"], again["reused"]);
    let error = place.refused(&plan("baseline", "three", &["--baseline", "linear:nobody"]));
    assert!(error.contains("no encoder \"nobody\""), "{error}");
    let error = place.refused(&plan("baseline", "three", &["--baseline", "svm:*"]));
    assert!(error.contains("svm"), "{error}");
    assert!(!place.path("three").exists());
}

#[test]
fn a_sweep_trains_equal_configurations_once_and_says_so() {
    let place = Place::with_data(&[]);
    let kept = ["--param", "model.top_k=1,4,22,36"];
    let value = place.json(&plan("sweep", "kept", &kept));
    assert_eq!(
        names(&value),
        ["model.top_k=1", "model.top_k=4", "model.top_k=22"]
    );
    assert_eq!(value["trials"], 15);
    assert!(
        notes(&value).contains("model.top_k=36: equivalent to model.top_k=22 (the data have"),
        "{}",
        notes(&value)
    );
    let best = value["best"]["name"].as_str().unwrap();
    let rows = value["table"]["rows"].as_array().unwrap();
    let average = |row: &Value| row["average"].as_f64().unwrap();
    let reference = rows
        .iter()
        .find(|row| row["verdict"] == "reference")
        .unwrap();
    // The configuration without --param, which was named before any result; not the best.
    assert_eq!(reference["configuration"], "model.top_k=4");
    let highest = rows
        .iter()
        .find(|row| row["configuration"] == best)
        .unwrap();
    assert!(rows.iter().all(|row| average(row) <= average(highest)));
    let error = place.refused(&plan("sweep", "none", &[]));
    assert!(error.contains("nothing to sweep"), "{error}");
    let error = place.refused(&plan("sweep", "none", &["--param", "train.lr=0.1..0.2"]));
    assert!(error.contains("how many values"), "{error}");
    let error = place.refused(&plan("sweep", "none", &["--param", "model.top_k=0,2"]));
    assert!(error.contains("model.top_k: found 0"), "{error}");
    assert!(!place.path("none").exists());
}

#[test]
fn a_tpe_search_resumes_and_its_best_configuration_trains() {
    let place = Place::with_data(&[]);
    let space = [
        "--param",
        "train.lr=1e-4..1e-2:log",
        "--param",
        "model.top_k=1..4",
    ];
    let tpe =
        |count: &'static str, more: &[&'static str]| [&space[..], &["--tpe", count], more].concat();
    place.ok(&plan(
        "tune",
        "whole",
        &tpe("11", &["--write", "mine.toml"]),
    ));
    place.ok(&plan("tune", "parts", &tpe("9", &[])));
    let value = place.json(&plan("tune", "parts", &tpe("11", &["--resume"])));
    assert!(
        value["reused"].as_u64().unwrap() >= 45,
        "{}",
        value["reused"]
    );
    for file in ["tune.csv", "tune.json", "tables.md", "best.toml"] {
        let read = |out: &str| fs::read(place.path(out).join(file)).unwrap();
        assert!(read("whole") == read("parts"), "{file} differs");
    }
    let winner = fs::read(place.path("whole/best.toml")).unwrap();
    assert!(winner == fs::read(place.path("mine.toml")).unwrap());
    let train = ["train", "data", "--out", "run", "--config", "mine.toml"];
    let trained = place.json(&[&train[..], &["--fold", "0"]].concat());
    let average = trained["average"].as_f64();
    let config = &value["best"]["config"];
    assert_eq!(config["train"]["max_epochs"], 2);
    assert!(average.is_some(), "{trained}");
    let error = place.refused(&plan("tune", "other", &tpe("2", &["--write", "mine.toml"])));
    assert!(error.contains("mine.toml: already exists"), "{error}");
}
