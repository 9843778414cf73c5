//! Tests of reading and writing prediction files.

use super::*;

fn write_text(name: &str, text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    (folder, path)
}

fn read(text: &str) -> Result<Predictions> {
    let (_folder, path) = write_text("p.json", text);
    Predictions::read(&path, &Classes::challenge())
}

fn example() -> Predictions {
    let part = |class, salience| Part { class, salience };
    Predictions {
        clips: vec![
            ("test_0002.mov".into(), Blend::single(4)),
            (
                "test_0001.mov".into(),
                Blend::new(vec![part(0, 70.0), part(1, 30.0)]),
            ),
        ],
    }
}

#[test]
fn writes_the_form_of_the_template_in_the_order_given() {
    let expected = r#"{
    "predictions": {
        "test_0002.mov": [
            {
                "emotion": "sad",
                "salience": 100.0
            }
        ],
        "test_0001.mov": [
            {
                "emotion": "ang",
                "salience": 70.0
            },
            {
                "emotion": "disg",
                "salience": 30.0
            }
        ]
    }
}
"#;
    let json = example().to_json(&Classes::challenge()).unwrap();
    assert_eq!(String::from_utf8(json).unwrap(), expected);
}

#[test]
fn round_trips_as_json_and_as_zip_with_the_same_bytes_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let classes = Classes::challenge();
    for name in ["best.json", "best.zip", "BEST.ZIP"] {
        let path = folder.path().join(name);
        example().write(&path, &classes).unwrap();
        let first = fs::read(&path).unwrap();
        example().write(&path, &classes).unwrap();
        assert_eq!(first, fs::read(&path).unwrap());
        assert_eq!(Predictions::read(&path, &classes).unwrap(), example());
    }
    let zip = fs::read(folder.path().join("best.zip")).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
    assert_eq!(archive.len(), 1);
    let member = archive.by_index(0).unwrap();
    assert_eq!(member.name().unwrap(), "best.json");
    assert_eq!(member.compression(), zip::CompressionMethod::Deflated);
}

#[test]
fn reads_the_bare_mapping_and_saliences_of_every_kind() {
    let bare = r#"{"b": [{"emotion": "disg", "salience": 30}, {"salience": "70.5", "emotion": "ang"}],
                   "a": [{"emotion": "neu"}]}"#;
    let wrapped = format!(r#"{{"team": "x", "predictions": {bare}}}"#);
    for text in [bare.to_owned(), wrapped, format!("\u{feff}{bare}")] {
        let clips = read(&text).unwrap().clips;
        assert_eq!((clips[0].0.as_str(), clips[1].0.as_str()), ("b", "a"));
        let parts = clips[0].1.parts();
        assert_eq!((parts[0].class, parts[0].salience), (0, 70.5));
        assert_eq!((parts[1].class, parts[1].salience), (1, 30.0));
        assert_eq!(clips[1].1, Blend::single(5));
    }
    assert!(read("{}").unwrap().clips.is_empty());
}

#[test]
fn names_file_and_clip_and_what_is_wrong() {
    for (text, reason) in [
        (
            r#"{"c": [{"emotion": "joy", "salience": 100}]}"#,
            "unknown emotion `joy` (known: ang, ",
        ),
        (r#"{"c": [{"salience": 100}]}"#, "lacks the key `emotion`"),
        (
            r#"{"c": [{"emotion": 3, "salience": 100}]}"#,
            "`emotion` is a number",
        ),
        (
            r#"{"c": [{"emotion": "ang"}, {"emotion": "sad"}]}"#,
            "lacks the key `salience`",
        ),
        (
            r#"{"c": [{"emotion": "ang", "salience": null}]}"#,
            "salience is null",
        ),
        (
            r#"{"c": [{"emotion": "ang", "salience": "much"}]}"#,
            "`much` is not a number",
        ),
        (
            r#"{"c": [{"emotion": "ang", "salience": "NaN"}]}"#,
            "salience NaN is not",
        ),
        (
            r#"{"c": [{"emotion": "ang", "salience": -1}]}"#,
            "salience -1 is not",
        ),
        (
            r#"{"c": [{"emotion": "ang", "salience": 50}, {"emotion": "ang", "salience": 50}]}"#,
            "names `ang` twice",
        ),
        (
            r#"{"c": [{"emotion": "ang", "emotion": "sad", "salience": 50}]}"#,
            "`emotion` twice",
        ),
        (r#"{"c": []}"#, "names no emotion"),
        (
            r#"{"c": "ang"}"#,
            "expected a list of emotions, found a text",
        ),
        (
            r#"{"c": ["ang"]}"#,
            "expected `emotion` and `salience`, found a text",
        ),
        (
            r#"{"c": [{"emotion": "ang", "salience": 100}], "c": [{"emotion": "sad", "salience": 100}]}"#,
            "is listed twice",
        ),
    ] {
        for text in [text.to_owned(), format!(r#"{{"predictions": {text}}}"#)] {
            let error = read(&text).unwrap_err().to_string();
            assert!(error.contains("p.json, key c: "), "{error}");
            assert!(error.contains(reason), "{error}");
            assert!(!error.contains('\n'));
        }
    }
}

#[test]
fn other_files_are_refused_in_one_line() {
    for (text, reason) in [
        ("", "EOF"),
        ("{\"a\": [", "line 1 column"),
        ("[]", "expected a mapping of clips, found a list"),
        (
            r#"{"predictions": []}"#,
            "`predictions`: expected a mapping",
        ),
        (
            r#"{"predictions": {}, "x": 1, "predictions": {"c": []}}"#,
            "has the key `predictions` twice; keep one",
        ),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert!(error.is_input());
    }
    let (_folder, path) = write_text("p.zip", "no zip");
    let error = Predictions::read(&path, &Classes::challenge()).unwrap_err();
    assert!(error.to_string().contains("not a readable zip"), "{error}");
    let absent = Path::new("absent.json");
    let error = Predictions::read(absent, &Classes::challenge()).unwrap_err();
    assert!(matches!(error, Error::Read { .. }));
}

#[test]
fn refuses_to_write_what_no_reader_takes() {
    let classes = Classes::challenge();
    let mut doubled = example();
    doubled.clips.push(doubled.clips[0].clone());
    let with = |blend| Predictions {
        clips: vec![("clip".into(), blend)],
    };
    let nan = Part {
        class: 0,
        salience: f64::NAN,
    };
    for (bad, name) in [
        (doubled, "test_0002.mov"),
        (with(Blend::single(6)), "clip"),
        (with(Blend::new(vec![])), "clip"),
        (with(Blend::new(vec![nan])), "clip"),
    ] {
        let error = bad.to_json(&classes).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}
