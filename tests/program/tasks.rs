//! Labels other than the challenge's, through the whole program: what is recognised, decoded, measured
//! and said.

use std::collections::HashMap;
use std::fs;

use serde_json::Value;

use crate::command::{Place, SMALL};

/// A tiny data set whose labels are replaced by one column per class. `relabel` gets a clip's place and
/// its first emotion, and gives the shares of the classes from that one on.
fn relabelled(relabel: impl Fn(usize, usize) -> Vec<f64>) -> Place {
    const CLASSES: [&str; 6] = ["ang", "disg", "fea", "hap", "sad", "neu"];
    let place = Place::with_data(&[]);
    let path = place.path("data/train_metadata.csv");
    let text = fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (filename, fold, first) = (at("filename"), at("fold"), at("emotion_1"));
    let mut table = format!("filename,fold,{}\n", CLASSES.join(","));
    for (place, line) in lines.enumerate() {
        let cells: Vec<&str> = line.split(',').collect();
        let class = CLASSES
            .iter()
            .position(|name| *name == cells[first])
            .unwrap();
        let mut shares = [0.0; 6];
        for (offset, share) in relabel(place, class).into_iter().enumerate() {
            shares[(class + offset) % 6] = share;
        }
        let shares = shares.map(|share| format!("{share:.6}")).join(",");
        table += &format!("{},{},{shares}\n", cells[filename], cells[fold]);
    }
    fs::write(&path, table).unwrap();
    place
}

fn train(place: &Place, out: &str, more: &[&str]) -> Value {
    let settings = ["--set", "train.max_epochs=2", "--fold", "0"];
    place.json(&[&["train", "data", "--out", out][..], SMALL, &settings, more].concat())
}

/// The metadata of a run's weights.
fn metadata(place: &Place, run: &str) -> Value {
    let bytes = fs::read(place.path(run).join("weights.safetensors")).unwrap();
    let size = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + size]).unwrap();
    serde_json::from_str(header["__metadata__"]["blendfuse"].as_str().unwrap()).unwrap()
}

/// Predicted shares in percent, largest first, by clip.
fn predicted(place: &Place, run: &str, more: &[&str]) -> HashMap<String, Vec<f64>> {
    let args = ["predict", run, "data", "--out", "p.json", "--force"];
    place.ok(&[&args[..], more].concat());
    let read: Value = serde_json::from_slice(&fs::read(place.path("p.json")).unwrap()).unwrap();
    let clips = read["predictions"].as_object().unwrap().iter();
    let shares = clips.map(|(name, parts)| {
        let parts = parts.as_array().unwrap().iter();
        let mut shares: Vec<f64> = parts
            .map(|part| part["salience"].as_f64().unwrap())
            .collect();
        shares.sort_by(|a, b| b.total_cmp(a));
        (name.clone(), shares)
    });
    shares.collect()
}

#[test]
fn the_challenges_labels_leave_no_trace_in_files() {
    let place = Place::with_data(&[]);
    let report = train(&place, "run", &[]);
    assert_eq!(report["monitor"], "average");
    let found = metadata(&place, "run");
    assert_eq!(found["format_version"], 1);
    assert_eq!(found["config"]["train"]["monitor"], "average");
    for key in ["beta", "max_emotions", "proportions"] {
        assert!(found["config"]["decode"].get(key).is_none(), "{found}");
    }
    // The same as when everything is said.
    train(
        &place,
        "said",
        &[
            "--set",
            "train.monitor=average",
            "--set",
            "decode.max_emotions=2",
            "--set",
            "decode.proportions=[[50, 50], [70, 30]]",
            "--set",
            "decode.beta=1",
        ],
    );
    for file in ["weights.safetensors", "history.csv"] {
        let read = |run: &str| fs::read(place.path(run).join(file)).unwrap();
        assert!(read("run") == read("said"), "{file} differs");
    }
}

#[test]
fn blends_of_60_to_40_are_predicted_so() {
    let place = relabelled(|place, _| match place % 3 {
        0 => vec![1.0],
        1 => vec![0.6, 0.4],
        _ => vec![0.4, 0.6],
    });
    let inspected = place.json(&["inspect", "data"]);
    assert_eq!(inspected["task"]["main_measure"], "average");
    assert_eq!(inspected["task"]["proportions"][0][0], 60.0);
    let report = train(&place, "run", &["--set", "decode.presence_threshold=0.01"]);
    assert_eq!(report["salience_defined"], true);
    let shares = predicted(&place, "run", &[]);
    let blends: Vec<_> = shares.values().filter(|shares| shares.len() > 1).collect();
    assert!(!blends.is_empty());
    assert!(
        blends.iter().all(|shares| **shares == [60.0, 40.0]),
        "{blends:?}"
    );
    assert_eq!(metadata(&place, "run")["format_version"], 2);
    // What is set otherwise is told with the number.
    let ran = place.run(
        &[
            &["train", "data", "--out", "capped", "--fold", "0"][..],
            SMALL,
            &["--set", "train.max_epochs=1"],
            &["--set", "decode.proportions=[[50, 50], [70, 30]]"],
        ]
        .concat(),
    );
    let told = "have proportions that are never predicted (decode.proportions): ACC_salience is at most 0.0000";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn sets_of_three_are_predicted_and_capping_them_is_told() {
    let place = relabelled(|place, class| match (place % 3, class) {
        (_, 5) | (0, _) => vec![1.0],
        (1, _) => vec![1.0 / 2.0; 2],
        _ => vec![1.0 / 3.0; 3],
    });
    let report = train(&place, "run", &["--set", "decode.presence_threshold=0.05"]);
    assert_eq!(report["monitor"], "presence");
    let shares = predicted(&place, "run", &[]);
    assert!(shares.values().any(|shares| *shares == [33.4, 33.3, 33.3]));
    let most = shares.values().map(Vec::len).max();
    assert_eq!(most, Some(3));
    let capped = train(&place, "capped", &["--set", "decode.max_emotions=2"]);
    let warnings = capped["warnings"].to_string();
    assert!(warnings.contains("show more than 2 emotions"), "{warnings}");
    assert!(
        warnings.contains("ACC_presence is at most 0."),
        "{warnings}"
    );
    let shares = predicted(&place, "capped", &["--split", "train", "--held-out"]);
    assert!(shares.values().all(|shares| shares.len() <= 2));
    let ran = place.run(&[
        "evaluate",
        "p.json",
        "--metadata",
        "data/train_metadata.csv",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("emotions, the most that is predicted"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("main measure of these labels"),
        "{}",
        ran.stdout
    );
}

#[test]
fn continuous_shares_sum_to_100_and_are_explained() {
    let place = relabelled(|place, _| {
        let share = 0.5 + 0.003 * (place % 150) as f64;
        match place % 4 {
            0 => vec![1.0],
            _ => vec![share, 1.0 - share],
        }
    });
    let report = train(&place, "run", &["--set", "decode.presence_threshold=0.05"]);
    assert_eq!(report["monitor"], "overlap");
    assert!(report["overlap"].as_f64().unwrap() > 0.0);
    let shares = predicted(&place, "run", &["--explain", "why.csv"]);
    let mut different: Vec<String> = Vec::new();
    for shares in shares.values() {
        let tenths: f64 = shares.iter().map(|share| (share * 10.0).round()).sum();
        assert_eq!(tenths, 1000.0, "{shares:?}");
        different.push(format!("{shares:?}"));
    }
    different.sort();
    different.dedup();
    assert!(different.len() > 5, "{different:?}");
    let why = fs::read_to_string(place.path("why.csv")).unwrap();
    assert!(why.contains("shares as their scores"), "{why}");
    let history = fs::read_to_string(place.path("run/history.csv")).unwrap();
    assert!(
        history.lines().next().unwrap().contains(",kl,overlap,"),
        "{history}"
    );
}

#[test]
fn label_distributions_follow_the_divergence() {
    let place = relabelled(|place, _| {
        let first = 0.30 + 0.004 * (place % 60) as f64;
        let rest = 1.0 - first;
        vec![first, 0.5 * rest, 0.25 * rest, 0.15 * rest, 0.1 * rest]
    });
    let inspected = place.json(&["inspect", "data"]);
    assert_eq!(inspected["task"]["kind"], "distribution");
    let report = train(&place, "run", &[]);
    assert_eq!(report["monitor"], "kl");
    let found = metadata(&place, "run");
    assert!(found["config"]["decode"]["beta"].is_null());
    let (beta, alpha) = (&report["beta"], &report["alpha"]);
    assert!(*beta == 0.0 || *beta == 1.0, "{beta}");
    // What is stored is what is predicted.
    let again = place.json(&["predict", "run", "data", "--probs", "p.csv"]);
    assert_eq!((&again["beta"], &again["alpha"]), (beta, alpha));
    // The best epoch has the lowest divergence.
    let lines = fs::read_to_string(place.path("run/history.jsonl")).unwrap();
    let epochs: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kl = |epoch: &Value| epoch["kl"].as_f64().unwrap();
    let best = epochs.iter().rfind(|epoch| epoch["best"] == true).unwrap();
    assert!(epochs.iter().all(|epoch| kl(best) <= kl(epoch) + 0.001));
}

#[test]
fn single_labels_report_their_accuracy_and_studies_rank_by_it() {
    let place = relabelled(|_, _| vec![1.0]);
    let report = train(&place, "run", &[]);
    assert_eq!(report["monitor"], "presence");
    let shares = predicted(&place, "run", &[]);
    assert!(shares.values().all(|shares| *shares == [100.0]));
    let settings = [
        "--set",
        "train.max_epochs=2",
        "--param",
        "train.lr=1e-3,1e-2",
    ];
    let swept = place.json(&[&["sweep", "data", "--out", "sweep"][..], SMALL, &settings].concat());
    let rows = swept["table"]["rows"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["average"].is_null()), "{rows:?}");
    let accuracy = |row: &Value| row["acc_presence"].as_f64().unwrap();
    let best = rows.iter().map(accuracy).fold(0.0, f64::max);
    let chosen = swept["best"]["name"].as_str().unwrap();
    let row = rows
        .iter()
        .find(|row| row["configuration"] == chosen)
        .unwrap();
    assert_eq!(accuracy(row), best);
    let notes = swept["table"]["notes"].to_string();
    assert!(notes.contains("Main measure: ACC_presence"), "{notes}");
    assert!(notes.contains("Highest ACC_presence"), "{notes}");
}
