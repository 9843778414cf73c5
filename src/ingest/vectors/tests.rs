//! Tests of vectors.

use super::*;

fn table(text: &str, options: &VectorOptions) -> Result<Vectors> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, text).unwrap();
    read(&path, &ClipFiles::default(), options)
}

fn options(name: Option<&str>, drop: &[&str]) -> VectorOptions {
    VectorOptions {
        name_column: name.map(str::to_owned),
        drop: drop.iter().map(|name| name.to_string()).collect(),
        keep: Vec::new(),
    }
}

#[test]
fn tables_of_every_tool_are_read() {
    for text in [
        // The SMILExtract program.
        "name;frameTime;F0;loudness\n'a.wav';0.000000;1.5;2\n'b';0.0;-3;4e-1\n",
        // The opensmile Python package.
        "file,start,end,F0,loudness\n/data/x/a.wav,0 days,0 days 00:00:01.5,1.5,2\nC:\\x\\b.wav,0 days,0 days,-3,0.4\n",
        // pandas with its index and metadata columns.
        ",filename,fold,F0,loudness\n0,a.mov,1,1.5,2.0\n1,b.mov,2,-3.0,0.4\n",
    ] {
        let vectors = table(text, &VectorOptions::default()).unwrap();
        assert_eq!(vectors.rows.names(), ["a", "b"]);
        assert_eq!(vectors.rows.row(0), [1.5, 2.0]);
        assert_eq!(vectors.rows.row(1), [-3.0, 0.4]);
        assert_eq!(vectors.columns.unwrap(), ["F0", "loudness"]);
        assert!(vectors.bad.is_empty());
    }
    let chosen = options(Some("who"), &["note"]);
    let vectors = table("who,note,x\na,loud,1\n", &chosen).unwrap();
    assert_eq!(
        (vectors.rows.names(), vectors.rows.row(0)),
        (&["a".to_owned()][..], &[1.0][..])
    );
}

#[test]
fn bad_rows_are_told_and_the_others_kept() {
    let text = "name,x,y\na,1,2\nb,nan,2\nc,1,loud\nd,,1\ne,1e300,1\nf,3,4\n";
    let vectors = table(text, &VectorOptions::default()).unwrap();
    assert_eq!(vectors.rows.names(), ["a", "f"]);
    assert_eq!(vectors.bad.len(), 4);
    for (bad, place) in vectors.bad.iter().zip([
        "line 3, column x: expected a finite number",
        "line 4, column y: expected a number, found \"loud\"",
        "line 5, column x: expected a finite number",
        "line 6, column x: expected a finite number",
    ]) {
        assert!(bad.reason.contains(place), "{bad:?}");
    }
}

#[test]
fn tables_that_name_no_clip_or_one_twice_are_refused() {
    for (text, given, expected) in [
        (
            "a,b\n1,2\n",
            options(None, &[]),
            "no column with clip names",
        ),
        ("a,b\n1,2\n", options(Some("c"), &[]), "has no column c"),
        (
            "name,b\n1,2\n",
            options(None, &["c"]),
            "has no column c to leave out",
        ),
        (
            "name,fold\na,2\n",
            options(None, &[]),
            "no column with features",
        ),
        (
            "name,x,x\na,1,2\n",
            options(None, &[]),
            "column x appears twice",
        ),
        (
            "name,x\n,2\n",
            options(None, &[]),
            "line 2, column name: is empty",
        ),
        (
            "name,x\nunknown,2\nunknown,3\n",
            options(None, &[]),
            "line 3, column name: names the clip \"unknown\", as line 2 does",
        ),
        ("name,x\na,2\nb\n", options(None, &[]), "line 3: has 1 cell"),
    ] {
        let message = table(text, &given).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let text = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn a_folder_has_one_file_a_clip() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let values =
        |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
    put("b.npy", &npy("<f4", "(2,)", &values(&[1.0, 2.0])));
    put("a.wav.npy", &npy("<f4", "(1, 2)", &values(&[3.0, 4.0])));
    put("c.npy", &npy("<f4", "(2, 2)", &values(&[0.0; 4])));
    put("d.npy", &npy("<f4", "(3,)", &values(&[0.0; 3])));
    put("e.npy", &npy("<f4", "(2,)", &values(&[0.0, f32::NAN])));
    put("f.npy", b"junk");
    put("g.npy", &npy("<f4", "(0,)", b""));
    put("notes.txt", b"");
    let vectors = read(
        folder.path(),
        &ClipFiles::default(),
        &VectorOptions::default(),
    )
    .unwrap();
    assert_eq!(vectors.rows.names(), ["a", "b"]);
    assert_eq!(vectors.rows.row(0), [3.0, 4.0]);
    assert_eq!(vectors.columns, None);
    let expected = ["[2, 2]", "has 3 values", "value 1", "", "found 0"];
    assert_eq!(vectors.bad.len(), expected.len());
    for (bad, expected) in vectors.bad.iter().zip(expected) {
        assert!(
            bad.reason.contains(expected) && !bad.reason.contains('\n'),
            "{bad:?}"
        );
    }
    put("h.csv", b"x\n1\n");
    let both = read(
        folder.path(),
        &ClipFiles::default(),
        &VectorOptions::default(),
    )
    .unwrap_err();
    assert!(
        both.to_string().contains("expected only one kind"),
        "{both}"
    );
}

#[test]
fn a_folder_of_tables_takes_names_from_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("a.csv", "name;frameTime;x;y\n'unknown';0;1;2\n");
    put("b.csv", "name;frameTime;x;y\n'unknown';0;3;4\n");
    put("c.csv", "name;frameTime;y;x\n'unknown';0;3;4\n");
    put(
        "d.csv",
        "name;frameTime;x;y\n'unknown';0;3;4\n'unknown';1;3;4\n",
    );
    put("e.csv", "name;frameTime;x;y\n");
    let vectors = read(
        folder.path(),
        &ClipFiles::default(),
        &VectorOptions::default(),
    )
    .unwrap();
    assert_eq!(vectors.rows.names(), ["a", "b"]);
    assert_eq!(vectors.rows.row(1), [3.0, 4.0]);
    for (bad, expected) in vectors
        .bad
        .iter()
        .zip(["names or order", "a second row", "no row"])
    {
        assert!(bad.reason.contains(expected), "{bad:?}");
    }
    assert_eq!(vectors.bad.len(), 3);
}

#[test]
fn columns_that_are_plainly_no_features_are_left_out_and_told() {
    let text = "Unnamed: 0,file,Emotion_ID,speaker,F0,Label,age,loudness\n0,a,3,14,1.5,2,30,2\n";
    let vectors = table(text, &VectorOptions::default()).unwrap();
    assert_eq!(vectors.columns.unwrap(), ["F0", "loudness"]);
    assert_eq!(
        vectors.left_out,
        ["Unnamed: 0", "Emotion_ID", "speaker", "Label", "age"]
    );
    assert_eq!(vectors.rows.row(0), [1.5, 2.0]);
    let keep = VectorOptions {
        keep: vec!["age".into()],
        ..VectorOptions::default()
    };
    let vectors = table(text, &keep).unwrap();
    assert_eq!(vectors.columns.unwrap(), ["F0", "age", "loudness"]);
    let unknown = VectorOptions {
        keep: vec!["ages".into()],
        ..VectorOptions::default()
    };
    let message = table(text, &unknown).unwrap_err().to_string();
    assert!(message.contains("did you mean age"), "{message}");
    // `y` by itself is a label; with `x` it is a coordinate.
    for (text, columns) in [
        ("name,z,y\na,1,2\n", &["z"][..]),
        ("name,X,y\na,1,2\n", &["X", "y"]),
    ] {
        let vectors = table(text, &VectorOptions::default()).unwrap();
        assert_eq!(vectors.columns.unwrap(), columns);
    }
    let message = table("name,label\na,1\n", &VectorOptions::default())
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("no column with features; left out by their names: label"),
        "{message}"
    );
}

#[test]
fn a_folder_of_tables_leaves_out_the_same_columns() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("a.csv", "label,F0\n3,1\n");
    put("b.csv", "label,F0\n4,2\n");
    let files = ClipFiles::default();
    let vectors = read(folder.path(), &files, &VectorOptions::default()).unwrap();
    assert_eq!(vectors.left_out, ["label"]);
    assert_eq!(vectors.rows.row(1), [2.0]);
}
