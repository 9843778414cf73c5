//! Kills and full disks: at any moment, resuming ends with the bytes of an undisturbed run, and leaves
//! no temporary files.
#![cfg(all(feature = "cli", debug_assertions, unix))]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{Place, Ran, SMALL};

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["train", "data", "--out", out, "--fold", "0"];
    let settings = [
        "--set",
        "train.max_epochs=2",
        "--set",
        "train.checkpoint_seconds=0",
    ];
    [&base[..], SMALL, &settings, more].concat()
}

fn repro<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["repro", "data", "--out", out, "--baseline-epochs", "2"];
    let settings = [
        "--set",
        "train.max_epochs=2",
        "--set",
        "train.checkpoint_seconds=0",
        "--jobs",
        "2",
    ];
    [&base[..], SMALL, &settings, more].concat()
}

/// Every file of a result folder except those with places and times.
fn results(place: &Place, out: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = place.path(out);
    let told = ["manifest.json", ".lock"];
    let files = place.contents(out).into_iter().map(|(path, bytes)| {
        let bytes = match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if told.contains(&name) || name.ends_with("log.jsonl") => Vec::new(),
            _ => bytes,
        };
        (path.strip_prefix(&root).unwrap().to_owned(), bytes)
    });
    files.collect()
}

#[track_caller]
fn assert_same(place: &Place, a: &str, b: &str) {
    let (a, b) = (results(place, a), results(place, b));
    let names = |files: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
        files.iter().map(|(path, _)| path.clone()).collect()
    };
    assert_eq!(names(&a), names(&b));
    for ((path, a), (_, b)) in a.iter().zip(&b) {
        assert!(a == b, "{} differs", path.display());
    }
}

fn with_fault(place: &Place, args: &[&str], fault: &str) -> Ran {
    let mut command = place.command(args);
    Ran::of(command.env("BLENDFUSE_FAULT", fault).output().unwrap())
}

#[test]
fn a_run_killed_at_every_step_of_writing_resumes() {
    let place = Place::with_data(&[]);
    place.ok(&train("whole", &[]));
    let mut steps = 0;
    loop {
        let ran = with_fault(&place, &train("parts", &[]), &format!("kill:{}", steps + 1));
        if ran.code == 0 {
            break;
        }
        steps += 1;
        // Whatever exists after the kill, the program can resume in the folder.
        place.ok(&train("parts", &["--resume"]));
        assert_same(&place, "whole", "parts");
        fs::remove_dir_all(place.path("parts")).unwrap();
    }
    // Five steps for each of the manifest (twice), the best weights, states, last weights, histories.
    assert!(steps >= 35, "{steps}");
}

#[test]
fn a_full_disk_at_any_step_of_writing_is_one_line_and_the_run_resumes() {
    let place = Place::with_data(&[]);
    place.ok(&train("whole", &[]));
    for step in 1.. {
        let ran = with_fault(&place, &train("parts", &[]), &format!("full:{step}"));
        if ran.code == 0 {
            break;
        }
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let errors: Vec<&str> = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(errors.len(), 1, "{}", ran.stderr);
        assert!(
            errors[0].starts_with("error: cannot write parts/"),
            "{}",
            errors[0]
        );
        let unfinished = |(path, _): &(PathBuf, Vec<u8>)| {
            let name = path.file_name().unwrap().to_string_lossy();
            name.starts_with(".blendfuse-")
        };
        assert!(!place.contents("parts").iter().any(unfinished));
        place.ok(&train("parts", &["--resume"]));
        assert_same(&place, "whole", "parts");
        fs::remove_dir_all(place.path("parts")).unwrap();
    }
}

#[test]
fn a_second_process_in_a_run_folder_is_refused_with_the_number_of_the_first() {
    let place = Place::with_data(&[]);
    let long = ["--set", "train.max_epochs=1000000"];
    let mut command = place.command(&train("run", &long));
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    while !place.path("run/manifest.json").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    let error = place.refused(&train("run", &[&["--resume"], &long[..]].concat()));
    let holder = format!("another process (pid {}) is using this folder", child.id());
    assert!(error.contains(&holder), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    // The lock was released when its process ended.
    place.ok(&train(
        "run",
        &[
            "--resume",
            "--set",
            "train.max_epochs=1000000",
            "--max-steps",
            "3",
        ],
    ));
}

/// Trials of a log that were run again after they had finished.
fn repeated(log: &str) -> Vec<String> {
    let (mut finished, mut repeated) = (BTreeSet::new(), Vec::new());
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let trial = line["trial"].as_str().unwrap_or_default().to_owned();
        match line["event"].as_str() {
            Some("begun") if finished.contains(&trial) => repeated.push(trial),
            Some("finished") => {
                finished.insert(trial);
            }
            _ => {}
        }
    }
    repeated
}

/// Kills a plan at every `stride`th step of writing, from the first on; returns the number of kills.
fn plan_killed_at_steps(command: &'static str, more: &[&'static str], stride: usize) -> usize {
    let place = Place::with_data(&["--test-labels"]);
    let args = |out: &'static str, resume: bool| -> Vec<&'static str> {
        let base = [command, "data", "--out", out, "--jobs", "1"];
        let settings = ["--set", "train.max_epochs=1"];
        let resume: &[&str] = if resume { &["--resume"] } else { &[] };
        [&base[..], SMALL, &settings, more, resume].concat()
    };
    place.ok(&args("whole", false));
    let mut kills = 0;
    loop {
        let fault = format!("kill:{}", 1 + kills * stride);
        if with_fault(&place, &args("parts", false), &fault).code == 0 {
            return kills;
        }
        kills += 1;
        place.ok(&args("parts", true));
        assert_same(&place, "whole", "parts");
        let log = place.trial_logs("parts");
        assert_eq!(repeated(&log), Vec::<String>::new(), "{fault}");
        fs::remove_dir_all(place.path("parts")).unwrap();
    }
}

#[test]
fn a_plan_killed_between_any_two_steps_of_writing_resumes() {
    let kills = plan_killed_at_steps("cv", &["--retrain"], 29);
    assert!(kills >= 5, "{kills}");
}

/// The long form; minutes.
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stdout, reason = "its result is a record")]
fn plans_killed_at_every_step_of_writing_resume() {
    let kills = plan_killed_at_steps("cv", &["--retrain", "--ensemble"], 1);
    println!("cv: every one of {kills} steps, no byte differs, no finished trial was run again");
    let kills = plan_killed_at_steps("repro", &["--quick", "--baseline-epochs", "1"], 7);
    println!("repro: every seventh step, {kills} kills, the same");
}

/// The long form: `cargo test --test program crashes:: -- --ignored --nocapture`; minutes.
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stdout, reason = "its result is a record")]
fn two_hundred_kills_at_random_moments_change_no_byte() {
    let place = Place::with_data(&["--test-labels"]);
    let mut state = 7u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 40) as f64 / (1u64 << 24) as f64
    };
    for (name, kills_wanted) in [("train", 100), ("repro", 100)] {
        let args = |out, more| match name {
            "train" => train(out, more),
            _ => repro(out, more),
        };
        let began = Instant::now();
        place.ok(&args("whole", &[]));
        let seconds = began.elapsed().as_secs_f64();
        let (mut kills, mut runs) = (0, 0);
        while kills < kills_wanted {
            loop {
                // A resumed process has less to do, but kill times are drawn over the whole duration.
                let mut command = place.command(&args("parts", &["--resume"]));
                command.stdout(Stdio::null()).stderr(Stdio::null());
                let mut child = command.spawn().unwrap();
                std::thread::sleep(Duration::from_secs_f64(random() * seconds));
                child.kill().unwrap();
                if child.wait().unwrap().success() {
                    break;
                }
                kills += 1;
            }
            runs += 1;
            place.ok(&args("parts", &["--resume"]));
            assert_same(&place, "whole", "parts");
            if name == "repro" {
                let log = place.trial_logs("parts");
                assert_eq!(repeated(&log), Vec::<String>::new());
            }
            fs::remove_dir_all(place.path("parts")).unwrap();
        }
        println!("{name}: {kills} kills over {runs} runs of {seconds:.2} s, no byte differs");
        fs::remove_dir_all(place.path("whole")).unwrap();
    }
}
