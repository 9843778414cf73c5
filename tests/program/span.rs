//! Training in the span of the training rows, from the command line.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{Place, SMALL};

const FILES: [&str; 4] = [
    "weights.safetensors",
    "last.safetensors",
    "history.csv",
    "history.jsonl",
];

fn train(place: &Place, out: &str, flags: &[&str]) -> Value {
    let base = ["train", "data", "--out", out, "--set", "train.max_epochs=3"];
    place.json(&[&base[..], SMALL, flags].concat())
}

fn span(place: &Place, out: &str, flags: &[&str]) -> Value {
    train(
        place,
        out,
        &[&["--set", "train.inputs=span"], flags].concat(),
    )
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    let read = |file: &&str| fs::read(folder.join(file)).unwrap();
    FILES.iter().map(read).collect()
}

#[test]
fn any_number_of_threads_gives_the_same_bytes_and_leaves_nothing_behind() {
    let place = Place::with_data(&["--missing", "0.1"]);
    for more in [&["--fold", "2", "--set", "uda.enabled=true"][..], &[]] {
        let out = |threads: &str| format!("{threads}-{}", more.len());
        for threads in ["1", "2", "3"] {
            let flags = [&["--threads", threads], more].concat();
            span(&place, &out(threads), &flags);
        }
        let one = place.path(&out("1"));
        assert!(files(&one) == files(&place.path(&out("2"))));
        assert!(files(&one) == files(&place.path(&out("3"))));
        assert!(!one.join("span").exists());
    }
}

#[test]
fn encoders_with_fewer_columns_than_clips_train_as_they_do_over_columns() {
    let place = Place::with_data(&[]);
    let flags = [
        "--fold",
        "1",
        "--set",
        "data.encoders=[\"clip\",\"hicmae\",\"openface2\"]",
    ];
    span(&place, "span", &flags);
    train(&place, "columns", &flags);
    let history = |out: &str| fs::read(place.path(out).join("history.csv")).unwrap();
    assert!(history("span") == history("columns"));
}

#[test]
fn the_weights_are_those_of_any_other_run() {
    let place = Place::with_data(&["--missing", "0.1"]);
    let run = span(&place, "span", &["--fold", "0"]);
    let columns = train(&place, "columns", &["--fold", "0"]);
    assert_eq!(run["parameters"], columns["parameters"]);
    let size = |out: &str| {
        fs::metadata(place.path(out).join("last.safetensors"))
            .unwrap()
            .len()
    };
    // The configuration in the files differs by one key.
    assert!(size("span").abs_diff(size("columns")) <= 64);
    place.ok(&["predict", "span", "data", "--probs", "probs.csv"]);
}

#[test]
fn plans_take_it_and_name_their_trials_by_it() {
    let place = Place::with_data(&[]);
    let cv = |out: &str, more: &[&str]| {
        let base = ["cv", "data", "--out", out, "--set", "train.max_epochs=2"];
        place.json(&[&base[..], SMALL, more].concat())
    };
    let span = cv("span", &["--set", "train.inputs=span"]);
    let columns = cv("columns", &["--set", "train.inputs=columns"]);
    cv("default", &[]);
    let trials = |out: &str| -> Vec<String> {
        let mut names = Vec::new();
        for folder in fs::read_dir(place.path(out).join("trials")).unwrap() {
            for file in fs::read_dir(folder.unwrap().path()).unwrap() {
                names.push(file.unwrap().file_name().into_string().unwrap());
            }
        }
        names.sort();
        names
    };
    assert_eq!(trials("columns"), trials("default"));
    assert_ne!(trials("columns"), trials("span"));
    assert!(span.is_object() && columns.is_object());
}

#[test]
fn another_word_is_refused() {
    let place = Place::with_data(&[]);
    let flags = ["--set", "train.inputs=spam"];
    let ran = place.run(&[&["train", "data", "--out", "run"][..], &flags].concat());
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("train.inputs") && ran.stderr.contains("columns or span"));
}
