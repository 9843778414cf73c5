//! `analyze`, `report` and `train --log-dir` from outside: with missing encoders, for any number of
//! threads, and without replacing anything unasked.

use std::fs;

use serde_json::Value;

use crate::command::{Place, SMALL};

#[test]
fn a_cross_validation_is_analysed_and_reported() {
    let place = Place::with_data(&["--missing", "0.2"]);
    let cv = [
        &["cv", "data", "--out", "cv", "--set", "train.max_epochs=2"],
        SMALL,
    ]
    .concat();
    place.ok(&cv);
    place.ok(&["analyze", "cv", "data"]);
    let text = fs::read_to_string(place.path("cv/analysis/analysis.json")).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(found["accuracy"]["clips"], 141);
    assert_eq!(found["models"].as_array().unwrap().len(), 5);
    for figure in found["figures"].as_array().unwrap() {
        let name = figure["name"].as_str().unwrap();
        let svg = fs::read_to_string(place.path(&format!("cv/analysis/{name}.svg"))).unwrap();
        assert!(
            svg.starts_with("<svg") && svg.contains("<text") && !svg.contains("NaN"),
            "{name}"
        );
    }
    // Its scores equal those of the cross-validation.
    let summary = fs::read_to_string(place.path("cv/summary.csv")).unwrap();
    let average = found["accuracy"]["average"].as_f64().unwrap();
    assert!(
        summary.contains(&format!("{average:?}")),
        "{average} {summary}"
    );
    place.ok(&["analyze", "cv", "data", "--out", "one", "--threads", "1"]);
    for name in ["cka.csv", "encoders.csv", "figure_7_cka.svg"] {
        let [a, b] = ["cv/analysis", "one"].map(|folder| fs::read(place.path(folder).join(name)));
        assert!(a.unwrap() == b.unwrap(), "{name} differs with one thread");
    }
    let drawn = place.run(&["analyze", "cv", "data", "--out", "drawn", "--png"]);
    if drawn.stderr.contains("no font") {
        eprintln!("skipped: figures as PNG, this machine has no font");
        assert_eq!(drawn.code, 2);
    } else {
        assert_eq!(drawn.code, 0, "{}", drawn.stderr);
        for figure in found["figures"].as_array().unwrap() {
            let name = format!("drawn/{}.png", figure["name"].as_str().unwrap());
            let png = fs::read(place.path(&name)).unwrap();
            assert!(png.starts_with(b"\x89PNG"), "{name}");
        }
    }
    let again = place.run(&["analyze", "cv", "data"]);
    assert_eq!(again.code, 2);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    place.ok(&["report", "cv"]);
    let html = fs::read_to_string(place.path("cv/report.html")).unwrap();
    assert!(html.contains("figure_7_cka") && html.contains("id=\"clips\""));
    let again = place.run(&["report", "cv"]);
    assert_eq!(again.code, 2);
}

#[test]
fn a_single_model_is_evaluated_on_its_fold_and_logged() {
    let place = Place::with_data(&[]);
    let log = [
        "train",
        "data",
        "--out",
        "run",
        "--fold",
        "0",
        "--log-dir",
        "logs",
    ];
    place.ok(&[&log[..], &["--set", "train.max_epochs=2"], SMALL].concat());
    let mut files = fs::read_dir(place.path("logs")).unwrap();
    let file = files.next().unwrap().unwrap();
    let name = file.file_name().into_string().unwrap();
    assert!(name.starts_with("events.out.tfevents."), "{name}");
    let bytes = fs::read(file.path()).unwrap();
    let holds = |tag: &str| bytes.windows(tag.len()).any(|part| part == tag.as_bytes());
    assert!(holds("loss/validation") && holds("gate/wavlm_large"));
    place.ok(&["analyze", "run", "data", "--out", "found"]);
    let clips = fs::read_to_string(place.path("found/clips.csv")).unwrap();
    assert!(clips.lines().skip(1).all(|line| line.contains(",fold 0,")));
    // What `explain` tells of one clip, of every clip.
    let header = "filename,model,truth,decision,error,steps,encoders,without\n";
    assert!(clips.starts_with(header), "{clips}");
    assert!(clips.lines().skip(1).all(|line| line.contains("t_p ")));
    let nothing = place.run(&["analyze", "data", "data"]);
    assert_eq!(nothing.code, 2);
    assert!(
        nothing.stderr.contains("manifest.json"),
        "{}",
        nothing.stderr
    );
}
