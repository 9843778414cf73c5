//! Studies as a library user sees them, and the folders of plans that an earlier program left.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::command::{Place, Ran, SMALL};
use blendfuse::Result;
use blendfuse::config::Config;
use blendfuse::experiments::{CrossValidate, Setup, Study, StudyRun};
use blendfuse::plan::run::work::{Work, WorkObserver};
use blendfuse::plan::{Outcomes, Plan, Trial, TrialKind, Workers};
use blendfuse::train::Stop;
use serde::{Deserialize, Serialize};
use serde_json::Value;

// A study of one's own

/// Tries values of one key on one fold, and the best of them on all folds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Halving {
    rates: Vec<f64>,
}

#[derive(Debug)]
struct Halved {
    first: Vec<String>,
    best: Option<(usize, Vec<String>)>,
}

impl Halving {
    fn add(&self, rate: f64, fold: usize, setup: &Setup, plan: &mut Plan) -> Result<String> {
        let mut config = setup.config.clone();
        config.train.lr = rate;
        let kind = TrialKind::fusion(&config, setup.data.dataset.encoders.len());
        let trial = Trial::new(&kind, Some(fold), config.train.seed);
        plan.add(&format!("lr = {rate}"), trial, &setup.data, false)
    }
}

impl Study for Halving {
    const NAME: &'static str = "halving";
    type State = Halved;
    type Findings = Option<(f64, Vec<f64>)>;

    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<Halved> {
        let fold = setup.protocol.folds[0];
        let rates = self.rates.iter();
        let first = rates.map(|&rate| self.add(rate, fold, setup, plan));
        Ok(Halved {
            first: first.collect::<Result<_>>()?,
            best: None,
        })
    }

    fn next_trials(
        &self,
        setup: &Setup,
        state: &mut Halved,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        let Ok(results) = outcomes.results(&state.first) else {
            return Ok(());
        };
        if state.best.is_some() {
            return Ok(());
        }
        let averages = results
            .iter()
            .map(|result| result.accuracy.unwrap().average());
        let best = averages.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        let place = best.unwrap().0;
        let folds = setup.protocol.folds.iter();
        let ids = folds.map(|&fold| self.add(self.rates[place], fold, setup, plan));
        state.best = Some((place, ids.collect::<Result<_>>()?));
        Ok(())
    }

    fn conclude(&self, _: &Setup, state: &Halved, outcomes: &Outcomes) -> Result<Self::Findings> {
        let Some((place, ids)) = &state.best else {
            return Ok(None);
        };
        let results = outcomes.results(ids).ok();
        Ok(results.map(|results| {
            let averages = results
                .iter()
                .map(|result| result.accuracy.unwrap().average());
            (self.rates[*place], averages.collect())
        }))
    }
}

fn small(place: &Place, seeds: usize) -> Setup {
    let set: Vec<String> = SMALL
        .iter()
        .filter(|text| **text != "--set")
        .map(|text| (*text).to_owned())
        .collect();
    let set = [set, vec!["train.max_epochs=2".into()]].concat();
    let config = Config::load(None, &set, None).unwrap();
    Setup::open(
        &place.path("data"),
        config,
        NonZeroUsize::new(seeds).unwrap(),
    )
    .unwrap()
}

/// Runs trials without a word.
struct Quiet;

impl WorkObserver for Quiet {}

fn work(folder: &Path, ids: &[String]) -> usize {
    let work = Work {
        folder,
        data: None,
        stop: Stop::default(),
    };
    work.run(ids, &mut Quiet).unwrap()
}

fn list(folder: &Path) -> String {
    fs::read_to_string(folder.join("trials.jsonl")).unwrap()
}

#[test]
fn a_study_of_ones_own_comes_to_the_same_whoever_runs_its_trials() {
    let place = Place::with_data(&[]);
    let study = Halving {
        rates: vec![1e-3, 3e-3, 1e-2],
    };
    let here = place.path("here");
    let mut run = StudyRun::create(&here, study.clone(), small(&place, 1)).unwrap();
    let found = run.run(&Workers::default(), &mut ()).unwrap().unwrap();
    run.outcomes().check().unwrap();
    assert_eq!(found.1.len(), 5);
    // Three rates, and four more folds of the best.
    assert_eq!((run.plan().trials().len(), run.pending()), (7, 0));

    let elsewhere = place.path("elsewhere");
    let begin = || StudyRun::resume(&elsewhere, study.clone(), small(&place, 1)).unwrap();
    for trials in [3, 4, 0] {
        let released = begin().release(&mut ()).unwrap();
        let ids: Vec<String> = released.into_iter().map(|trial| trial.id).collect();
        assert_eq!(ids.len(), trials);
        // What is there can be seen meanwhile.
        let mut view = StudyRun::<Halving>::view(&elsewhere).unwrap();
        let seen = view.collect(&mut ()).unwrap();
        assert_eq!(view.outcomes().unfinished(), trials);
        assert_eq!(seen.is_some(), trials == 0);
        assert_eq!(work(&elsewhere, &ids), trials);
    }
    // From the folder alone: the study is in plan.json.
    let mut loaded = StudyRun::<Halving>::load(&elsewhere).unwrap();
    assert_eq!(*loaded.study(), study);
    assert_eq!(loaded.collect(&mut ()).unwrap().unwrap(), found);
    assert_eq!(list(&here), list(&elsewhere));
    let read_only = StudyRun::<Halving>::view(&here).unwrap();
    let error = { read_only }.run(&Workers::default(), &mut ()).unwrap_err();
    assert!(error.to_string().contains("to be read only"), "{error}");
    let error = StudyRun::<CrossValidate>::view(&here).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("expected a plan of `cv`; it contains one of `halving`"),
        "{error}"
    );
}

#[test]
fn a_study_is_extended_and_collected() {
    let place = Place::with_data(&[]);
    let folder = place.path("cv");
    let one = StudyRun::create(&folder, CrossValidate::default(), small(&place, 1))
        .unwrap()
        .run(&Workers::default(), &mut ())
        .unwrap();
    let more = CrossValidate {
        retrain: true,
        ..CrossValidate::default()
    };
    let mut run = StudyRun::resume(&folder, more, small(&place, 2)).unwrap();
    let two = run.run(&Workers::default(), &mut ()).unwrap();
    assert_eq!(run.plan().trials().len(), 12);
    drop(run);
    let collected = StudyRun::<CrossValidate>::view(&folder)
        .unwrap()
        .collect(&mut ())
        .unwrap();
    let (one, two) = (one.result.unwrap(), two.result.unwrap());
    assert_eq!(one.folds[..], two.folds[..5]);
    assert_eq!(two.folds, collected.result.as_ref().unwrap().folds);
    let retrained = |row: blendfuse::experiments::comparison::Row| {
        let models = row.retrained.unwrap().unwrap().results;
        models
            .into_iter()
            .map(|result| result.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(retrained(collected).len(), 2);
}

// Plans of commit 07adbe6

const MODEL: [&str; 14] = [
    "--set",
    "model.projection_dim=4",
    "--set",
    "model.shared_dim=6",
    "--set",
    "model.gate_hidden=3",
    "--set",
    "model.head_hidden=4",
    "--set",
    "model.top_k=2",
    "--set",
    "train.lr=0.003",
    "--set",
    "train.max_epochs=2",
];

/// The plans of `fixtures/plans_07adbe6/make.sh`, with their flags.
const PLANS: [(&str, &[&str]); 6] = [
    ("cv", &["--retrain", "--ensemble"]),
    (
        "sweep",
        &[
            "--param",
            "model.top_k=1,2",
            "--param",
            "train.lr=0.001..0.01:log/2",
        ],
    ),
    (
        "tune",
        &[
            "--tpe",
            "3",
            "--param",
            "train.lr=1e-4..1e-2:log",
            "--seeds",
            "2",
        ],
    ),
    ("ablate", &["--keep-weights"]),
    (
        "baseline",
        &[
            "--baseline",
            "fusion",
            "--baseline",
            "trivial-single",
            "--baseline",
            "linear:*",
            "--baseline-epochs",
            "2",
        ],
    ),
    // That row is younger than the plans.
    (
        "repro",
        &["--quick", "--baseline-epochs", "2", "--no-new-people"],
    ),
];

/// A copy of the old plans and their data, which they name by a path.
fn old_plans() -> Place {
    let place = Place::new();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/plans_07adbe6");
    copy(&fixture, &place.path(""));
    let data = place.path("data").canonicalize().unwrap();
    for (command, _) in PLANS {
        let path = place.path(command).join("plan.json");
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("/tmp/blendfuse-plans/data", data.to_str().unwrap());
        fs::write(path, text).unwrap();
    }
    place
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path: PathBuf = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(fs::copy(&path, &to).unwrap()),
        }
    }
}

/// Runs with the kernel that the old plans were made with.
fn portable(place: &Place, args: &[&str]) -> Ran {
    let mut command = place.command(args);
    Ran::of(
        command
            .env("BLENDFUSE_KERNEL", "portable")
            .output()
            .unwrap(),
    )
}

/// Numbers as near as processors allow, everything else equal.
fn assert_close(a: &Value, b: &Value, at: &str) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
            for (key, value) in a {
                assert_close(value, &b[key], &format!("{at}.{key}"));
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len(), "{at}");
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                assert_close(a, b, &format!("{at}[{i}]"));
            }
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            assert!((a - b).abs() <= 1e-6 * a.abs().max(1.0), "{at}: {a}, {b}");
        }
        _ => assert_eq!(a, b, "{at}"),
    }
}

#[test]
fn a_plan_of_an_earlier_program_is_resumed_to_its_tables() {
    let place = old_plans();
    // Seen as it was left.
    let ran = portable(&place, &["status", "cv"]);
    assert!(
        ran.stdout.starts_with("3 of 5 trials done"),
        "{}",
        ran.stdout
    );
    let ran = portable(&place, &["collect", "cv"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("2 of 5 trials have no result"),
        "{}",
        ran.stderr
    );
    // One of the two that wait, by what the earlier program wrote down for it.
    let listed = list(&place.path("cv"));
    let ids = listed.lines().map(|line| -> String {
        let line: Value = serde_json::from_str(line).unwrap();
        line["id"].as_str().unwrap().to_owned()
    });
    let done = |id: &String| {
        let path = place.path("cv/trials").join(&id[..2]);
        path.join(format!("{id}.json")).is_file()
    };
    let waiting: Vec<String> = ids.filter(|id| !done(id)).collect();
    let ran = portable(&place, &["work", "cv", &waiting[0]]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // The rest by the command itself.
    let command = [
        &["cv", "data", "--out", "cv", "--resume", "--json"][..],
        &MODEL,
    ];
    let ran = portable(&place, &[&command.concat()[..], PLANS[0].1].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        !ran.stderr.contains("differ from the plan"),
        "{}",
        ran.stderr
    );
    let value: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&value["trials"], &value["reused"]), (&6.into(), &4.into()));
    let read = |name: &str| fs::read_to_string(place.path(name)).unwrap();
    let json = |name: &str| -> Value { serde_json::from_str(&read(name)).unwrap() };
    assert_close(
        &json("cv/summary.json"),
        &json("cv_tables/summary.json"),
        "",
    );
    assert_eq!(read("cv/trials.jsonl"), read("cv_tables/trials.jsonl"));
    // And once more from the folder alone.
    let ran = portable(&place, &["collect", "cv"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("wrote cv/: "), "{}", ran.stdout);
}

#[test]
fn every_study_of_an_earlier_program_has_the_same_trials() {
    let place = old_plans();
    for (command, flags) in PLANS {
        let before = list(&place.path(command));
        let ran = portable(&place, &["collect", command]);
        assert_eq!(ran.code, 1, "{command}: {}", ran.stderr);
        assert!(ran.stderr.contains("have no result"), "{}", ran.stderr);
        let plan = ["plan", command, "data", "--out", command, "--print"];
        let ran = portable(&place, &[&plan[..], &MODEL, flags].concat());
        assert_eq!(ran.code, 0, "{command}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("differ from the plan"),
            "{}",
            ran.stderr
        );
        assert_eq!(list(&place.path(command)), before, "{command}");
    }
}
