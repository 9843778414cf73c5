//! What the fuzz targets and the replay of their corpus do with a file: every reader either returns
//! something valid or refuses it in one short line.
//!
//! `fuzz/` includes this file by its path, so that both run the same code.

use std::path::Path;

use blendfuse::Error;
use blendfuse::artifact::checkpoint::Checkpoint;
use blendfuse::config::Config;
use blendfuse::data::features::Features;
use blendfuse::data::label::{Blend, Classes};
use blendfuse::data::metadata::{Metadata, Reading};
use blendfuse::eval::probabilities::ProbabilityTable;
use blendfuse::eval::submission::Predictions;
use blendfuse::ingest::clip_files::ClipFiles;
use blendfuse::ingest::openface;
use blendfuse::ingest::openface::{ColumnSelection, FaceOptions, Group};
use blendfuse::ingest::vectors;
use blendfuse::ingest::vectors::VectorOptions;
use blendfuse::predict::Predictor;
use blendfuse::testing::data::filename;
use blendfuse::testing::formats::npy;
use blendfuse::testing::formats::npy::dtype::Dtype;
use blendfuse::testing::formats::npy::header::Header;
use blendfuse::testing::formats::npz::Npz;

/// A kind of input: its name, which is its folder under `fuzz/corpus`, and what is done with a file.
pub type Target = (&'static str, fn(&Path));

/// All of them.
pub const TARGETS: [Target; 10] = [
    ("npy", read_npy),
    ("object_names", read_object_names),
    ("npz", read_npz),
    ("metadata", read_metadata),
    ("openface", read_openface),
    ("vectors", read_vectors),
    ("safetensors", read_safetensors),
    ("predictions", read_predictions),
    ("probabilities", read_probabilities),
    ("config", read_config),
];

/// Characters of a message, with the path that it begins with.
const LONGEST: usize = 1000;

/// The value that was read; an error must be one short line about the input.
#[track_caller]
fn sound<T>(read: Result<T, Error>) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(error) => {
            let message = error.to_string();
            assert!(error.is_input(), "not blamed on the input: {message}");
            let broken = message.chars().any(char::is_control);
            assert!(!broken, "more than a line: {message:?}");
            let length = message.chars().count();
            assert!(
                !message.trim().is_empty() && length < LONGEST,
                "{length} characters: {message}"
            );
            None
        }
    }
}

/// An array by itself.
pub fn read_npy(path: &Path) {
    if let Some(array) = sound(npy::read_file(path)) {
        assert_eq!(
            array.values.to_f64().len(),
            array.shape.iter().product::<usize>()
        );
    }
    sound(npy::with_file(path, |reader, header| {
        npy::read_names(reader, &header)
    }));
}

/// The pickle in an array of Python objects; the first byte is the number of names.
pub fn read_object_names(path: &Path) {
    object_names(&std::fs::read(path).unwrap());
}

/// As [`read_object_names`], in memory.
pub fn object_names(bytes: &[u8]) {
    let Some((&count, mut pickle)) = bytes.split_first() else {
        return;
    };
    let header = Header {
        dtype: Dtype::Object,
        descr: "|O".into(),
        big_endian: false,
        fortran: false,
        shape: vec![count.into()],
        data_start: 0,
    };
    match npy::read_names(&mut pickle, &header) {
        Ok(names) => assert_eq!(names.len(), usize::from(count)),
        Err(reason) => {
            sound::<()>(Err(Error::Npz {
                path: "names.npy".into(),
                array: None,
                reason,
            }));
        }
    }
}

/// An archive, array by array, and as a feature file.
pub fn read_npz(path: &Path) {
    if let Some(mut npz) = sound(Npz::open(path)) {
        for name in npz.arrays().iter().take(8) {
            sound(npz.header(name));
            sound(npz.location(name));
            if let Some(array) = sound(npz.numbers(name)) {
                assert_eq!(
                    array.values.to_f64().len(),
                    array.shape.iter().product::<usize>()
                );
            }
            sound(npz.names(name));
        }
    }
    let Some(features) = sound(Features::open_with(path, true)) else {
        return;
    };
    assert_eq!(features.names().len(), features.rows());
    let finite = sound(features.check_finite(0..features.rows() as u32)).is_some();
    let mut row = vec![0.0; features.cols()];
    for (at, name) in features.names().iter().enumerate() {
        assert_eq!(features.row(name), Some(at as u32));
        features.source().read(at, 0, &mut row);
        assert!(!finite || row.iter().all(|x| x.is_finite()));
    }
    sound(features.fingerprint());
    sound(features.check_unchanged());
}

/// A metadata table in each way that the commands read it.
pub fn read_metadata(path: &Path) {
    let challenge = Classes::challenge();
    for read in [
        Metadata::read(path, None),
        Metadata::read(path, Some(challenge.names())),
        Metadata::read_against(path, &challenge),
        Metadata::read_names(path, &challenge, &Reading::default()),
    ] {
        let Some(metadata) = sound(read) else {
            continue;
        };
        for clip in &metadata.clips {
            assert!(!filename::clip_key(&clip.filename).is_empty());
            assert_eq!(clip.truth.is_some(), clip.target.is_some());
            let Some(target) = &clip.target else { continue };
            assert_eq!(target.len(), metadata.classes.len());
            assert!((target.iter().sum::<f64>() - 1.0).abs() <= 1e-9);
        }
    }
}

/// The output of a face-analysis program for one clip.
pub fn read_openface(path: &Path) {
    let groups = vec![Group::Au, Group::Pose];
    for (selection, min_confidence, interpolate) in [
        (ColumnSelection::Paper, None, false),
        (ColumnSelection::Paper, Some(0.5), true),
        (ColumnSelection::Challenge, None, true),
        (ColumnSelection::Groups(groups), Some(0.9), false),
    ] {
        let options = FaceOptions {
            selection,
            min_confidence,
            interpolate,
        };
        let Some(clip) = sound(openface::read(path, &options)) else {
            continue;
        };
        let counts = clip.counts;
        assert_eq!(clip.values.len(), counts.kept * clip.columns.len());
        let all = counts.kept + counts.no_face + counts.low_confidence;
        assert_eq!(all, counts.frames);
        assert!(interpolate || clip.values.iter().all(|x| x.is_finite()));
    }
}

/// A table of vectors, with the columns that the reader chooses and with some that are asked for.
pub fn read_vectors(path: &Path) {
    let named = VectorOptions {
        name_column: Some("a".into()),
        drop: vec!["b".into()],
        keep: vec!["y".into()],
    };
    for options in [VectorOptions::default(), named] {
        let Some(found) = sound(vectors::read(path, &ClipFiles::default(), &options)) else {
            continue;
        };
        let names = found.rows.names();
        assert!(names.iter().all(|name| !name.is_empty()));
        let columns = found.columns.expect("a table has titles");
        assert_eq!(columns.len(), found.rows.cols());
        assert!(!columns.iter().any(|column| found.left_out.contains(column)));
        let named = columns.iter().any(|column| column == "b");
        assert!(options.drop.is_empty() || !named);
    }
}

/// A weights file, alone and as a trained model.
pub fn read_safetensors(path: &Path) {
    if let Some(file) = sound(Checkpoint::read(path)) {
        sound(file.description());
        sound(file.standardisation("a", 2));
    }
    if let Some(model) = sound(Predictor::load(path)) {
        assert!(model.description().config.check().is_ok());
        assert_eq!(model.classes().len(), model.description().classes.len());
    }
}

/// A prediction file; one that begins as a zip does is read as one.
pub fn read_predictions(path: &Path) {
    let zip = path.with_extension("zip");
    let is_zip = std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"PK"));
    let path = if is_zip && std::fs::copy(path, &zip).is_ok() {
        &zip
    } else {
        path
    };
    let classes = Classes::challenge();
    if let Some(predictions) = sound(Predictions::read(path, &classes)) {
        for (_, blend) in &predictions.clips {
            assert!(!blend.parts().is_empty());
            assert!(blend.parts().iter().all(|part| part.class < classes.len()));
        }
        // What was read can be written, and then reads as the same.
        let again = path.with_extension("again.json");
        predictions.write(&again, &classes).unwrap();
        assert_eq!(Predictions::read(&again, &classes).unwrap(), predictions);
    }
    let _gone = std::fs::remove_file(&zip);
}

/// A table of probabilities.
pub fn read_probabilities(path: &Path) {
    if let Some(table) = sound(ProbabilityTable::read_csv(path)) {
        let shape = (table.filenames.len(), table.classes.len());
        assert_eq!(table.aligned.dim(), shape);
        assert_eq!(table.presence.is_some(), table.salience.is_some());
        assert!(table.aligned.iter().all(|p| p.is_finite() && *p >= 0.0));
        let row: Vec<f64> = table.aligned.row(0).to_vec();
        let best = (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]));
        assert!(best.map(Blend::single).is_some());
    }
}

/// A configuration, as a file and as an assignment on the command line.
pub fn read_config(path: &Path) {
    let check = |config: Config| {
        assert!(config.check().is_ok());
        let value = serde_json::to_value(&config).unwrap();
        assert_eq!(Config::from_overrides(&[value]).unwrap(), config);
    };
    sound(Config::load(Some(path), &[], Some(3))).map(check);
    if let Ok(text) = std::fs::read_to_string(path)
        && text.len() < 200
    {
        sound(Config::load(None, &[text], None)).map(check);
    }
}
