//! Features of `blendfuse extract`: the hand-over to Python, and what becomes of their provenance.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use serde_json::json;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::command::Place;

/// Adds the array `provenance` to a feature file, as numpy writes text.
fn say_how_made(file: &Path, provenance: &serde_json::Value) {
    let text = provenance.to_string();
    let points: Vec<char> = text.chars().collect();
    let header = format!(
        "{{'descr': '<U{}', 'fortran_order': False, 'shape': (), }}",
        points.len()
    );
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = padded - 1).bytes());
    bytes.extend(points.iter().flat_map(|&c| u32::from(c).to_le_bytes()));
    let opened = File::options().read(true).write(true).open(file).unwrap();
    let mut archive = ZipWriter::new_append(opened).unwrap();
    archive
        .start_file("provenance.npy", SimpleFileOptions::default())
        .unwrap();
    archive.write_all(&bytes).unwrap();
    archive.finish().unwrap();
}

fn made(layer: &str) -> serde_json::Value {
    json!({
        "encoder": "clip", "source": "openai/clip", "revision": "0123456789abcdef", "layer": layer,
        "sample_rate": null, "frames_per_second": 5.0, "crop": "face", "statistics": ["mean"],
        "decoder": "PyAV 18.1.0", "versions": {"torch": "2.15.0"}, "device": "cpu", "clips": 3,
        "clips_sha256": "00", "missing": [{"clip": "a", "bytes": 1, "reason": "has no video"}],
    })
}

/// A place with data of which the encoder `clip` says how it was made, in the splits given.
fn extracted(train: &str, test: Option<&str>) -> Place {
    let place = Place::with_data(&[]);
    let file = |split: &str| place.path("data/features").join(split).join("clip.npz");
    say_how_made(&file("train"), &made(train));
    if let Some(layer) = test {
        say_how_made(&file("test"), &made(layer));
    }
    place
}

const QUICK: [&str; 4] = ["--set", "train.max_epochs=1", "--fold", "0"];

#[test]
fn inspect_shows_how_features_were_made() {
    let place = extracted("class token", Some("class token"));
    let text = place.ok(&["inspect", "data"]);
    let line = "clip: openai/clip at 0123456789ab, class token, 5.0 pictures a second, faces only, PyAV 18.1.0";
    assert!(text.contains("made by blendfuse extract from:"), "{text}");
    assert!(text.contains(line), "{text}");
    let told = place.json(&["inspect", "data"]);
    let of_clip = told["encoders"].as_array().unwrap().iter();
    let with: Vec<_> = of_clip.filter(|e| e.get("provenance").is_some()).collect();
    assert_eq!(with.len(), 1);
    assert_eq!(with[0]["provenance"]["encoder"], "clip");
}

#[test]
fn splits_made_otherwise_are_refused_by_name() {
    let place = extracted("class token", Some("hidden layer 3"));
    let told = place.refused(&["train", "data", "--out", "run"]);
    assert!(told.contains("features/test/clip.npz"), "{told}");
    assert!(
        told.contains(r#"(layer "hidden layer 3", not "class token")"#),
        "{told}"
    );
    let ran = place.run(&["inspect", "data"]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stdout
            .contains("encoder clip: its test features were made otherwise"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_run_keeps_the_provenance_and_predict_compares_it() {
    let place = extracted("class token", None);
    place.ok(&[&["train", "data", "--out", "run"], &QUICK[..]].concat());
    let manifest = fs::read_to_string(place.path("run/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let kept = &manifest["provenance"]["clip"];
    assert_eq!(kept["layer"], "class token");
    assert_eq!(kept["versions"]["torch"], "2.15.0");
    assert_eq!(kept.get("missing"), None);
    // Features that do not say how they were made are taken.
    place.ok(&["predict", "run", "data", "--out", "a.json"]);
    say_how_made(
        &place.path("data/features/test/clip.npz"),
        &made("hidden layer 3"),
    );
    let told = place.refused(&["predict", "run", "data", "--out", "b.json"]);
    assert!(
        told.contains("was made otherwise than the features that the model was trained on"),
        "{told}"
    );
    assert!(told.contains(r#"layer "hidden layer 3""#), "{told}");
    assert!(!place.path("b.json").exists());
    place.ok(&[
        "predict", "run", "data", "--drop", "clip", "--out", "c.json",
    ]);
}

#[test]
fn a_run_on_other_features_has_no_provenance() {
    let place = Place::with_data(&[]);
    place.ok(&[&["train", "data", "--out", "run"], &QUICK[..]].concat());
    let manifest = fs::read_to_string(place.path("run/manifest.json")).unwrap();
    assert!(!manifest.contains("provenance"));
    let inspected = place.ok(&["inspect", "data"]);
    assert!(!inspected.contains("made by blendfuse extract"));
}

#[cfg(unix)]
mod hand_over {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use crate::command::{Place, Ran};

    /// A stand-in for Python in `bin/python3`: it has the package if `has` is 0, and prints its arguments.
    fn with_python(has: u8) -> Place {
        let place = Place::new();
        fs::create_dir(place.path("bin")).unwrap();
        let script =
            format!("#!/bin/sh\n[ \"$1\" = -c ] && exit {has}\nprintf '%s|' \"$@\"\nexit 7\n");
        let python = place.path("bin/python3");
        fs::write(&python, script).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn extract(place: &Place, args: &[&str]) -> Ran {
        let mut command = place.command(&[&["extract"], args].concat());
        command
            .env("PATH", place.path("bin"))
            .env_remove("VIRTUAL_ENV")
            .env_remove("BLENDFUSE_PYTHON");
        Ran::of(command.output().unwrap())
    }

    #[test]
    fn arguments_and_exit_code_are_passed_on() {
        let place = with_python(0);
        let args = ["my clips", "--out", "DATA", "--encoders", "light", "--json"];
        let ran = extract(&place, &args);
        assert_eq!(
            ran.stdout,
            "-m|blendfuse.extract|my clips|--out|DATA|--encoders|light|--json|"
        );
        assert_eq!((ran.code, ran.stderr.as_str()), (7, ""));
        let listed = extract(&place, &["--list"]);
        assert_eq!(listed.stdout, "-m|blendfuse.extract|--list|");
        let help = extract(&place, &["--", "--help"]);
        assert!(help.stdout.ends_with("--help|"), "{}", help.stdout);
    }

    #[test]
    fn a_python_without_the_package_is_told_what_to_install() {
        let place = with_python(1);
        let ran = extract(&place, &["clips", "--out", "DATA", "--encoders", "light"]);
        assert_eq!(ran.code, 2);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("pip install 'blendfuse[extract]'"),
            "{}",
            ran.stderr
        );
    }
}
