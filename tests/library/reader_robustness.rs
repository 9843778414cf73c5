//! The readers of `eval` accept or refuse any bytes in files or names; they never panic.

use std::path::Path;

use blendfuse::data::filename::clip_key;
use blendfuse::data::label::Classes;
use blendfuse::eval::filename;
use blendfuse::eval::probabilities::ProbabilityTable;
use blendfuse::eval::submission::Predictions;
use proptest::prelude::*;

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

fn read_all(path: &Path) {
    let classes = Classes::challenge();
    for error in [
        Predictions::read(path, &classes).err(),
        ProbabilityTable::read_csv(path).err(),
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
    fn any_name_is_parsed_or_refused(name in "(A1|_|mix|ang|hap|30|70|ver1|/|é|\\PC){0,9}") {
        let _ = filename::truth(&name, &Classes::challenge());
        prop_assert!(name.trim_start().starts_with(clip_key(&name)));
    }
}
