//! Readers of face-analysis programs, compared with pandas and NumPy on the same files.
#![expect(clippy::print_stdout, reason = "says what was skipped")]

use std::path::{Path, PathBuf};

use serde::Deserialize;

use blendfuse::ingest::clip_files::ClipFiles;
use blendfuse::ingest::openface::{
    ClipOutcome, ColumnSelection, Counts, FaceOptions, aggregate_folder, read,
};
use blendfuse::kernels::aggregate::{Aggregation, Scratch};
use blendfuse::kernels::pack::{RowSource, RowValues};
use blendfuse::testing::formats::npy::header::Header;
use blendfuse::testing::formats::npy::{Values, read_numbers};

/// One file, the options to read it, and the expected results.
#[derive(Deserialize)]
struct Case {
    file: PathBuf,
    groups: String,
    min_confidence: Option<f64>,
    interpolate: bool,
    frames: usize,
    kept: usize,
    no_face: usize,
    low_confidence: usize,
    interpolated: usize,
    other_faces: usize,
    columns: usize,
    #[serde(default)]
    row: Vec<f64>,
    #[serde(default)]
    figures: Vec<[f64; 2]>,
}

impl Case {
    fn options(&self) -> FaceOptions {
        FaceOptions {
            selection: self.groups.parse().unwrap(),
            min_confidence: self.min_confidence,
            interpolate: self.interpolate,
        }
    }

    /// Reads and aggregates the file, and compares the counts.
    fn row(&self, folder: &Path) -> Vec<f32> {
        let told = format!("{} {:?}", self.file.display(), self.options());
        let face = read(&folder.join(&self.file), &self.options()).unwrap();
        let counts = Counts {
            frames: self.frames,
            kept: self.kept,
            no_face: self.no_face,
            low_confidence: self.low_confidence,
            interpolated: self.interpolated,
            other_faces: self.other_faces,
            rival_face: 0,
        };
        assert_eq!(face.counts, counts, "{told}");
        if self.kept == 0 {
            assert!(face.values.is_empty(), "{told}");
            return Vec::new();
        }
        assert_eq!(face.columns.len(), self.columns, "{told}");
        assert_eq!(face.values.len(), self.kept * self.columns, "{told}");
        let mut row = vec![0.0; 7 * self.columns];
        let frames = RowSource {
            values: RowValues::F64(&face.values),
            cols: self.columns,
        };
        let seven = Aggregation::default();
        seven.run(frames, &mut Scratch::new(), &mut row).unwrap();
        row
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/openface")
}

fn cases(name: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(fixtures().join(name)).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() > 20);
    cases
}

#[test]
fn every_kind_of_file_gives_what_pandas_gives() {
    for case in cases("expected.json") {
        let row = case.row(&fixtures());
        assert_eq!(row.len(), case.row.len());
        for (at, (&found, &expected)) in row.iter().zip(&case.row).enumerate() {
            let deviation = case.row[case.columns + at % case.columns];
            let scale = expected.abs().max(deviation);
            let off = (f64::from(found) - expected).abs();
            let told = format!("{} at {at}: {found} for {expected}", case.file.display());
            assert!(off <= 1e-6 * scale, "{told}");
        }
    }
}

#[test]
fn real_files_give_what_pandas_gives() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/openface");
    if !shared.exists() {
        println!("skipped: no {}", shared.display());
        return;
    }
    for case in cases("expected_shared.json") {
        let row = case.row(&shared);
        assert_eq!(row.chunks(case.columns.max(1)).len(), case.figures.len());
        for (block, [size, waves]) in row.chunks(case.columns.max(1)).zip(&case.figures) {
            let found = block
                .iter()
                .zip(1..)
                .fold([0.0; 2], |[size, waves], (&x, k)| {
                    let x = f64::from(x);
                    [size + x.abs(), waves + x * f64::from(k).cos()]
                });
            // Of hundreds of values rounded to single precision.
            let told = format!("{} {}: {found:?}", case.file.display(), case.groups);
            assert!((found[0] - size).abs() <= 1e-7 * size, "{told} for {size}");
            assert!(
                (found[1] - waves).abs() <= 1e-7 * size,
                "{told} for {waves}"
            );
        }
    }
}

#[test]
fn the_challenges_own_features_come_out() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/openface/found");
    if !path.exists() {
        println!("skipped: no {}", path.display());
        return;
    }
    let options = FaceOptions {
        selection: ColumnSelection::Challenge,
        interpolate: true,
        ..FaceOptions::default()
    };
    let face = read(&path.join("derived/icface_00296_nospace.csv"), &options).unwrap();
    let mut npy = &std::fs::read(path.join("expected/icface_00296_nospace.npy")).unwrap()[..];
    let bytes = npy.len() as u64;
    let header = Header::read(&mut npy, bytes).unwrap();
    assert_eq!(header.shape, [291, 31]);
    let Values::F32(expected) = read_numbers(&mut npy, &header).unwrap() else {
        panic!("{}", header.descr);
    };
    assert!(face.values.iter().map(|&x| x as f32).eq(expected));
}

fn fault(text: &str, options: &FaceOptions) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    std::fs::write(&path, text).unwrap();
    let message = read(&path, options).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

#[test]
fn unusable_files_are_reported_with_their_position() {
    let groups = |text: &str| FaceOptions {
        selection: text.parse().unwrap(),
        ..FaceOptions::default()
    };
    let sure = FaceOptions {
        min_confidence: Some(0.5),
        ..groups("au")
    };
    for (text, options, expected) in [
        ("a,b\n1,2\n", groups("au"), "is not an output of OpenFace 2"),
        (
            "frame,success,x_0\n1,1,2\n",
            groups("au"),
            "no columns of the group au",
        ),
        (
            "frame,success,b\n1,1,2\n",
            groups("paper"),
            "neither landmarks",
        ),
        (
            "frame,success,AU01_r\n1,1,2\n",
            groups("challenge"),
            "has no column AU02_r",
        ),
        (
            "frame,success,AU01_r\n1,1,2\n",
            sure,
            "has no column confidence",
        ),
        (
            "frame,success,AU01_r,AU01_r\n1,1,2,3\n",
            groups("au"),
            "AU01_r appears twice",
        ),
        (
            "frame,success,AU01_r\n1,1,nan\n",
            groups("au"),
            "line 2, column AU01_r: expected a finite",
        ),
        (
            "frame,success,AU01_r\n1,1,x\n",
            groups("au"),
            "line 2, column AU01_r: expected a number",
        ),
        (
            "frame,success,AU01_r\n1,yes,1\n",
            groups("au"),
            "line 2, column success: expected a number",
        ),
        (
            "frame,success,AU01_r\n1,1,\n",
            groups("au"),
            "line 2, column AU01_r: is empty in every frame with a face",
        ),
        (
            "frame,success,AU01_r\n1,1,1\n2,1\n",
            groups("au"),
            "line 3: has 2 cells; expected 3",
        ),
        (
            "face_detection,action_units\nx,[1]\n",
            groups("au"),
            "expected a list of numbers",
        ),
        (
            "face_detection,action_units\n[1],[1]\n",
            groups("au"),
            "found 1 numbers",
        ),
        (
            "frame_index,face_detection,action_units\n1,\"[1,2,3,4,1]\",[1]\n2,\"[1,2,3,4,1]\",\"[1,2]\"\n",
            groups("au"),
            "line 3: its lists differ",
        ),
    ] {
        let message = fault(text, &options);
        assert!(message.contains(expected), "{message}");
    }
    for (text, expected) in [("au,nose", "\"nose\""), ("au,au", "twice"), ("", "\"\"")] {
        let message = text.parse::<ColumnSelection>().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn failed_frames_may_contain_anything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.csv");
    let text = "frame,confidence,success,AU01_r\n1,-nan(ind),0,x\n2,0.9,1,5\n3,,0,\n";
    std::fs::write(&path, text).unwrap();
    for interpolate in [false, true] {
        let options = FaceOptions {
            interpolate,
            ..FaceOptions::default()
        };
        let face = read(&path, &options).unwrap();
        assert_eq!((face.values, face.counts.no_face), (vec![5.0], 2));
    }
}

#[test]
fn a_folder_has_a_row_for_each_clip_with_a_face() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in [
        ("openface2.csv", "b.mov.csv"),
        ("openface2_nospace.csv", "a.CSV"),
        ("openface2_no_face.csv", "c.csv"),
        ("pyfeat.csv", "d.csv"),
    ] {
        std::fs::copy(fixtures().join(from), folder.path().join(to)).unwrap();
    }
    std::fs::write(folder.path().join("e.csv"), "frame,success\n1\n").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "").unwrap();
    let seven = Aggregation::default();
    let found = aggregate_folder(
        folder.path(),
        &ClipFiles::default(),
        &FaceOptions::default(),
        &seven,
        &|_| {},
    )
    .unwrap();
    assert_eq!(found.rows.names(), ["a", "b"]);
    // Spaces and line ends do not matter.
    assert_eq!(found.rows.row(0), found.rows.row(1));
    assert_eq!(found.rows.cols(), 7 * found.columns.len());
    let outcomes: Vec<&ClipOutcome> = found.clips.iter().map(|clip| &clip.outcome).collect();
    let [
        ClipOutcome::Row,
        ClipOutcome::Row,
        ClipOutcome::Missing,
        ClipOutcome::Bad(columns),
        ClipOutcome::Bad(cells),
    ] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert!(columns.contains("PyFeat beside OpenFace2"), "{columns}");
    assert!(cells.contains("e.csv"), "{cells}");
    std::fs::write(folder.path().join("b.csv"), "").unwrap();
    let twice = aggregate_folder(
        folder.path(),
        &ClipFiles::default(),
        &FaceOptions::default(),
        &seven,
        &|_| {},
    );
    assert!(
        twice
            .unwrap_err()
            .to_string()
            .contains("both belong to clip \"b\"")
    );
}
