//! The readers of `eval` accept or refuse any bytes in files or names; they never panic.

use std::path::Path;

use blendfuse::data::label::Classes;
use blendfuse::eval::probabilities::ProbabilityTable;
use blendfuse::eval::submission::Predictions;
use blendfuse::testing::data::filename::clip_key;
use blendfuse::testing::eval::filename;
use proptest::prelude::*;

use crate::readers::{object_names, read_openface};

const JSON: &str =
    r#"{"predictions": {"a": [{"emotion": "sad", "salience": 100.0}], "b": [{"emotion": "neu"}]}}"#;
const CSV: &str = "filename,presence_a,salience_a,aligned_a\nx,0.5,1,1\n\"y,z\",0.25,1,1\n";

/// A valid text with a part replaced by random bytes.
fn damaged(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let length = text.len();
    let bytes = prop::collection::vec(any::<u8>(), 0..6);
    (0..length, 0..length, bytes).prop_map(move |(a, b, bytes)| {
        let mut damaged = text.as_bytes().to_vec();
        damaged.splice(a.min(b)..a.max(b), bytes);
        damaged
    })
}

/// Arrays of names that numpy pickled, each with its number of names in front.
const PICKLED: [&[u8]; 4] = [
    include_bytes!("../../fuzz/corpus/object_names/seed_plain_4"),
    include_bytes!("../../fuzz/corpus/object_names/seed_numpy_str_4"),
    include_bytes!("../../fuzz/corpus/object_names/seed_missing_3"),
    include_bytes!("../../fuzz/corpus/object_names/seed_plain_2"),
];
const ARFF: &[u8] = include_bytes!("../../fuzz/corpus/openface/seed_arff");

/// Some bytes replaced by others, and some operations of pickles between them.
fn damaged_bytes(source: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let length = source.len();
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(
            &b"(.abehjqrtCGJKMNRX])}cB\x80\x85\x86\x87\x88\x89\x8c\x93\x94\x95"[..]
        )
    ];
    let change = (0..length, 0usize..4, prop::collection::vec(byte, 0..5));
    prop::collection::vec(change, 1..4).prop_map(move |changes| {
        let mut damaged = source.to_vec();
        for (at, removed, bytes) in changes {
            let at = at.min(damaged.len());
            let end = (at + removed).min(damaged.len());
            damaged.splice(at..end, bytes);
        }
        damaged
    })
}

fn read_all(path: &Path) {
    let classes = Classes::challenge();
    for error in [
        Predictions::read(path, &classes).err(),
        ProbabilityTable::read_csv(path).err(),
        ProbabilityTable::read_npz(path).err(),
    ]
    .into_iter()
    .flatten()
    {
        assert!(error.is_input() && !error.to_string().is_empty());
    }
}

proptest! {
    #[test]
    fn damaged_files_are_read_or_refused(
        bytes in prop_oneof![damaged(JSON), damaged(CSV), prop::collection::vec(any::<u8>(), 0..64)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        for name in ["file.json", "file.zip"] {
            let path = folder.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            read_all(&path);
        }
    }

    #[test]
    fn damaged_zips_are_read_or_refused(
        at in 0usize..200, byte in any::<u8>(), length in 0usize..300,
    ) {
        let (folder, classes) = (tempfile::tempdir().unwrap(), Classes::challenge());
        let source = folder.path().join("source.json");
        std::fs::write(&source, JSON).unwrap();
        let path = folder.path().join("file.zip");
        let predictions = Predictions::read(&source, &classes).unwrap();
        predictions.write(&path, &classes).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let at = at % bytes.len();
        bytes[at] = byte;
        bytes.truncate(length);
        std::fs::write(&path, bytes).unwrap();
        read_all(&path);
    }

    #[test]
    fn damaged_pickles_of_names_are_read_or_refused(
        bytes in prop::sample::select(&PICKLED[..]).prop_flat_map(damaged_bytes),
    ) {
        object_names(&bytes);
    }

    #[test]
    fn damaged_arff_is_read_or_refused(bytes in damaged_bytes(ARFF)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, bytes).unwrap();
        read_openface(&path);
    }

    #[test]
    fn any_name_is_parsed_or_refused(name in "(A1|_|mix|ang|hap|30|70|ver1|/|é|\\PC){0,9}") {
        let _ = filename::truth(&name, &Classes::challenge());
        prop_assert!(name.trim_start().starts_with(clip_key(&name)));
    }
}
