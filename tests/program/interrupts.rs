//! Ctrl-C and SIGTERM: the state is saved, the message says how to resume, and resuming ends with the
//! bytes of an uninterrupted run.
#![cfg(all(feature = "cli", unix))]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::command::{Place, SMALL};

/// Runs until a line on stderr satisfies `when`, then sends the signals; returns exit code and stderr.
fn interrupted(
    place: &Place,
    args: &[&str],
    when: impl Fn(&str) -> bool,
    signals: &[&str],
) -> (Option<i32>, String) {
    let mut command = place.command(args);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    loop {
        let mut line = String::new();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "ended: {said}");
        said += &line;
        if when(&line) {
            break;
        }
    }
    for (i, signal) in signals.iter().enumerate() {
        if i > 0 {
            std::thread::sleep(Duration::from_millis(20));
        }
        // It may already have ended; the exit code shows.
        let _ = Command::new("kill")
            .args([*signal, &child.id().to_string()])
            .stderr(Stdio::null())
            .status()
            .unwrap();
    }
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["train", "data", "--out", out, "--fold", "0"];
    let settings = [
        "--set",
        "train.max_epochs=400",
        "--set",
        "train.early_stop_patience=400",
        "--set",
        "train.batch_size=8",
    ];
    [&base[..], SMALL, &settings, more].concat()
}

fn third_epoch(line: &str) -> bool {
    line.trim_start().starts_with("3 ")
}

#[test]
fn an_interrupted_run_saves_its_state_and_says_how_to_resume() {
    let place = Place::with_data(&[]);
    place.ok(&train("whole", &[]));
    for signal in ["-INT", "-TERM"] {
        let (code, said) = interrupted(&place, &train("parts", &[]), third_epoch, &[signal]);
        assert_eq!(code, Some(130), "{said}");
        assert!(place.path("parts/state.safetensors").exists());
        assert!(said.contains("the state is saved in parts/state.safetensors"));
        let line = said.lines().last().unwrap();
        let command = line.strip_prefix("resume with: blendfuse ").unwrap();
        assert!(!said.contains("error:"), "{said}");
        // As a shell would split it: no argument here needs quotes.
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words, train("parts", &["--resume"]));
        place.ok(&words);
        for file in ["weights.safetensors", "last.safetensors", "history.csv"] {
            let read = |run: &str| fs::read(place.path(run).join(file)).unwrap();
            assert!(read("parts") == read("whole"), "{file}");
        }
        fs::remove_dir_all(place.path("parts")).unwrap();
    }
}

#[test]
fn a_second_interruption_ends_at_once_and_leaves_whole_files() {
    let place = Place::with_data(&[]);
    place.ok(&train("whole", &[]));
    let twice = ["-INT", "-INT"];
    let (code, said) = interrupted(&place, &train("parts", &[]), third_epoch, &twice);
    assert_eq!(code, Some(130), "{said}");
    place.ok(&train("parts", &["--resume"]));
    let read = |run: &str| fs::read(place.path(run).join("weights.safetensors")).unwrap();
    assert!(read("parts") == read("whole"));
    let names = |(path, _): &(std::path::PathBuf, Vec<u8>)| path.file_name().map(Into::into);
    let left: Vec<Option<std::ffi::OsString>> = place.contents("parts").iter().map(names).collect();
    let whole: Vec<_> = place.contents("whole").iter().map(names).collect();
    assert_eq!(left, whole);
}

#[test]
fn a_plan_keeps_finished_trials_and_resumes() {
    let place = Place::with_data(&[]);
    let plan = |out: &'static str, more: &[&'static str]| {
        let base = ["repro", "data", "--out", out, "--baseline-epochs", "4"];
        let settings = ["--set", "train.max_epochs=4", "--jobs", "2"];
        [&base[..], SMALL, &settings, more].concat()
    };
    place.ok(&plan("whole", &[]));
    for done in ["3/", "9/", "12/"] {
        let when = |line: &str| line.starts_with(done);
        let (code, said) = interrupted(&place, &plan("parts", &["--resume"]), when, &["-INT"]);
        assert_eq!(code, Some(130), "{said}");
        assert!(!said.contains("FAILED"), "{said}");
        assert!(said.contains(" trials done; "), "{said}");
        assert!(!place.path("parts/tables.md").exists());
    }
    let log = place.trial_logs("parts");
    assert!(log.contains("\"interrupted\""), "{log}");
    place.ok(&plan("parts", &["--resume"]));
    for file in ["tables.json", "submission.zip", "final/weights.safetensors"] {
        let read = |out: &str| fs::read(place.path(out).join(file)).unwrap();
        assert!(read("parts") == read("whole"), "{file}");
    }
    // No trial was run again after it had finished.
    let log = place.trial_logs("parts");
    let mut finished = Vec::new();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let trial = line["trial"].as_str().map(str::to_owned);
        assert!(line["event"] != "begun" || !finished.contains(&trial));
        if line["event"] == "finished" {
            finished.push(trial);
        }
    }
}
