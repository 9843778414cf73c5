//! `compare`, `explain` and `config`: looking at finished runs.

use serde_json::Value;

use crate::command::{Place, SMALL};

const QUICK: [&str; 2] = ["--set", "train.max_epochs=2"];

fn cv(place: &Place, out: &str, flags: &[&str]) {
    place.ok(&[&["cv", "data", "--out", out][..], SMALL, &QUICK, flags].concat());
}

fn rows(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

#[test]
fn runs_and_files_are_compared_clip_by_clip() {
    let place = Place::with_data(&["--test-labels"]);
    cv(&place, "a", &["--seeds", "2"]);
    cv(
        &place,
        "b",
        &["--set", "model.gate=uniform", "--retrain", "--ensemble"],
    );
    let figure = ["--figure", "c.svg"];
    let found = place.json(
        &[
            &["compare", "a", "second=b", "b/out_of_fold.json"][..],
            &figure,
        ]
        .concat(),
    );
    assert_eq!(found["clips"], 141);
    assert_eq!(found["reference"], "a");
    let [a, b, file] = &rows(&found["sides"])[..] else {
        panic!("{found}");
    };
    assert_eq!(
        (a["seeds"].as_u64(), b["seeds"].as_u64()),
        (Some(2), Some(1))
    );
    assert_eq!(b["name"], "second");
    assert!(a["certainty"]["against"].is_null() && a["verdict"].is_null());
    // The file holds what the run says.
    for key in ["certainty", "verdict", "flips"] {
        assert_eq!(b[key], file[key], "{key}");
    }
    // Scores are those of the runs' own tables.
    for (side, run) in [(a, "a"), (b, "b")] {
        let summary = std::fs::read(place.path(&format!("{run}/summary.json"))).unwrap();
        let summary: Value = serde_json::from_slice(&summary).unwrap();
        for key in ["presence", "salience", "average"] {
            let of_table = &summary["certainty"]["intervals"][key];
            assert_eq!(
                &side["certainty"]["intervals"][key], of_table,
                "{run} {key}"
            );
        }
    }
    // Holm's p is the smaller of two times two, since both rows are the same.
    let p = b["certainty"]["against"]["test"]["p"].as_f64().unwrap();
    let adjusted = b["certainty"]["adjusted_p"].as_f64().unwrap();
    assert_eq!(adjusted, (2.0 * p).min(1.0));
    // Every clip is counted once, and the flips are the difference.
    let flips = &b["flips"];
    let count = |key: &str| flips[key].as_i64().unwrap();
    assert_eq!(
        count("both") + count("gained") + count("lost") + count("neither"),
        141
    );
    let listed = rows(&flips["clips"]);
    assert_eq!(listed.len() as i64, count("gained") + count("lost"));
    let kinds = rows(&found["by_kind"]);
    assert_eq!(kinds.len(), 6);
    let clips: u64 = [0, 3]
        .map(|row| kinds[row]["clips"].as_u64().unwrap())
        .iter()
        .sum();
    assert_eq!(clips, 141);
    let classes = rows(&found["by_class"]);
    assert!(!classes.is_empty() && classes.len().is_multiple_of(3));
    let svg = std::fs::read_to_string(place.path("c.svg")).unwrap();
    assert!(
        svg.contains("second") && svg.contains("b/out_of_fold.json"),
        "{svg}"
    );

    // Another reference changes the sign of every difference.
    let turned = place.json(&["compare", "a", "second=b", "--reference", "second"]);
    let difference = |side: &Value| side["certainty"]["against"]["average"]["estimate"].as_f64();
    let turned_a = difference(&turned["sides"][0]).unwrap();
    assert_eq!(turned_a, -difference(b).unwrap());
    let text = place.ok(&["compare", "a", "b", "--markdown"]);
    assert!(
        text.contains("### Clips that flip against a") && text.contains("| one emotion |"),
        "{text}"
    );

    // The test predictions of the final model and of the ensemble.
    let last = place.json(&[
        "compare",
        "b/final",
        "b/final/ensemble",
        "b/final/predictions.zip",
    ]);
    assert_eq!(last["clips"], 33);
    assert_eq!(last["sides"][2]["flips"]["gained"], 0);
}

#[test]
fn sides_on_other_clips_are_refused_by_name() {
    let place = Place::with_data(&[]);
    cv(&place, "a", &[]);
    let train = ["train", "data", "--out", "fold", "--fold", "1"];
    place.ok(&[&train[..], SMALL, &QUICK].concat());
    let message = place.refused(&["compare", "a", "fold"]);
    assert!(
        message.starts_with("fold: answers for other clips than a: it lacks"),
        "{message}"
    );
    let table = std::fs::read_to_string(place.path("a/out_of_fold.csv")).unwrap();
    let (rest, last) = table.trim_end().rsplit_once('\n').unwrap();
    let renamed = last.replacen(last.split(',').next().unwrap(), "nobody.mov", 1);
    std::fs::write(place.path("other.csv"), format!("{rest}\n{renamed}\n")).unwrap();
    let message = place.refused(&["compare", "a", "other.csv"]);
    assert!(
        message.contains("it lacks 1 of 141 clips (") && message.contains("it has 1 more (nobody)"),
        "{message}"
    );
    // A held-out fold against the same clips of anybody.
    let predict = ["predict", "fold", "data", "--split", "train", "--held-out"];
    place.ok(&[&predict[..], &["--probs", "h.csv", "--out", "h.json"]].concat());
    let found = place.json(&["compare", "fold", "h.json"]);
    assert_eq!(found["sides"][1]["flips"]["gained"], 0);
    let ran = place.ok(&[
        "compare",
        "h.json",
        "h.csv",
        "--metadata",
        "data/train_metadata.csv",
    ]);
    assert!(
        ran.contains("h.csv is decoded by the challenge's sets"),
        "{ran}"
    );
}

#[test]
fn a_clip_is_explained_by_the_model_that_did_not_train_on_it() {
    let place = Place::with_data(&[]);
    cv(&place, "cv", &[]);
    let predictions = std::fs::read(place.path("cv/out_of_fold.json")).unwrap();
    let predictions: Value = serde_json::from_slice(&predictions).unwrap();
    let (clip, shown) = predictions["predictions"]
        .as_object()
        .unwrap()
        .iter()
        .nth(7)
        .unwrap();
    let found = place.json(&["explain", "cv", "data", clip]);
    assert_eq!(
        (&found["split"], &found["trained_on"]),
        (&"train".into(), &false.into())
    );
    let parts = rows(shown).iter().map(|part| {
        format!(
            "{} {:.0}",
            part["emotion"].as_str().unwrap(),
            part["salience"].as_f64().unwrap()
        )
    });
    assert_eq!(found["decision"], parts.collect::<Vec<_>>().join(" + "));
    // Without an encoder it says what `predict --drop` says.
    let encoders = rows(&found["encoders"]);
    assert_eq!(encoders.len(), 6);
    let dropped = encoders
        .iter()
        .find(|encoder| !encoder["without"].is_null())
        .unwrap();
    let run = found["model"].as_str().unwrap();
    let drop = [
        "--drop",
        dropped["encoder"].as_str().unwrap(),
        "--explain",
        "why.csv",
    ];
    place.ok(&[&["predict", run, "data", "--split", "train"][..], &drop].concat());
    let why = std::fs::read_to_string(place.path("why.csv")).unwrap();
    let row = why
        .lines()
        .find(|line| line.starts_with(&format!("{clip},")))
        .unwrap();
    let decision = dropped["without"]["decision"].as_str().unwrap();
    assert!(row.contains(&format!(",{decision},")), "{row}: {decision}");
    let kept: f64 = encoders
        .iter()
        .map(|encoder| encoder["kept_weight"].as_f64().unwrap())
        .sum();
    assert!((kept - 1.0).abs() < 1e-5, "{kept}");

    let text = place.ok(&[
        "explain",
        "cv",
        "data",
        clip.strip_suffix(".mov").unwrap_or(clip),
    ]);
    for part in [
        "predicted: ",
        "true:      ",
        "steps of decoding",
        "without it",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let message = place.refused(&["explain", "cv", "data", "nobody"]);
    assert!(message.starts_with("data: has no clip nobody"), "{message}");
}

#[test]
fn every_key_is_printed_as_toml_that_trains_the_same() {
    let place = Place::with_data(&[]);
    let all = place.ok(&["config"]);
    std::fs::write(place.path("all.toml"), &all).unwrap();
    let train = |out: &str, flags: &[&str]| {
        place.ok(&[
            &["train", "data", "--out", out, "--fold", "0"][..],
            flags,
            SMALL,
            &QUICK,
        ]
        .concat());
        std::fs::read(place.path(&format!("{out}/weights.safetensors"))).unwrap()
    };
    assert!(train("plain", &[]) == train("config", &["--config", "all.toml"]));
    let some = place.ok(&["config", "model.top_k", "uda"]);
    assert!(
        some.contains("top_k = 22") && some.contains("[uda]") && !some.contains("lr ="),
        "{some}"
    );
    let message = place.refused(&["config", "model.topk"]);
    assert!(message.contains("did you mean model.top_k?"), "{message}");
    // The settings of a run, and what differs between two.
    let of_run = place.ok(&["config", "--of", "plain"]);
    assert!(of_run.contains("top_k = 4\n"), "{of_run}");
    train("other", &["--seed", "3"]);
    let found = place.json(&["config", "--diff", "plain", "other", "all.toml"]);
    let differ: Vec<&str> = rows(&found["differences"])
        .iter()
        .map(|row| row["setting"].as_str().unwrap())
        .collect();
    assert!(
        differ.contains(&"train.seed") && differ.contains(&"model.top_k"),
        "{differ:?}"
    );
    let found = place.json(&["config", "--diff", "plain", "other"]);
    let expected = serde_json::json!([{ "setting": "train.seed", "values": [0, 3] }]);
    assert_eq!(found["differences"], expected);
    assert_eq!(
        place.ok(&["config", "--diff", "plain", "config"]),
        "no setting differs\n"
    );
}
