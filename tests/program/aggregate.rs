//! `aggregate` from the command line: compared with NumPy, on damaged folders, and with `--append`.
#![expect(clippy::print_stdout, reason = "shows the worst error on request")]

use std::fs;
use std::io::Read;
use std::path::Path;

use blendfuse::testing::formats::npz::Npz;
use serde_json::Value;

use crate::command::Place;
use crate::frames::{assert_rows, folder, npy, read};

#[test]
fn equals_numpy_for_every_length_type_order_and_layout() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/aggregate.npz");
    let mut expected = Npz::open(&fixture).unwrap();
    let mut zip = zip::ZipArchive::new(fs::File::open(&fixture).unwrap()).unwrap();
    let cases = expected.arrays();
    let cases: Vec<&str> = cases
        .iter()
        .filter_map(|a| a.strip_prefix("frames."))
        .collect();
    assert_eq!(cases.len(), 19);
    let place = Place::new();
    let mut worst = 0.0_f64;
    for case in cases {
        fs::create_dir(place.path(case)).unwrap();
        let mut bytes = Vec::new();
        let mut member = zip.by_name(&format!("frames.{case}.npy")).unwrap();
        member.read_to_end(&mut bytes).unwrap();
        fs::write(place.path(case).join("clip.npy"), bytes).unwrap();
        let out = format!("{case}.npz");
        place.ok(&["aggregate", case, "--out", &out]);
        let (names, rows) = read(&place.path(&out));
        assert_eq!(names, ["clip"]);
        let numpy = expected.numbers(&format!("expected.{case}")).unwrap();
        let numpy = numpy.values.to_f64();
        assert_eq!(rows[0].len(), numpy.len(), "{case}");
        let largest = numpy.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for (at, (&ours, &numpy)) in rows[0].iter().zip(&numpy).enumerate() {
            // numpy finds 1e-17 for the deviation of a constant column, where ours is 0.
            let scale = numpy.abs().max(1e-9 * largest);
            let error = (f64::from(ours) - numpy).abs() / scale;
            assert!(error < 1e-6, "{case}, value {at}: {ours} for {numpy}");
            worst = worst.max(error);
        }
    }
    println!("worst relative error {worst:.1e}");
}

/// Two hundred clips of which six are damaged, each in its own way.
fn damaged(place: &Place) -> Vec<(usize, &'static str)> {
    folder(place, "frames", 0..200);
    let path = |clip: usize| place.path("frames").join(format!("clip_{clip:03}.npy"));
    let whole = fs::read(path(0)).unwrap();
    fs::write(path(0), &whole[..whole.len() - 1]).unwrap();
    npy(&path(40), &[2, 3], &[1.0, 2.0, f32::NAN, 4.0, 5.0, 6.0]);
    npy(&path(77), &[0, 3], &[]);
    npy(&path(78), &[3, 2], &[1.0; 6]);
    npy(&path(150), &[2, 2, 3], &[1.0; 12]);
    fs::write(path(199), b"no array at all").unwrap();
    vec![
        (0, "needs 24 bytes, the file has 23"),
        (40, "frame 0, column 2 (both from 0) is NaN"),
        (77, "contains no frames"),
        (
            78,
            "its frames have 2 columns; expected 3, as 194 of 195 clips have",
        ),
        (150, "has shape [2, 2, 3]; expected frames [T, d]"),
        (199, "not an npy array"),
    ]
}

#[test]
fn a_damaged_folder_is_refused_with_a_list_and_nothing_is_written() {
    let place = Place::new();
    let bad = damaged(&place);
    let ran = place.run(&["aggregate", "frames", "--out", "x.npz"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), bad.len() + 1, "{}", ran.stderr);
    for ((clip, reason), line) in bad.iter().zip(&lines) {
        assert!(line.contains(&format!("clip_{clip:03}.npy: ")), "{line}");
        assert!(line.contains(reason), "{line}");
    }
    assert!(lines[bad.len()].starts_with("error: 6 of 200 clips cannot be used"));
    let left = fs::read_dir(place.path("")).unwrap().count();
    assert_eq!(left, 1, "only the frames");
}

#[test]
fn bad_clips_are_skipped_when_asked_and_the_others_are_right() {
    let place = Place::new();
    let bad = damaged(&place);
    let args = ["aggregate", "frames", "--out", "x.npz", "--skip-bad"];
    let found = place.json(&args);
    assert_eq!(found["bad"].as_array().unwrap().len(), bad.len());
    assert_eq!(found["written"][0]["clips"], 194);
    let good: Vec<usize> = (0..200)
        .filter(|n| bad.iter().all(|(m, _)| n != m))
        .collect();
    assert_rows(&place.path("x.npz"), &good);
    let list = fs::read_to_string(place.path("x.skipped.json")).unwrap();
    let list: Value = serde_json::from_str(&list).unwrap();
    for ((clip, reason), listed) in bad.iter().zip(list["skipped"].as_array().unwrap()) {
        assert_eq!(listed["clip"], format!("clip_{clip:03}"));
        assert!(listed["reason"].as_str().unwrap().contains(reason));
    }
    // The same bytes with one thread.
    let one = [&args[..3], &["y.npz", "--skip-bad", "--threads", "1"]].concat();
    place.ok(&one);
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(bytes("x.npz") == bytes("y.npz"));
    assert!(bytes("x.skipped.json") == bytes("y.skipped.json"));
}

#[test]
fn a_folder_of_bad_clips_alone_is_an_error_even_if_they_may_be_skipped() {
    let place = Place::new();
    fs::create_dir(place.path("frames")).unwrap();
    npy(&place.path("frames/a.npy"), &[0, 3], &[]);
    let args = ["aggregate", "frames", "--out", "x.npz", "--skip-bad"];
    let error = place.refused(&args);
    assert!(error.contains("none of 1 clip"), "{error}");
    assert!(!place.path("x.npz").exists() && !place.path("x.skipped.json").exists());
}

#[test]
fn only_new_clips_are_read_and_the_old_rows_stay() {
    let place = Place::new();
    folder(&place, "frames", 5..10);
    let args = ["aggregate", "frames", "--out", "x.npz", "--append"];
    place.ok(&args);
    assert_rows(&place.path("x.npz"), &[5, 6, 7, 8, 9]);
    // An old clip that would now be refused is not looked at.
    fs::write(place.path("frames/clip_005.npy"), b"").unwrap();
    folder(&place, "frames", [2, 12]);
    let found = place.json(&args);
    assert_eq!(found["clips"], 2);
    assert_eq!(found["written"][0]["new_clips"], 2);
    let rows = [5, 6, 7, 8, 9, 2, 12];
    assert_rows(&place.path("x.npz"), &rows);
    // Nothing new: the file stays as it is.
    let bytes = fs::read(place.path("x.npz")).unwrap();
    assert_eq!(place.json(&args)["clips"], 0);
    assert!(bytes == fs::read(place.path("x.npz")).unwrap());
    // A new clip of another width is bad however many there are of it.
    for clip in 20..40 {
        let path = place.path("frames").join(format!("wide_{clip}.npy"));
        npy(&path, &[1, 4], &[0.0; 4]);
    }
    let ran = place.run(&args);
    assert_eq!(ran.code, 2);
    assert!(
        ran.stderr
            .contains("expected 3, as the file being appended to")
    );
    // So is another choice of statistics or precision.
    let error = place.refused(&[&args[..], &["--stats", "mean,std"]].concat());
    assert!(
        error.contains("was made with the statistics mean,std,p10"),
        "{error}"
    );
    let error = place.refused(&[&args[..], &["--dtype", "f16"]].concat());
    assert!(error.contains("leave out --dtype"), "{error}");
    assert!(bytes == fs::read(place.path("x.npz")).unwrap());
}
