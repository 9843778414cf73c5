//! Trainings that diverge or learn nothing say so at their end, in tables and by their exit code.

use std::fs;

use serde_json::Value;

use crate::command::{Place, SMALL};

#[test]
fn a_training_that_diverges_ends_with_its_figures_and_code_1() {
    let place = Place::with_data(&[]);
    let train = ["train", "data", "--fold", "0", "--out"];
    let wild = [
        "--set",
        "train.lr=1e6",
        "--set",
        "train.max_epochs=4",
        "--json",
    ];
    let ran = place.run(&[&train[..], &["run"], SMALL, &wild].concat());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&found["usable"], &found["fault"]["fault"]),
        (&false.into(), &"diverged".into())
    );
    let last = ran.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("error: training diverged from epoch "),
        "{last}"
    );
    assert!(last.contains("try a lower train.lr"), "{last}");
    // Everything was written all the same.
    let manifest = fs::read_to_string(place.path("run/manifest.json")).unwrap();
    assert!(manifest.contains("\"diverged\""), "{manifest}");

    let good = place.json(
        &[
            &train[..],
            &["good"],
            SMALL,
            &["--set", "train.max_epochs=4"],
        ]
        .concat(),
    );
    assert_eq!(
        (&good["usable"], &good["fault"]),
        (&true.into(), &Value::Null)
    );
    let manifest = fs::read_to_string(place.path("good/manifest.json")).unwrap();
    assert!(!manifest.contains("fault"), "{manifest}");
}

#[test]
fn a_table_names_the_trainings_that_diverged_and_fails_only_if_its_result_did() {
    let place = Place::with_data(&[]);
    let epochs = ["--set", "train.max_epochs=3"];
    let sweep = [
        "sweep",
        "data",
        "--out",
        "sweep",
        "--param",
        "train.lr=0.003,1e6",
    ];
    let out = place.ok(&[&sweep[..], SMALL, &epochs].concat());
    assert!(
        out.contains("faulty trainings, such as fold 0, seed 0: training diverged"),
        "{out}"
    );
    let cv = ["cv", "data", "--out", "cv"];
    let wild = [SMALL, &epochs, &["--set", "train.lr=1e6"]].concat();
    let ran = place.run(&[&cv[..], &wild].concat());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("training diverged in 5 of 5 trials"),
        "{}",
        ran.stderr
    );
    assert!(place.path("cv/summary.json").is_file());
}

#[test]
fn a_training_that_learns_nothing_says_so() {
    let place = Place::with_data(&[]);
    let train = ["train", "data", "--fold", "0", "--out", "run"];
    let still = ["--set", "train.lr=0", "--set", "train.max_epochs=12"];
    let ran = place.run(&[&train[..], SMALL, &still].concat());
    // Untrained weights may be lucky in one measure; then nothing is wrong.
    if ran.code == 1 {
        let last = ran.stderr.lines().last().unwrap();
        assert!(
            last.contains("training is stuck") && last.contains("(constant: "),
            "{last}"
        );
    } else {
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    let all = ["train", "data", "--out", "all"];
    let ran = place.run(&[&all[..], SMALL, &still].concat());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let last = ran.stderr.lines().last().unwrap();
    assert!(
        last.contains("training is stuck: after 12 epochs"),
        "{last}"
    );
}
