//! A resumed run equals an uninterrupted one, bit for bit.

use std::fs;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Stdio;

use blendfuse::Error;
use blendfuse::config::Config;
use blendfuse::data::dataset::Dataset;
use blendfuse::testing::train::step::StepLosses;
use blendfuse::train::{Observer, Options, Run, Stop};

use crate::command::{Place, SMALL};

const FILES: [&str; 4] = [
    "weights.safetensors",
    "last.safetensors",
    "history.csv",
    "history.jsonl",
];

fn files(folder: &Path) -> Vec<Vec<u8>> {
    FILES
        .iter()
        .map(|file| fs::read(folder.join(file)).unwrap())
        .collect()
}

fn config(more: &[&str]) -> Config {
    let small = SMALL.iter().filter(|word| **word != "--set").copied();
    let fixed = [
        "train.checkpoint_seconds=0",
        "train.max_epochs=7",
        "train.plateau_patience=0",
    ];
    let all: Vec<String> = small
        .chain(fixed)
        .chain(more.iter().copied())
        .map(str::to_owned)
        .collect();
    Config::load(None, &all, Some(3)).unwrap()
}

/// Aborts a run when an epoch starts.
struct StopAt(usize);

impl Observer for StopAt {
    fn epoch_begins(&mut self, epoch: usize, _steps: usize) {
        assert!(epoch < self.0, "stopped for the test");
    }
}

#[test]
fn a_run_stopped_between_epochs_resumes_exactly() {
    let place = Place::with_data(&["--missing", "0.1"]);
    for (name, fold, more) in [
        ("fold", Some(0), &[][..]),
        ("all", None, &[]),
        ("uda", Some(1), &["uda.enabled=true"]),
        (
            "cut",
            Some(0),
            &["train.clip_norm=0.5", "train.early_stop_patience=2"],
        ),
        ("span", Some(0), &["train.inputs=span"]),
        (
            "span-uda",
            Some(2),
            &["train.inputs=span", "uda.enabled=true"],
        ),
    ] {
        let config = config(more);
        let dataset = Dataset::open_configured(&place.path("data"), &config.data).unwrap();
        let run = |out: &Path, resume, observer: &mut dyn Observer| {
            let options = Options {
                fold,
                resume,
                ..Options::default()
            };
            let run = Run::prepare(&dataset, &config, options).unwrap();
            run.train(out, observer).unwrap()
        };
        let whole = place.path(&format!("{name}-whole"));
        let parts = place.path(&format!("{name}-parts"));
        let history = run(&whole, false, &mut ()).history;
        let stopped = catch_unwind(AssertUnwindSafe(|| run(&parts, false, &mut StopAt(2))));
        assert!(stopped.is_err());
        let stopped = catch_unwind(AssertUnwindSafe(|| run(&parts, true, &mut StopAt(4))));
        assert!(stopped.is_err() || history.len() < 4);
        assert_eq!(run(&parts, true, &mut ()).history, history, "{name}");
        assert!(files(&parts) == files(&whole), "{name}");
        assert!(!parts.join("state.safetensors").exists());
        // Once more: it has already ended, and nothing changes.
        assert_eq!(run(&parts, true, &mut ()).history, history);
        assert!(files(&parts) == files(&whole), "{name}");
    }
}

/// Requests a stop after a number of steps in this process.
struct AskAfter {
    left: usize,
    stop: Stop,
}

impl Observer for AskAfter {
    fn step(&mut self, _losses: &StepLosses) {
        self.left -= 1;
        if self.left == 0 {
            self.stop.ask();
        }
    }
}

#[test]
fn a_run_that_is_stopped_repeatedly_resumes_from_any_step() {
    let place = Place::with_data(&["--missing", "0.1"]);
    for (name, fold, uda, inputs) in [
        ("fold", Some(0), "true", "columns"),
        ("all", None, "false", "columns"),
        ("span", Some(0), "true", "span"),
    ] {
        let uda = format!("uda.enabled={uda}");
        let inputs = format!("train.inputs={inputs}");
        // Seven or eight batches per epoch; stopping every three steps hits epochs and their ends.
        let config = config(&["train.batch_size=16", &uda, &inputs]);
        let dataset = Dataset::open_configured(&place.path("data"), &config.data).unwrap();
        let run = |out: &Path, steps: usize| {
            let stop = Stop::default();
            let options = Options {
                fold,
                resume: true,
                stop: stop.clone(),
                ..Options::default()
            };
            let run = Run::prepare(&dataset, &config, options).unwrap();
            run.train(out, &mut AskAfter { left: steps, stop })
        };
        let whole = place.path(&format!("{name}-whole"));
        let parts = place.path(&format!("{name}-parts"));
        run(&whole, usize::MAX).unwrap();
        let mut interruptions = 0;
        let ended = loop {
            match run(&parts, 3) {
                Ok(outcome) => break outcome,
                Err(error) => {
                    assert!(matches!(error, Error::Interrupted(_)), "{error}");
                    assert!(!error.is_input());
                    assert!(parts.join("state.safetensors").exists());
                    interruptions += 1;
                }
            }
        };
        assert!(interruptions >= 4, "{name}: {interruptions}");
        assert!(ended.manifest.finished);
        assert!(files(&parts) == files(&whole), "{name}");
    }
}

#[test]
fn a_killed_process_resumes() {
    let place = Place::with_data(&[]);
    let train = |out: &'static str, more: &[&'static str]| -> Vec<&'static str> {
        let base = ["train", "data", "--out", out, "--fold", "0"];
        let settings = [
            "--set",
            "train.checkpoint_seconds=0",
            "--set",
            "train.max_epochs=12",
        ];
        [&base[..], SMALL, &settings, more].concat()
    };
    place.ok(&train("whole", &[]));
    let mut child = place
        .command(&train("parts", &[]))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let third = lines
        .map_while(Result::ok)
        .find(|line| line.trim_start().starts_with("3 "));
    assert!(third.is_some());
    child.kill().unwrap();
    child.wait().unwrap();
    place.ok(&train("parts", &["--resume"]));
    assert!(files(&place.path("parts")) == files(&place.path("whole")));
    let ran = place.run(&train("parts", &["--resume"]));
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("already finished"), "{}", ran.stderr);
    let error = place.refused(&train("parts", &["--resume", "--seed", "9"]));
    assert!(error.contains("another configuration"), "{error}");
}
