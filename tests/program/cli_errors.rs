//! User errors: one line that says where the error is and what to do, exit code 2, nothing written.

use std::fs;
use std::path::Path;

use blendfuse::testing::formats::npz::write::{Precision, write};

use crate::command::{Place, SMALL};

const TRAIN: &[&str] = &["train", "data", "--out", "run", "--fold", "0"];

/// Trains on the data after a change; returns the error message.
#[track_caller]
fn train_after(change: impl FnOnce(&Path)) -> String {
    let place = Place::with_data(&[]);
    change(&place.path("data"));
    let error = place.refused(TRAIN);
    assert!(!place.path("run").exists());
    let inspected = place.run(&["inspect", "data"]);
    assert_eq!(inspected.code, 2, "{}", inspected.stdout);
    assert!(
        inspected.stdout.contains("problems\n"),
        "{}",
        inspected.stdout
    );
    error
}

/// An encoder file of two columns for the named clips; `value` gives each element.
fn encoder(path: &Path, names: &[String], value: impl Fn(usize, usize) -> f64) {
    write(path, |npz| {
        npz.rows("X", Precision::F32, [names.len(), 2], |row, out| {
            for (column, x) in out.iter_mut().enumerate() {
                *x = value(row, column);
            }
        })?;
        npz.names("filenames", names)
    })
    .unwrap();
}

fn names(data: &Path) -> Vec<String> {
    let table = fs::read_to_string(data.join("train_metadata.csv")).unwrap();
    let first = |line: &str| line.split(',').next().unwrap().to_owned();
    table.lines().skip(1).map(first).collect()
}

fn edit(data: &Path, change: impl FnOnce(String) -> String) {
    let path = data.join("train_metadata.csv");
    let table = fs::read_to_string(&path).unwrap();
    let changed = change(table.clone());
    assert_ne!(changed, table);
    fs::write(path, changed).unwrap();
}

#[test]
fn a_wrong_path() {
    let place = Place::new();
    let error = place.refused(&["train", "nowhere", "--out", "run"]);
    assert_eq!(
        error,
        "nowhere: expected a data folder with train_metadata.csv and features/train/NAME.npz; no such folder"
    );
    let error = place.refused(&["inspect", "nowhere"]);
    assert_eq!(
        error,
        "nowhere cannot be used for training: 1 problem, listed above"
    );
    let error = place.refused(&["evaluate", "no.json"]);
    assert!(error.starts_with("cannot read no.json: "), "{error}");
    let error = place.refused(&["predict", "norun", "nowhere", "--out", "p.json"]);
    assert_eq!(
        error,
        "norun: expected the folder of a trained model, or its weights file; neither exists"
    );
    assert!(!place.path("run").exists());
}

#[test]
fn an_unknown_configuration_key_and_a_wrong_value() {
    let place = Place::with_data(&[]);
    for (setting, expected) in [
        (
            "model.topk=3",
            "configuration: model.topk: no such key; did you mean model.top_k?",
        ),
        (
            "train.lr=fast",
            "configuration: train.lr: invalid type: string \"fast\", expected a number",
        ),
        (
            "model.dropout=1.5",
            "configuration: model.dropout: found 1.5, expected a rate from 0 to below 1",
        ),
        (
            "model.top_k",
            "configuration: model.top_k: expected key=value, as in model.top_k=16",
        ),
        (
            "data.classes=[\"joy\", \"awe\", \"joy\"]",
            "configuration: data.classes: \"joy\" is listed twice; keep one",
        ),
        (
            "data.classes=[\"joy\", \" \"]",
            "configuration: data.classes: an empty name; expected names only",
        ),
        (
            "data.neutral=calm",
            "configuration: data.neutral: there is no class \"calm\"; found: ang, disg, fea, hap, sad, neu",
        ),
    ] {
        assert_eq!(
            place.refused(&[TRAIN, &["--set", setting]].concat()),
            expected
        );
    }
    fs::write(
        place.path("c.toml"),
        "[model]\ntop_k = 3\n\n[trian]\nlr = 0.1\n",
    )
    .unwrap();
    let error = place.refused(&[TRAIN, &["--config", "c.toml"]].concat());
    assert_eq!(
        error,
        "c.toml: line 5: trian.lr: no such key; did you mean train.lr?"
    );
    fs::write(place.path("c.toml"), "[model]\ntop_k = = 3\n").unwrap();
    let error = place.refused(&[TRAIN, &["--config", "c.toml"]].concat());
    assert!(error.starts_with("c.toml: line 2: "), "{error}");
    assert!(!place.path("run").exists());
}

/// An encoder in only one of the splits: a forgotten file, or a misspelt name.
#[test]
fn an_encoder_in_only_one_split() {
    let error = train_after(|data| {
        fs::remove_file(data.join("features/train/clip.npz")).unwrap();
    });
    assert_eq!(
        error,
        "data/features/test/clip.npz: the training split has no such encoder; add the file of the same name to features/train, or remove this one"
    );
    let error = train_after(|data| {
        fs::remove_file(data.join("features/test/clip.npz")).unwrap();
    });
    let expected = "data/features/test/clip.npz: missing, but the training split has this encoder";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_run_that_is_not_there() {
    let place = Place::new();
    for command in [&["report", "nowhere"][..], &["analyze", "nowhere", "data"]] {
        let error = place.refused(command);
        assert_eq!(
            error,
            "nowhere: expected the folder of train or of a plan (cv, sweep, tune, ablate, baseline, repro); no such folder"
        );
    }
}

#[test]
fn a_duplicate_name_in_an_encoder_file() {
    let error = train_after(|data| {
        let mut names = names(data);
        names[7] = format!("{}.mov", names[3]);
        encoder(&data.join("features/train/clip.npz"), &names, |r, c| {
            (r + c) as f64
        });
    });
    assert!(
        error.starts_with(
            "data/features/train/clip.npz, array filenames: rows 3 and 7 both name the clip"
        ),
        "{error}"
    );
}

#[test]
fn not_a_number_in_the_features() {
    let error = train_after(|data| {
        let value = |r, c| {
            if (r, c) == (5, 1) {
                f64::NAN
            } else {
                (r * c) as f64
            }
        };
        encoder(&data.join("features/train/clip.npz"), &names(data), value);
    });
    assert!(
        error.starts_with("data/features/train/clip.npz, array X: row 5 (")
            && error.contains("column 1 (both from 0) is NaN; 1 such values in 1 of the rows"),
        "{error}"
    );
}

#[test]
fn a_truncated_feature_file() {
    let error = train_after(|data| {
        let path = data.join("features/train/wavlm_large.npz");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(
        error.starts_with("data/features/train/wavlm_large.npz: "),
        "{error}"
    );
}

#[test]
fn saliences_that_do_not_sum_to_100() {
    let error = train_after(|data| edit(data, |table| table.replacen(",70,30", ",70,40", 1)));
    assert!(
        error.starts_with("data/train_metadata.csv, line ")
            && error.ends_with("saliences 70 and 40 sum to 110; expected 100 (percent)"),
        "{error}"
    );
}

#[test]
fn a_clip_that_no_encoder_has() {
    let error = train_after(|data| edit(data, |table| table + "Z9_sad_int1_ver1,0,0,sad,,,\n"));
    assert_eq!(
        error,
        "data/train_metadata.csv, line 143, column filename: no encoder has the clip \"Z9_sad_int1_ver1\"; add its features or remove it here"
    );
}

#[test]
fn folds_that_do_not_exist() {
    let place = Place::with_data(&[]);
    let error = place.refused(&["train", "data", "--out", "run", "--fold", "9"]);
    assert_eq!(
        error,
        "data/train_metadata.csv, column fold: no such fold: 9; found: 0, 1, 2, 3, 4"
    );
    edit(&place.path("data"), |table| {
        table.replacen("fold", "part", 1)
    });
    let error = place.refused(TRAIN);
    assert_eq!(
        error,
        "data/train_metadata.csv, column fold: is missing or empty, so fold 0 does not exist; expected a number for each clip, or --folds K, which makes folds"
    );
    assert!(!place.path("run").exists());
}

#[test]
fn existing_files_are_not_overwritten_without_force() {
    let place = Place::with_data(&[]);
    let short = ["--set", "train.max_epochs=1"];
    place.ok(&[TRAIN, SMALL, &short].concat());
    let before = place.contents("run");
    let error = place.refused(&[TRAIN, SMALL, &short].concat());
    assert_eq!(
        error,
        "--out run: is not empty; choose another folder, or use --resume to continue the run there"
    );
    for command in [&["synth", "--out", "run"][..], &["demo", "--out", "run"]] {
        let error = place.refused(command);
        assert_eq!(error, "--out run: is not empty; choose another folder");
    }
    for resume in [&[][..], &["--resume"]] {
        let error = place.refused(
            &[
                &["train", "data", "--out", "data/train_metadata.csv/x"],
                resume,
            ]
            .concat(),
        );
        assert_eq!(
            error,
            "--out data/train_metadata.csv/x: data/train_metadata.csv is a file; expected a new or empty folder"
        );
    }
    assert!(place.contents("run") == before);

    fs::write(place.path("p.json"), "mine").unwrap();
    let predict = ["predict", "run", "data", "--out"];
    let error = place.refused(&[&predict[..], &["p.json"]].concat());
    assert_eq!(
        error,
        "--out p.json: already exists; choose another name, or use --force to replace it"
    );
    assert_eq!(fs::read(place.path("p.json")).unwrap(), b"mine");
    place.ok(&[&predict[..], &["p.json", "--force"]].concat());
    let error = place.refused(&[&predict[..], &["no/such/p.json"]].concat());
    assert_eq!(
        error,
        "--out no/such/p.json: no such folder: no/such; create it first"
    );
    let error = place.refused(&[&predict[..], &["p.txt"]].concat());
    assert_eq!(
        error,
        "--out p.txt: expected a file name ending in .json or .zip"
    );
    let error = place.refused(&["predict", "run", "data"]);
    assert!(error.starts_with("nothing to write: "), "{error}");
}

#[test]
fn usage() {
    let place = Place::new();
    for (args, part) in [
        (&["trian"][..], "a similar subcommand exists: 'train'"),
        (&["train", "data"], "--out <DIR>"),
        (
            &["train", "data", "--out", "r", "--threads", "0"],
            "--threads",
        ),
        (
            &["decode", "p.csv", "--search", "--presence-threshold", "2"],
            "from 0 to 1",
        ),
        (&["decode", "p.csv"], "--out <FILE>"),
    ] {
        let ran = place.run(args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}");
        assert!(ran.stderr.contains(part), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn predictions_and_tables_with_faults_name_the_place() {
    let place = Place::new();
    fs::write(
        place.path("p.json"),
        r#"{"predictions": {"A1_ang_int1_ver1": [{"emotion": "joy", "salience": 100}]}}"#,
    )
    .unwrap();
    assert_eq!(
        place.refused(&["evaluate", "p.json"]),
        "p.json, key A1_ang_int1_ver1: unknown emotion `joy` (known: ang, disg, fea, hap, sad, neu): classes are those of the challenge, or with --metadata those in the table; correct the prediction, or give a table with every class"
    );
    fs::write(
        place.path("truth.csv"),
        "filename,emotion_1\nA1_ang_int1_ver1,awe\nb,calm\n",
    )
    .unwrap();
    let error = place.refused(&["evaluate", "p.json", "--metadata", "truth.csv"]);
    assert_eq!(
        error,
        "p.json, key A1_ang_int1_ver1: unknown emotion `joy` (known: awe, calm): classes are those of the challenge, or with --metadata those in the table; correct the prediction, or give a table with every class"
    );
    fs::write(
        place.path("p.csv"),
        "filename,ang,hap\nA1_ang_int1_ver1,0.5,x\n",
    )
    .unwrap();
    assert_eq!(
        place.refused(&["decode", "p.csv", "--search"]),
        "p.csv, line 2, column hap: found `x`, expected a number"
    );
    fs::write(place.path("p.csv"), "filename,ang,hap\nclip1,0.5,0.5\n").unwrap();
    let error = place.refused(&["evaluate", "p.csv"]);
    assert!(
        error.contains("`clip1`") && error.contains("--metadata FILE.csv"),
        "{error}"
    );
}
