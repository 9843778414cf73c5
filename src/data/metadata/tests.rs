//! Tests of `metadata.rs`.

use proptest::prelude::*;

use super::*;
use crate::data::fixture;

fn read(text: &[u8]) -> Result<Metadata> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.csv");
    std::fs::write(&path, text).unwrap();
    Metadata::read(&path, None)
}

fn refused(text: &str) -> String {
    let message = read(text.as_bytes()).unwrap_err().to_string();
    assert!(
        message.contains("m.csv") && !message.contains('\n'),
        "{message}"
    );
    message
}

#[test]
fn reads_the_challenges_form() {
    let metadata = read(fixture::TRAIN.as_bytes()).unwrap();
    assert_eq!(metadata.classes.names(), ["ang", "hap", "sad", "neu"]);
    let clip = &metadata.clips[1];
    assert_eq!(clip.filename, "A1_mix_hap_sad_70_30_ver1");
    assert_eq!(
        (clip.fold, clip.actor.as_deref(), clip.line),
        (Some(0), Some("A1"), 3)
    );
    assert_eq!(clip.target.as_deref(), Some(&[0.0, 0.7, 0.3, 0.0][..]));
    assert_eq!(blends(&metadata.clips), 2);
}

#[test]
fn takes_a_table_as_spreadsheets_leave_it() {
    let text = "\u{feff}\"filename\" , fold,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\r\n\
                    \" b.mov\",2.0,True,fea,disg,33.33,66.66\r\n\r\n\
                    a_1,,0.0, hap ,,100,\r\n";
    let metadata = read(text.as_bytes()).unwrap();
    assert_eq!(metadata.classes.names(), ["disg", "fea", "hap"]);
    let [b, a] = &metadata.clips[..] else {
        panic!("two clips")
    };
    assert_eq!(
        (b.filename.as_str(), b.fold, b.actor.as_deref()),
        ("b.mov", Some(2), None)
    );
    assert_eq!((a.fold, a.actor.as_deref(), a.line), (None, Some("a"), 4));
    let target = b.target.as_ref().unwrap();
    assert!(
        (target[0] - 2.0 / 3.0).abs() <= 1e-4 && (target.iter().sum::<f64>() - 1.0).abs() <= 1e-12
    );
}

#[test]
fn a_column_of_emotions_is_the_one_label_of_each_clip() {
    for name in ["emotion", "label"] {
        let text = format!("filename,{name},age\na,joy,30\nb,anger,41\nc,joy,\n");
        let metadata = read(text.as_bytes()).unwrap();
        assert_eq!(metadata.classes.names(), ["anger", "joy"]);
        let joy = metadata.clips[2].target.as_deref();
        assert_eq!(joy, Some(&[0.0, 1.0][..]));
    }
    // Numbers are the shares of a class of that name, and of two columns neither is meant.
    let shares = read(b"filename,label,other\na,0.5,0.5\nb,1,0\n").unwrap();
    assert_eq!(shares.classes.names(), ["label", "other"]);
    assert!(read(b"filename,emotion,label\na,joy,x\n").is_err());
    // A test table may have anything there: only the classes are labels.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test_metadata.csv");
    for (cells, labelled) in [("joy\nb,anger", 2), ("joy\nb,unknown", 0)] {
        std::fs::write(&path, format!("filename,label\na,{cells}\n")).unwrap();
        let classes = Classes::new(["anger", "joy"].map(String::from));
        let metadata = Metadata::read_against(&path, &classes).unwrap();
        let truths = metadata.clips.iter().filter(|clip| clip.truth.is_some());
        assert_eq!(truths.count(), labelled);
    }
}

#[test]
fn reads_one_column_per_class() {
    let text = "filename,actor,happy,sad,calm,split,fold\nx,7,0.5,0.25,0.25,train,1\ny,8,0.333333,0.333333,0.333333,,\n";
    let metadata = read(text.as_bytes()).unwrap();
    assert_eq!(metadata.classes.names(), ["happy", "sad", "calm"]);
    assert_eq!(metadata.clips[0].actor.as_deref(), Some("7"));
    assert_eq!(
        metadata.clips[0].target.as_deref(),
        Some(&[0.5, 0.25, 0.25][..])
    );
    let sum: f64 = metadata.clips[1].target.as_ref().unwrap().iter().sum();
    assert!((sum - 1.0).abs() <= 1e-12);
    let text = "filename,sad,ang\nx,1,0\ny,0,1\n";
    assert_eq!(
        read(text.as_bytes()).unwrap().classes.names(),
        ["ang", "sad"]
    );
    // A column that is 0 throughout is no class.
    let metadata = read(b"filename,sad,ang,joy\nx,1,0,0\ny,0,1,0.0\n").unwrap();
    assert_eq!(metadata.classes.names(), ["ang", "sad"]);
    assert_eq!(metadata.empty_classes, ["joy"]);
}

#[test]
fn classes_are_alphabetical_where_one_is_not_the_challenges() {
    let text = "filename,mix,emotion_1\na,0,zeal\nb,0,ang\n";
    assert_eq!(
        read(text.as_bytes()).unwrap().classes.names(),
        ["ang", "zeal"]
    );
}

#[test]
fn names_line_and_column_of_every_fault() {
    let header = "filename,fold,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\n";
    for (rows, parts) in [
        (
            "a,0,1,ang,sad,70,20\n",
            &["line 2", "emotion_2_salience", "sum to 90", "100"][..],
        ),
        ("a,0,1,ang,sad,0.7,0.3\n", &["sum to 1;", "100"]),
        ("a,0,1,ang,sad,,\n", &["emotion_1_salience", "percent"]),
        ("a,0,1,ang,sad,nan,30\n", &["emotion_1_salience"]),
        (
            "a,0,1,ang,ang,70,30\n",
            &["emotion_2", "two different emotions"],
        ),
        ("a,0,1,ang,,70,30\n", &["emotion_2", "is empty"]),
        ("a,0,2,ang,,,\n", &["column mix", "\"2\""]),
        (
            "a,0,0,ang,,,\nb,0,0,,,,\n",
            &["line 3, column emotion_1", "no label"],
        ),
        (
            "a,0,0,ang,,,\nb,x,0,ang,,,\n",
            &["line 3", "column fold", "\"x\""],
        ),
        ("a,-1,0,ang,,,\n", &["column fold"]),
        (
            "a,0,0,ang,,,\na.mov,0,0,sad,,,\n",
            &["line 3", "already on line 2"],
        ),
        (",0,0,ang,,,\n", &["column filename", "is empty"]),
        ("a,0,0\n", &["line 2", "has 3 cells; expected 7"]),
        ("", &["no rows"]),
    ] {
        let message = refused(&format!("{header}{rows}"));
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
    }
    for (text, part) in [
        ("", "is empty"),
        ("name,mix,emotion_1\na,0,ang\n", "no column filename"),
        ("filename,mix\na,0\n", "emotion_1 is missing"),
        ("filename,fold\na,0\n", "has no labels"),
        ("filename;fold\na;0\n", "commas"),
        ("filename,fold,fold\na,0,0\n", "appears twice"),
        ("filename,happy,sad\na,0.5,0.4\n", "sum to 0.9; expected 1"),
        ("filename,happy,sad\na,1.5,-0.5\n", "is not a proportion"),
        ("filename,happy,note\na,1,good\n", "every column other than"),
    ] {
        let message = refused(text);
        assert!(message.contains(part), "{message}");
    }
    assert!(
        read(b"filename,happy\n\xff,1\n")
            .unwrap_err()
            .to_string()
            .contains("UTF-8")
    );
    let long = format!("filename,happy\n{},1\n", "x".repeat(2 << 20));
    assert!(refused(&long).contains("line 2: has more than"));
    assert!(refused(&format!("filename{}\n", ",x".repeat(20_000))).contains("columns"));
}

#[test]
fn a_test_table_agrees_with_the_classes_of_the_training_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let classes = Classes::new(["ang", "sad"]);
    let against = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Metadata::read_against(&path, &classes)
    };
    let truths = |text: &str| against(text).unwrap().truths().len();
    assert_eq!(truths("filename,video_id\na,x\n"), 0);
    assert_eq!(truths("filename,mix,emotion_1\na,0,sad\nb,,\n"), 1);
    assert_eq!(truths("filename,sad,ang,note\na,1,0,x\nb,,,\n"), 1);
    for (text, part) in [
        (
            "filename,mix,emotion_1\na,0,joy\n",
            "expected one of ang, sad",
        ),
        ("filename,sad\na,1\n", "\"ang\" has no column"),
    ] {
        let message = against(text).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn classes_can_be_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.csv");
    std::fs::write(&path, "filename,calm,ang,note\na,0.5,0.5,x\n").unwrap();
    let metadata = Metadata::read(&path, Some(&["calm".into(), "ang".into()])).unwrap();
    assert_eq!(metadata.classes.names(), ["calm", "ang"]);
    assert!(Metadata::read(&path, Some(&["calm".into(), "joy".into()])).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn any_cells_are_read_or_refused(cells in prop::collection::vec("[a-z0-9_.,\"\n -]{0,8}", 0..40)) {
        let header = "filename,fold,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\n";
        let _ = read(format!("{header}{}", cells.join(",")).as_bytes());
    }
}
