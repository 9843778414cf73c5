//! Tests of `inspect`.

use super::*;
use crate::data::dataset::Dataset;
use crate::data::fixture;
use crate::formats::npz::write::{Precision, write};

fn found(change: impl FnOnce(&Path)) -> Inspection {
    let folder = fixture::folder();
    change(folder.path());
    let found = inspect(folder.path(), &Reading::default());
    // A folder that `open` refuses must not be reported as usable.
    assert_eq!(found.usable, Dataset::open(folder.path(), None).is_ok());
    for line in found.problems.iter().chain(&found.warnings) {
        assert!(!line.contains('\n'), "{line}");
    }
    found
}

#[test]
fn counts_what_a_sound_folder_holds() {
    let found = found(|_| {});
    assert!(
        found.usable && found.problems.is_empty(),
        "{:?}",
        found.problems
    );
    let train = found.train.unwrap();
    assert_eq!((train.clips, train.blends, train.actors), (6, 2, 3));
    assert_eq!(found.test.unwrap().labelled, 0);
    let alone: Vec<_> = found
        .classes
        .iter()
        .map(|c| (c.alone, c.in_blends))
        .collect();
    assert_eq!(alone, [(1, 1), (1, 1), (1, 2), (1, 0)]);
    assert_eq!(
        found.proportions,
        [("50/50".to_owned(), 1), ("70/30".to_owned(), 1)]
    );
    assert_eq!(found.folds.len(), 3);
    assert!(found.folds.iter().all(|fold| fold.shared_actors.is_empty()));
    let missing: Vec<_> = found
        .encoders
        .iter()
        .map(|e| e.train.as_ref().unwrap().missing_clips)
        .collect();
    assert_eq!(missing, [0, 1]);
}

#[test]
fn goes_on_after_each_fault() {
    let found = found(|path| {
        std::fs::write(path.join("features/train/beta.npz"), b"PK").unwrap();
        std::fs::remove_file(path.join("features/test/alpha.npz")).unwrap();
        std::fs::write(path.join("encoders.toml"), "[[encoder]]\nname = \"x\"\n").unwrap();
    });
    assert_eq!(found.problems.len(), 3, "{:?}", found.problems);
    assert_eq!(found.encoders.len(), 2);
    assert_eq!(found.encoders[0].width, Some(2));
    assert!(found.encoders[0].test.is_none() && found.encoders[1].train.is_none());
}

#[test]
fn an_unreadable_table_hides_no_feature_file() {
    let found = found(|path| {
        std::fs::write(path.join("train_metadata.csv"), "filename,mix\na,0\n").unwrap();
    });
    assert_eq!(found.problems.len(), 1, "{:?}", found.problems);
    assert_eq!(found.encoders[0].train.as_ref().unwrap().rows, 6);
}

#[test]
fn not_a_number_is_counted_where_it_stands() {
    let found = found(|path| {
        let names = fixture::names(fixture::TRAIN);
        write(&path.join("features/train/alpha.npz"), |npz| {
            npz.rows("X", Precision::F32, [6, 2], |row, out| {
                out[1] = if row == 4 { f64::NAN } else { row as f64 };
            })?;
            npz.names("filenames", &names)
        })
        .unwrap();
    });
    assert!(found.problems[0].contains("row 4"), "{:?}", found.problems);
    let alpha = &found.encoders[0];
    assert_eq!(alpha.train.as_ref().unwrap().non_finite, 1);
    assert_eq!(alpha.constant_columns, None);
}

#[test]
fn actors_on_both_sides_are_named() {
    let found = found(|path| {
        let table = fixture::TRAIN.replace("A2_sad_ver1,1", "A2_sad_ver1,2");
        std::fs::write(path.join("train_metadata.csv"), table).unwrap();
    });
    assert!(found.usable);
    assert_eq!(found.folds[1].shared_actors, ["A2"]);
    assert!(
        found.warnings[0].contains("fold 1, 2"),
        "{:?}",
        found.warnings
    );
}

#[test]
fn a_clip_that_no_encoder_has_and_another_width_are_problems() {
    let lost = found(|path| {
        let table = format!("{}A4_sad_ver1,1,0,sad,,,,23\n", fixture::TRAIN);
        std::fs::write(path.join("train_metadata.csv"), table).unwrap();
    });
    assert!(
        lost.problems[0].contains("A4_sad_ver1"),
        "{:?}",
        lost.problems
    );
    let wider = found(|path| {
        write(&path.join("features/test/beta.npz"), |npz| {
            npz.rows("X", Precision::F32, [1, 3], |_, _| {})?;
            npz.names("filenames", &["test_0001"])
        })
        .unwrap();
    });
    assert!(
        wider.problems[0].contains("3 in test"),
        "{:?}",
        wider.problems
    );
}

#[test]
fn rows_that_stand_in_both_parts_are_told() {
    let found = found(|path| {
        let copied = Path::new("features/train/beta.npz");
        let features = crate::data::features::Features::open(&path.join(copied)).unwrap();
        let mut row = vec![0.0; features.cols()];
        features.source().read(0, 0, &mut row);
        write(&path.join("features/test/beta.npz"), |npz| {
            npz.rows("X", Precision::F32, [1, row.len()], |_, out| {
                out.iter_mut()
                    .zip(&row)
                    .for_each(|(out, &x)| *out = f64::from(x));
            })?;
            npz.names("filenames", &["test_0001"])
        })
        .unwrap();
    });
    let told = "in 1 of 2 encoders: beta has 1";
    let mut warnings = found.warnings.iter();
    assert!(warnings.any(|w| w.contains(told)), "{:?}", found.warnings);
    let beta = &found.encoders[1];
    assert!(beta.train.as_ref().unwrap().bytes > 0);
    assert!((beta.train.as_ref().unwrap().missing_share - 1.0 / 6.0).abs() < 1e-12);
    // A single test clip is not a distribution.
    assert_eq!(beta.shift, None);
}
