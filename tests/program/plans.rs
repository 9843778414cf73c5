//! Plans from the command line: a killed plan resumes and repeats nothing, the number of parallel trials
//! changes no byte, and stale results are never reused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::command::{Place, SMALL};

/// A command on the data with a model that trains quickly.
fn plan(command: &'static str, out: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    let base = [command, "data", "--out", out];
    let settings = [
        "--set",
        "train.max_epochs=4",
        "--set",
        "train.checkpoint_seconds=0",
    ];
    let baselines: &[&str] = match command {
        "repro" => &["--baseline-epochs", "4"],
        _ => &[],
    };
    [&base[..], SMALL, &settings, baselines, more].concat()
}

/// Names of the trials that have a result.
fn finished(place: &Place, out: &str) -> BTreeSet<String> {
    let files = place.contents(&format!("{out}/trials")).into_iter();
    let names = files.map(|(path, _)| path.file_name().unwrap().to_str().unwrap().to_owned());
    names
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .filter(|name| name.len() == 16 && name.chars().all(|c| c.is_ascii_hexdigit()))
        .collect()
}

/// How often each trial was started.
fn begun(place: &Place, out: &str) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for line in place.trial_logs(out).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["event"] == "begun" {
            *times
                .entry(line["trial"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
    }
    times
}

/// The trials that were started between two points in time.
fn begun_since(before: &BTreeMap<String, usize>, now: &BTreeMap<String, usize>) -> Vec<String> {
    let more = now
        .iter()
        .filter(|(trial, times)| before.get(*trial) != Some(times));
    more.map(|(trial, _)| trial.clone()).collect()
}

#[test]
fn a_killed_plan_resumes_and_repeats_no_finished_trial() {
    let place = Place::with_data(&["--test-labels"]);
    place.ok(&plan("repro", "whole", &[]));
    let (mut known, mut kills) = (BTreeMap::new(), 0);
    // Killed after a number of lines on stderr: at the start, between and within trials, including
    // baselines and models trained on all clips.
    for lines in [0, 1, 2, 5, 9, 14, 30, 30] {
        let before = finished(&place, "parts");
        let mut child = place
            .command(&plan("repro", "parts", &["--resume"]))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let seen = BufReader::new(child.stderr.take().unwrap()).lines();
        let seen = seen.map_while(Result::ok).take(lines).count();
        child.kill().unwrap();
        let status = child.wait().unwrap();
        kills += usize::from(!status.success());
        assert!(seen <= lines);
        let now = begun(&place, "parts");
        for trial in begun_since(&known, &now) {
            assert!(!before.contains(&trial), "{trial} was repeated");
        }
        known = now;
    }
    assert!(kills >= 4, "the plan ended too soon to be killed: {kills}");
    let before = finished(&place, "parts");
    place.ok(&plan("repro", "parts", &["--resume"]));
    let trials = begun_since(&known, &begun(&place, "parts"));
    assert!(trials.iter().all(|trial| !before.contains(trial)));
    assert_eq!(finished(&place, "parts"), finished(&place, "whole"));
    place.assert_same_plans("whole", "parts");
    // Once more: everything exists.
    let value = place.json(&plan("repro", "parts", &["--resume"]));
    assert_eq!(value["trials"], value["reused"]);
    place.assert_same_plans("whole", "parts");
}

#[test]
fn parallel_trials_and_threads_change_no_byte() {
    let place = Place::with_data(&["--missing", "0.1"]);
    let seeds = ["--seeds", "2", "--retrain", "--ensemble"];
    let with = |more: &[&'static str]| [&seeds[..], more].concat();
    place.ok(&plan(
        "cv",
        "one",
        &with(&["--jobs", "1", "--threads", "1"]),
    ));
    place.ok(&plan("cv", "two", &with(&["--jobs", "2"])));
    place.ok(&plan(
        "cv",
        "many",
        &with(&["--jobs", "4", "--threads", "4"]),
    ));
    place.assert_same_plans("one", "two");
    place.assert_same_plans("one", "many");
    place.ok(&plan("ablate", "ablate1", &["--jobs", "1"]));
    place.ok(&plan("ablate", "ablate2", &["--jobs", "2"]));
    place.assert_same_plans("ablate1", "ablate2");
}

#[test]
fn changed_trials_are_run_again_and_unchanged_ones_are_reused() {
    let place = Place::with_data(&[]);
    let run = |more: &[&'static str]| {
        let value = place.json(&plan("cv", "out", &[&["--resume"], more].concat()));
        (
            value["trials"].as_u64().unwrap(),
            value["reused"].as_u64().unwrap(),
        )
    };
    assert_eq!(run(&[]), (5, 0));
    assert_eq!(run(&[]), (5, 5));
    assert_eq!(run(&["--seeds", "2"]), (10, 5));
    assert_eq!(run(&["--set", "train.lr=0.002"]), (5, 0));
    // The interval of saved states does not affect a trial.
    assert_eq!(run(&["--set", "train.checkpoint_seconds=9"]), (5, 5));
    let summary = fs::read(place.path("out/summary.json")).unwrap();
    // One label of one clip.
    let table = place.path("data/train_metadata.csv");
    let text = fs::read_to_string(&table).unwrap();
    let line = text.lines().find(|line| line.contains(",0,ang,")).unwrap();
    fs::write(&table, text.replace(line, &line.replace(",ang,", ",sad,"))).unwrap();
    assert_eq!(run(&[]), (5, 0));
    assert!(fs::read(place.path("out/summary.json")).unwrap() != summary);
    fs::write(&table, text).unwrap();
    assert_eq!(run(&[]), (5, 5));
    assert!(fs::read(place.path("out/summary.json")).unwrap() == summary);
}

#[test]
fn cross_validation_agrees_with_training_the_fold_alone() {
    let place = Place::with_data(&[]);
    let value = place.json(&plan("cv", "cv", &[]));
    let fold = &value["folds"][2];
    let alone = place.json(&plan("train", "alone", &["--fold", "2"]));
    assert_eq!(fold["fold"], 2);
    assert_eq!(fold["best_epoch"], alone["best_epoch"]);
    assert_eq!(fold["losses"]["task"], alone["val_loss"]);
    assert_eq!(fold["thresholds"]["alpha"], alone["alpha"]);
    // The same weights, in the folder that `predict` takes.
    let id = fold["id"].as_str().unwrap();
    let trial = format!("cv/trials/{}/{id}", &id[..2]);
    let predict = |run: &str, out: &str| {
        let split = ["--split", "train", "--held-out", "--out", out];
        place.ok(&[&["predict", run, "data"][..], &split].concat());
        fs::read(place.path(out)).unwrap()
    };
    let predictions = predict("alone", "alone.json");
    assert!(predict(&trial, "trial.json") == predictions);
    let metadata = ["--metadata", "data/train_metadata.csv"];
    let score = place.json(&[&["evaluate", "alone.json"][..], &metadata].concat());
    assert_eq!(fold["accuracy"]["clips"], score["clips"]);
    let share = |part: &str, whole: &str| {
        let count = |key: &str| fold["accuracy"][key].as_f64().unwrap();
        count(part) / count(whole)
    };
    let close = |a: f64, b: &Value| (a - b.as_f64().unwrap()).abs() <= 1e-12;
    assert!(close(
        share("presence_correct", "clips"),
        &score["acc_presence"]
    ));
    assert!(close(
        share("salience_correct", "blends"),
        &score["acc_salience"]
    ));
    // Every clip is predicted once, by the fold that held it out.
    let all = place.json(&[&["evaluate", "cv/out_of_fold.json"][..], &metadata].concat());
    assert_eq!(all["clips"], 141);
    let out_of_fold = fs::read(place.path("cv/out_of_fold.json")).unwrap();
    let [held_out, out_of_fold] = [predictions, out_of_fold]
        .map(|bytes| -> Value { serde_json::from_slice(&bytes).unwrap() });
    for (clip, shown) in held_out["predictions"].as_object().unwrap() {
        assert_eq!(&out_of_fold["predictions"][clip], shown, "{clip}");
    }
}

#[test]
fn the_final_model_predicts_with_the_pooled_thresholds() {
    let place = Place::with_data(&["--test-labels"]);
    let value = place.json(&plan("cv", "cv", &["--retrain", "--ensemble"]));
    let pooled = &value["pooled"]["thresholds"];
    let run = &value["final"]["runs"][0];
    for key in ["presence", "salience", "alpha"] {
        assert_eq!(run["thresholds"][key], pooled[key], "{key}");
    }
    assert_eq!(run["epochs"], value["median_best_epoch"]);
    let metadata = ["--metadata", "data/test_metadata.csv"];
    for (file, score) in [
        ("cv/final/predictions.json", &run["test"]),
        (
            "cv/final/ensemble/predictions.zip",
            &value["final"]["ensemble"]["test"],
        ),
    ] {
        let found = place.json(&[&["evaluate", file][..], &metadata].concat());
        assert_eq!(found["acc_presence"], score["acc_presence"], "{file}");
        assert_eq!(found["average"], score["average"], "{file}");
    }
    place.ok(&["predict", "cv/final", "data", "--out", "again.json"]);
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(read("again.json") == read("cv/final/predictions.json"));
}

#[test]
fn predict_names_a_model_inside_the_folder_of_a_plan() {
    let place = Place::with_data(&[]);
    place.ok(&plan("cv", "cv", &[]));
    let predict = ["predict", "cv", "data", "--out", "wrong.json"];
    let error = place.refused(&predict);
    let id = finished(&place, "cv").first().unwrap().clone();
    let model = format!("cv/trials/{}/{id}", &id[..2]);
    assert!(error.ends_with(&format!(", such as {model}")), "{error}");
    place.ok(&["predict", &model, "data", "--out", "right.json"]);
    place.ok(&plan("cv", "cv", &["--retrain", "--resume"]));
    let error = place.refused(&predict);
    assert!(error.ends_with("; did you mean cv/final?"), "{error}");
}

#[test]
fn folders_that_are_not_the_plans_are_refused() {
    let place = Place::with_data(&[]);
    place.ok(&plan("cv", "out", &[]));
    let error = place.refused(&plan("cv", "out", &[]));
    assert!(error.contains("--resume to continue it"), "{error}");
    let error = place.refused(&plan("ablate", "out", &["--resume"]));
    assert!(
        error.contains("contains a plan of `cv`, not of `ablate`"),
        "{error}"
    );
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/thesis.txt"), "x").unwrap();
    let error = place.refused(&plan("cv", "mine", &["--resume"]));
    assert!(error.contains("no plan.json"), "{error}");
    assert_eq!(place.contents("mine").len(), 1);
    let error = place.refused(&plan("repro", "mine/thesis.txt", &[]));
    assert!(error.contains("thesis.txt is a file"), "{error}");
}

#[test]
fn a_failed_trial_is_reported_and_the_others_are_kept() {
    let place = Place::with_data(&[]);
    place.ok(&plan("cv", "out", &[]));
    let all = finished(&place, "out");
    let lost = all.first().unwrap().clone();
    let run = place.path("out/trials").join(&lost[..2]).join(&lost);
    fs::remove_file(run.with_extension("json")).unwrap();
    fs::remove_dir_all(&run).unwrap();
    fs::write(&run, "in the way").unwrap();
    let ran = place.run(&plan("cv", "out", &["--resume"]));
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("1 of 5 trials failed"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains(&lost), "{}", ran.stderr);
    assert!(ran.stderr.contains("4 of them reused"), "{}", ran.stderr);
    fs::remove_file(&run).unwrap();
    place.ok(&plan("cv", "out", &["--resume"]));
    assert_eq!(finished(&place, "out"), all);
    // If every trial fails, a common reason is reported once.
    let ran = place.run(&plan("cv", "wild", &["--set", "train.lr=1e30"]));
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains("5 of 5 trials failed"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("not finite"), "{}", ran.stderr);
    assert!(!place.path("wild/summary.json").exists());
}

#[test]
fn tables_of_a_plan_that_has_changed_do_not_stay() {
    let place = Place::with_data(&[]);
    place.ok(&plan("cv", "out", &["--retrain"]));
    assert!(place.path("out/final/weights.safetensors").exists());
    fs::write(place.path("out/notes.txt"), "mine").unwrap();
    let ran = place.run(&plan("cv", "out", &["--resume", "--set", "train.lr=1e30"]));
    assert_eq!(ran.code, 1);
    for gone in ["summary.json", "folds.csv", "final/weights.safetensors"] {
        assert!(!place.path("out").join(gone).exists(), "{gone}");
    }
    assert!(place.path("out/notes.txt").exists());
}

#[test]
fn cross_validation_needs_two_folds() {
    let place = Place::with_data(&[]);
    let table = place.path("data/train_metadata.csv");
    let text = fs::read_to_string(&table).unwrap();
    let columns: Vec<&str> = text.lines().next().unwrap().split(',').collect();
    let at = columns.iter().position(|name| *name == "fold").unwrap();
    let one_fold = text.lines().enumerate().map(|(i, line)| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if i > 0 {
            cells[at] = "3";
        }
        cells.join(",") + "\n"
    });
    fs::write(&table, one_fold.collect::<String>()).unwrap();
    let error = place.refused(&plan("cv", "out", &[]));
    assert!(error.contains("at least two folds"), "{error}");
}
