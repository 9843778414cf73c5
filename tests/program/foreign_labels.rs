//! Labels, predictions and weights as other tools and people write them: read if they have one meaning, else
//! refused or warned of in a line that says what to do.

use std::fs;

use crate::command::{Place, SMALL};
use crate::small_data::{clips, contains, put, sound, train, zip};

#[test]
fn tables_of_labels_are_explained() {
    let place = Place::new();
    sound(&place);
    let cases = [
        (
            "sep=,\nfilename,emotion_1\na,ang\n",
            "line 1: only tells Excel",
        ),
        (
            "filename;emotion_1\na;ang\n",
            "pandas.read_csv(file, sep=';', decimal=',')",
        ),
        (
            "name,discrete\na,ang\nb,ang\n",
            "rename the column name to filename",
        ),
        (
            "filename,discrete\na,ang\nb,ang\n",
            "call the column emotion_1",
        ),
        (
            "filename,ang,text\na,1,one two\nb,1,three\n",
            "the column text is no class: remove it",
        ),
        (
            "filename,ang,sad\na,\"0,5\",\"0,5\"\n",
            "write numbers with a decimal point",
        ),
        ("filename,label\na,[1. 0.]\n", "one column per class"),
        ("filename,ang,sad\na,70,30\n", "--normalise-labels"),
        (
            "Unnamed: 0,filename,ang,sad\n1,a,1,0\n",
            "remove what is no class: Unnamed: 0",
        ),
        (
            "filename,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\na,ang,nan,,\n",
            "because emotion_2 is \"nan\"",
        ),
    ];
    for (text, expected) in cases {
        put(&place, "data/train_metadata.csv", text);
        let error = place.refused(&["train", "data", "--out", "out", "--fold", "0"]);
        contains(&error, &["train_metadata.csv", expected]);
    }
}

#[test]
fn submissions_that_are_not_what_was_meant_are_told() {
    let place = Place::new();
    sound(&place);
    let entry = |a: &str, b: &str| {
        format!(r#"[{{"emotion": "ang", "salience": {a}}}, {{"emotion": "sad", "salience": {b}}}]"#)
    };
    let evaluate =
        |file: &str| place.run(&["evaluate", file, "--metadata", "data/train_metadata.csv"]);
    put(
        &place,
        "f.json",
        format!(r#"{{"A0_c0": {}}}"#, entry("0.7", "0.3")),
    );
    let ran = evaluate("f.json");
    assert_eq!(ran.code, 0);
    contains(
        &ran.stderr,
        &["the saliences of 1 clip do not sum to 100", "fractions"],
    );
    put(
        &place,
        "n.json",
        format!(
            r#"{{"A0_c0": {}, "A0_c1": {}}}"#,
            entry("70", "30"),
            entry("NaN", "30")
        ),
    );
    let ran = evaluate("n.json");
    assert_eq!(ran.code, 2);
    contains(
        &ran.stderr,
        &["n.json, key A0_c1: NaN in line 1 is no number in JSON"],
    );
    let good = format!(r#"{{"A0_c0": {}}}"#, entry("70", "30"));
    zip(
        &place,
        "inner.zip",
        &[
            ("run/p.json", good.as_bytes()),
            ("__MACOSX/run/._p.json", b""),
        ],
    );
    contains(
        &evaluate("inner.zip").stderr,
        &["expects the .json at the root"],
    );
    zip(&place, "flat.zip", &[("p.json", good.as_bytes())]);
    let ran = evaluate("flat.zip");
    assert!(!ran.stderr.contains("CodaBench"), "{}", ran.stderr);
    contains(
        &evaluate("data").stderr,
        &["data: is a folder; expected predictions"],
    );
}

#[test]
fn weights_of_other_programs_are_named() {
    let place = Place::new();
    sound(&place);
    train(&place);
    let weights = fs::read(place.path("run/weights.safetensors")).unwrap();
    // Every name behind `module.`: the header is rewritten, the values stay.
    let length = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&weights[8..8 + length]).unwrap();
    let entries = header.as_object().unwrap().iter();
    let renamed: serde_json::Map<_, _> = entries
        .map(|(name, entry)| match name.as_str() {
            "__metadata__" => (name.clone(), entry.clone()),
            _ => (format!("module.{name}"), entry.clone()),
        })
        .collect();
    let header = serde_json::to_vec(&renamed).unwrap();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header);
    bytes.extend(&weights[8 + length..]);
    put(&place, "wrapped.safetensors", bytes);
    put(&place, "model.pt", b"PK\x03\x04\x00\x00\x08\x08\x00\x00");
    let init = |file: &str| {
        let args = [
            "train", "data", "--out", "out", "--fold", "0", "--init", file,
        ];
        place.refused(&[&args[..], SMALL].concat())
    };
    contains(
        &init("wrapped.safetensors"),
        &["begins with \"module.\"", "DataParallel"],
    );
    contains(
        &init("model.pt"),
        &["model.pt: expected a safetensors file", "PyTorch's .pt"],
    );
}

#[test]
fn a_resumed_log_begins_anew_at_its_first_epoch() {
    let place = Place::new();
    sound(&place);
    let args = [
        "train",
        "data",
        "--out",
        "run",
        "--fold",
        "0",
        "--log-dir",
        "log",
        "--resume",
    ];
    let epochs = |epochs: &str| {
        let set = ["--set", "train.max_epochs=2", "--max-steps", epochs];
        let ran = place.run(&[&args[..], &set, SMALL].concat());
        assert!(ran.code < 2, "{}", ran.stderr);
    };
    epochs("1");
    let files = fs::read_dir(place.path("log")).unwrap();
    let first = files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .next()
        .unwrap();
    // A session log with the status START, for its first step.
    let session = b"\x10\x01\x3a\x02\x08\x01";
    assert!(first.windows(session.len()).any(|window| window == session));
}

#[test]
fn percentages_in_a_table_of_probabilities_are_told() {
    let place = Place::new();
    sound(&place);
    let table = |scale: f64| {
        let rows: String = clips()
            .iter()
            .map(|clip| format!("{clip},{},{},{}\n", 0.5 * scale, 0.25 * scale, 0.25 * scale))
            .collect();
        format!("filename,ang,hap,sad\n{rows}")
    };
    let evaluate = |file: &str| {
        place.run(&[
            "evaluate",
            file,
            "--metadata",
            "data/train_metadata.csv",
            "--json",
        ])
    };
    put(&place, "p.csv", table(1.0));
    let sound = evaluate("p.csv");
    assert!(!sound.stderr.contains("warning"), "{}", sound.stderr);
    put(&place, "p.csv", table(100.0));
    let ran = evaluate("p.csv");
    let told = [
        "the scores of 24 clips do not sum to 1, such as 100 of A0_c0",
        "divide them by 100",
    ];
    contains(&ran.stderr, &told);
    assert!(
        sound.stdout.contains("kullback_leibler"),
        "{}",
        sound.stdout
    );
    assert!(
        !ran.stdout.contains("kullback_leibler\": -"),
        "{}",
        ran.stdout
    );
    let decode = [
        "decode",
        "p.csv",
        "--presence-threshold",
        "0.1",
        "--salience-threshold",
        "0.1",
    ];
    contains(
        &place
            .run(&[&decode[..], &["--out", "d.json"]].concat())
            .stderr,
        &told,
    );
    // An index that pandas wrote: numbers beside the names, or the names themselves.
    let numbered = table(1.0)
        .replace("filename", ",filename")
        .replace("\nA", "\n0,A");
    put(&place, "n.csv", numbered);
    let named = table(1.0).replace("filename", "");
    put(&place, "i.csv", named);
    for file in ["n.csv", "i.csv"] {
        assert_eq!(evaluate(file).stdout, sound.stdout);
    }
}

#[test]
fn labels_that_are_no_emotions_are_told() {
    let place = Place::new();
    sound(&place);
    let table = fs::read_to_string(place.path("data/train_metadata.csv")).unwrap();
    let relabelled = |from: &str, to: &str| {
        put(&place, "data/train_metadata.csv", table.replace(from, to));
        place.run(&["inspect", "data", "--json"])
    };
    let warned = |from: &str, to: &str, expected: &str| {
        contains(&relabelled(from, to).stdout, &[expected]);
    };
    warned("A0_c1,0,hap", "A0_c1,0,ang:sad", r#"joins ang and sad"#);
    warned(",hap\n", ",xxx\n", "the class xxx usually marks");
    let refused = |from: &str, to: &str, expected: &str| {
        let ran = relabelled(from, to);
        assert_eq!(ran.code, 2);
        contains(&ran.stdout, &[expected]);
    };
    let coded = table
        .replace("ang", "1")
        .replace("hap", "2")
        .replace("sad", "3");
    put(
        &place,
        "data/train_metadata.csv",
        coded.replacen(",1\n", ",1.0\n", 1),
    );
    let ran = place.run(&["inspect", "data", "--json"]);
    contains(&ran.stdout, &["classes are the same number"]);
    refused(
        "A0_c1,0,hap",
        "A0_c1,0,Hap",
        "differ only in case or blanks",
    );
    let composed = table
        .replace("sad", "de\u{301}gout")
        .replacen("de\u{301}", "d\u{e9}", 1);
    put(&place, "data/train_metadata.csv", composed);
    let ran = place.run(&["inspect", "data", "--json"]);
    contains(&ran.stdout, &["differ only in their Unicode form"]);
    // Test clips in the training table, and a neutral class under another name.
    let mut rows = table.lines();
    let header = format!("{},Split_Set\n", rows.next().unwrap());
    let rows: String = rows
        .enumerate()
        .map(|(at, row)| format!("{row},{}\n", if at < 2 { "Test1" } else { "Train" }))
        .collect();
    put(&place, "data/train_metadata.csv", header + &rows);
    let told = r#"column Split_Set says "Test1" for 2 of 24 clips"#;
    contains(&place.run(&["inspect", "data"]).stdout, &[told]);
    contains(&train(&place), &[told]);
}
