//! Inputs and options of `aggregate`: splits, patterns, archives, statistics.
#![expect(clippy::print_stdout, reason = "says what was skipped")]

use std::fs;
use std::path::{Path, PathBuf};

use blendfuse::data::features::Features;
use blendfuse::testing::formats::npz::Npz;
use serde_json::Value;

use crate::command::Place;
use crate::frames::{assert_rows, folder, frames, npy, read};

#[test]
fn training_and_test_splits_are_written_at_once() {
    let place = Place::new();
    folder(&place, "frames", 0..10);
    fs::create_dir_all(place.path("data/features")).unwrap();
    let table = |name: &str, text: &str| fs::write(place.path(name), text).unwrap();
    table(
        "data/train_metadata.csv",
        "filename,fold\nclip_001.mov,0\nclip_004.mov,1\nno,1\n",
    );
    table("data/test_metadata.csv", "filename\nclip_003.mov\n");
    table(
        "one.csv",
        "filename,split\nclip_001,train\nclip_003,Test\nclip_004,train\n",
    );
    for (out, by) in [("data/features/x.npz", "data"), ("y.npz", "one.csv")] {
        let ran = place.run(&["aggregate", "frames", "--out", out, "--split-by", by]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("left out 7 clips with frames"),
            "{}",
            ran.stderr
        );
        assert_eq!(
            ran.stderr.contains("1 clip of data without frames"),
            by == "data"
        );
        let file = |part: &str| {
            let out = place.path(out);
            out.with_file_name(part).join(out.file_name().unwrap())
        };
        assert_rows(&file("train"), &[1, 4]);
        assert_rows(&file("test"), &[3]);
        assert!(!place.path(out).exists());
    }
    table("bad.csv", "filename,split\nclip_001,val\n");
    let args = ["aggregate", "frames", "--out", "z.npz", "--split-by"];
    let error = place.refused(&[&args[..], &["bad.csv"]].concat());
    assert!(error.contains("line 2, column split: \"val\""), "{error}");
    table(
        "twice.csv",
        "filename,split\nclip_001,train\nclip_001.mov,test\n",
    );
    let error = place.refused(&[&args[..], &["twice.csv"]].concat());
    assert!(error.contains("listed twice"), "{error}");
    table("other.csv", "filename,split\nclip_x,train\n");
    let error = place.refused(&[&args[..], &["other.csv"]].concat());
    assert!(error.contains("lists none of the 10 clips"), "{error}");
}

#[test]
fn both_splits_are_appended_to_each_with_its_list_of_skipped_clips() {
    let place = Place::new();
    folder(&place, "frames", 0..4);
    let table = "filename,split\nclip_000,train\nclip_001,train\nclip_002,test\nclip_003,test\n";
    fs::write(place.path("all.csv"), table).unwrap();
    let some: Vec<&str> = table.lines().take(2).collect();
    fs::write(place.path("some.csv"), some.join("\n")).unwrap();
    let args = [
        "aggregate",
        "frames",
        "--out",
        "x.npz",
        "--append",
        "--skip-bad",
        "--split-by",
    ];
    place.ok(&[&args[..], &["some.csv", "--dtype", "f16"]].concat());
    assert!(!place.path("test").exists());
    npy(&place.path("frames/clip_003.npy"), &[0, 3], &[]);
    let found = place.json(&[&args[..], &["all.csv"]].concat());
    assert_eq!(found["clips"], 3);
    for (part, clips, new, skipped) in [("train", 2, 1, 0), ("test", 1, 1, 1)] {
        let written = found["written"].as_array().unwrap().iter();
        let path = format!("{part}/x.npz");
        let [written] = written.filter(|w| w["path"] == path).collect::<Vec<_>>()[..] else {
            panic!("{found}");
        };
        assert_eq!(
            (&written["clips"], &written["new_clips"]),
            (&clips.into(), &new.into())
        );
        // The new split has the precision of the existing one.
        let features = Features::open(&place.path(&path)).unwrap();
        assert_eq!(features.type_name(), "f2");
        let list = fs::read_to_string(place.path(part).join("x.skipped.json")).unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list["skipped"].as_array().unwrap().len(), skipped, "{part}");
    }
}

#[test]
fn patterns_and_folders_choose_and_name_clips() {
    let place = Place::new();
    folder(&place, "frames/a", [1]);
    folder(&place, "frames/b", [1, 2]);
    folder(&place, "frames", [3]);
    fs::write(place.path("frames/.hidden.npy"), b"").unwrap();
    fs::write(place.path("frames/notes.txt"), b"").unwrap();
    let names = |args: &[&str]| {
        let base = ["aggregate", "frames", "--out", "x.npz", "--force"];
        place.ok(&[&base[..], args].concat());
        read(&place.path("x.npz")).0
    };
    assert_eq!(names(&[]), ["clip_003"]);
    let all = ["a/clip_001", "b/clip_001", "b/clip_002", "clip_003"];
    assert_eq!(names(&["--recursive", "--names", "path"]), all);
    assert_eq!(
        names(&["--recursive", "--pattern", "*_00[23].npy"]),
        ["clip_002", "clip_003"]
    );
    assert_eq!(names(&["--pattern", "*_003.npy"]), ["clip"]);
    let args = ["aggregate", "frames", "--out", "y.npz", "--recursive"];
    let error = place.refused(&args);
    assert!(
        error.contains("both belong to clip \"clip_001\""),
        "{error}"
    );
    let error = place.refused(&["aggregate", "frames", "--out", "y.npz", "--pattern", "x*"]);
    assert!(
        error.contains("2 folders; --recursive searches subfolders"),
        "{error}"
    );
}

#[test]
fn arrays_of_archives_are_clips() {
    let place = Place::new();
    let npz = |name: &str, arrays: &[(&str, usize)]| {
        let mut zip = zip::ZipWriter::new(fs::File::create(place.path(name)).unwrap());
        for (array, clip) in arrays {
            let (member, values) = (place.path("member.npy"), frames(*clip));
            npy(&member, &[values.len() / 3, 3], &values);
            let options = zip::write::SimpleFileOptions::default();
            zip.start_file(format!("{array}.npy"), options).unwrap();
            std::io::Write::write_all(&mut zip, &fs::read(&member).unwrap()).unwrap();
            fs::remove_file(member).unwrap();
        }
        zip.finish().unwrap();
    };
    npz("all.npz", &[("clip_002", 2), ("clip_001", 1)]);
    place.ok(&["aggregate", "all.npz", "--out", "x.npz"]);
    assert_rows(&place.path("x.npz"), &[1, 2]);
    // One array each: the file names the clip.
    fs::create_dir(place.path("each")).unwrap();
    npz("each/clip_004.npz", &[("X", 4)]);
    npz("each/clip_005.npz", &[("X", 5)]);
    place.ok(&["aggregate", "each", "--out", "y.npz"]);
    assert_rows(&place.path("y.npz"), &[4, 5]);
    // Several arrays in each: one must be selected.
    fs::create_dir(place.path("more")).unwrap();
    npz("more/clip_006.npz", &[("X", 6), ("times", 0)]);
    npz("more/clip_007.npz", &[("times", 0), ("X", 7)]);
    let args = ["aggregate", "more", "--out", "z.npz"];
    assert!(place.refused(&args).contains("--array"));
    place.ok(&[&args[..], &["--array", "X"]].concat());
    assert_rows(&place.path("z.npz"), &[6, 7]);
}

#[test]
fn statistics_and_precision_are_a_choice() {
    let place = Place::new();
    folder(&place, "frames", [1, 2]);
    let args = [
        "aggregate",
        "frames",
        "--stats",
        "max,p50,min",
        "--dtype",
        "f16",
    ];
    place.ok(&[&args[..], &["--out", "x.npz"]].concat());
    let features = Features::open(&place.path("x.npz")).unwrap();
    assert_eq!((features.type_name(), features.cols()), ("f2", 9));
    let mut npz = Npz::open(&place.path("x.npz")).unwrap();
    assert_eq!(npz.names("statistics").unwrap(), ["max", "p50", "min"]);
    let clip = frames(2);
    let largest = clip
        .iter()
        .step_by(3)
        .fold(f32::MIN, |most, x| most.max(*x));
    let mut row = [0.0; 9];
    features.source().read(1, 0, &mut row);
    assert_eq!(row[0], half::f16::from_f32(largest).to_f32());
    npy(
        &place.path("frames/clip_003.npy"),
        &[1, 3],
        &[0.0, 70_000.0, 0.0],
    );
    let ran = place.run(&[&args[..], &["--out", "y.npz"]].concat());
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("column 1 (from 0) has a statistic beyond 65504")
    );
    // An infinity that is visible in no statistic.
    let values = [1.0, 2.0, f32::INFINITY].map(|x| [x, 0.0, 0.0]).concat();
    npy(&place.path("frames/clip_003.npy"), &[3, 3], &values);
    let ran = place.run(&["aggregate", "frames", "--out", "y.npz", "--stats", "p50"]);
    assert!(
        ran.stderr
            .contains("frame 2, column 0 (both from 0) is infinite"),
        "{}",
        ran.stderr
    );
    let ran = place.run(&[
        "aggregate",
        "frames",
        "--out",
        "y.npz",
        "--stats",
        "variance",
    ]);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr.contains("\"variance\" is unknown"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_benchmark_of_aggregation_reports_clips_a_second() {
    let place = Place::new();
    let size = ["--frames", "5", "--columns", "7", "--rounds", "1"];
    let found = place.json(&[&["bench", "--aggregate", "3"], &size[..]].concat());
    assert_eq!((&found["clips"], &found["columns"]), (&3.into(), &7.into()));
    assert!(found["clips_per_second"].as_f64() > Some(0.0));
    let ran = place.run(&["bench", "--frames", "5"]);
    assert_eq!(ran.code, 2);
}

#[test]
fn files_of_the_user_are_not_replaced_unasked() {
    let place = Place::new();
    folder(&place, "frames", [1]);
    fs::write(place.path("x.npz"), b"mine").unwrap();
    let error = place.refused(&["aggregate", "frames", "--out", "x.npz"]);
    assert!(error.contains("already exists"), "{error}");
    let error = place.refused(&["aggregate", "frames", "--out", "x.npz", "--append"]);
    assert!(
        error.contains("x.npz: is not an intact .npz archive"),
        "{error}"
    );
    assert_eq!(fs::read(place.path("x.npz")).unwrap(), b"mine");
    let error = place.refused(&["aggregate", "frames", "--out", "no/x.npz"]);
    assert!(error.contains("no such folder: no"), "{error}");
    let error = place.refused(&["aggregate", "none", "--out", "y.npz"]);
    assert!(error.contains("none: expected a folder"), "{error}");
}

#[test]
fn an_output_among_the_frames_is_not_a_clip() {
    let place = Place::new();
    folder(&place, "frames", [1, 2]);
    let args = ["aggregate", "frames", "--out", "frames/x.npz", "--append"];
    place.ok(&args);
    folder(&place, "frames", [3]);
    place.ok(&args);
    assert_rows(&place.path("frames/x.npz"), &[1, 2, 3]);
    // A folder and a dangling link are not clips.
    fs::create_dir(place.path("frames/clip_004.npy")).unwrap();
    #[cfg(unix)]
    {
        let link = place.path("frames/clip_005.npy");
        std::os::unix::fs::symlink("nowhere", link).unwrap();
        let ran = place.run(&args);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("clip_005.npy: cannot be read"),
            "{}",
            ran.stderr
        );
    }
}

/// The `.npy` files of a shared collection, and whether each is to be read; frames of them with
/// two axes or one of length 1 more.
fn collection(name: &str, manifest: &str) -> Option<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    let Ok(text) = fs::read_to_string(folder.join(manifest)) else {
        println!("skipped: no {}", folder.display());
        return None;
    };
    Some((folder, serde_json::from_str(&text).unwrap()))
}

#[test]
fn shared_frames_are_read_and_damaged_ones_listed() {
    let place = Place::new();
    if let Some((folder, _)) = collection("npy_variants", "manifest.json") {
        for name in ["frames_1td.npy", "frames_f16.npy", "frames_int.npy"] {
            fs::create_dir(place.path("one")).unwrap();
            fs::copy(folder.join(name), place.path("one").join(name)).unwrap();
            place.ok(&["aggregate", "one", "--out", "one.npz", "--force"]);
            assert_eq!(read(&place.path("one.npz")).1[0].len(), 42, "{name}");
            fs::remove_dir_all(place.path("one")).unwrap();
        }
    }
    let Some((folder, manifest)) = collection("npy_variants_more", "manifest_dev.json") else {
        return;
    };
    let (mut read_right, mut refused) = (0, 0);
    for entry in manifest["files"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        if !name.ends_with(".npy") {
            continue;
        }
        fs::create_dir(place.path("one")).unwrap();
        fs::copy(folder.join(name), place.path("one").join(name)).unwrap();
        let ran = place.run(&[
            "aggregate",
            "one",
            "--out",
            "one.npz",
            "--force",
            "--stats",
            "max",
        ]);
        fs::remove_dir_all(place.path("one")).unwrap();
        let shape = entry["shape"].as_array().map_or(0, Vec::len);
        let values = entry["values_c_order"].as_array();
        let values = values.and_then(|v| v.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>());
        match (entry["verdict"].as_str().unwrap(), values) {
            ("refuse", _) => {
                assert_eq!(ran.code, 2, "{name}: {}", ran.stderr);
                assert_eq!(ran.stderr.lines().count(), 2, "{name}: {}", ran.stderr);
                assert!(ran.stderr.contains(name), "{name}: {}", ran.stderr);
                refused += 1;
            }
            ("valid", Some(values)) if shape == 2 && !values.is_empty() && ran.code == 0 => {
                let largest = read(&place.path("one.npz")).1[0].clone();
                let columns = largest.len();
                for (column, ours) in largest.into_iter().enumerate() {
                    let column = values.iter().skip(column).step_by(columns);
                    let most = column.fold(f64::MIN, |most, x| most.max(*x));
                    assert!(
                        (f64::from(ours) - most).abs() <= 1e-6 * most.abs(),
                        "{name}"
                    );
                }
                read_right += 1;
            }
            _ => println!(
                "{name}: {} {}",
                ran.code,
                ran.stderr.lines().next().unwrap_or("")
            ),
        }
    }
    assert!(read_right >= 10 && refused >= 20, "{read_right} {refused}");
    assert!(!Path::new("/tmp/npy_pwned").exists());
}
