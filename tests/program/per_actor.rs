//! Features that are standardised by each actor's own clips, and within bounds.

use std::fs;

use blendfuse::data::part::{self, Needs};
use blendfuse::predict::Predictor;
use ndarray::{Array2, s};

use crate::command::{Place, SMALL};
use crate::small_data::{self, noise};

const ACTOR: &str = "data.standardize=actor";

/// Trains on folds 1 and 2 of `data`; fold 0 has the actors A0 and A1.
fn train(place: &Place, out: &str, settings: &[&str]) {
    let base = [
        "train",
        "data",
        "--out",
        out,
        "--fold",
        "0",
        "--set",
        "train.max_epochs=3",
    ];
    let set = settings.iter().flat_map(|setting| ["--set", setting]);
    let set: Vec<&str> = set.collect();
    let ran = place.run(&[&base[..], &set, SMALL].concat());
    assert!(ran.code < 2, "{}", ran.stderr);
}

/// The aligned scores of all clips of a data folder's training split.
fn scores(place: &Place, run: &str, data: &str) -> Array2<f64> {
    let model = Predictor::load(&place.path(run)).unwrap();
    let needs = Needs {
        encoders: &model.description().encoders,
        dropped: &[],
        classes: &model.classes(),
    };
    let split = part::open(&place.path(data), "train", needs).unwrap().split;
    let clips: Vec<usize> = (0..split.len()).collect();
    model.score(&split, &clips, &[]).unwrap().aligned
}

/// The data, and the same with the columns of encoder `two` in other units for the actor A0.
fn recorded_otherwise() -> Place {
    let place = Place::new();
    let value = |row: usize, column: usize| noise(row + 100, column);
    small_data::data(
        &place,
        |_, clip| clip.to_owned(),
        |row, column| match row < 4 {
            true => 7.0 * (column + 1) as f64 + 3.0 * value(row, column),
            false => value(row, column),
        },
    );
    fs::rename(place.path("data"), place.path("other")).unwrap();
    small_data::data(&place, |_, clip| clip.to_owned(), value);
    place
}

fn largest_difference(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0, |most, x| x.abs().max(most))
}

#[test]
fn what_an_actors_features_are_measured_in_does_not_matter() {
    let place = recorded_otherwise();
    train(&place, "actor", &[ACTOR, "data.actor_shrinkage=0"]);
    train(&place, "training", &[]);
    let difference = |run: &str| {
        let (a, b) = (scores(&place, run, "data"), scores(&place, run, "other"));
        let of = |from: usize, to: usize| {
            largest_difference(
                &a.slice(s![from..to, ..]).to_owned(),
                &b.slice(s![from..to, ..]).to_owned(),
            )
        };
        [of(0, 4), of(4, 24)]
    };
    let [own, others] = difference("actor");
    assert!(own <= 1e-5, "{own}");
    assert_eq!(others, 0.0);
    let [own, others] = difference("training");
    assert!(own > 0.02, "{own}");
    assert_eq!(others, 0.0);
}

#[test]
fn with_a_large_k_the_training_rows_decide() {
    let place = recorded_otherwise();
    train(&place, "shrunk", &[ACTOR, "data.actor_shrinkage=1e12"]);
    train(&place, "training", &[]);
    let (a, b) = (
        scores(&place, "shrunk", "other"),
        scores(&place, "training", "other"),
    );
    let difference = largest_difference(&a, &b);
    assert!(difference <= 1e-4, "{difference}");
}

#[test]
fn values_beyond_the_bound_count_as_the_bound() {
    let place = Place::new();
    let value = |row: usize, column: usize| noise(row + 100, column);
    let far = |by: f64| {
        move |row: usize, column: usize| match (row, column) {
            (0, 2) => by,
            _ => value(row, column),
        }
    };
    for (name, by) in [("far", 5.0), ("farther", 20.0)] {
        small_data::data(&place, |_, clip| clip.to_owned(), far(by));
        fs::rename(place.path("data"), place.path(name)).unwrap();
    }
    small_data::data(&place, |_, clip| clip.to_owned(), value);
    for standardize in ["data.standardize=true", ACTOR] {
        let run = format!("bounded-{standardize}");
        // With so large a k an actor's own far value does not widen the actor's deviation.
        let settings = [
            standardize,
            "data.clip_values=2.5",
            "data.actor_shrinkage=1e12",
        ];
        train(&place, &run, &settings);
        let (far, farther) = (scores(&place, &run, "far"), scores(&place, &run, "farther"));
        let clip = s![0..1, ..];
        let [far, farther] = [far, farther].map(|scores| scores.slice(clip).to_owned());
        let difference = largest_difference(&far, &farther);
        assert!(difference <= 1e-5, "{standardize}: {difference}");
    }
    train(&place, "free", &[]);
    let (far, farther) = (
        scores(&place, "free", "far"),
        scores(&place, "free", "farther"),
    );
    assert!(largest_difference(&far, &farther) > 1e-3);
}

#[test]
fn clips_that_only_a_guess_takes_for_one_person_are_refused() {
    let place = Place::with_data(&[]);
    train(&place, "run", &[ACTOR]);
    let predict = ["predict", "run", "data", "--out", "predictions.json"];
    let error = place.refused(&predict);
    // The test clips are named test_0001 and so on, and the table has no actors.
    assert!(
        error.contains("their names alone say that all of them show one actor, \"test\", which is a guess; add a column actor"),
        "{error}"
    );
    assert!(!place.path("predictions.json").exists());
    // A column says it.
    name_test_actors(&place);
    place.ok(&predict);
}

/// Three actors for the test clips, in a column.
fn name_test_actors(place: &Place) {
    let table = place.path("data/test_metadata.csv");
    let text = fs::read_to_string(&table).unwrap();
    let lines: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(line, text)| match line {
            0 => format!("{text},actor"),
            _ => format!("{text},p{}", line % 3),
        })
        .collect();
    fs::write(&table, lines.join("\n")).unwrap();
}

#[test]
fn folds_are_compared_even_where_the_actors_of_the_test_split_are_hidden() {
    let place = Place::with_data(&[]);
    let cv = |more: &[&'static str]| {
        let base = ["cv", "data", "--set", ACTOR, "--set", "train.max_epochs=1"];
        [&base[..], SMALL, more].concat()
    };
    place.ok(&cv(&["--out", "folds"]));
    let error = place.refused(&cv(&["--out", "final", "--retrain"]));
    assert!(
        error.contains("test_metadata.csv: a model that standardises features per actor (data.standardize) cannot score these clips"),
        "{error}"
    );
    // A column says it, to the domain adversary and to the models for the test split too.
    name_test_actors(&place);
    let adapted = ["--set", "uda.enabled=true", "--retrain", "--ensemble"];
    place.ok(&cv(&[&["--out", "known"][..], &adapted].concat()));
    assert!(place.path("known/final/predictions.json").exists());
    let rows = |out: &'static str, more: &[&'static str]| {
        let base = ["repro", "data", "--out", out, "--quick", "--no-baselines"];
        place.ok(&[&base[..], SMALL, more].concat());
        fs::read_to_string(place.path(out).join("table_1.csv")).unwrap()
    };
    assert!(rows("repro", &[]).contains("standardised per actor (ours)"));
    assert!(!rows("papers", &["--no-new-people"]).contains("per actor"));
}

/// Labels of clips that a model neither trains nor validates on change no byte of it.
#[test]
fn labels_reach_nothing_but_training_and_scoring() {
    let place = Place::with_data(&[]);
    let run = |data: &str, out: &str| {
        let base = [
            "train",
            data,
            "--out",
            out,
            "--fold",
            "0",
            "--set",
            ACTOR,
            "--set",
            "data.clip_values=4",
            "--set",
            "data.test_fold=1",
            "--set",
            "uda.enabled=true",
            "--set",
            "train.max_epochs=2",
        ];
        let ran = place.run(&[&base[..], SMALL].concat());
        assert!(ran.code < 2, "{}", ran.stderr);
        fs::read(place.path(out).join("weights.safetensors")).unwrap()
    };
    let before = run("data", "before");
    small_data::scramble(&place.path("data/train_metadata.csv"), "1");
    assert!(
        before == run("data", "after"),
        "labels of the test fold were read"
    );
    small_data::scramble(&place.path("data/train_metadata.csv"), "2");
    assert!(
        before != run("data", "trained"),
        "those of a training fold were not"
    );
}
