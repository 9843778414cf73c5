//! The commands that make one encoder's feature file, run as a user does.

use std::fs;
use std::path::Path;

use blendfuse::data::features::Features;
use blendfuse::testing::formats::npz::Npz;

use crate::command::Place;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/openface");

/// A folder of clips `a`, `b` (with faces) and `c` (without).
fn faces(place: &Place) {
    fs::create_dir(place.path("faces")).unwrap();
    for (from, to) in [
        ("openface2.csv", "a.csv"),
        ("openface2_nospace.csv", "b.csv"),
        ("openface2_no_face.csv", "c.csv"),
    ] {
        let to = place.path("faces").join(to);
        fs::copy(Path::new(FIXTURES).join(from), to).unwrap();
    }
}

#[test]
fn openface_writes_a_row_for_each_clip_with_a_face() {
    let place = Place::new();
    faces(&place);
    let told = place.json(&["openface", "faces", "--out", "openface2.npz"]);
    assert_eq!(told["clips"][0]["frames"]["kept"], 21);
    assert_eq!(told["clips"][0]["frames"]["no_face"], 3);
    assert_eq!(told["clips"][2]["outcome"], "missing");
    assert_eq!(told["written"][0]["clips"], 2);
    let features = Features::open(&place.path("openface2.npz")).unwrap();
    assert_eq!(features.names(), ["a", "b"]);
    assert_eq!((features.cols(), features.type_name()), (7 * 40, "f4"));
    let text = place.ok(&[
        "openface",
        "faces",
        "--out",
        "31.npz",
        "--groups",
        "challenge",
    ]);
    assert!(
        text.contains("42 of 72 frames kept: 30 without a face"),
        "{text}"
    );
    assert!(text.contains("no row: 1 clip (c)"), "{text}");
    assert!(
        text.contains("wrote 31.npz: 2 clips, 217 columns"),
        "{text}"
    );
}

#[test]
fn openface_writes_both_splits_at_once() {
    let place = Place::new();
    faces(&place);
    fs::write(
        place.path("split.csv"),
        "filename,split\nb.mov,test\na.mov,train\nc.mov,train\n",
    )
    .unwrap();
    let args = [
        "openface",
        "faces",
        "--out",
        "features/o.npz",
        "--split-by",
        "split.csv",
    ];
    let told = place.json(&args);
    assert_eq!(told["absent"], 1);
    for (part, clip) in [("train", "a"), ("test", "b")] {
        let path = place.path("features").join(part).join("o.npz");
        assert_eq!(Features::open(&path).unwrap().names(), [clip]);
    }
    let error = place.refused(&args);
    assert!(
        error.contains("features/train/o.npz: already exists"),
        "{error}"
    );
    fs::write(place.path("split.csv"), "filename,split\na,train\nb,dev\n").unwrap();
    let error = place.refused(&[&args[..], &["--force"]].concat());
    assert_eq!(
        error,
        "split.csv, line 3, column split: \"dev\"; expected train or test (validation clips are training clips with a fold)"
    );
}

#[test]
fn a_bad_file_ends_the_run_unless_it_may_be_skipped() {
    let place = Place::new();
    faces(&place);
    fs::write(place.path("faces/d.csv"), "frame,success,AU01_r\n1,1\n").unwrap();
    let args = ["openface", "faces", "--out", "o.npz"];
    let ran = place.run(&args);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("d.csv, line 2: has 2 cells; expected 3"),
        "{}",
        ran.stderr
    );
    assert!(!place.path("o.npz").exists());
    let told = place.json(&[&args[..], &["--skip-bad"]].concat());
    assert_eq!(told["clips"][3]["outcome"], "bad");
    let list = fs::read_to_string(place.path("o.skipped.json")).unwrap();
    assert!(
        list.contains("\"d\"") && list.contains("has 2 cells"),
        "{list}"
    );
    let features = Features::open(&place.path("o.npz")).unwrap();
    assert_eq!(features.names(), ["a", "b"]);
}

#[test]
fn nothing_is_written_where_no_clip_has_a_face() {
    let place = Place::new();
    fs::create_dir(place.path("faces")).unwrap();
    let from = Path::new(FIXTURES).join("openface2_no_face.csv");
    fs::copy(from, place.path("faces/c.csv")).unwrap();
    let error = place.refused(&["openface", "faces", "--out", "o.npz"]);
    assert_eq!(error, "no clip has features: nothing was written");
    assert!(!place.path("o.npz").exists());
}

#[test]
fn vectors_become_a_feature_file() {
    let place = Place::new();
    let table = "name;frameTime;label;F0;loudness\n'a.wav';0;3;1.5;2\n'b.wav';0;1;nan;4\n";
    fs::write(place.path("egemaps.csv"), table).unwrap();
    let args = ["vectors", "egemaps.csv", "--out", "egemaps.npz"];
    let ran = place.run(&args);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("egemaps.csv, line 3, column F0"),
        "{}",
        ran.stderr
    );
    let told = place.json(&[&args[..], &["--skip-bad"]].concat());
    assert_eq!(told["columns"][1], "loudness");
    assert_eq!(told["left_out"], serde_json::json!(["frameTime", "label"]));
    assert_eq!(told["bad"].as_array().unwrap().len(), 1);
    let mut stored = Npz::open(&place.path("egemaps.npz")).unwrap();
    assert_eq!(stored.names("columns").unwrap(), ["F0", "loudness"]);
    let features = Features::open(&place.path("egemaps.npz")).unwrap();
    assert_eq!(
        (features.names(), features.cols()),
        (&["a".to_owned()][..], 2)
    );
    let mut row = [0.0; 2];
    features.source().read(0, 0, &mut row);
    assert_eq!(row, [1.5, 2.0]);
}

#[test]
fn frames_of_synth_become_a_data_folder() {
    let place = Place::with_data(&["--encoders", "2", "--frames", "5", "--missing", "0.1"]);
    for encoder in ["clip", "wavlm_large"] {
        let frames = format!("data/frames/{encoder}");
        let out = format!("data/features/{encoder}.npz");
        let told = place.json(&["aggregate", &frames, "--out", &out, "--split-by", "data"]);
        assert_eq!(told["written"].as_array().unwrap().len(), 2);
    }
    let told = place.json(&["inspect", "data"]);
    assert_eq!(told["usable"], true, "{told}");
    assert_eq!(told["encoders"].as_array().unwrap().len(), 2);
    assert!(
        told["encoders"][0]["train"]["missing_clips"]
            .as_u64()
            .unwrap()
            > 0
    );
}
