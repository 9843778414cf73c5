//! Every good and every bad feature file of the shared collections, and damaged files made here.
//!
//! The collections are beside the repository; if they are absent, their tests print so and pass.

#![expect(
    clippy::print_stdout,
    reason = "says what was skipped, and shows messages on request"
)]

use std::path::{Path, PathBuf};

use blendfuse::data::features::Features;
use blendfuse::testing::formats::npy;
use blendfuse::testing::formats::npz::Npz;
use blendfuse::testing::formats::npz::write;
use blendfuse::testing::formats::npz::write::Precision;
use proptest::prelude::*;
use serde_json::Value;

/// A collection and its manifest, or `None` (with a line) if it is absent.
fn collection(name: &str, manifest: &str) -> Option<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    let Ok(text) = std::fs::read_to_string(folder.join(manifest)) else {
        println!("skipped: no {}", folder.display());
        return None;
    };
    Some((
        folder,
        serde_json::from_str(&text).expect("a JSON manifest"),
    ))
}

/// Files whose names are Python objects that are all text: the manifests call them invalid, but they are read,
/// because pandas 3 gives such arrays for a column of names.
const OBJECT_NAMES: [&str; 2] = ["names_object.npz", "bad_object_filenames.npz"];

/// Opens a feature file and requires every value of it to be finite, as training does.
fn usable(path: &Path) -> blendfuse::Result<Features<'static>> {
    let features = Features::open(path)?;
    features.check_finite(0..features.rows() as u32)?;
    Ok(features)
}

fn one_line_that_names(path: &Path, message: &str) {
    let name = path.file_name().unwrap().to_str().unwrap();
    assert!(message.contains(name), "{name}: {message}");
    assert!(
        !message.contains('\n') && message.len() < 500,
        "{name}: {message}"
    );
    println!("{message}");
}

#[test]
fn reads_and_refuses_the_first_collection_as_its_manifest_says() {
    let Some((folder, manifest)) = collection("npy_variants", "manifest.json") else {
        return;
    };
    for (name, entry) in manifest.as_object().unwrap() {
        let path = folder.join(name);
        if name.ends_with(".npy") {
            npy::read_file(&path).unwrap();
            continue;
        }
        let read = usable(&path);
        if name == OBJECT_NAMES[0] {
            let expected = ["clip_0", "clip_1", "clip_2", "clip_3", "clip_4"];
            assert_eq!(read.unwrap().names(), expected);
            continue;
        }
        if entry["valid"] == false {
            let message = read
                .err()
                .unwrap_or_else(|| panic!("{name} was accepted"))
                .to_string();
            one_line_that_names(&path, &message);
            continue;
        }
        let features = read.unwrap();
        let x = Npz::open(&path)
            .unwrap()
            .numbers("X")
            .unwrap()
            .values
            .to_f64();
        if let Some(sum) = entry["sum"].as_f64() {
            let found: f64 = x.iter().sum();
            assert!((found - sum).abs() <= 1e-9, "{name}: {found} for {sum}");
        }
        if let Some(x01) = entry["x01"].as_f64() {
            assert!((x[1] - x01).abs() <= 1e-9, "{name}: {} for {x01}", x[1]);
        }
        if let Some(first) = entry["first"].as_str() {
            assert_eq!(features.names()[0], first);
            assert_eq!(features.row(first), Some(0));
        }
    }
}

#[test]
fn reads_and_refuses_the_second_collection_as_its_manifest_says() {
    let Some((folder, manifest)) = collection("npy_variants_more", "manifest_dev.json") else {
        return;
    };
    for entry in manifest["files"].as_array().unwrap() {
        let name = entry["file"].as_str().unwrap();
        let path = folder.join(name);
        if name == OBJECT_NAMES[1] {
            let features = Features::open(&path).unwrap();
            let row = |name| features.row(name);
            assert_eq!(row("A102_ang_int1_ver1"), Some(0));
            assert_eq!(row("A55_fea_int3_ver1"), Some(3));
            continue;
        }
        let fault = if name.ends_with(".npz") {
            Features::open(&path).err()
        } else if entry["dtype"]
            .as_str()
            .is_some_and(|d| d.contains(['U', 'S']))
            || name.contains("unicode")
            || name.contains("bytes_not")
        {
            names_as_listed(&path, entry)
        } else {
            numbers_as_listed(&path, entry)
        };
        match (entry["verdict"].as_str().unwrap(), fault) {
            ("valid", Some(fault)) => panic!("{name} was refused: {fault}"),
            ("refuse", None) => panic!("{name} was accepted"),
            (_, Some(fault)) => one_line_that_names(&path, &fault.to_string()),
            (_, None) => {}
        }
    }
    for trace in ["/tmp/evil_npz.npy", "/tmp/npy_pwned"] {
        assert!(!Path::new(trace).exists(), "{trace} was made");
    }
}

fn numbers_as_listed(path: &Path, entry: &Value) -> Option<blendfuse::Error> {
    let array = match npy::read_file(path) {
        Ok(array) => array,
        Err(fault) => return Some(fault),
    };
    if let Some(shape) = entry["shape"].as_array() {
        let shape: Vec<usize> = shape.iter().map(|n| n.as_u64().unwrap() as usize).collect();
        assert_eq!(array.shape, shape, "{}", path.display());
    }
    if let Some(expected) = entry["values_c_order"].as_array() {
        let found = array.values.to_f64();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            match expected.as_f64() {
                // The JSON reader may be off by one unit in the last place.
                Some(expected) => assert!(
                    (found - expected).abs() <= 4e-16 * expected.abs(),
                    "{}: {found} for {expected}",
                    path.display()
                ),
                None => assert!(!found.is_finite()),
            }
        }
    }
    None
}

fn names_as_listed(path: &Path, entry: &Value) -> Option<blendfuse::Error> {
    let names = match npy::with_file(path, |reader, header| npy::read_names(reader, &header)) {
        Ok(names) => names,
        Err(fault) => return Some(fault),
    };
    if let Some(expected) = entry["values_c_order"].as_array() {
        let expected: Vec<&str> = expected.iter().map(|n| n.as_str().unwrap()).collect();
        assert_eq!(names, expected, "{}", path.display());
    }
    None
}

/// A good file of three clips with four features each.
fn good_file() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("good.npz");
    write::write(&path, |npz| {
        npz.rows("X", Precision::F32, [3, 4], |row, out| out[row] = 1.0)?;
        npz.names("filenames", &["a", "b", "größe"])
    })
    .unwrap();
    std::fs::read(path).unwrap()
}

fn open_bytes(bytes: &[u8]) -> blendfuse::Result<Features<'static>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    std::fs::write(&path, bytes).unwrap();
    let _ = npy::read_file(&path);
    let _ = npy::with_file(&path, |reader, header| npy::read_names(reader, &header));
    Features::open(&path)
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let good = good_file();
    assert!(open_bytes(&good).is_ok());
    for length in 0..good.len() {
        assert!(open_bytes(&good[..length]).is_err(), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn damaged_bytes_are_never_read_wrong(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)
    ) {
        let mut bytes = good_file();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        // Padding, timestamps and the like may change unseen, the elements may not.
        if let Ok(features) = open_bytes(&bytes) {
            prop_assert_eq!([features.rows(), features.cols()], [3, 4]);
            for row in 0..3 {
                for col in 0..4 {
                    let expected = if row == col { 1.0 } else { 0.0 };
                    let mut found = [0.0];
                    features.source().read(row, col, &mut found);
                    prop_assert_eq!(found, [expected]);
                }
            }
            prop_assert_eq!(features.row("größe.mov"), Some(2));
        }
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(
        start in prop::sample::select(vec![&b""[..], b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01\x00", b"\x93NUMPY\x02\x00"]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        prop_assert!(open_bytes(&[start, &rest].concat()).is_err());
    }

    #[test]
    fn any_header_is_read_or_refused(text in "[{}()\\[\\]'\",: a-z0-9<>|_-]{0,80}") {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        let _ = open_bytes(&bytes);
    }
}
