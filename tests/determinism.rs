//! The same seed gives the same bytes, whatever the number of threads; labels of the target domain
//! change nothing.
#![cfg(feature = "cli")]

mod command;

use std::fs;
use std::path::{Path, PathBuf};

use command::{Place, SMALL};
use serde_json::Value;

const FILES: [&str; 4] = [
    "weights.safetensors",
    "last.safetensors",
    "history.csv",
    "history.jsonl",
];

fn train(place: &Place, out: &str, seed: &str, flags: &[&str]) {
    let base = ["train", "data", "--out", out, "--seed", seed];
    let flags = [&["--set", "train.max_epochs=3"], flags].concat();
    place.ok(&[&base[..], SMALL, &flags].concat());
}

fn files(folder: &Path) -> Vec<Vec<u8>> {
    FILES
        .iter()
        .map(|file| fs::read(folder.join(file)).unwrap())
        .collect()
}

fn manifest(folder: PathBuf) -> Value {
    let mut value: Value =
        serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    // Where a run took place is all that may differ.
    value
        .as_object_mut()
        .unwrap()
        .remove("environment")
        .unwrap();
    value
}

#[test]
fn two_runs_and_any_number_of_threads_give_the_same_bytes() {
    let place = Place::with_data(&["--missing", "0.1"]);
    for (name, threads) in [("a", "1"), ("b", "2"), ("c", "2"), ("d", "3")] {
        let flags = [
            "--fold",
            "2",
            "--threads",
            threads,
            "--set",
            "uda.enabled=true",
        ];
        train(&place, name, "5", &flags);
        let outputs = [
            format!("{name}.zip"),
            format!("{name}.csv"),
            format!("{name}.npz"),
        ];
        let predict = [
            "predict",
            name,
            "data",
            "--threads",
            threads,
            "--out",
            &outputs[0],
        ];
        place.ok(&[&predict[..], &["--probs", &outputs[1]]].concat());
        place.ok(&["predict", name, "data", "--probs", &outputs[2]]);
        if name == "a" {
            continue;
        }
        assert!(
            files(&place.path(name)) == files(&place.path("a")),
            "{name}"
        );
        assert_eq!(manifest(place.path(name)), manifest(place.path("a")));
        for ending in ["csv", "npz"] {
            let read = |name: &str| fs::read(place.path(&format!("{name}.{ending}"))).unwrap();
            assert!(read(name) == read("a"), "{name}.{ending}");
        }
    }
    // Another seed is another run.
    train(
        &place,
        "e",
        "6",
        &["--fold", "2", "--set", "uda.enabled=true"],
    );
    assert!(files(&place.path("e")) != files(&place.path("a")));
}

#[test]
fn target_labels_are_never_read_while_training() {
    let place = Place::with_data(&["--test-labels"]);
    let table = place.path("data/test_metadata.csv");
    let text = fs::read_to_string(&table).unwrap();
    for (name, fold) in [("fold", &["--fold", "0"][..]), ("all", &[])] {
        fs::write(&table, &text).unwrap();
        let uda = [fold, &["--set", "uda.enabled=true"]].concat();
        train(&place, name, "5", &uda);
        // Every clip gets the label of the one before it; then none has a label at all.
        let (header, rows) = text.split_once('\n').unwrap();
        let cells: Vec<(&str, &str)> = rows
            .lines()
            .map(|row| row.split_once(',').unwrap())
            .collect();
        let shifted = cells.iter().enumerate().map(|(i, (clip, _))| {
            let (_, label) = cells[(i + cells.len() - 1) % cells.len()];
            format!("{clip},{label}\n")
        });
        let names = cells.iter().map(|(clip, _)| format!("{clip}\n"));
        let scrambled = format!("{header}\n{}", shifted.collect::<String>());
        // A class that no training clip has, and saliences that do not add up.
        let impossible = cells
            .iter()
            .map(|(clip, _)| format!("{clip},1,bliss,sad,70,70\n"));
        let impossible_header =
            "filename,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience";
        let impossible = format!("{impossible_header}\n{}", impossible.collect::<String>());
        let unlabelled = format!("filename\n{}", names.collect::<String>());
        assert_ne!(scrambled, text);
        for (kind, table_text) in [
            ("scrambled", scrambled),
            ("impossible", impossible),
            ("unlabelled", unlabelled),
        ] {
            fs::write(&table, table_text).unwrap();
            let out = format!("{name}-{kind}");
            train(&place, &out, "5", &uda);
            assert!(
                files(&place.path(&out)) == files(&place.path(name)),
                "{out}"
            );
            assert_eq!(
                manifest(place.path(&out)),
                manifest(place.path(name)),
                "{out}"
            );
        }
    }
}
