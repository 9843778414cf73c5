//! The same seed gives the same bytes for any number of threads; labels of the target domain have no
//! effect.

use std::fs;
use std::path::{Path, PathBuf};

use blendfuse::data::dataset::Dataset;
use blendfuse::ingest::encoder_file::EncoderRows;
use serde_json::Value;

use crate::command::{Place, SMALL};

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
    // Only the environment may differ.
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

/// The values of a weights file, without its header.
fn tensors(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

#[test]
fn validation_clips_change_no_training_byte() {
    let place = Place::with_data(&[]);
    // What the validation fold may decide, length and learning rate, is fixed.
    let held = [
        "--set",
        "train.plateau_patience=1000",
        "--set",
        "train.early_stop_patience=1000",
    ];
    let flags = [&["--fold", "0"][..], &held].concat();
    train(&place, "plain", "5", &flags);
    // Every clip of fold 0 gets the label of the next one.
    let table = place.path("data/train_metadata.csv");
    let text = fs::read_to_string(&table).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let of_fold: Vec<usize> = (1..lines.len())
        .filter(|&i| lines[i].split(',').nth(1) == Some("0"))
        .collect();
    assert!(of_fold.len() > 5);
    let mut swapped: Vec<String> = lines.iter().map(|&line| line.to_owned()).collect();
    for (at, &i) in of_fold.iter().enumerate() {
        let from = of_fold[(at + 1) % of_fold.len()];
        let (_, label) = lines[from].split_once(',').unwrap();
        let (name, _) = lines[i].split_once(',').unwrap();
        swapped[i] = format!("{name},{label}");
    }
    fs::write(&table, swapped.join("\n") + "\n").unwrap();
    train(&place, "labels", "5", &flags);
    assert!(
        fs::read(place.path("labels/history.csv")).unwrap()
            != fs::read(place.path("plain/history.csv")).unwrap(),
        "the labels did change the validation"
    );
    let last = |run: &str| tensors(&place.path(run).join("last.safetensors"));
    assert!(last("labels") == last("plain"));
    // Extreme features in the fold: standardisation and training do not see them.
    fs::write(&table, &text).unwrap();
    let dataset = Dataset::open(&place.path("data"), None).unwrap();
    let mut files = Vec::new();
    for (m, encoder) in dataset.encoders.iter().enumerate() {
        let source = dataset.train.source(m);
        let mut file = EncoderRows::new(source.cols);
        for (clip, row) in dataset.train.clips.iter().zip(dataset.train.rows(m)) {
            let Some(row) = *row else { continue };
            let mut values = vec![0.0; source.cols];
            source.read(row as usize, 0, &mut values);
            if clip.fold == Some(0) {
                values.iter_mut().for_each(|x| *x = 1000.0 - 3.0 * *x);
            }
            file.push(clip.filename.clone(), &values);
        }
        let path = place.path(&format!("data/features/train/{}.npz", encoder.name));
        files.push((path, file));
    }
    drop(dataset);
    for (path, file) in files {
        fs::remove_file(&path).unwrap();
        file.write(&path, None, None).unwrap();
    }
    train(&place, "features", "5", &flags);
    assert!(last("features") == last("plain"));
}
