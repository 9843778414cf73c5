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

mod by_other_commands {
    use std::fs;
    use std::path::Path;

    use blendfuse::testing::formats::npz::Npz;

    use super::{QUICK, made, say_how_made};
    use crate::command::Place;
    use crate::frames::npy;

    /// Names of the clips of a split of `data`.
    fn clips(place: &Place, split: &str) -> Vec<String> {
        let table = place.path("data").join(format!("{split}_metadata.csv"));
        let text = fs::read_to_string(table).unwrap();
        let names = text.lines().skip(1).map(|line| line.split(',').next());
        names.map(|name| name.unwrap().to_owned()).collect()
    }

    /// A place with data and, in `faces`, the same output of OpenFace 2 for every clip.
    fn with_faces() -> Place {
        let place = Place::with_data(&[]);
        fs::create_dir(place.path("faces")).unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/openface/openface2.csv");
        for clip in [clips(&place, "train"), clips(&place, "test")].concat() {
            fs::copy(
                &fixture,
                place.path("faces").join(clip).with_extension("csv"),
            )
            .unwrap();
        }
        place
    }

    fn openface(place: &Place, split_by: &str, flags: &[&str]) {
        let args = ["openface", "faces", "--out", "data/features/openface2.npz"];
        place.ok(&[&args[..], &["--split-by", split_by, "--force"], flags].concat());
    }

    #[test]
    fn faces_say_with_which_options_they_were_read() {
        let place = with_faces();
        openface(&place, "data", &["--groups", "au,pose", "--interpolate"]);
        let mut file = Npz::open(&place.path("data/features/train/openface2.npz")).unwrap();
        assert_eq!(file.arrays(), ["X", "filenames", "provenance"]);
        let told: serde_json::Value =
            serde_json::from_str(&file.names("provenance").unwrap()[0]).unwrap();
        assert_eq!(
            told,
            serde_json::json!({
                "program": "blendfuse openface", "source": "openface2", "groups": "au,pose",
                "min_confidence": null, "interpolate": true,
                "statistics": ["mean", "std", "p10", "p25", "p50", "p75", "p90"],
                "versions": {"blendfuse": env!("CARGO_PKG_VERSION")},
            })
        );
        let text = place.ok(&["inspect", "data"]);
        let line = "made from the output of other programs by:\n  openface2: blendfuse openface, groups au,pose, \
                    interpolate, source openface2, statistics mean std p10 p25 p50 p75 p90\n";
        assert!(text.contains(line), "{text}");
        assert!(!text.contains("made by blendfuse extract"), "{text}");
    }

    #[test]
    fn splits_that_were_read_otherwise_are_refused_by_name() {
        let place = with_faces();
        openface(&place, "data", &["--groups", "challenge"]);
        place.ok(&[&["train", "data", "--out", "run"], &QUICK[..]].concat());
        let names = clips(&place, "test");
        let rows: String = names.iter().map(|name| format!("{name},test\n")).collect();
        fs::write(place.path("test.csv"), format!("filename,split\n{rows}")).unwrap();
        let flags = ["--groups", "challenge", "--min-confidence", "0.5"];
        openface(&place, "test.csv", &flags);
        let told = place.refused(&["train", "data", "--out", "other"]);
        assert!(
            told.contains("features/test/openface2.npz, array provenance: was made otherwise than"),
            "{told}"
        );
        assert!(told.contains("(min_confidence 0.5, not null)"), "{told}");
        let told = place.refused(&["predict", "run", "data", "--out", "p.json"]);
        assert!(told.contains("(min_confidence 0.5, not null)"), "{told}");
        // The same from clips would be made otherwise, too.
        fs::create_dir(place.path("clips")).unwrap();
        fs::write(place.path("clips/a.mov"), "a clip").unwrap();
        let told = place.refused(&["predict", "run", "clips", "--out", "p.json"]);
        assert!(
            told.contains(
                "features of clips cannot be made for openface2, because `blendfuse openface` made"
            ),
            "{told}"
        );
    }

    #[test]
    fn vectors_and_clips_are_not_mixed() {
        let place = Place::with_data(&[]);
        let table = |split: &str| {
            let rows = clips(&place, split).into_iter().enumerate();
            let rows: String = rows.map(|(n, clip)| format!("{clip},{n},1.5\n")).collect();
            format!("filename,a,b\n{rows}")
        };
        fs::write(place.path("train.csv"), table("train")).unwrap();
        fs::write(place.path("test.csv"), table("test")).unwrap();
        for split in ["train", "test"] {
            let (from, to) = (
                format!("{split}.csv"),
                format!("data/features/{split}/v.npz"),
            );
            place.ok(&["vectors", &from, "--out", &to]);
        }
        let text = place.ok(&["inspect", "data"]);
        assert!(text.contains("  v: blendfuse vectors\n"), "{text}");
        place.ok(&[&["train", "data", "--out", "run"], &QUICK[..]].concat());
        // The test split as `extract` would have made it.
        fs::create_dir(place.path("frames")).unwrap();
        for clip in clips(&place, "test") {
            let path = place.path("frames").join(clip).with_extension("npy");
            npy(&path, &[1, 2], &[1.0, 1.5]);
        }
        let out = "data/features/test/v.npz";
        place.ok(&[
            "aggregate",
            "frames",
            "--stats",
            "mean",
            "--out",
            out,
            "--force",
        ]);
        say_how_made(&place.path(out), &made("class token"));
        let told = place.refused(&["train", "data", "--out", "other"]);
        assert!(
            told.contains("features/test/v.npz, array provenance"),
            "{told}"
        );
        assert!(told.contains("was made otherwise than"), "{told}");
    }

    #[test]
    fn frames_are_not_added_to_what_another_command_made() {
        let place = Place::with_data(&[]);
        let out = "data/features/train/clip.npz";
        say_how_made(&place.path(out), &made("class token"));
        let before = fs::read(place.path(out)).unwrap();
        place.ok(&[
            "synth", "--out", "more", "--preset", "tiny", "--frames", "3", "--seed", "4",
        ]);
        let told = place.refused(&["aggregate", "more/frames/clip", "--out", out, "--append"]);
        assert!(
            told.contains("clip.npz, array provenance: says that `blendfuse extract` made it"),
            "{told}"
        );
        assert_eq!(fs::read(place.path(out)).unwrap(), before);
    }
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

#[cfg(unix)]
mod new_clips {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::{QUICK, made, say_how_made};
    use crate::command::{Place, Ran};

    /// A run on features of which all say how they were made, two clips, and a stand-in for Python in
    /// `bin/python3`: it notes its arguments in `asked` and copies the features of `data`, or does `what`.
    fn place(what: &str) -> Place {
        let place = Place::with_data(&[]);
        for split in ["train", "test"] {
            let folder = place.path("data/features").join(split);
            for file in fs::read_dir(folder).unwrap() {
                say_how_made(&file.unwrap().path(), &made("class token"));
            }
        }
        place.ok(&[&["train", "data", "--out", "run"], &QUICK[..]].concat());
        fs::create_dir(place.path("clips")).unwrap();
        for name in ["a.mov", "b.MP4"] {
            fs::write(place.path("clips").join(name), "a clip").unwrap();
        }
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = -c ] && exit 0\nprintf '%s|' \"$@\" > asked\n{what}\n\
             while [ $# -gt 1 ]; do shift; done\n/bin/mkdir -p \"$1/features\"\n\
             /bin/cp -r data/features/test \"$1/features/test\"\n/bin/cp data/test_metadata.csv \"$1\"\n\
             echo '{{\"written\": {{}}, \"unfinished\": {{}}}}'\n"
        );
        fs::create_dir(place.path("bin")).unwrap();
        let python = place.path("bin/python3");
        fs::write(&python, script).unwrap();
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        place
    }

    fn predict(place: &Place, args: &[&str]) -> Ran {
        let mut command = place.command(&[&["predict", "run"], args].concat());
        command
            .env("PATH", place.path("bin"))
            .env_remove("VIRTUAL_ENV")
            .env_remove("BLENDFUSE_PYTHON");
        Ran::of(command.output().unwrap())
    }

    #[track_caller]
    fn refused(place: &Place, args: &[&str]) -> String {
        let ran = predict(place, args);
        assert_eq!(ran.code, 2, "{}", ran.stdout);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        ran.stderr
    }

    #[test]
    fn clips_are_predicted_from_features_that_are_made_like_the_runs() {
        let place = place("");
        place.ok(&["predict", "run", "data", "--out", "expected.json"]);
        let ran = predict(&place, &["clips", "--out", "a.json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let read = |name: &str| fs::read(place.path(name)).unwrap();
        assert_eq!(read("a.json"), read("expected.json"));
        assert!(!place.path(".a.json.features").exists());
        let asked = fs::read_to_string(place.path("asked")).unwrap();
        assert!(
            asked.starts_with("-m|blendfuse.extract|clips|--like|run|--encoders|"),
            "{asked}"
        );
        assert!(
            asked.ends_with("|--test|--json|--out|.a.json.features|"),
            "{asked}"
        );

        let more = [
            "--probs",
            "b.csv",
            "--keep-features",
            "new",
            "--drop",
            "clip",
            "--quiet",
        ];
        let ran = predict(
            &place,
            &[&["clips/a.mov"], &more[..], &["--", "--device", "cuda"]].concat(),
        );
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let asked = fs::read_to_string(place.path("asked")).unwrap();
        assert!(
            asked.starts_with("-m|blendfuse.extract|clips/a.mov|--device|cuda|--like|"),
            "{asked}"
        );
        assert!(
            asked.ends_with("|--test|--json|--quiet|--out|new|") && !asked.contains("clip,"),
            "{asked}"
        );
        assert!(place.path("new/test_metadata.csv").exists());
    }

    #[test]
    fn an_encoder_that_no_clip_has_is_missing() {
        let place = place("");
        fs::remove_file(place.path("data/features/test/clip.npz")).unwrap();
        let ran = predict(&place, &["clips", "--explain", "why.csv"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("note: no clip has features of clip"),
            "{}",
            ran.stderr
        );
        let why = fs::read_to_string(place.path("why.csv")).unwrap();
        let of_clip: Vec<&str> = why.lines().filter(|line| line.contains(",clip,")).collect();
        assert!(!of_clip.is_empty() && of_clip.iter().all(|line| line.contains(",missing,")));
    }

    #[test]
    fn what_python_refuses_ends_the_command_with_its_code() {
        let place = place("echo 'error: clip: cannot be made alike' >&2; exit 2");
        let told = refused(&place, &["clips", "--out", "a.json"]);
        assert_eq!(told, "error: clip: cannot be made alike\n");
        assert!(!place.path("a.json").exists());
    }

    #[test]
    fn rows_of_an_extraction_that_failed_are_kept_for_the_next_time() {
        let place = place("/bin/mkdir .a.json.features; echo 'error: a.mov: damaged' >&2; exit 2");
        let ran = predict(&place, &["clips", "--out", "a.json"]);
        assert_eq!(ran.code, 2);
        let note = "note: .a.json.features has what was made; the same command goes on from there";
        assert!(ran.stderr.contains(note), "{}", ran.stderr);
        assert!(place.path(".a.json.features").exists());
    }

    #[test]
    fn what_cannot_be_predicted_from_clips_is_one_line() {
        let place = place("echo listed; exit 0");
        let of_clips = ["clips", "--out", "a.json"];
        for (more, message) in [
            (
                &["--split", "train"][..],
                "new clips are predicted as test clips",
            ),
            (&["--held-out"], "new clips are predicted as test clips"),
            (&["--", "--list"], "leave out the flags after --"),
        ] {
            let told = refused(&place, &[&of_clips[..], more].concat());
            assert!(told.contains(message), "{told}");
        }
        for more in [&["--keep-features", "new"][..], &["--", "--offline"]] {
            let told = refused(&place, &[&["data", "--out", "a.json"], more].concat());
            assert!(
                told.contains("only with clips, of which features are made; data has features")
            );
        }
        fs::write(place.path("bin/python3"), "#!/bin/sh\nexit 1\n").unwrap();
        let told = refused(&place, &of_clips);
        assert!(
            told.contains("predicting clips needs the Python package: pip install"),
            "{told}"
        );
    }

    #[test]
    fn a_run_on_features_of_unknown_making_is_told_to_be_one() {
        let place = Place::with_data(&[]);
        place.ok(&[&["train", "data", "--out", "run"], &QUICK[..]].concat());
        fs::create_dir(place.path("clips")).unwrap();
        fs::write(place.path("clips/a.wav"), "a clip").unwrap();
        let told = place.refused(&["predict", "run", "clips", "--out", "a.json"]);
        assert!(
            told.contains("it does not say how those that it was trained on were made"),
            "{told}"
        );
    }
}
