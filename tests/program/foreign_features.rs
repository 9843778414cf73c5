//! Features as other tools and people write them: read if they have one meaning, else refused or warned of
//! in a line that says what to do.

use std::fs;

use blendfuse::data::features::Features;
use blendfuse::testing::formats::npz::write::{Precision, write};

use crate::command::Place;
use crate::small_data::{clips, contains, data, noise, put, put_npy, sound, train, zip};

/// Clean data gives none of the warnings of this file.
#[test]
fn sound_data_gives_no_warning() {
    let place = Place::new();
    sound(&place);
    assert_eq!(
        place.json(&["inspect", "data"])["warnings"],
        serde_json::json!([])
    );
    assert!(!train(&place).contains("warning: data"));
    let place = Place::with_data(&["--missing", "0.2"]);
    assert_eq!(
        place.json(&["inspect", "data"])["warnings"],
        serde_json::json!([])
    );
}

#[test]
fn names_in_an_array_of_objects_are_read() {
    let place = Place::new();
    sound(&place);
    // Of three names, as numpy saves a column of pandas.
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/npy/");
    for kind in ["plain", "numpy_str"] {
        let names = fs::read(format!("{corpus}seed_names_object_{kind}")).unwrap();
        put_npy(&place, "x.npy", &[3, 4], &[1.0; 12]);
        let x = fs::read(place.path("x.npy")).unwrap();
        zip(&place, "o.npz", &[("X.npy", &x), ("filenames.npy", &names)]);
        let features = Features::open(&place.path("o.npz")).unwrap();
        let expected = [
            "A1_ang_int1_ver1",
            "A2_mix_ang_disg_70_30_ver1.mov",
            "größe",
        ];
        assert_eq!(features.names(), expected, "{kind}");
        // What no array of names is made of.
        let damaged: Vec<u8> = [&names[..names.len() - 2], b"i."].concat();
        zip(
            &place,
            "o.npz",
            &[("X.npy", &x), ("filenames.npy", &damaged)],
        );
        let fault = Features::open(&place.path("o.npz"))
            .unwrap_err()
            .to_string();
        contains(&fault, &["o.npz, array filenames", "never unpickled"]);
    }
}

#[test]
fn clips_whose_names_differ_a_little_are_named() {
    let place = Place::new();
    let renamed = |at: usize, clip: &str| match at {
        3 => clip.to_lowercase(),
        4 => format!("{clip}.mp4.npy"),
        _ => clip.to_owned(),
    };
    data(&place, renamed, |row, column| noise(row + 100, column));
    let warning = &place.json(&["inspect", "data"])["warnings"][0];
    let expected = [
        "two.npz: 2 clips of data/train_metadata.csv count as missing",
        r#""A0_c3" and "a0_c3""#,
    ];
    contains(warning.as_str().unwrap(), &expected);
    contains(&train(&place), &expected);
    let predict = [
        "predict", "run", "data", "--split", "train", "--out", "p.json",
    ];
    contains(&place.run(&predict).stderr, &expected);
    // The same for splits, and for predictions beside their labels.
    put(&place, "split.csv", "filename,split\na,train\nB,train\n");
    put(&place, "v.csv", "name,x,y\na,1,2\nb,3,4\n");
    let text = place.ok(&[
        "vectors",
        "v.csv",
        "--out",
        "f/v.npz",
        "--split-by",
        "split.csv",
    ]);
    contains(&text, &[r#"such as "b" and "B""#]);
    put_npy(&place, "frames/a.npy", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    put_npy(&place, "frames/b.npy", &[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let ran = place.run(&[
        "aggregate",
        "frames",
        "--out",
        "f/a.npz",
        "--split-by",
        "split.csv",
    ]);
    contains(&ran.stderr, &[r#"such as "b" and "B""#]);
    let entry = r#"[{"emotion": "ang", "salience": 100}]"#;
    put(
        &place,
        "q.json",
        format!(r#"{{"A0_c0": {entry}, "a0_C1.MOV": {entry}}}"#),
    );
    let ran = place.run(&[
        "evaluate",
        "q.json",
        "--metadata",
        "data/train_metadata.csv",
    ]);
    contains(&ran.stderr, &[r#"such as "A0_c1" and "a0_C1.MOV""#]);
}

#[test]
fn rows_of_zeros_are_named() {
    let place = Place::new();
    let zeros = |row: usize, column: usize| match row {
        2 | 9 => 0.0,
        _ => noise(row + 100, column),
    };
    data(&place, |_, clip| clip.to_owned(), zeros);
    let warnings = place.json(&["inspect", "data"])["warnings"].to_string();
    let expected = ["two.npz: 2 clips have only zeros as features, such as A0_c2"];
    contains(&warnings, &expected);
    contains(&train(&place), &expected);
    let predict = [
        "predict", "run", "data", "--split", "train", "--out", "p.json",
    ];
    contains(&place.run(&predict).stderr, &expected);
    // Where the files are made.
    let told = "1 clip with only zeros as features, such as b";
    put(&place, "v.csv", "name,x,y\na,1,2\nb,0,0\n");
    contains(&place.ok(&["vectors", "v.csv", "--out", "v.npz"]), &[told]);
    put(
        &place,
        "faces/b.csv",
        "frame,success,AU01_r,AU02_r\n1,1,0,0\n2,1,0,0\n",
    );
    contains(&place.ok(&["openface", "faces", "--out", "o.npz"]), &[told]);
    put_npy(
        &place,
        "frames/a.npy",
        &[3, 2],
        &[1.0, 2.0, 3.0, 4.0, 0.0, 1.0],
    );
    put_npy(&place, "frames/b.npy", &[1, 2], &[0.0; 2]);
    let ran = place.run(&["aggregate", "frames", "--out", "a.npz"]);
    contains(&ran.stderr, &[told]);
    assert!(!ran.stderr.contains("padding"), "{}", ran.stderr);
    // In a single column 0 is a number like any other.
    put(&place, "w.csv", "name,x\na,1\nb,0\n");
    let text = place.ok(&["vectors", "w.csv", "--out", "w.npz"]);
    assert!(!text.contains("zeros"), "{text}");
}

#[test]
fn padding_is_counted() {
    let place = Place::new();
    let padded = [1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 0.0];
    put_npy(&place, "frames/a.npy", &[4, 2], &padded);
    put_npy(&place, "frames/b.npy", &[2, 2], &[1.0, 2.0, 0.0, 0.0]);
    let ran = place.run(&["aggregate", "frames", "--out", "a.npz"]);
    assert_eq!(ran.code, 0);
    contains(
        &ran.stderr,
        &["1 clip ends in frames of zeros, 2 of their 4 frames, such as a"],
    );
}

#[test]
fn frames_with_time_as_the_last_axis_are_refused() {
    let place = Place::new();
    for (clip, frames) in [("a", 3), ("b", 5), ("c", 4)] {
        let values: Vec<f32> = (0..2 * frames).map(|x| x as f32).collect();
        put_npy(&place, &format!("t/{clip}.npy"), &[2, frames], &values);
    }
    for skip in [&[][..], &["--skip-bad"]] {
        let error = place.refused(&[&["aggregate", "t", "--out", "t.npz"][..], skip].concat());
        contains(
            &error,
            &[
                "all 3 clips have 2 frames, but from 3 to 5 columns",
                "frames.T",
            ],
        );
    }
    put_npy(&place, "s/a.npy", &[1, 6, 1], &[1.0; 6]);
    contains(
        &place.run(&["aggregate", "s", "--out", "s.npz"]).stderr,
        &["has shape [1, 6, 1]", "openSMILE", "x[0].T"],
    );
    // openSMILE's low-level descriptors of clips of one length: nothing but the number of rows tells.
    for clip in ["a", "b"] {
        put_npy(&place, &format!("l/{clip}.npy"), &[1, 25, 2], &[1.0; 50]);
    }
    let ran = place.run(&["aggregate", "l", "--out", "l.npz"]);
    assert_eq!(ran.code, 0);
    contains(&ran.stderr, &["time is the last axis"]);
}

#[test]
fn each_of_aggregate_and_vectors_names_the_other() {
    let place = Place::new();
    put_npy(&place, "v/a.npy", &[4], &[1.0; 4]);
    let ran = place.run(&["aggregate", "v", "--out", "o.npz"]);
    contains(&ran.stderr, &["for one vector per clip use vectors"]);
    put_npy(&place, "f/a.npy", &[4, 2], &[1.0; 8]);
    let ran = place.run(&["vectors", "f", "--out", "o.npz"]);
    contains(&ran.stderr, &["for frames use aggregate"]);
    put(&place, "c/a.csv", "x,y\n1,2\n3,4\n");
    let error = place.refused(&["aggregate", "c", "--out", "o.npz"]);
    contains(
        &error,
        &["vectors reads one vector per clip", ".npy, [T, d]"],
    );
    let ran = place.run(&["vectors", "c", "--out", "o.npz"]);
    contains(
        &ran.stderr,
        &["has a second row", ".npy, [T, d], and use aggregate"],
    );
}

#[test]
fn tables_of_opensmile_are_read_or_explained() {
    let place = Place::new();
    let arff = |name: &str, x: &str| {
        format!(
            "@relation openSMILE_features\n\n@attribute name string\n@attribute frameTime numeric\n\
             @attribute loudness numeric\n@attribute F0 numeric\n@attribute class numeric\n\n@data\n\n\
             '{name}',0.0,{x},2.5,?\n"
        )
    };
    // Under the name that was asked for, in a folder, and a file of several clips.
    put(&place, "clips/a.csv", arff("a", "0.5"));
    put(&place, "clips/b.csv", arff("b", "1.5"));
    put(
        &place,
        "all.arff",
        arff("a.wav", "0.5") + "'b.wav',0.0,1.5,2.5,?\n",
    );
    for input in ["clips", "all.arff"] {
        let out = format!("{input}.npz");
        let told = place.json(&["vectors", input, "--out", &out]);
        assert_eq!(told["columns"], serde_json::json!(["loudness", "F0"]));
        let features = Features::open(&place.path(&out)).unwrap();
        assert_eq!(features.names(), ["a", "b"]);
        let mut row = [0.0; 2];
        features.source().read(1, 0, &mut row);
        assert_eq!(row, [1.5, 2.5]);
    }
    // A clip that is too short, and a header that was left out.
    put(&place, "short.csv", "name,x,y\na,1,2\nb,nan,\n");
    let ran = place.run(&["vectors", "short.csv", "--out", "s.npz"]);
    contains(
        &ran.stderr,
        &[
            "line 3: clip \"b\": all 2 features are NaN or empty",
            "--skip-bad",
        ],
    );
    let told = place.json(&["vectors", "short.csv", "--out", "s.npz", "--skip-bad"]);
    assert_eq!(told["written"][0]["clips"], 1);
    put(&place, "bare.csv", "a,0.5,1.5\nb,2.5,3.5\n");
    let error = place.refused(&["vectors", "bare.csv", "--out", "b.npz"]);
    contains(&error, &["line 1: consists of numbers"]);
    // pandas numbers columns without names.
    put(&place, "pandas.csv", "filename,0,1\na,0.5,1.5\n");
    place.ok(&["vectors", "pandas.csv", "--out", "p.npz"]);
}

#[test]
fn an_empty_cell_of_a_face_is_refused_whichever_program_wrote_it() {
    let place = Place::new();
    let files = [
        ("frame,success,AU01_r,AU02_r\n1,1,1,1\n2,1,#,2\n", "AU01_r"),
        (
            "frame,FaceScore,AU01,AU02\n1,0.9,1,1\n2,0.9,#,2\n3,,,\n",
            "AU01",
        ),
        (
            "frame_index,face_detection,gaze_yaw,gaze_pitch\n1,\"[1,2,3,4,1]\",1,2\n2,\"[1,2,3,4,1]\",#,2\n",
            "gaze_yaw",
        ),
    ];
    for (text, column) in files {
        let groups = ["--groups", if column == "gaze_yaw" { "gaze" } else { "au" }];
        let args = [&["openface", "f", "--out", "o.npz"][..], &groups].concat();
        for (cell, reason) in [
            ("", "is empty in a frame with a face"),
            ("nan", "found NaN"),
        ] {
            put(&place, "f/a.csv", text.replace('#', cell));
            let expected = format!("f/a.csv, line 3, column {column}");
            contains(&place.run(&args).stderr, &[&expected, reason]);
        }
    }
}

#[test]
fn columns_without_any_value_do_not_take_the_others_with_them() {
    let place = Place::new();
    let text = "frame,FaceScore,AU01,AU02,Identity_1,Identity_2\n\
                1,0.9,1,2,,\n2,,,,,\n3,0.8,3,4,,\n";
    for clip in ["a", "b"] {
        put(&place, &format!("f/{clip}.csv"), text);
    }
    let args = ["openface", "f", "--out", "o.npz", "--groups"];
    let told = place.ok(&[&args[..], &["identity,au"]].concat());
    contains(
        &told,
        &[
            "4 of 6 frames kept: 2 without a face",
            "empty in every frame with a face, so left out: Identity_1 to Identity_2 (2 clips)",
            "2 clips, 14 columns",
        ],
    );
    let ran = place.run(&[&args[..], &["identity", "--force"]].concat());
    assert_eq!(ran.code, 2);
    contains(
        &ran.stderr,
        &["f/a.csv, line 2, column Identity_1: is empty in every frame with a face"],
    );
}

#[test]
fn a_column_that_is_the_label_is_named() {
    let place = Place::new();
    let coded = |row: usize, column: usize| match column {
        2 => (row % 3) as f64,
        _ => noise(row + 100, column),
    };
    data(&place, |_, clip| clip.to_owned(), coded);
    let warnings = place.json(&["inspect", "data"])["warnings"].to_string();
    contains(
        &warnings,
        &["encoder two: column 2 alone tells the label of every training clip"],
    );
}

#[test]
fn arrays_of_several_clips_or_points_are_refused() {
    let place = Place::new();
    put_npy(&place, "corpus/train.npy", &[6, 2], &[1.0; 12]);
    put(&place, "corpus/train.lengths", "4\n2\n");
    let ran = place.run(&["aggregate", "corpus", "--out", "o.npz"]);
    contains(
        &ran.stderr,
        &["train.npy: the .lengths file beside it says"],
    );
    put_npy(&place, "one/a.npy", &[1, 68, 2], &[1.0; 136]);
    let ran = place.run(&["aggregate", "one", "--out", "o.npz"]);
    contains(
        &ran.stderr,
        &["one frame of 68 landmarks", "x.reshape(len(x), 136)"],
    );
    put_npy(&place, "many/a.npy", &[3, 68, 2], &[1.0; 408]);
    let ran = place.run(&["aggregate", "many", "--out", "o.npz"]);
    contains(&ran.stderr, &["x.reshape(len(x), 136)"]);
    put_npy(&place, "layers/a.npy", &[13, 3, 4], &[1.0; 156]);
    let ran = place.run(&["aggregate", "layers", "--out", "o.npz"]);
    contains(&ran.stderr, &["the hidden states of all 13 layers"]);
    put(&place, "torch/a.pt", "");
    contains(
        &place.refused(&["aggregate", "torch", "--out", "o.npz"]),
        &["torch.load"],
    );
}

#[test]
fn faces_of_several_clips_in_one_file_are_refused() {
    let place = Place::new();
    let clips = "input,frame,FaceScore,AU01\na.mp4,0,0.9,0\na.mp4,1,0.9,0\nb.mp4,0,0.9,9\n";
    put(&place, "f/all.csv", clips);
    let args = ["openface", "f", "--out", "o.npz", "--groups", "au"];
    let expected = "f/all.csv: has rows of 2 clips, such as a.mp4 and b.mp4";
    contains(&place.run(&args).stderr, &[expected]);
    let faces = "video_path,frame_index,face_detection,gaze_yaw\n\
                 a.mp4,0,\"[1,2,3,4,1]\",1\na.mp4,1,\"[1,2,3,4,1]\",1\nb.mp4,0,\"[1,2,3,4,1]\",9\n";
    put(&place, "f/all.csv", faces);
    contains(
        &place.run(&["openface", "f", "--out", "o.npz"]).stderr,
        &[expected],
    );
    put(
        &place,
        "f/all.csv",
        "filename,frame,success,AU01_r\na.mp4,1,1,0\na.mp4,2,1,0\nb.mp4,1,1,9\n",
    );
    contains(&place.run(&args).stderr, &[expected]);
    // A clip that was given as pictures, and pandas' form of 1 and 0.
    put(
        &place,
        "f/all.csv",
        "input,frame,FaceScore,AU01\n1.png,0,0.9,2\n2.png,1,0.9,4\n",
    );
    contains(&place.ok(&args), &["2 of 2 frames kept"]);
    put(
        &place,
        "f/all.csv",
        "frame,success,AU01_r\n1,True,2\n2,False,9\n",
    );
    contains(
        &place.ok(&[&args[..], &["--force"]].concat()),
        &["1 of 2 frames kept"],
    );
}

#[test]
fn columns_in_another_order_than_in_training_are_refused() {
    let place = Place::new();
    sound(&place);
    put(&place, "data/test_metadata.csv", "filename\nt0\nt1\n");
    for (split, header, names) in [
        ("train", "name,x,y", clips()),
        ("test", "name,y,x", vec!["t0".into(), "t1".into()]),
    ] {
        let rows: String = names
            .iter()
            .enumerate()
            .map(|(at, name)| format!("{name},{},{}\n", noise(at, 1), noise(at, 2)))
            .collect();
        put(&place, "v.csv", format!("{header}\n{rows}"));
        fs::create_dir_all(place.path("data/features").join(split)).unwrap();
        let out = format!("data/features/{split}/three.npz");
        place.ok(&["vectors", "v.csv", "--out", &out]);
        if split == "test" {
            for file in ["one.npz", "two.npz"] {
                write(&place.path("data/features/test").join(file), |npz| {
                    npz.rows("X", Precision::F32, [2, 4], |row, out| {
                        out.fill(row as f64 + 1.0)
                    })?;
                    npz.names("filenames", &names)
                })
                .unwrap();
            }
        }
    }
    let expected = ["test/three.npz", r#"column 0 (from 0) is "y", but "x" in"#];
    contains(
        &place.run(&["inspect", "data", "--json"]).stdout,
        &["column 0 (from 0)"],
    );
    let error = place.refused(&["train", "data", "--out", "out", "--fold", "0"]);
    contains(&error, &expected);
}

#[test]
fn names_in_an_index_or_in_bytes_are_read() {
    let place = Place::new();
    put(&place, "i.csv", ",x,y\nA1_c0.wav,1,2\nA1_c1.wav,3,4\n");
    place.ok(&["vectors", "i.csv", "--out", "i.npz"]);
    put(
        &place,
        "b.csv",
        "file,x,y\nb'A1_c0.wav',1,2\nb'A1_c1.wav',3,4\n",
    );
    place.ok(&["vectors", "b.csv", "--out", "b.npz"]);
    for file in ["i.npz", "b.npz"] {
        let features = Features::open(&place.path(file)).unwrap();
        assert_eq!(features.names(), ["A1_c0", "A1_c1"], "{file}");
    }
    // A row number is no name.
    put(&place, "n.csv", ",x,y\n0,1,2\n1,3,4\n");
    contains(
        &place.refused(&["vectors", "n.csv", "--out", "n.npz"]),
        &["--name-column"],
    );
}
