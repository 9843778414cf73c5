//! The program from the command line: the whole pipeline, its outputs and their consistency.

use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::command::{Place, Ran, SMALL};

fn number(value: &Value, key: &str) -> f64 {
    value[key]
        .as_f64()
        .unwrap_or_else(|| panic!("{key}: {value}"))
}

#[test]
fn the_whole_chain() {
    let place = Place::with_data(&["--missing", "0.1"]);
    let found = place.json(&["inspect", "data"]);
    assert_eq!(found["usable"], true);
    assert_eq!(found["train"]["clips"], 141);
    assert!(found["encoders"][0]["train"]["missing_clips"].as_u64() > Some(0));

    let train = ["train", "data", "--out", "runs/a", "--fold", "1"];
    let short = ["--set", "train.max_epochs=4"];
    let trained = place.json(&[&train[..], SMALL, &short].concat());
    assert_eq!(trained["fold"], 1);
    for file in [
        "weights.safetensors",
        "last.safetensors",
        "history.csv",
        "manifest.json",
    ] {
        assert!(place.path("runs/a").join(file).is_file(), "{file}");
    }

    let predict = ["predict", "runs/a", "data", "--split", "test"];
    let all = [
        "--out",
        "p.json",
        "--probs",
        "p.csv",
        "--explain",
        "why.csv",
    ];
    let done = place.json(&[&predict[..], &all].concat());
    assert_eq!(done["clips"], 33);
    place.ok(&[&predict[..], &["--out", "p.zip", "--probs", "p.npz"]].concat());

    let truth = ["--metadata", "data/ground_truth_test.csv"];
    let score = place.json(&[&["evaluate", "p.json"][..], &truth].concat());
    assert_eq!(score["clips"], 33);
    assert_eq!(score["salience_defined"], true);
    assert_eq!(
        place.json(&[&["evaluate", "p.zip"][..], &truth].concat()),
        score
    );

    // The probabilities decode to the same predictions with the model's thresholds.
    let thresholds = [
        "--presence-threshold",
        &done["presence_threshold"].to_string(),
        "--salience-threshold",
        &done["salience_threshold"].to_string(),
    ];
    let from_table = place.json(&[&["evaluate", "p.csv"][..], &truth, &thresholds].concat());
    for key in [
        "acc_presence",
        "acc_salience",
        "average",
        "clips",
        "blends",
        "by_set",
    ] {
        assert_eq!(from_table[key], score[key], "{key}");
    }
    assert!(number(&from_table, "kullback_leibler") > 0.0);
    place.ok(&[&["decode", "p.csv", "--out", "again.json"][..], &thresholds].concat());
    let read = |name| std::fs::read(place.path(name)).unwrap();
    assert_eq!(read("again.json"), read("p.json"));

    let explained = String::from_utf8(read("why.csv")).unwrap();
    assert_eq!(explained.lines().count(), 1 + 33 * 6);
    assert!(explained.contains(",kept,") && explained.contains(",not_kept,"));
    assert!(explained.contains(",missing,0.000000,0.000000,"));
    assert!(explained.contains("t_p 0."));
}

#[test]
fn held_out_predictions_score_what_training_reported() {
    let place = Place::with_data(&[]);
    let train = [
        "train",
        "data",
        "--out",
        "run",
        "--fold",
        "0",
        "--set",
        "train.max_epochs=3",
    ];
    let trained = place.json(&[&train[..], SMALL].concat());
    place.ok(&[
        "predict",
        "run",
        "data",
        "--split",
        "train",
        "--held-out",
        "--out",
        "h.json",
    ]);
    let score = place.json(&[
        "evaluate",
        "h.json",
        "--metadata",
        "data/train_metadata.csv",
    ]);
    for key in ["acc_presence", "acc_salience", "average"] {
        assert_eq!(score[key], trained[key], "{key}");
    }
    assert_eq!(score["clips"], trained["clips"]["validation"]);
    // All clips: a note says that most of them were trained on.
    let ran = place.run(&[
        "predict", "run", "data", "--split", "train", "--out", "all.json",
    ]);
    assert!(
        ran.stderr.contains("optimistically biased"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_search_reaches_at_least_what_any_thresholds_reach() {
    let place = Place::with_data(&[]);
    let train = [
        "train",
        "data",
        "--out",
        "run",
        "--fold",
        "0",
        "--set",
        "train.max_epochs=3",
    ];
    place.ok(&[&train[..], SMALL].concat());
    place.ok(&[
        "predict",
        "run",
        "data",
        "--split",
        "train",
        "--held-out",
        "--probs",
        "h.csv",
    ]);
    let truth = ["--metadata", "data/train_metadata.csv"];
    let found = place.json(
        &[
            &["decode", "h.csv", "--search", "--out", "h.json"][..],
            &truth,
        ]
        .concat(),
    );
    let score = place.json(&[&["evaluate", "h.json"][..], &truth].concat());
    assert_eq!(score["average"], found["average"]);
    let fixed = ["--presence-threshold", "0.3"];
    let held = place.json(&[&["decode", "h.csv", "--search"][..], &fixed, &truth].concat());
    assert_eq!(held["presence_threshold"], 0.3);
    assert!(number(&held, "average") <= number(&found, "average"));
}

#[test]
fn the_models_encoders_are_found_among_other_files() {
    let place = Place::with_data(&[]);
    let subset = ["--set", "data.encoders=[\"hicmae\", \"clip\"]"];
    let train = [
        "train",
        "data",
        "--out",
        "run",
        "--set",
        "train.max_epochs=2",
    ];
    place.ok(&[&train[..], SMALL, &subset].concat());
    let predict = ["predict", "run", "data", "--out"];
    let ran = place.run(&[&predict[..], &["a.json"]].concat());
    assert!(
        ran.stderr.contains("are ignored: emotion2vec_plus_large"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("untuned"), "{}", ran.stderr);
    // Another order, and no training split.
    let listing = "[[encoder]]\nname = \"hicmae\"\n";
    std::fs::write(place.path("data/encoders.toml"), listing).unwrap();
    std::fs::remove_file(place.path("data/train_metadata.csv")).unwrap();
    std::fs::remove_dir_all(place.path("data/features/train")).unwrap();
    place.ok(&[&predict[..], &["b.json"]].concat());
    let read = |name| std::fs::read(place.path(name)).unwrap();
    assert_eq!(read("a.json"), read("b.json"));
    // The file of a dropped encoder need not exist.
    place.ok(&[&predict[..], &["c.json", "--drop", "clip"]].concat());
    std::fs::remove_file(place.path("data/features/test/clip.npz")).unwrap();
    place.ok(&[&predict[..], &["d.json", "--drop", "clip"]].concat());
    assert_eq!(read("c.json"), read("d.json"));
    let error = place.refused(&[&predict[..], &["e.json"]].concat());
    assert!(
        error.starts_with("data/features/test/clip.npz: missing"),
        "{error}"
    );
    let error = place.refused(&[&predict[..], &["e.json", "--drop", "clap"]].concat());
    assert_eq!(
        error,
        "the model has no encoder \"clap\"; did you mean clip? found: clip, hicmae"
    );
    assert!(!place.path("e.json").exists());
}

#[test]
fn the_demonstration_beats_both_baselines_and_can_be_repeated() {
    let place = Place::new();
    let shown = place.json(&["demo", "--clips", "800", "--out", "first"]);
    for baseline in ["trivial_single", "trivial_blend"] {
        let trivial = number(&shown[baseline], "average");
        assert!(number(&shown, "average") > 2.0 * trivial, "{shown}");
    }
    for file in [
        "predictions.json",
        "submission.zip",
        "run/history.csv",
        "data/ground_truth.json",
    ] {
        assert!(place.path("first").join(file).is_file(), "{file}");
    }
    let clips = ["demo", "--clips", "94"];
    let lines = place.ok(&clips).lines().count();
    assert!(lines <= 20, "{lines} lines");
    place.ok(&clips);
    assert!(place.path("blendfuse-demo/run").is_dir());
    assert!(place.path("blendfuse-demo-2/run").is_dir());
}

#[test]
fn stdout_has_only_the_result_and_a_closed_pipe_is_not_an_error() {
    let place = Place::with_data(&[]);
    let mut child = place
        .command(&["inspect", "data"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Closes the pipe before anything is read.
    drop(child.stdout.take());
    let mut stderr = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut stderr)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(stderr, "");
    let ran = place.run(
        &[
            &[
                "train",
                "data",
                "--out",
                "run",
                "--fold",
                "0",
                "--max-steps",
                "2",
            ][..],
            SMALL,
        ]
        .concat(),
    );
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("epoch  steps") && !ran.stderr.contains('\u{1b}'));
    assert!(
        ran.stdout.contains("blendfuse predict run data"),
        "{}",
        ran.stdout
    );
    let wide = ran.stderr.lines().chain(ran.stdout.lines());
    assert!(
        wide.clone().all(|line| line.chars().count() <= 80),
        "{:?}",
        wide.collect::<Vec<_>>()
    );
}

#[test]
fn the_kernel_is_named_and_an_unknown_one_refused() {
    let place = Place::new();
    let forced = |kernel: &str| {
        let output = place
            .command(&["--version"])
            .env("BLENDFUSE_KERNEL", kernel)
            .output();
        Ran::of(output.unwrap())
    };
    assert!(forced("portable").stdout.contains("kernel portable"));
    let output = place
        .command(&["inspect", "."])
        .env("BLENDFUSE_KERNEL", "fast")
        .output();
    let ran = Ran::of(output.unwrap());
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.starts_with("error: no kernel is called `fast`"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.lines().count(), 1);
}

/// Real mixtures and digits, if they exist beside the repository.
#[test]
fn real_folders_work_unchanged() {
    for name in ["multiview", "emotions"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../shared/data")
            .join(name);
        if !path.exists() {
            continue;
        }
        let data = path.to_str().unwrap();
        let place = Place::new();
        assert_eq!(place.json(&["inspect", data])["usable"], true);
        for fold in 0..5 {
            let out = format!("run{fold}");
            let train = ["train", data, "--out", &out, "--fold", &fold.to_string()];
            place.ok(&[&train[..], SMALL, &["--set", "train.max_epochs=3"]].concat());
            let table = format!("p{fold}.csv");
            place.ok(&[
                "predict",
                &out,
                data,
                "--out",
                &format!("p{fold}.json"),
                "--probs",
                &table,
            ]);
            let truth = format!("{data}/test_metadata.csv");
            let score = place.json(&["evaluate", &table, "--metadata", &truth]);
            assert_eq!(score["salience_defined"], name == "emotions");
        }
    }
}
