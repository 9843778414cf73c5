//! Data as other people have it: no folds, actors elsewhere in the names, votes for labels.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use blendfuse::ingest::encoder_file::EncoderRows;

use crate::command::{Place, SMALL};

/// A data folder of the given clips with a table of labels; the features of a clip follow from its
/// number.
fn folder(place: &Place, header: &str, rows: &[(String, String)]) {
    let data = place.path("data");
    fs::create_dir_all(data.join("features/train")).unwrap();
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, cells)| format!("{name},{cells}"))
        .collect();
    let table = format!("filename,{header}\n{}\n", lines.join("\n"));
    fs::write(data.join("train_metadata.csv"), table).unwrap();
    for encoder in ["a", "b"] {
        features(
            &data.join(format!("features/train/{encoder}.npz")),
            rows,
            |clip| clip,
        );
    }
}

/// Features of clips, told by the number that `of` gives.
fn features(path: &Path, rows: &[(String, String)], of: impl Fn(usize) -> usize) {
    let mut file = EncoderRows::new(4);
    for (clip, (name, cells)) in rows.iter().enumerate() {
        let first = cells.split(',').next().unwrap_or_default().len();
        let x = of(clip) as f32;
        file.push(
            name.clone(),
            &[x.sin(), x.cos(), first as f32, (x * 0.37).sin()],
        );
    }
    if path.exists() {
        fs::remove_file(path).unwrap();
    }
    file.write(path, None, None).unwrap();
}

/// RAVDESS's names: 10 actors, the last number; 3 emotions.
fn ravdess() -> Vec<(String, String)> {
    let clip = |clip: usize| {
        let (actor, take) = (clip % 10 + 1, clip / 10);
        let emotion = ["ang", "hap", "sad"][take % 3];
        let name = format!("03-01-{:02}-01-01-01-{actor:02}", take + 1);
        (name, emotion.to_owned())
    };
    (0..60).map(clip).collect()
}

/// The column `fold` of a table by clip.
fn fold_of(place: &Place, file: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(place.path(file)).unwrap();
    let mut lines = text.lines();
    assert!(lines.next().unwrap().starts_with("filename,fold,"));
    let cells = lines.map(|line| line.split(',').collect::<Vec<_>>());
    cells
        .map(|cells| (cells[0].to_owned(), cells[1].to_owned()))
        .collect()
}

const QUICK: &[&str] = &["--set", "train.max_epochs=1", "--set", "model.top_k=1"];

#[test]
fn folds_are_made_by_actor_and_written() {
    let place = Place::new();
    folder(&place, "emotion_1", &ravdess());
    let ran = place.run(&["folds", "data", "--folds", "5"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains(r"--actor-pattern '-(\d\d)$' finds the actor"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("clip by clip"), "{}", ran.stderr);
    let made = [
        "folds",
        "data",
        "--folds",
        "5",
        "--actor-pattern",
        r"-(\d\d)$",
    ];
    let ran = place.run(&[&made[..], &["--out", "folds.csv"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains(r"from the names, by the pattern -(\d\d)$"),
        "{}",
        ran.stdout
    );
    let folds = fold_of(&place, "folds.csv");
    let mut of_actor: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut sizes: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, fold) in &folds {
        of_actor
            .entry(&name[name.len() - 2..])
            .or_default()
            .insert(fold);
        *sizes.entry(fold).or_default() += 1;
    }
    assert!(
        of_actor.values().all(|folds| folds.len() == 1),
        "{of_actor:?}"
    );
    assert_eq!(sizes.into_values().collect::<Vec<_>>(), [12; 5]);

    // The same by every command, and once they are in the table.
    let flags = [
        &["--folds", "5", "--actor-pattern", r"-(\d\d)$"][..],
        SMALL,
        QUICK,
    ]
    .concat();
    let found = place.json(&[&["cv", "data", "--out", "cv"][..], &flags].concat());
    assert_eq!(found["new_folds"]["by"], "actor");
    assert_eq!(fold_of(&place, "cv/train_metadata_with_folds.csv"), folds);
    let listed = place.json(&["collect", "cv"]);
    assert_eq!(listed["summary"], found["summary"]);
    place.ok(&[
        &["train", "data", "--out", "run", "--fold", "3"][..],
        &flags,
    ]
    .concat());
    assert_eq!(fold_of(&place, "run/train_metadata_with_folds.csv"), folds);
    let held_out = [
        "predict",
        "run",
        "data",
        "--split",
        "train",
        "--held-out",
        "--probs",
        "p.csv",
    ];
    place.ok(&held_out);
    let predicted = fs::read_to_string(place.path("p.csv")).unwrap();
    let names: BTreeSet<&str> = predicted
        .lines()
        .skip(1)
        .filter_map(|l| l.split(',').next())
        .collect();
    let third = folds
        .iter()
        .filter(|(_, fold)| *fold == "3")
        .map(|(name, _)| name.as_str());
    assert_eq!(names, third.collect());

    fs::copy(
        place.path("folds.csv"),
        place.path("data/train_metadata.csv"),
    )
    .unwrap();
    let ran = place.run(&[&["cv", "data", "--out", "other"][..], SMALL, QUICK].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let message = place.refused(&made);
    assert!(
        message.contains("column fold: the table has folds already"),
        "{message}"
    );
}

#[test]
fn other_folds_are_other_trials() {
    let place = Place::new();
    folder(&place, "emotion_1", &ravdess());
    let cv = |more: &[&str]| {
        let command = [
            "baseline",
            "data",
            "--out",
            "b",
            "--baseline",
            "trivial-single",
        ];
        let flags = ["--folds", "2", "--resume"];
        place.json(&[&command[..], &flags, more].concat())
    };
    assert_eq!(cv(&[])["reused"], 0);
    assert_eq!(cv(&[])["reused"], 2);
    assert_eq!(cv(&["--fold-seed", "1"])["reused"], 0);
}

#[test]
fn equal_features_in_two_folds_are_told() {
    let place = Place::new();
    let rows = ravdess();
    folder(&place, "emotion_1", &rows);
    features(&place.path("data/features/train/b.npz"), &rows, |clip| {
        clip / 10
    });
    let ran = place.run(&[
        "folds",
        "data",
        "--folds",
        "5",
        "--actor-pattern",
        r"-(\d\d)$",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("b.npz: 60 clips have the same features as a clip of another fold"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("a.npz"), "{}", ran.stderr);
    let flags = ["--folds", "5", "--actor-pattern", r"-(\d\d)$"];
    let found = place.ok(&[&["inspect", "data"][..], &flags].concat());
    assert!(
        found.contains("encoder b: ") && found.contains("of another fold, such as"),
        "{found}"
    );
}

#[test]
fn votes_percentages_and_flags_are_divided_by_their_sum_on_request() {
    for (header, rows) in [
        (
            "fold,ang,hap,sad",
            ["0,7,2,1", "0,0,10,0", "1,5,0,5", "1,1,1,8"],
        ),
        (
            "fold,ang,hap,sad",
            ["0,70,20,10", "0,0,100,0", "1,50,0,50", "1,10,10,80"],
        ),
        (
            "fold,ang,hap,sad",
            ["0,1,0,1", "0,0,1,0", "1,1,0,0", "1,0,1,1"],
        ),
    ] {
        let place = Place::new();
        let rows: Vec<(String, String)> = (0..24)
            .map(|clip| (format!("A{}_{clip}", clip % 6), rows[clip % 4].to_owned()))
            .collect();
        folder(&place, header, &rows);
        let message = place.refused(&["train", "data", "--out", "run"]);
        assert!(
            message.contains("--normalise-labels divides each row"),
            "{message}"
        );
        let found = place.ok(&["inspect", "data", "--normalise-labels"]);
        assert!(found.contains("usable"), "{found}");
        let cv = ["cv", "data", "--out", "cv", "--normalise-labels"];
        let found = place.json(&[&cv[..], SMALL, QUICK].concat());
        assert!(found["measures"]["all_clips"]["values"]["kl_divergence"].is_number());
        // The run's own files are read as the run read its labels; others on request.
        let truth = ["--metadata", "data/train_metadata.csv"];
        let own = place.json(&[&["evaluate", "cv/out_of_fold.csv"][..], &truth].concat());
        assert!(own["measures"]["values"]["exact_set"].is_number());
        fs::copy(place.path("cv/out_of_fold.csv"), place.path("scores.csv")).unwrap();
        let evaluate = [&["evaluate", "scores.csv"][..], &truth].concat();
        let message = place.refused(&evaluate);
        assert!(message.contains("--normalise-labels"), "{message}");
        let scored = place.json(&[&evaluate[..], &["--normalise-labels"]].concat());
        assert!(scored["measures"]["values"]["exact_set"].is_number());
    }
}

#[test]
fn a_class_that_no_clip_shows_is_left_out_and_said() {
    let place = Place::new();
    let rows: Vec<(String, String)> = (0..24)
        .map(|clip| {
            let cells = ["0,1,0,0", "1,0.5,0.5,0", "0,0,1,0", "1,1,0,0"][clip % 4];
            (format!("A{}_{clip}", clip % 6), cells.to_owned())
        })
        .collect();
    folder(&place, "fold,ang,hap,other", &rows);
    let found = place.json(&["inspect", "data"]);
    assert_eq!(found["classes"].as_array().unwrap().len(), 2);
    let warnings = found["warnings"].to_string();
    assert!(
        warnings.contains("no clip shows other: the column is 0 throughout"),
        "{warnings}"
    );
    let train = ["train", "data", "--out", "run", "--fold", "0"];
    let ran = place.run(&[&train[..], SMALL, QUICK].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("no clip shows other"), "{}", ran.stderr);
    // Named, it stays.
    let kept = ["train", "data", "--out", "kept", "--fold", "0", "--set"];
    let classes = ["data.classes=[\"ang\",\"hap\",\"other\"]"];
    let ran = place.run(&[&kept[..], &classes, SMALL, QUICK].concat());
    assert!(!ran.stderr.contains("0 throughout"), "{}", ran.stderr);
}

#[test]
fn classes_that_differ_only_in_case_or_blanks_are_asked_about() {
    let place = Place::new();
    let rows: Vec<(String, String)> = (0..12)
        .map(|clip| {
            (
                format!("A{clip}_x"),
                ["0,ang", "1,Ang", "0,very sad"][clip % 3].to_owned(),
            )
        })
        .collect();
    folder(&place, "fold,emotion_1", &rows);
    let message = place.refused(&["train", "data", "--out", "run", "--fold", "0"]);
    assert!(
        message.contains("line 2: ") || message.contains("line 3: "),
        "{message}"
    );
    assert!(
        message.contains("\"Ang\" and \"ang\"") && message.contains("data.classes"),
        "{message}"
    );
    let columns = rows.iter().enumerate();
    let columns = columns.map(|(clip, (name, _))| {
        let cells = ["0,1,0", "1,0,1"][clip % 2];
        (name.clone(), cells.to_owned())
    });
    folder(&place, "fold,Sad,s ad", &columns.collect::<Vec<_>>());
    let message = place.refused(&["train", "data", "--out", "run", "--fold", "0"]);
    assert!(message.contains("\"Sad\" and \"s ad\""), "{message}");
}
