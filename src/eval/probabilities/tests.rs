//! Tests of reading and writing probability tables.

use super::*;
use crate::formats::npz::write;
use crate::formats::npz::write::Precision;
use ndarray::array;

fn read(text: &str) -> Result<ProbabilityTable> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.csv");
    std::fs::write(&path, text).unwrap();
    ProbabilityTable::read_csv(&path)
}

fn heads() -> ProbabilityTable {
    let presence = array![[0.1 + 0.2, 1e-12], [1.0, 5e-324]];
    let salience = array![[0.25, 0.75], [1.0 / 3.0, 2.0 / 3.0]];
    let names = vec!["a,b.mov".into(), "c \"d\"".into()];
    ProbabilityTable::from_heads(names, Classes::new(["joy", "awe"]), presence, salience, 1.0)
        .unwrap()
}

#[test]
fn reads_a_distribution_with_the_challenges_classes_in_its_order() {
    let text = "\u{feff}neu, filename ,sad,ang\r\n0.1,a,0.2, 7e-1\r\n0,b.mov,1,0\r\n";
    let table = read(text).unwrap();
    assert_eq!(table.filenames, ["a", "b.mov"]);
    assert_eq!(table.classes, Classes::new(["ang", "sad", "neu"]));
    assert_eq!(table.aligned, array![[0.7, 0.2, 0.1], [0.0, 1.0, 0.0]]);
    assert!(table.presence.is_none());
    let other = read("filename,zest,awe,ang\na,1,2,3\n").unwrap();
    assert_eq!(other.classes.names(), ["zest", "awe", "ang"]);
    assert!(matches!(other.realigned(1.0), Err(Error::Data(_))));
}

#[test]
fn round_trips_both_forms_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.csv");
    let one = ProbabilityTable {
        presence: None,
        salience: None,
        ..heads()
    };
    for table in [heads(), one] {
        table.write_csv(&path).unwrap();
        assert_eq!(ProbabilityTable::read_csv(&path).unwrap(), table);
    }
    heads().write_csv(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let header =
        "filename,presence_joy,presence_awe,salience_joy,salience_awe,aligned_joy,aligned_awe\n";
    assert!(text.starts_with(header), "{text}");
}

#[test]
fn aligns_again_with_another_exponent() {
    let presence_alone = heads().realigned(0.0).unwrap().aligned;
    assert!((presence_alone[[0, 0]] - 1.0).abs() <= 1e-9);
    assert_eq!(heads().realigned(1.0).unwrap(), heads());
    assert!(matches!(heads().realigned(-1.0), Err(Error::Config { .. })));
}

#[test]
fn names_file_line_and_column_and_what_is_wrong() {
    for (text, place, reason) in [
        (
            "filename,a,b\nx,1,0\ny,1,NaN\n",
            "line 3, column b",
            "found NaN, expected a finite",
        ),
        ("filename,a,b\nx,inf,0\n", "line 2, column a", "found inf"),
        ("filename,a,b\nx,-0.1,0\n", "line 2, column a", "found -0.1"),
        (
            "filename,a,b\nx,,0\n",
            "line 2, column a",
            "found ``, expected a number",
        ),
        ("filename,a,b\nx,1,one\n", "line 2, column b", "found `one`"),
        ("filename,a,b\nx,1\n", "line 2:", "2 values, expected 3"),
        ("filename,a,b\nx,1,0,0\n", "line 2:", "4 values, expected 3"),
        ("filename,a,b\n,1,0\n", "line 2, column filename", "empty"),
        (
            "filename,a\nx,1\nx.mov,1\n",
            "line 3, column filename",
            "twice, first in line 2",
        ),
        (
            "clip,a\nx,1\n",
            "line 1, column filename",
            "no such column, expected one; found clip, a",
        ),
        (
            "filename,a,a\nx,1,1\n",
            "line 1, column a",
            "is listed twice",
        ),
        ("filename,a,\nx,1,1\n", "line 1:", "column 3 has no name"),
        ("filename\nx\n", "line 1:", "a column per class"),
        (
            "filename,presence_a,salience_a\nx,1,1\n",
            "line 1, column aligned_a",
            "no such column",
        ),
        ("filename,a\n", "p.csv: ", "contains no clips"),
        ("", "line 1, column filename", "no such column"),
    ] {
        let error = read(text).unwrap_err();
        assert!(matches!(error, Error::Csv { .. }) && error.is_input());
        let error = error.to_string();
        assert!(error.contains("p.csv") && error.contains(place), "{error}");
        assert!(error.contains(reason), "{error}");
    }
    assert!(read("filename,a\nx,\u{0}\n").is_err());
}

#[test]
fn a_negative_zero_is_zero() {
    assert_eq!(read("filename,a\nx,-0.0\n").unwrap().aligned, array![[0.0]]);
}

#[test]
fn refuses_a_table_that_does_not_fit_together() {
    let path = Path::new("never-written.csv");
    let mut short = heads();
    short.filenames.pop();
    assert!(matches!(short.write_csv(path), Err(Error::Shape { .. })));
    let mut doubled = heads();
    doubled.filenames[1] = "a,b".into();
    assert!(matches!(doubled.write_csv(path), Err(Error::Data(_))));
    assert!(!path.exists());
}

#[test]
fn bytes_that_are_no_text_are_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.csv");
    std::fs::write(&path, b"filename,a\n\xff\xfe,1\n").unwrap();
    let error = ProbabilityTable::read_csv(&path).unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}

#[test]
fn lines_are_counted_as_they_stand_in_the_file() {
    for (text, line) in [
        ("filename,a\r\nx,1\r\ny,?\r\n", 3),
        ("filename,a\r\n\r\n\r\nx,1\r\n\r\ny,?\r\n", 6),
        ("\u{feff}filename,a\n\n\"x\nz\",1\n\ny,?\n", 6),
        ("filename,a\r\n\r\nx,1\r\n\r\nx,1\r\n", 5),
        ("filename,a\r\n\r\nx,1,2\r\n", 3),
    ] {
        let message = read(text).unwrap_err().to_string();
        let expected = format!("p.csv, line {line}");
        assert!(message.contains(&expected), "{text:?}: {message}");
    }
}

#[test]
fn an_npz_reads_back_bit_for_bit_with_the_challenges_classes_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.NPZ");
    let one = ProbabilityTable {
        presence: None,
        salience: None,
        ..heads()
    };
    for table in [heads(), one] {
        table.write_npz(&path).unwrap();
        assert_eq!(ProbabilityTable::read(&path).unwrap(), table);
        assert_eq!(decoding_in(&path).unwrap(), None);
    }
    let other = ProbabilityTable {
        classes: Classes::new(["sad", "ang"]),
        ..heads()
    };
    other.write_npz_with(&path, Some("{}")).unwrap();
    let read = ProbabilityTable::read(&path).unwrap();
    assert_eq!(read.classes, Classes::new(["ang", "sad"]));
    assert_eq!(read.aligned.column(0), other.aligned.column(1));
    assert_eq!(
        read.presence.unwrap().column(1),
        other.presence.unwrap().column(0)
    );
    assert_eq!(decoding_in(&path).unwrap().as_deref(), Some("{}"));
}

#[test]
fn an_npz_that_is_no_table_is_refused_with_its_array() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.npz");
    let refused = |names: &[&str], classes: &[&str], arrays: &[(&str, [usize; 2], f64)]| {
        write::write(&path, |npz| {
            npz.names("filenames", names)?;
            npz.names("classes", classes)?;
            arrays.iter().try_for_each(|(name, shape, value)| {
                npz.rows(name, Precision::F64, *shape, |_, row| row.fill(*value))
            })
        })
        .unwrap();
        let error = ProbabilityTable::read_npz(&path).unwrap_err();
        assert!(error.is_input(), "{error}");
        error.to_string()
    };
    for (names, classes, arrays, reason) in [
        (&["a"][..], &["x", "y"][..], &[][..], "aligned: missing"),
        (
            &["a"],
            &["x", "y"],
            &[("aligned", [2, 2], 0.5)],
            "has the shape [2, 2]; expected [1, 2]",
        ),
        (
            &["a"],
            &["x", "y"],
            &[("aligned", [1, 2], -0.5)],
            "row 0 (`a`): found -0.5",
        ),
        (
            &["a", "a.mov"],
            &["x"],
            &[("aligned", [2, 1], 0.5)],
            "`a` is listed twice",
        ),
        (
            &["a"],
            &["x", "x"],
            &[("aligned", [1, 2], 0.5)],
            "`x` is listed twice",
        ),
        (
            &[],
            &["x"],
            &[("aligned", [0, 1], 0.5)],
            "contains no names",
        ),
        (
            &["a"],
            &["x"],
            &[("aligned", [1, 1], 0.5), ("presence", [1, 1], 0.5)],
            "salience: missing",
        ),
        (&["a"], &["x"], &[("X", [1, 1], 0.5)], "is a feature file"),
    ] {
        let message = refused(names, classes, arrays);
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn explanations_are_read_once_per_clip() {
    let header = "filename,encoder,modality,status,importance,kept_weight,decision,presence_b,presence_a,salience_b,salience_a,aligned_b,aligned_a,steps";
    let row = |clip: &str, encoder: &str, p: &str| {
        format!("{clip},{encoder},face,kept,0.5,0.5,a 100,{p},0.25,0.5,0.5,0.5,0.5,steps")
    };
    let text = [
        header.to_owned(),
        row("x", "clip", "0.75"),
        row("x", "wavlm", "0.75"),
        row("y", "clip", "0.125"),
        row("y", "wavlm", "0.125"),
    ];
    let table = read(&text.join("\n")).unwrap();
    assert_eq!(table.filenames, ["x", "y"]);
    assert_eq!(table.classes.names(), ["b", "a"]);
    assert_eq!(table.presence.unwrap(), array![[0.75, 0.25], [0.125, 0.25]]);
}
