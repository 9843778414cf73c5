//! Tests of `dataset.rs`.

use super::*;
use crate::data::fixture;

fn refused(change: impl FnOnce(&Path)) -> String {
    let folder = fixture::folder();
    change(folder.path());
    let message = Dataset::open(folder.path(), None).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

fn replace(path: &Path, table: &str, from: &str, to: &str) {
    let file = path.join(table);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from));
    std::fs::write(file, text.replace(from, to)).unwrap();
}

#[test]
fn joins_by_name_whatever_the_order_and_the_extension() {
    let data = fixture::dataset();
    assert_eq!(data.classes.names(), ["ang", "hap", "sad", "neu"]);
    assert_eq!(data.classes.neutral(), Some(3));
    assert_eq!(data.train.rows(0), [5, 4, 3, 2, 1, 0].map(Some));
    assert_eq!(
        data.train.rows(1),
        [Some(0), None, Some(1), Some(2), Some(3), Some(4)]
    );
    let mut value = [0.0];
    data.train.source(0).read(4, 1, &mut value);
    assert_eq!(value, [fixture::value(1, 0, 1) as f32]);
    let test = data.test.unwrap();
    assert_eq!(
        (test.clip("test_0002"), test.clip("test_0003")),
        (Some(1), None)
    );
    assert!(test.clips.iter().all(|clip| clip.truth.is_none()));
}

#[test]
fn a_subset_keeps_the_order_and_an_unknown_encoder_names_the_nearest() {
    let folder = fixture::folder();
    let open = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
        Dataset::open(folder.path(), Some(&names))
    };
    let names = |data: Dataset| {
        data.encoders
            .into_iter()
            .map(|e| e.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(names(open(&["beta", "alpha"]).unwrap()), ["alpha", "beta"]);
    let message = open(&["bota"]).unwrap_err().to_string();
    assert!(message.contains("did you mean beta?"), "{message}");
    // Without alpha, no encoder has the second clip.
    let message = open(&["beta"]).unwrap_err().to_string();
    assert!(
        message.contains("line 3") && message.contains("A1_mix_hap_sad_70_30_ver1"),
        "{message}"
    );
}

#[test]
fn whatever_is_missing_or_does_not_fit_is_named() {
    let none = Dataset::open(Path::new("no/such/folder"), None)
        .unwrap_err()
        .to_string();
    assert!(
        none.contains("no/such/folder") && none.contains("train_metadata.csv"),
        "{none}"
    );
    let train = |path: &Path| path.join("features/train");
    let test = |path: &Path| path.join("features/test");
    for (message, part) in [
        (
            refused(|path| std::fs::remove_dir_all(train(path)).unwrap()),
            "no such folder",
        ),
        (
            refused(|path| std::fs::remove_dir_all(test(path)).unwrap()),
            "test_metadata.csv lists 2 clips",
        ),
        (
            refused(|path| std::fs::remove_file(test(path).join("beta.npz")).unwrap()),
            "beta.npz",
        ),
        (
            refused(|path| replace(path, "train_metadata.csv", "A2_neu", "A9_neu")),
            "\"A9_neu_ver1\"",
        ),
        (
            refused(|path| std::fs::write(test(path).join("alpha.npz"), b"PK").unwrap()),
            "alpha.npz",
        ),
        (
            refused(|path| {
                let file = test(path).join("alpha.npz");
                crate::formats::npz::write::write(&file, |npz| {
                    let precision = crate::formats::npz::write::Precision::F16;
                    npz.rows("X", precision, [2, 3], |_, _| {})?;
                    npz.names("filenames", &["test_0001", "test_0002"])
                })
                .unwrap();
            }),
            "has 3 columns; expected 2",
        ),
        (
            refused(|path| {
                fixture::encoder(&train(path).join("alpha.npz"), 0, &["other"], &[0]);
            }),
            "none of the 6 clips",
        ),
    ] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_bad_value_counts_only_in_a_row_that_is_used() {
    let spoil = |path: &Path, name: &str| {
        let mut names = fixture::names(fixture::TRAIN);
        names.push("unused");
        let file = path.join("features/train/alpha.npz");
        crate::formats::npz::write::write(&file, |npz| {
            let precision = crate::formats::npz::write::Precision::F32;
            npz.rows("X", precision, [names.len(), 2], |row, out| {
                if names[row] == name {
                    out[1] = f64::NAN;
                }
            })?;
            npz.names("filenames", &names)
        })
        .unwrap();
    };
    let message = refused(|path| spoil(path, "A2_sad_ver1"));
    assert!(
        message.contains("row 3 (A2_sad_ver1), column 1"),
        "{message}"
    );
    let folder = fixture::folder();
    spoil(folder.path(), "unused");
    assert!(Dataset::open(folder.path(), None).is_ok());
}

/// Scoring comes after training, and reads the labels then.
#[test]
fn labels_of_the_test_part_are_read_when_asked_for() {
    let folder = fixture::folder();
    let data = Dataset::open(folder.path(), None).unwrap();
    assert_eq!(data.test_truths().unwrap(), [None, None]);
    let metadata = folder.path().join("test_metadata.csv");
    let rows = "filename,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\n\
        test_0001.mov,1,hap,sad,70,30\ntest_0002.mov,0,ang,,,\n";
    std::fs::write(&metadata, rows).unwrap();
    let truths = data.test_truths().unwrap();
    assert_eq!(truths.len(), 2);
    assert!(truths.iter().all(Option::is_some) && truths[0] != truths[1]);
    std::fs::write(&metadata, "filename\ntest_0001.mov\n").unwrap();
    let message = data.test_truths().unwrap_err().to_string();
    assert!(message.contains("its clips changed"), "{message}");
}

/// Training sees only names and features of the test split: its labels, even impossible ones, change
/// neither what is read nor the record of the inputs.
#[test]
fn labels_of_the_test_part_are_not_read() {
    let opened = |table: &str| {
        let folder = fixture::folder();
        std::fs::write(folder.path().join("test_metadata.csv"), table).unwrap();
        let data = Dataset::open(folder.path(), None).unwrap();
        let inputs = data.inputs().unwrap();
        (data.test.unwrap().clips, inputs)
    };
    let bare = opened("filename\ntest_0001.mov\ntest_0002.mov\n");
    assert!(bare.0.iter().all(|clip| clip.target.is_none()));
    for labelled in [
        "filename,emotion_1\ntest_0001.mov,ang\ntest_0002.mov,hap\n",
        "fold,emotion_1,filename\nx,no such class,test_0001.mov\n,,test_0002.mov\n",
        "filename,ang,hap,sad,neu\ntest_0001.mov,7,,,\ntest_0002.mov,x,0,0,1\n",
    ] {
        assert_eq!(opened(labelled), bare);
    }
    let other = opened("filename\ntest_0002.mov\ntest_0001.mov\n");
    assert_ne!(other.1, bare.1);
}

#[test]
fn a_file_that_changes_while_it_is_in_use_is_named() {
    let folder = fixture::folder();
    let data = Dataset::open(folder.path(), None).unwrap();
    data.check_unchanged().unwrap();
    let file = folder.path().join("features/test/beta.npz");
    let bytes = std::fs::read(&file).unwrap();
    // A new file under the old name is another file.
    std::fs::write(file.with_extension("new"), &bytes).unwrap();
    std::fs::rename(file.with_extension("new"), &file).unwrap();
    data.check_unchanged().unwrap();
    let data = Dataset::open(folder.path(), None).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    let message = data.check_unchanged().unwrap_err().to_string();
    assert!(
        message.contains("beta.npz") && message.contains("changed"),
        "{message}"
    );
}

#[test]
fn a_fold_can_be_the_test_split_without_its_labels() {
    let folder = fixture::folder();
    let open = |test_fold| {
        let config = DataConfig {
            test_fold,
            ..DataConfig::default()
        };
        Dataset::open_configured(folder.path(), &config)
    };
    let whole = open(None).unwrap();
    let data = open(Some(1)).unwrap();
    let (of_fold, others): (Vec<&Clip>, Vec<&Clip>) = whole
        .train
        .clips
        .iter()
        .partition(|clip| clip.fold == Some(1));
    let names = |clips: &[&Clip]| -> Vec<String> {
        clips.iter().map(|clip| clip.filename.clone()).collect()
    };
    let all = |split: &Split| names(&split.clips.iter().collect::<Vec<_>>());
    let test = data.test.as_ref().unwrap();
    assert_eq!(
        (all(test), all(&data.train)),
        (names(&of_fold), names(&others))
    );
    assert!(
        test.clips
            .iter()
            .all(|clip| clip.truth.is_none() && clip.target.is_none())
    );
    let truths: Vec<_> = of_fold.iter().map(|clip| clip.truth.clone()).collect();
    assert_eq!(data.test_truths().unwrap(), truths);
    // Trials are named by it, also those without a configuration.
    assert_ne!(
        data.inputs().unwrap(),
        open(Some(0)).unwrap().inputs().unwrap()
    );
    let message = open(Some(7)).unwrap_err().to_string();
    assert!(
        message.ends_with("data.test_fold: no such fold: 7; found: 0, 1, 2"),
        "{message}"
    );
}
